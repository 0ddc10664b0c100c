"""Which blocks a calendar has on a date: its own, those of the weekday, or none."""

from collections.abc import Iterable, Mapping
from datetime import MAXYEAR, date, timedelta
from typing import Generic, TypeVar

from schemas.days import Span
from schemas.opening_hours import WEEKDAYS, Block, WorkingHours

T = TypeVar("T")
_DAY = timedelta(days=1)
_A_LEAP_YEAR = [date(2000, 1, 1) + number * _DAY for number in range(366)]


class _ByDay(Generic[T]):
    """What is said of days. A date goes before a range of dates, that before a day of every year, and that before a
    range of every year; of two ranges the shorter one."""

    def __init__(self, said: Mapping[str, T]) -> None:
        spans = sorted(((Span.read(text), what) for text, what in said.items()), key=lambda one: one[0].length)
        self._dates = {span.begin: what for span, what in spans if not span.yearly and span.length == 0}
        self._ranges = [(span, what) for span, what in spans if not span.yearly and span.length > 0]
        self._yearly: dict[tuple[int, ...], T] = {}
        for span, what in spans:
            for day in _of_a_year(span) if span.yearly else ():
                self._yearly.setdefault(day, what)

    def on(self, day: date) -> T | None:
        numbers = (day.year, day.month, day.day)
        found = self._dates.get(numbers)
        if found is None:
            found = next((what for span, what in self._ranges if span.covers(numbers)), None)
        return self._yearly.get(numbers[1:]) if found is None else found


def _of_a_year(span: Span) -> Iterable[tuple[int, ...]]:
    days = ((day.month, day.day) for day in _A_LEAP_YEAR)
    return (day for day in days if span.covers(day))


def _last_year(hours: WorkingHours) -> int:
    if any(hours.weekly.values()):
        return MAXYEAR
    spans = [Span.read(text) for text, blocks in hours.special_days.items() if blocks]
    return max((MAXYEAR if span.yearly else span.end[0] + 1 for span in spans), default=0)


class OpenDays:
    """The dates of a calendar."""

    def __init__(self, hours: WorkingHours) -> None:
        self._weekly = [hours.weekly.get(day, []) for day in WEEKDAYS]
        self._special = _ByDay(hours.special_days)
        self._holidays = _ByDay(dict.fromkeys(hours.holidays, True))
        self._public = hours.public_holidays

        self.last_year = _last_year(hours)
        """That in which it opens for the last time, or one later: a local date may lie in the next year of UTC."""

    def closed(self, day: date) -> bool:
        """Whether a date is a holiday without blocks of its own."""
        return self._special.on(day) is None and self._holiday(day)

    def blocks(self, day: date) -> list[Block]:
        """The blocks that begin on a date."""
        special = self._special.on(day)
        if special is not None:
            return special
        return [] if self._holiday(day) else self._weekly[day.weekday()]

    def _holiday(self, day: date) -> bool:
        return self._holidays.on(day) is True or (self._public is not None and day in self._public.in_year(day.year))
