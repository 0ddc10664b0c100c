"""The file of endpoints that signals are delivered to: YAML, every fault named by its line, no secret ever shown."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import yaml
from pydantic import TypeAdapter, ValidationError
from yarl import URL

from services.adapters.signal_endpoint_entry import SECRET_PREFIX, Entry, Format, Trait
from services.adapters.yaml_lines import Fault, Place, locate, read_yaml
from services.errors import Misconfigured

_Where = tuple[int | str, ...]
_SECRET_BYTES = range(24, 65)
_SHOWN_IF_WRONG = {"name", "types", "match", "format", "timezone", "in_flight", "pending"} | {
    *("timeout", "give_up_after", "first_retry", "longest_retry")
}
"""Keys whose values may stand in a message; of all others a mistake may have put a secret there."""


@dataclass(frozen=True)
class Endpoint:
    """Somebody who wants signals. Neither its address nor its secrets show in its `repr`."""

    name: str
    url: str = field(repr=False)
    """Chat webhooks carry their credential in the address."""
    secrets: tuple[bytes, ...] = field(repr=False)
    """Every one signs: several while one replaces another."""
    types: frozenset[str] | None
    """None: all."""
    match: Mapping[Trait, frozenset[str]]
    format: Format
    timezone: ZoneInfo
    timeout_s: float
    give_up_after_s: float
    first_retry_s: float
    longest_retry_s: float
    in_flight: int
    """Requests at once."""
    pending: int
    """Signals read and not yet done with, those that wait for their next attempt among them."""

    @property
    def where(self) -> str:
        """The address without what may be a credential."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    @property
    def in_the_clear(self) -> bool:
        """Whether anybody on the way can read along."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1")


def load_endpoints(path: Path, environ: Mapping[str, str]) -> list[Endpoint]:
    """The endpoints of a file, with the secrets that it names.

    Args:
        environ: Where `secret_env` and `url_env` are looked up.

    Raises:
        Misconfigured: it cannot be read, or says something wrong; every fault is named by its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"the file of signal endpoints {path} cannot be read: {error}") from None
    endpoints, faults = parse_endpoints(text, environ)
    if faults:
        raise Misconfigured("\n".join(f"{path}: {fault}" for fault in faults))
    return endpoints


def parse_endpoints(text: str, environ: Mapping[str, str]) -> tuple[list[Endpoint], list[Fault]]:
    """The endpoints that ``text`` says, or else what is wrong with it."""
    tree, document, faults = read_yaml(text)
    if faults:
        return [], faults
    if not isinstance(document, list) or not document:
        return [], [Fault(1, "", "endpoints are a list, each with a name and a url")]
    try:
        entries = _ENTRIES.validate_python(document)
    except ValidationError as error:
        return [], [_fault(tree, dict(one)) for one in error.errors(include_url=False, include_context=False)]
    endpoints, wrong = [], list(_repeated_names(entries))
    for number, entry in enumerate(entries):
        found = _Found(environ)
        endpoints.append(found.endpoint(entry))
        wrong += [((number, *place), sentence) for place, sentence in found.wrong]
    return endpoints, sorted(
        (_named(tree, place, sentence) for place, sentence in wrong), key=lambda fault: fault.line
    )


_ENTRIES = TypeAdapter(list[Entry])


