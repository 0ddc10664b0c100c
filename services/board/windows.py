"""The windows that figures are asked for: how far back they go, and the period before each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.codec import Millis, instant, millis
from schemas.opening_hours import WorkingHours
from schemas.policy import Policy
from services.board import figures
from services.board.columns import Columns
from services.core.rules import Rules
from services.core.tally import DAY_MS, GRAIN_MS, HOUR_MS, MEASURES, MINUTE_MS, Kind

TODAY, ROLLING, ALL = "today", "rolling", "all"
NAMED = ("15m", "1h", TODAY, "24h", "7d", "28d")
"""The windows that are told when nobody says which."""
LONGEST_MS: Millis = 400 * DAY_MS
_UNITS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_DAY = timedelta(days=1)
_KEPT = tuple(measure for measure, kind in MEASURES.items() if kind is not Kind.STANDING)


@dataclass(frozen=True)
class Period:
    """From ``begins`` up to, and without, ``ends``."""

    begins: Millis
    ends: Millis


@dataclass(frozen=True)
class Stretch:
    """A window as some queues have it: each has its own local day."""

    current: Period
    previous: Period
    timezone: str | None = None
    """Of the queues that it holds for; None for all."""


@dataclass(frozen=True)
class Window:
    """A window by its name, with the period before it."""

    name: str
    stretches: tuple[Stretch, ...]
    """One, or one for each time zone of the queues."""


def length_ms(name: str, policy: Policy) -> Millis | None:
    """How long a window is; None for the local day, and for all that is kept.

    Raises:
        ValueError: there is no such window.
    """
    if name in (TODAY, ALL):
        return None
    if name == ROLLING:
        return policy.rolling_window_days * DAY_MS
    read = re.fullmatch(r"([1-9]\d{0,5})([mhd])", name)
    length = int(read[1]) * _UNITS[read[2]] if read else 0
    if not 0 < length <= LONGEST_MS:
        raise ValueError(
            f"there is no window {name!r}; windows are {', '.join(NAMED)}, {ROLLING}, {ALL}, or a number with m, h "
            f"or d, up to {LONGEST_MS // DAY_MS}d"
        )
    return length


def window(name: str, columns: Columns, at: Millis, rules: Rules) -> Window:
    """The window that ends with the minute of ``at``, so that what just happened is in it.

    Its edges are whole minutes, and whole hours or days where minutes or hours are no longer kept.

    Raises:
        ValueError: there is no such window.
    """
    length = length_ms(name, rules.policy)
    size = GRAIN_MS[figures.finest(columns, at)]
    ends = at - at % size + size
    if name == ALL:
        length = ends - min(figures.known_since(columns, *_KEPT) or ends, ends)
    if length is not None:
        begins = figures.cut(columns, ends - length)
        before = Period(figures.cut(columns, begins - length), begins)
        return Window(name, (Stretch(Period(begins, ends), before),))
    zones = sorted(set(zone_by_queue(columns, rules).values())) or [zone_of(None, rules)]
    days = [_day(columns, at, ends, zone) for zone in zones]
    return Window(name, tuple(days))


def _day(columns: Columns, at: Millis, ends: Millis, timezone: str) -> Stretch:
    """The local day so far, and the day before up to the same time by the clock."""
    zone = ZoneInfo(timezone)
    midnight = instant(at).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    # Arithmetic on local times goes by the clock on the wall, also over a change of it.
    then = instant(ends).astimezone(zone) - _DAY
    return Stretch(
        Period(_cut(columns, midnight), ends),
        Period(_cut(columns, midnight - _DAY), _cut(columns, then)),
        timezone,
    )


def _cut(columns: Columns, local: datetime) -> Millis:
    return figures.cut(columns, millis(local))


def zone_of(queue: str | None, rules: Rules) -> str:
    """The time zone of a queue's calendar."""
    return rules.policy.calendars.get(rules.calendar_of(queue), WorkingHours()).timezone


def zone_by_queue(columns: Columns, rules: Rules) -> Mapping[str | None, str]:
    """The time zone of every queue that was told."""
    queues = [key[0] for key in columns.labels.grouping(("queue",)).keys]
    return {queue: zone_of(queue, rules) for queue in queues}
