"""Every setting, read once from the environment."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from services.errors import Misconfigured

PREFIX = "DESKPULSE_"
NAMESPACES = r"^[a-z0-9_-]{1,40}$"
"""What a namespace may be called."""


class Settings(BaseModel):
    """Every knob; each is DESKPULSE_<NAME> in the environment, and DESKPULSE_<NAME>_FILE names a file with it."""

    # A misspelt variable stops us at start-up; a secret never shows in the error.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    kafka_brokers: str = "localhost:9092"
    """Kafka's bootstrap servers, host:port, comma-separated."""
    embedded_broker: bool = False
    """Whether the broker is the embedded one, which refuses idempotent producers and knows no exact log end."""
    kafka_group: str = "deskpulse"
    """The processors' consumer group."""
    kafka_session_timeout_s: float = Field(10, ge=1)
    """How long a silent worker keeps its partitions."""
    partitions: int = Field(8, ge=1, le=4096)
    """Partitions of each topic, fixed when the topics are made."""
    replication: int = Field(-1, ge=-1)
    """Replicas of each topic; -1 is the broker's default."""
    redis_url: str = "redis://localhost:6379/0"
    """The store: Redis 7 or Valkey."""
    namespace: str = Field("main", pattern=NAMESPACES)
    """Which state: a rebuild fills another namespace beside the live one."""
    policy: Path | None = None
    """The policy file, YAML or JSON; without one, the defaults."""
    signals: bool = True
    """Whether the processor announces on deskpulse.signals what becomes of promises."""

    gateway_host: str = "127.0.0.1"
    """Where the gateway listens; 0.0.0.0 is every address of the machine."""
    gateway_port: int = Field(8081, ge=0, le=65535)
    """The port for webhooks and POST /events."""
    board_host: str = "127.0.0.1"
    """Where the board listens."""
    board_port: int = Field(8080, ge=0, le=65535)
    """The port of the wall, the API and /metrics."""
    processor_host: str = "127.0.0.1"
    """Where the processor listens."""
    processor_port: int = Field(8082, ge=0, le=65535)
    """Where the processor serves /metrics."""

    signal_endpoints: Path | None = None
    """The YAML file of who gets signals as webhooks; without one, nobody."""
    notifier_host: str = "127.0.0.1"
    """Where the notifier listens."""
    notifier_port: int = Field(8083, ge=0, le=65535)
    """Where the notifier serves /metrics, /healthz and /readyz."""

    webhook_secrets: SecretStr = SecretStr("")
    """Whom the gateway believes: `vendor/tenant=secret`, separated by commas or lines."""
    events_token: SecretStr | None = None
    """The bearer token of POST /events; without one the address is closed."""
    privacy_key: SecretStr | None = None
    """Requester ids are stored as HMACs under this key; made anew at each start when it is not set."""
    requester_ids: str = Field("hashed", pattern="^(hashed|plain)$")
    """`plain` stores requester ids as they come."""
    signature_tolerance_s: float = Field(300, ge=0)
    """How far a signed time may lie from our clock."""
    max_body_bytes: int = Field(1024 * 1024, ge=1024)
    """The largest delivery that is read."""
    max_inflight_bytes: int = Field(64 * 1024 * 1024, ge=1024 * 1024)
    """Deliveries that may wait for the broker at once; above it, 503."""
    ack_timeout_s: float = Field(3, gt=0)
    """How long a delivery waits for the broker before 503."""

    gateway_url: str | None = None
    """Where the simulator finds the gateway; without one, at the gateway's host and port."""
    simulator_tenant: str = "demo"
    """The tenant that simulated deliveries belong to."""
    simulator_seed: int = 7
    """Another seed, another contact centre."""
    simulator_tickets_per_day: float = Field(900, gt=0, le=100_000)
    """How busy the simulated centre is."""
    simulator_speed: float = Field(1, gt=0, le=1000)
    """1 is real time; at 10 the live part is a time lapse."""

    @field_validator("kafka_brokers")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        for broker in value.split(","):
            host, _, port = broker.strip().rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"a broker is host:port, got {broker!r}")
        return value

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """The settings of ``environ``.

        Raises:
            Misconfigured: an unknown name (with the nearest right one) or a value that does not fit.
        """
        given: dict[str, str] = {}
        for variable in sorted(environ):
            if not variable.startswith(PREFIX):
                continue
            name, value = variable[len(PREFIX) :].lower(), environ[variable]
            if name not in cls.model_fields and name.removesuffix("_file") in cls.model_fields:
                name = name.removesuffix("_file")
                try:
                    value = Path(value).read_text(encoding="utf-8").strip()
                except (OSError, UnicodeDecodeError) as error:
                    raise Misconfigured(f"{variable}: {value} cannot be read: {error}") from None
            if name not in cls.model_fields:
                raise Misconfigured(_unknown(variable, cls.model_fields))
            if name in given:
                raise Misconfigured(f"{variable} and {PREFIX}{name.upper()} are both set; keep one of them")
            given[name] = value
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            faults = [f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()]
            raise Misconfigured("; ".join(faults)) from None


def _unknown(variable: str, fields: Mapping[str, object]) -> str:
    known = [PREFIX + name.upper() for name in fields]
    nearest = difflib.get_close_matches(variable, known, n=1, cutoff=0)
    return f"{variable} is not a setting; did you mean {nearest[0]}?"