class _Found:
    """What an entry's addresses and secrets come to, and what is wrong with them, by place in the entry."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.wrong: list[tuple[_Where, str]] = []

    def endpoint(self, entry: Entry) -> Endpoint:
        secrets = tuple(self._secrets(entry))
        if not secrets and not self.wrong and entry.format == "standard":
            self.wrong.append(
                ((), "without a secret nobody can tell who sent it; give secrets, secret_files or secret_env")
            )
        return Endpoint(
            name=entry.name,
            url=self._url(entry),
            secrets=secrets,
            types=None if entry.types is None else frozenset(entry.types),
            match={trait: frozenset(values) for trait, values in entry.match.items()},
            format=entry.format,
            timezone=ZoneInfo(entry.timezone),
            timeout_s=entry.timeout,
            give_up_after_s=entry.give_up_after,
            first_retry_s=entry.first_retry,
            longest_retry_s=entry.longest_retry,
            in_flight=entry.in_flight,
            pending=entry.pending,
        )

    def _url(self, entry: Entry) -> str:
        ways: dict[str, Callable[[], str | None]] = {}
        if entry.url is not None:
            ways["url"] = entry.url.get_secret_value
        if entry.url_file is not None:
            ways["url_file"] = partial(self._of_file, ("url_file",), entry.url_file)
        if entry.url_env is not None:
            ways["url_env"] = partial(self._of_environment, ("url_env",), entry.url_env)
        if len(ways) != 1:
            self.wrong.append(((), "give one of url, url_file and url_env"))
            return ""
        ((key, read),) = ways.items()
        url = read()
        if url is not None and not _is_url(url.strip()):
            self.wrong.append(((key,), "a url is http:// or https://, a host and a path"))
        return (url or "").strip()

    def _secrets(self, entry: Entry) -> Iterator[bytes]:
        told: list[tuple[_Where, str]] = [
            (("secrets", n), secret.get_secret_value()) for n, secret in enumerate(entry.secrets)
        ]
        files: list[tuple[_Where, str]] = [(("secret_files", n), name) for n, name in enumerate(entry.secret_files)]
        files += [] if entry.secret_file is None else [(("secret_file",), entry.secret_file)]
        told += [(place, each) for place, name in files for each in (self._of_file(place, name) or "").split()]
        named: list[tuple[_Where, str]] = [(("secret_env", n), name) for n, name in enumerate(entry.secret_env)]
        told += [(place, each) for place, name in named for each in (self._of_environment(place, name) or "").split()]
        for place, text in told:
            key = _key_of(text)
            if key is None:
                self.wrong.append((place, "a secret is whsec_ and the base64 of 24 to 64 bytes"))
            else:
                yield key

    def _of_file(self, place: _Where, name: str) -> str | None:
        try:
            text = Path(name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            self.wrong.append((place, f"{name} cannot be read: {reason}"))
            return None
        return self._something(place, text, f"{name} is empty")

    def _of_environment(self, place: _Where, name: str) -> str | None:
        return self._something(place, self._environ.get(name, ""), f"the environment has no {name}")

    def _something(self, place: _Where, text: str, otherwise: str) -> str | None:
        if not text:
            self.wrong.append((place, otherwise))
        return text or None


def _key_of(secret: str) -> bytes | None:
    """The bytes that a secret signs with; None for what is no secret."""
    coded = secret.removeprefix(SECRET_PREFIX)
    if coded == secret:
        return None
    try:
        key = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) in _SECRET_BYTES else None


def _is_url(text: str) -> bool:
    try:
        url = URL(text)
        return url.scheme in ("http", "https") and bool(url.host) and urlsplit(text).port != 0 and text.isprintable()
    except ValueError:
        return False


def _repeated_names(entries: Sequence[Entry]) -> Iterator[tuple[_Where, str]]:
    seen: set[str] = set()
    for number, entry in enumerate(entries):
        if entry.name in seen:
            yield (number, "name"), f"another endpoint is called {entry.name} as well"
        seen.add(entry.name)


def _fault(tree: yaml.Node | None, error: dict[str, Any]) -> Fault:
    place: Place = error["loc"]
    sentence = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        sentence = "there is no such key here"
    elif len(place) > 1 and place[1] in _SHOWN_IF_WRONG and isinstance(error.get("input"), (str, int, float, bool)):
        sentence += f" (got {error['input']!r})"
    return _named(tree, place, sentence)


def _named(tree: yaml.Node | None, place: Place, sentence: str) -> Fault:
    line, path = locate(tree, place)
    return Fault(line, ".".join(str(part) for part in path), sentence)
