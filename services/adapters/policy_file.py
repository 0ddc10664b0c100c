"""The policy file: YAML or JSON, laid over the defaults, every fault named by its line."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from schemas.policy import DEFAULT, Policy, laid_over
from schemas.section import Section
from services.adapters.yaml_lines import Fault, Place, locate, read_yaml
from services.errors import Misconfigured


def load_policy(path: Path | None) -> Policy:
    """The policy in a file; the defaults when there is none.

    Raises:
        Misconfigured: it cannot be read, or is no policy; every fault is named by its line.
    """
    if path is None:
        return Policy()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"the policy file {path} cannot be read: {error}") from None
    policy, faults = parse_policy(text)
    if policy is None:
        raise Misconfigured("\n".join(f"{path}: {fault}" for fault in faults))
    return policy


def parse_policy(text: str) -> tuple[Policy | None, list[Fault]]:
    """The policy that ``text`` says, or else what is wrong with it."""
    tree, document, faults = read_yaml(text)
    if faults:
        return None, faults
    if document is None:
        return Policy(), []
    if not isinstance(document, dict):
        return None, [Fault(1, "", f"a policy is a mapping of keys, got {type(document).__name__}")]
    try:
        return Policy.model_validate(laid_over(DEFAULT, document)), []
    except ValidationError as error:
        return None, [_fault(tree, dict(one)) for one in error.errors(include_url=False)]


_FORMS = {
    "tuple_type": "opening hours are a list of blocks, each with a beginning and an end, such as [[09:00, 17:00]]",
    "frozen_set_type": "this is a list, such as [2026-12-24, 12-31]",
}


def _keys_of(section: type[Section]) -> set[str]:
    found = {field.alias or name for name, field in section.model_fields.items()}
    return found.union(*map(_keys_of, section.__subclasses__()))


def _perhaps(key: str) -> str:
    """The key of the policy that is spelt nearly so."""
    near = get_close_matches(key, sorted(_keys_of(Section)), n=1, cutoff=0.75)
    return f"; perhaps {near[0]}" if near else ""


def _fault(tree: yaml.Node | None, error: dict[str, Any]) -> Fault:
    place: Place = error["loc"]
    sentence = str(error["msg"]).removeprefix("Value error, ")
    if not place and ": " in sentence:  # what spans several keys names its place itself
        named, sentence = sentence.split(": ", 1)
        place = tuple(int(part) if part.isdigit() else part for part in named.split("."))
    if error["type"] == "misplaced":  # it knows where in its section it is
        place = (*place, *error["ctx"]["place"])
    elif error["type"] == "extra_forbidden":
        sentence = "there is no such key here" + _perhaps(str(place[-1]))
    elif error["type"] == "missing":
        sentence = f"{place[-1]} is missing"
    elif error["type"] in _FORMS:
        sentence = f"{_FORMS[error['type']]}, got {error.get('input')!r}"
    elif isinstance(error.get("input"), (str, int, float, bool)):
        sentence += f" (got {error['input']!r})"
    line, path = locate(tree, place)
    return Fault(line, ".".join(str(part) for part in path), sentence)
