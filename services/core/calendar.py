"""Working time between two instants, and the instant at which some of it is used up.

Opening hours become intervals of UTC milliseconds with running totals, a year at a time and once; a question is then
two binary searches, however long the span (KPI cases, convention 5).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from zoneinfo import ZoneInfo

from schemas.codec import Millis, instant, millis
from schemas.opening_hours import WEEKDAYS, WorkingHours

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_FIRST_YEAR, _LAST_YEAR = 1970, 2299
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
        self._hours = hours
        self._zone = ZoneInfo(hours.timezone)
        whole_day = [("00:00", "24:00")]
        self.always_open = (
            all(hours.weekly.get(day) == whole_day for day in WEEKDAYS)
            and not hours.holidays
            and hours.public_holidays is None
            and all(blocks == whole_day for blocks in hours.special_days.values())
        )
        self._year = lru_cache(maxsize=None)(self._compiled)

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
        whole = sum(self._year(year).total for year in range(first + 1, last))
        return self._year(first).total - self._year(first).until(begin) + whole + self._year(last).until(end)

    def after(self, begin: Millis, worked: Millis) -> Millis | None:
        """The first instant at which ``worked`` opening time has passed since ``begin``; None if it never does."""
        if self.always_open or worked <= 0:
            return begin + max(worked, 0)
        year_number = _year_of(begin)
        wanted = worked + self._year(year_number).until(begin)
        for number in range(year_number, min(year_number + _YEARS_SEARCHED, _LAST_YEAR) + 1):
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
        for number in range(_year_of(at), min(_year_of(at) + _YEARS_SEARCHED, _LAST_YEAR) + 1):
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

    def _compiled(self, number: int) -> _Year:
        begin = millis(datetime(number, 1, 1, tzinfo=UTC))
        end = millis(datetime(number + 1, 1, 1, tzinfo=UTC))
        intervals: list[tuple[Millis, Millis]] = []
        day = date(number, 1, 1) - 2 * _DAY
        while day <= date(number + 1, 1, 1) + _DAY:
            intervals += self._blocks(day)
            day += _DAY
        opens: list[Millis] = []
        closes: list[Millis] = []
        for opening, closing in sorted(intervals):
            opening, closing = max(opening, begin), min(closing, end)
            if opening >= closing:
                continue
            if closes and opening <= closes[-1]:
                closes[-1] = max(closes[-1], closing)
            else:
                opens.append(opening)
                closes.append(closing)
        lengths = [closing - opening for opening, closing in zip(opens, closes, strict=True)]
        return _Year(opens, closes, [0, *accumulate(lengths)])

    def _blocks(self, day: date) -> list[tuple[Millis, Millis]]:
        """The opening blocks that begin on a local date, less the holiday that one may run into."""
        hours, tomorrow = self._hours, day + _DAY
        special = hours.special(day)
        if (special is None and hours.closed(day)) or self._left_out(day):
            return []
        blocks = hours.weekly.get(WEEKDAYS[day.weekday()], []) if special is None else special
        closed_tomorrow = hours.closed(tomorrow)
        result = []
        for opening, closing in blocks:
            ends_on = tomorrow if closing <= opening and closing != "24:00" else day
            begin, end = self._local(day, opening), self._local(ends_on, closing, closes=True)
            if closed_tomorrow:
                end = min(end, self._local(tomorrow, "00:00"))
            result.append((begin, end))
        return result

    def _left_out(self, day: date) -> bool:
        """Whether clocks went from the day before to the day after: a place changed sides of the date line."""
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=self._zone)
        return noon.astimezone(UTC).astimezone(self._zone).date() != day

    def _local(self, day: date, clock: str, *, closes: bool = False) -> Millis:
        """A local time as an instant. One that does not exist counts as an hour later on the clock, a repeated one
        as its first occurrence, or, where something closes, as its second."""
        hour, minute = int(clock[:2]), int(clock[3:])
        if hour == 24:
            day, hour = day + _DAY, 0
        local = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - the zone comes below
        first, second = self._occurrences(local)
        if second < first:  # in a gap
            first = second = self._occurrences(local + _HOUR)[0]
        return second if closes else first

    def _occurrences(self, local: datetime) -> tuple[Millis, Millis]:
        """A local time's two instants: the same, unless clocks go back (later second) or forward (earlier second)."""
        zoned = local.replace(tzinfo=self._zone)
        return millis(zoned.astimezone(UTC)), millis(zoned.replace(fold=1).astimezone(UTC))


def _year_of(at: Millis) -> int:
    return min(max(instant(at).year, _FIRST_YEAR), _LAST_YEAR)
