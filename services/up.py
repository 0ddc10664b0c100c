"""`deskpulse up`: the whole system on one machine, with a broker and a store of its own unless others are named."""

import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from services.adapters.child import Child
from services.adapters.helpdesks.secrets import believed
from services.adapters.local import embedded_broker, embedded_store, free_port, redis_url
from services.adapters.policy_file import load_policy
from services.adapters.serving import listening, reachable, url_of
from services.config import PREFIX, Settings
from services.errors import Misconfigured
from services.supervise import Program, Supervisor, to_stderr

COMMAND = (sys.executable, "-m", "services")
"""How a program of ours is started; its name follows."""
_SERVING = {"gateway": "/healthz", "processor": "/metrics", "board": "/healthz", "notifier": "/healthz"}
"""Each program that listens, and the path that answers once it is ready."""
_WORDS = {"notifier": "notify"}
"""What a program is started with, where that is not its name."""
_RESTARTED = ("processor", "notifier")
_DEMO_POLICY = Path(__file__).parent / "simulator" / "policy.yaml"
_EMBEDDED_SESSION_S = 6.0
"""The embedded broker lets a group join after about half the session timeout."""


def main(settings: Settings, *, simulator: bool) -> None:
    """Run everything until SIGINT or SIGTERM; then end it in order and leave no process behind.

    Raises:
        Misconfigured: the policy is wrong, a port is in use, or a store is named and no broker; nothing is started.
        Unavailable: a program ended and cannot be started again; all others are ended.
    """
    load_policy(settings.policy)
    settings = _with_ports(settings)
    _refuse_a_store_that_outlives_the_broker(settings)
    made = _made_for_this_run(settings)
    settings = _with(settings, **made)
    if simulator:
        settings = _for_the_simulator(settings)
    to_stderr("deskpulse starts ...")
    with _neighbours(settings) as (settings, servers):
        environment = _environment(settings)
        programs = [_program(name, settings, environment) for name in _serving(settings)]
        followers = [_simulator(environment)] if simulator else []
        Supervisor(to_stderr).run(
            programs, followers, servers, on_ready=lambda: print(_addresses(settings, made), flush=True)
        )
    to_stderr("deskpulse has ended.")


def _with(settings: Settings, **changes: Any) -> Settings:
    """A copy in which ``changes`` count as set."""
    return settings.model_copy(update=changes)


def _serving(settings: Settings) -> list[str]:
    """The programs to run; a notifier only where somebody gets signals."""
    return [name for name in _SERVING if name != "notifier" or settings.signal_endpoints is not None]


def _with_ports(settings: Settings) -> Settings:
    """Every port free, and 0 replaced by one that is.

    Raises:
        Misconfigured: somebody listens there already.
    """
    taken: dict[int, str] = {}
    for program in _serving(settings):
        host, port = _address(settings, program)
        port = port or free_port(host)
        variable = f"{PREFIX}{program.upper()}_PORT"
        if port in taken:
            raise Misconfigured(f"{variable} and {taken[port]} are both {port}; give each a port of its own")
        listening(host, port, variable).close()
        taken[port] = variable
        settings = _with(settings, **{f"{program}_port": port})
    return settings


def _address(settings: Settings, program: str) -> tuple[str, int]:
    return getattr(settings, f"{program}_host"), getattr(settings, f"{program}_port")


def _refuse_a_store_that_outlives_the_broker(settings: Settings) -> None:
    if "redis_url" in settings.model_fields_set and "kafka_brokers" not in settings.model_fields_set:
        raise Misconfigured(
            f"{PREFIX}REDIS_URL is set and {PREFIX}KAFKA_BROKERS is not: the embedded broker forgets its log at each "
            "start, and the store's state would belong to a log that is gone; set both or neither"
        )


def _made_for_this_run(settings: Settings) -> dict[str, SecretStr]:
    """Secrets that nobody set."""
    made = {name: SecretStr(secrets.token_hex(24)) for name in ("events_token", "privacy_key")}
    return {name: secret for name, secret in made.items() if name not in settings.model_fields_set}


def _for_the_simulator(settings: Settings) -> Settings:
    """Settings with which simulated deliveries are believed, and with the simulated centre's promises."""
    if ("zendesk", settings.simulator_tenant) not in believed(settings):
        entry = f"zendesk/{settings.simulator_tenant}={secrets.token_hex(24)}"
        listed = settings.webhook_secrets.get_secret_value()
        settings = _with(settings, webhook_secrets=SecretStr(f"{listed}\n{entry}".strip()))
    return settings if settings.policy is not None else _with(settings, policy=_DEMO_POLICY)


@contextmanager
def _neighbours(settings: Settings) -> Iterator[tuple[Settings, list[Child]]]:
    """The settings with a broker and a store to use, and those of them that we run ourselves."""
    if "kafka_brokers" in settings.model_fields_set:
        if "redis_url" in settings.model_fields_set:
            yield settings, []
            return
        with embedded_store() as store:
            yield _with(settings, redis_url=redis_url(store)), [store.child]
        return
    embedded: dict[str, Any] = {"embedded_broker": True}
    if "kafka_session_timeout_s" not in settings.model_fields_set:
        embedded["kafka_session_timeout_s"] = _EMBEDDED_SESSION_S
    with embedded_broker() as broker, embedded_store() as store:
        embedded |= {"kafka_brokers": broker.address, "redis_url": redis_url(store)}
        yield _with(settings, **embedded), [broker.child, store.child]


def _environment(settings: Settings) -> dict[str, str]:
    """Every setting that is set, as the programs read it."""
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    return {
        PREFIX + name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _program(name: str, settings: Settings, environment: Mapping[str, str]) -> Program:
    host, port = _address(settings, name)
    return Program(
        name,
        (*COMMAND, _WORDS.get(name, name)),
        environment,
        answers_at=(reachable(host), port, _SERVING[name]),
        restarted=name in _RESTARTED,
    )


def _simulator(environment: Mapping[str, str]) -> Program:
    return Program("simulator", (*COMMAND, "simulate"), environment, essential=False, draws=True)


def _addresses(settings: Settings, made: Mapping[str, SecretStr]) -> str:
    url = {name: _url(*_address(settings, name)) for name in _serving(settings)}
    lines = [
        f"wall       {url['board']}/",
        f"gateway    {url['gateway']}/webhooks/<vendor>/<tenant> and {url['gateway']}/events",
        *(f"metrics    {url[name]}/metrics ({name})" for name in url),
    ]
    if settings.embedded_broker:
        explaining, replaying = ("redis_url", "policy"), ("kafka_brokers", "embedded_broker", "redis_url")
        lines.append(f"explain    {_as_words(settings, *explaining)} deskpulse explain <ticket>")
        lines.append(f"what if    {_as_words(settings, *replaying)} deskpulse replay --policy <file>")
    if "events_token" in made:
        lines.append(f"token      {made['events_token'].get_secret_value()} (of /events, made for this run)")
    return "\n".join(["", *lines, "", "Ctrl-C ends it.", ""])


def _as_words(settings: Settings, *names: str) -> str:
    """Settings as they stand before a command; those that say which state it is come with any, where they are set."""
    also = [name for name in ("namespace", "partitions") if name in settings.model_fields_set]
    told = {name: getattr(settings, name) for name in (*names, *also)}
    return " ".join(f"{PREFIX}{name.upper()}={value}" for name, value in told.items() if value is not None)


def _url(host: str, port: int) -> str:
    return url_of("localhost" if reachable(host) in ("127.0.0.1", "::1") else host, port)
