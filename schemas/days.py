"""Days as a calendar names them: a date, a day of every year, or from one to another (docs/calendars.md)."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from itertools import combinations
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BeforeValidator, WithJsonSchema

_DATE = re.compile(r"(?:(\d{4})-)?(\d{2})-(\d{2})", re.ASCII)
_EXAMPLES = (
    "a date (2026-12-24), a day of every year (12-24), or from one to another of the same kind "
    "(2026-12-24..2027-01-01, 12-24..01-02)"
)
_ANY_LEAP_YEAR = 2000
_DAYS_OF_A_YEAR = 366


class Span(NamedTuple):
    """From one day to another, both included: (year, month, day), or of every year (month, day)."""

    begin: tuple[int, ...]
    end: tuple[int, ...]

    @classmethod
    def read(cls, text: str) -> Self:
        """What ``text`` says.

        Raises:
            ValueError: it says no days.
        """
        begin, dots, end = (part.strip() for part in text.partition(".."))
        first = _day(begin)
        last = _day(end) if dots else first
        if len(first) != len(last):
            raise ValueError(f"one end of {text} is of every year, the other of one: days are {_EXAMPLES}")
        if len(first) == 3 and first > last:
            raise ValueError(f"{text} ends before it begins")
        return cls(first, last)

    @property
    def yearly(self) -> bool:
        return len(self.begin) == 2

    def covers(self, day: tuple[int, ...]) -> bool:
        """Whether a day, (year, month, day) or (month, day), is one of them."""
        this = day[-len(self.begin) :]
        if self.begin <= self.end:
            return self.begin <= this <= self.end
        return this >= self.begin or this <= self.end

    @property
    def length(self) -> int:
        """How many days it has, one less; of every year, in a leap year."""
        if self.yearly:
            return (_in_a_leap_year(self.end) - _in_a_leap_year(self.begin)).days % _DAYS_OF_A_YEAR
        return (date(*self.end) - date(*self.begin)).days

    def __str__(self) -> str:
        begin, end = ("-".join(f"{number:02}" for number in day) for day in self)
        return begin if begin == end else f"{begin}..{end}"


def in_doubt(texts: Iterable[str]) -> tuple[str, str] | None:
    """Two ranges of the same kind that share a day, of which none is the narrower; None where there are none."""
    ranges = [(text, span) for text in texts if (span := Span.read(text)).length > 0]
    for (text, one), (other_text, other) in combinations(ranges, 2):
        alike = one.yearly == other.yearly and one.length == other.length
        if alike and (one.covers(other.begin) or other.covers(one.begin)):
            return text, other_text
    return None


def _day(text: str) -> tuple[int, ...]:
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError(f"days are {_EXAMPLES}")
    day = tuple(int(number) for number in found.groups() if number is not None)
    try:
        if len(day) == 3:
            date(*day)
        else:
            _in_a_leap_year(day)
    except ValueError:
        raise ValueError(f"there is no day {text}") from None
    return day


def _in_a_leap_year(day: tuple[int, ...]) -> date:
    month, number = day
    return date(_ANY_LEAP_YEAR, month, number)


def _spelt(value: Any) -> str:
    if isinstance(value, datetime) or not isinstance(value, (str, date)):
        raise ValueError(f"days are {_EXAMPLES}")
    return str(Span.read(value)) if isinstance(value, str) else value.isoformat()


_A_DAY = r"(\d{4}-)?\d{2}-\d{2}"
Days = Annotated[
    str,
    BeforeValidator(_spelt),
    WithJsonSchema({"type": "string", "pattern": rf"^{_A_DAY}(\.\.{_A_DAY})?$"}),
]
"""A date; a day of every year (`12-24`); or from one to another, both included (`2026-12-24..2027-01-01`,
`12-24..01-02`)."""
