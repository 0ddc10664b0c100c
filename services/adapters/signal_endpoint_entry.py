"""One endpoint as the file of signal endpoints has it."""

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from schemas.signals import SignalType

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
Format = Literal["standard", "slack"]
Trait = Literal[
    "queue",
    "channel",
    "priority",
    "tier",
    "category",
    "product_area",
    "team",
    "agent_id",
    "tenant",
    "source",
    "metric",
    "policy",
    "status",
    "namespace",
]
"""What an endpoint's `match` may ask of a signal."""

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_UNIT_S = (86400, 3600, 60, 1)


def _seconds(value: Any) -> Any:
    """Seconds, of a number or of a text such as `15s` or `1h30m`."""
    if not isinstance(value, str):
        return value
    parts = _DURATION.fullmatch(value)
    if parts is None or not any(parts.groups()):
        raise ValueError("a duration is a number of seconds or such as 15s, 30m, 24h, 1h30m")
    return sum(float(part) * unit_s for part, unit_s in zip(parts.groups(), _UNIT_S, strict=True) if part)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("no such time zone; a time zone is such as Europe/Berlin") from None
    return name


def _no_secret(text: str) -> str:
    if text.startswith(SECRET_PREFIX):
        raise ValueError("this is a secret itself, and belongs under secrets")
    return text


_Place = Annotated[str, Field(min_length=1), AfterValidator(_no_secret)]
"""The name of a file or of an environment variable."""
_Places = Annotated[list[_Place], BeforeValidator(_listed)]
_Duration = Annotated[float, BeforeValidator(_seconds)]


class Entry(BaseModel):
    """One endpoint as the file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    url: SecretStr | None = None
    url_file: _Place | None = None
    url_env: _Place | None = None
    secrets: Annotated[list[SecretStr], BeforeValidator(_listed)] = []
    secret_file: _Place | None = None
    secret_files: _Places = []
    secret_env: _Places = []
    types: Annotated[list[SignalType], BeforeValidator(_listed), Field(min_length=1)] | None = None
    match: dict[Trait, Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]] = {}
    format: Format = "standard"
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    timeout: Annotated[_Duration, Field(gt=0, le=120)] = 15
    give_up_after: Annotated[_Duration, Field(ge=0, le=14 * 86400)] = 86400
    first_retry: Annotated[_Duration, Field(gt=0, le=3600)] = 5
    longest_retry: Annotated[_Duration, Field(gt=0, le=86400)] = 3600
    in_flight: int = Field(8, ge=1, le=64)
    pending: int = Field(256, ge=1, le=1000)
