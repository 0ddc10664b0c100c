"""What clocks show in a time zone, as stretches in which they are not changed.

An instant is UTC milliseconds; a local time is what clocks show at some instant, in milliseconds since they showed
1970-01-01 00:00.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.codec import Millis

_SECOND_MS = 1000
_HOUR_MS = 3_600_000
_STEP_MS = 6 * _HOUR_MS
"""Nowhere are clocks changed and changed back within it."""
_MOST_HOURS_LEFT_OUT = 48
_MILLISECOND = timedelta(milliseconds=1)


class _Stretch(NamedTuple):
    begin: Millis
    end: Millis
    offset: Millis
    """Local time less UTC."""


class LocalTime:
    """Local time from one instant to another."""

    def __init__(self, zone: ZoneInfo, begin: Millis, end: Millis) -> None:
        self._stretches = list(_stretches(zone, begin, end))

    def opening(self, local: Millis) -> Millis:
        """The instant at which something opens: of a local time that is repeated, the first."""
        return self._shown(local)[0]

    def closing(self, local: Millis) -> Millis:
        """The instant at which something closes: of a local time that is repeated, the last."""
        return self._shown(local)[-1]

    def during(self, begin: Millis, end: Millis) -> list[tuple[Millis, Millis]]:
        """When clocks show a time from ``begin`` up to ``end``; never, where they skip it."""
        within = (
            (max(stretch.begin, begin - stretch.offset), min(stretch.end, end - stretch.offset))
            for stretch in self._stretches
        )
        return [(first, last) for first, last in within if first < last]

    def _shown(self, local: Millis) -> list[Millis]:
        """The instants at which clocks show a local time, or, where they skip it, one hour later on the clock."""
        for _ in range(_MOST_HOURS_LEFT_OUT):
            found = [local - offset for begin, end, offset in self._stretches if begin <= local - offset < end]
            if found:
                return found
            local += _HOUR_MS
        raise ValueError("a local time outside what was asked for")


def _stretches(zone: ZoneInfo, begin: Millis, end: Millis) -> Iterator[_Stretch]:
    at, offset = begin, _offset(zone, begin)
    for probe in range(begin + _STEP_MS, end + _STEP_MS, _STEP_MS):
        later = _offset(zone, probe)
        if later != offset:
            change = _change(zone, probe - _STEP_MS, probe)
            yield _Stretch(at, change, offset)
            at, offset = change, later
    yield _Stretch(at, max(at, end), offset)


def _change(zone: ZoneInfo, before: Millis, after: Millis) -> Millis:
    """When clocks are changed between two instants, which they are on a whole second."""
    offset = _offset(zone, before)
    low, high = before // _SECOND_MS, after // _SECOND_MS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle * _SECOND_MS) == offset else (low, middle)
    return high * _SECOND_MS


def _offset(zone: ZoneInfo, at: Millis) -> Millis:
    offset = datetime.fromtimestamp(at / 1000, zone).utcoffset()
    return 0 if offset is None else offset // _MILLISECOND
