"""Working time between two instants, and the instant at which some of it is used up.

Opening hours become intervals of UTC milliseconds with running totals, a year at a time and once; a question is then
two binary searches, however long the span (KPI cases, convention 5).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from zoneinfo import ZoneInfo

from schemas.codec import Millis, millis
from schemas.opening_hours import WEEKDAYS, WorkingHours
from services.core.local_time import LocalTime
from services.core.open_days import OpenDays

Interval = tuple[Millis, Millis]

_DAY = timedelta(days=1)
_DAY_MS, _HOUR_MS, _MINUTE_MS = 86_400_000, 3_600_000, 60_000
_BEFORE, _AFTER = 3, 1
"""Days around a year whose blocks may reach into it: clocks are up to a day from UTC, and a block may run for one."""
_SEEN_MS = 6 * _DAY_MS
_YEARS_KEPT = 64
_FIRST_YEAR, _LAST_YEAR = 1970, 2299
_YEAR_BEGINS = [millis(datetime(year, 1, 1, tzinfo=UTC)) for year in range(_FIRST_YEAR, _LAST_YEAR + 2)]
_YEARS_SEARCHED = 30
"""A calendar that stays closed for longer never opens again."""


@dataclass(frozen=True)
class _Year:
    """One year's opening intervals (UTC milliseconds), clipped to the year."""

    opens: list[Millis]
    closes: list[Millis]
    before: list[Millis]
    """Opening time before each interval, and at the end that of the whole year."""

    def until(self, at: Millis) -> Millis:
        """Opening time from the year's begin to ``at``."""
        i = bisect_right(self.opens, at) - 1
        if i < 0:
            return 0
        return self.before[i] + min(at, self.closes[i]) - self.opens[i]

    @property
    def total(self) -> Millis:
        return self.before[-1]


class Calendar:
    """Business hours in one time zone."""

    def __init__(self, hours: WorkingHours) -> None:
        self._days = OpenDays(hours)
        self._zone = ZoneInfo(hours.timezone)
        whole_day = [("00:00", "24:00")]
        self.always_open = (
            all(hours.weekly.get(day) == whole_day for day in WEEKDAYS)
            and not hours.holidays
            and hours.public_holidays is None
            and all(blocks == whole_day for blocks in hours.special_days.values())
        )
        self._year = lru_cache(maxsize=_YEARS_KEPT)(self._compiled)
        self._total = lru_cache(maxsize=None)(lambda number: self._year(number).total)

    def between(self, begin: Millis, end: Millis) -> Millis:
        """Opening time from ``begin`` to ``end``; 0 when ``end`` is not later."""
        if end <= begin:
            return 0
        if self.always_open:
            return end - begin
        first, last = _year_of(begin), _year_of(end)
        if first == last:
            year = self._year(first)
            return year.until(end) - year.until(begin)
        whole = sum(self._total(year) for year in range(first + 1, last))
        return self._year(first).total - self._year(first).until(begin) + whole + self._year(last).until(end)

    def after(self, begin: Millis, worked: Millis) -> Millis | None:
        """The first instant at which ``worked`` opening time has passed since ``begin``; None if it never does."""
        if self.always_open or worked <= 0:
            return begin + max(worked, 0)
        year_number = _year_of(begin)
        wanted = worked + self._year(year_number).until(begin)
        for number in self._years_from(year_number):
            year = self._year(number)
            if wanted <= year.total:
                i = bisect_left(year.before, wanted) - 1
                return year.opens[i] + wanted - year.before[i]
            wanted -= year.total
        return None

    def next_opening(self, at: Millis) -> Millis | None:
        """``at`` itself while open, else when it opens next; None if it never does."""
        if self.always_open:
            return at
        for number in self._years_from(_year_of(at)):
            year = self._year(number)
            i = bisect_right(year.closes, at)
            if i < len(year.opens):
                return max(at, year.opens[i])
        return None

    def openings(self, begin: Millis, end: Millis) -> Iterator[tuple[Millis, Millis]]:
        """From when to when it is open between ``begin`` and ``end``."""
        if end <= begin:
            return
        if self.always_open:
            yield begin, end
            return
        for number in range(_year_of(begin), _year_of(end) + 1):
            year = self._year(number)
            for i in range(bisect_right(year.closes, begin), bisect_left(year.opens, end)):
                yield max(begin, year.opens[i]), min(end, year.closes[i])

    def _years_from(self, number: int) -> range:
        return range(number, min(number + _YEARS_SEARCHED, self._days.last_year, _LAST_YEAR) + 1)

    def _compiled(self, number: int) -> _Year:
        begin, end = _YEAR_BEGINS[number - _FIRST_YEAR : number - _FIRST_YEAR + 2]
        clocks = LocalTime(self._zone, begin - _SEEN_MS, end + _SEEN_MS)
        day, last = date(number, 1, 1) - _BEFORE * _DAY, date(number, 12, 31) + _AFTER * _DAY
        opened: list[Interval] = []
        closed: list[Interval] = []
        while day <= last:
            midnight = millis(datetime(day.year, day.month, day.day, tzinfo=UTC))
            its = clocks.during(midnight, midnight + _DAY_MS)
            if self._days.closed(day):
                closed += its
            elif its:  # some places left a day out, to be on the other side of the date line
                opened += self._blocks(day, midnight, clocks)
            day += _DAY
        outside = [(begin - _SEEN_MS, begin), (end, end + _SEEN_MS)]
        intervals = list(_without(_merged(opened), _merged(closed + outside)))
        lengths = (until - since for since, until in intervals)
        return _Year([since for since, _ in intervals], [until for _, until in intervals], [0, *accumulate(lengths)])

    def _blocks(self, day: date, midnight: Millis, clocks: LocalTime) -> Iterator[Interval]:
        """The opening blocks that begin on a local date."""
        for opens, closes in self._days.blocks(day):
            ends_on = midnight + _DAY_MS if closes <= opens else midnight
            yield clocks.opening(midnight + _time_of_day(opens)), clocks.closing(ends_on + _time_of_day(closes))


def _time_of_day(clock: str) -> Millis:
    return int(clock[:2]) * _HOUR_MS + int(clock[3:]) * _MINUTE_MS


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same instants, in order and without overlaps."""
    merged: list[Interval] = []
    for begin, end in sorted(intervals):
        if begin >= end:
            continue
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((begin, end))
    return merged


def _without(intervals: list[Interval], holes: list[Interval]) -> Iterator[Interval]:
    """What ``holes`` leave of ``intervals``; both in order and without overlaps."""
    first = 0
    for begin, end in intervals:
        while first < len(holes) and holes[first][1] <= begin:
            first += 1
        for hole_begin, hole_end in holes[first:]:
            if hole_begin >= end:
                break
            if begin < hole_begin:
                yield begin, hole_begin
            begin = hole_end
        if begin < end:
            yield begin, end


def _year_of(at: Millis) -> int:
    return _FIRST_YEAR + min(max(bisect_right(_YEAR_BEGINS, at) - 1, 0), _LAST_YEAR - _FIRST_YEAR)
