"""Opening time counted minute by minute: what clocks on the wall show is looked up, and nothing is computed back."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

MINUTE_MS = 60_000
HOUR = 60
DAY = 24 * HOUR
MARGIN = 4 * DAY
NEVER = -1
Ints = npt.NDArray[np.int32]
EPOCH = date(1970, 1, 1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def minutes_since_1970(day: date) -> int:
    return (day - EPOCH).days * DAY


class WallClock:
    """What clocks in a zone show, in each minute from one date (UTC) to another, and a few days around."""

    def __init__(self, zone: str, first: date, last: date) -> None:
        self.begin = minutes_since_1970(first) - MARGIN
        self.end = minutes_since_1970(last) + MARGIN
        self.first, self.last = first, last
        self.shown = np.arange(self.begin, self.end, dtype=np.int32) + _offsets(ZoneInfo(zone), self.begin, self.end)
        self._earliest = int(self.shown.min()) // DAY * DAY
        instants = np.arange(self.begin, self.end, dtype=np.int32)
        self._last_seen = np.full(int(self.shown.max()) - self._earliest + 1, NEVER, dtype=np.int32)
        self._first_seen = self._last_seen.copy()
        self._last_seen[self.shown - self._earliest] = instants
        self._first_seen[self.shown[::-1] - self._earliest] = instants[::-1]

    def seen(self, local: int) -> tuple[int, int]:
        """The first and the last minute that show a local one; where none does, of an hour later on the clock."""
        while self._first_seen[local - self._earliest] == NEVER:
            local += HOUR
        return int(self._first_seen[local - self._earliest]), int(self._last_seen[local - self._earliest])

    def dates(self) -> Iterator[date]:
        """Those that the clock shows, and not those that a place left out."""
        numbers = np.flatnonzero(np.bincount((self.shown - self._earliest) // DAY))[2:-2]
        for number in numbers.tolist():
            yield EPOCH + timedelta(days=self._earliest // DAY + number)


def _offsets(zone: ZoneInfo, begin: int, end: int) -> Ints:
    """Of each minute; in an hour at whose ends they are the same, they are the same throughout."""

    def offset(minute: int) -> int:
        shown = datetime.fromtimestamp(minute * 60, UTC).astimezone(zone).replace(tzinfo=UTC)
        return round(shown.timestamp() / 60) - minute

    hourly = [offset(minute) for minute in range(begin, end + HOUR, HOUR)]
    offsets = np.repeat(np.array(hourly[:-1], dtype=np.int32), HOUR)
    for number, (now, then) in enumerate(pairwise(hourly)):
        if now != then:
            hour = begin + number * HOUR
            offsets[number * HOUR : (number + 1) * HOUR] = [offset(hour + minute) for minute in range(HOUR)]
    return offsets[: end - begin]


def open_minutes(clock: WallClock, hours: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Of each minute from the clock's first date (UTC) to its last, whether it is open."""
    opened = np.zeros(clock.end - clock.begin, dtype=np.bool_)
    closed: list[int] = []
    for day in clock.dates():
        midnight = minutes_since_1970(day)
        blocks = of_date(hours, day)
        if blocks is None:
            closed.append(midnight // DAY)
        for opening, closing in blocks or ():
            begin, end = (int(text[:2]) * HOUR + int(text[3:]) for text in (opening, closing))
            since, until = (
                clock.seen(midnight + begin)[0],
                clock.seen(midnight + end + (DAY if end <= begin else 0))[1],
            )
            opened[since - clock.begin : until - clock.begin] = True
    opened &= ~np.isin(clock.shown // DAY, closed)
    return opened[MARGIN:-MARGIN]


def of_date(hours: Mapping[str, Any], day: date) -> list[list[str]] | None:
    """The blocks of a date; None on a holiday."""
    texts = day.isoformat(), day.isoformat()[5:]
    special: Mapping[str, Any] = hours.get("special_days", {})
    for fits in (_a_date, _range_of_dates, _every_year, _range_of_every_year):
        found = [key for key in special if fits(key, *texts)]
        if found:
            return list(special[min(found, key=_days_in)])
    holidays: list[str] = hours.get("holidays", [])
    if any(
        fits(key, *texts)
        for key in holidays
        for fits in (_a_date, _range_of_dates, _every_year, _range_of_every_year)
    ):
        return None
    return list(hours["weekly"].get(WEEKDAYS[day.weekday()], []))


def _a_date(key: str, day: str, _: str) -> bool:
    return key == day


def _every_year(key: str, _: str, of_year: str) -> bool:
    return key == of_year


def _range_of_dates(key: str, day: str, _: str) -> bool:
    begin, _, end = key.partition("..")
    return len(begin) == 10 and begin <= day <= end


def _range_of_every_year(key: str, _: str, of_year: str) -> bool:
    begin, dots, end = key.partition("..")
    if not dots or len(begin) != 5:
        return False
    return begin <= of_year <= end if begin <= end else not end < of_year < begin


@cache
def _days_in(key: str) -> int:
    """How many days a key covers: counted, over two leap years."""
    begin, _, end = key.partition("..")
    if len(begin) == 10:
        return (date.fromisoformat(end or begin) - date.fromisoformat(begin)).days
    day, count = date.fromisoformat(f"2000-{begin}"), 0
    while day.isoformat()[5:] != (end or begin):
        day, count = date(2000, 1, 1) if day == date(2000, 12, 31) else day + timedelta(days=1), count + 1
    return count
