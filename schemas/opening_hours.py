"""When somebody works: weekly hours, public holidays, days of their own (docs/calendars.md)."""

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from schemas.section import Section

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
_SOME_LEAP_YEAR = 2000
_TELLING_YEARS = range(2015, 2041)
"""Whose public holidays tell one calendar from another."""


def _clock_time(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", text):
        raise ValueError(f"a time of day is HH:MM from 00:00 to 24:00, got {text!r}")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone is called {name!r}; names are such as Europe/Berlin") from None
    return name


def _days(value: Any) -> Any:
    """A date as such, and other days as text."""
    if not isinstance(value, str):
        return value
    return _date(value) or _days_of(value)


def _days_of(text: str) -> str:
    begin, dots, end = text.partition("..")
    yearly = [_of_year(part) for part in (begin, end) if part]
    if dots and begin and end and None in yearly:
        first, last = _date(begin), _date(end)
        if first is not None and last is not None and first <= last:
            return text
        if first is not None and last is not None:
            raise ValueError(f"{text} ends before it begins")
    elif None not in yearly and begin and (end or not dots):
        return text
    raise ValueError(
        f"days are a date (2026-12-24), a day of every year (12-24), or from one to another of them "
        f"(2026-12-24..2027-01-01 or 12-24..01-02), got {text!r}"
    )


def _of_year(text: str) -> tuple[int, int] | None:
    """Month and day of a text such as 12-24."""
    if not re.fullmatch(r"\d\d-\d\d", text):
        return None
    day = _date(f"{_SOME_LEAP_YEAR}-{text}")
    return None if day is None else (day.month, day.day)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


ClockTime = Annotated[str, AfterValidator(_clock_time)]
Block = tuple[ClockTime, ClockTime]
"""Opening and closing time, local; one that closes before it opens ends the next day."""
Days = Annotated[date | str, BeforeValidator(_days)]
"""A date; a day of every year (`12-24`); from one to another, both included (`2026-12-24..2027-01-01`,
`12-24..01-02`)."""


def _covers(days: Days, day: date) -> bool:
    if isinstance(days, date):
        return day == days
    begin, _, end = days.partition("..")
    since, until = _of_year(begin), _of_year(end or begin)
    if since is None or until is None:
        return begin <= day.isoformat() <= end
    this = (day.month, day.day)
    return since <= this <= until if since <= until else this >= since or this <= until


def _narrowness(days: Days) -> int:
    """Which of several that cover a day counts: the lowest."""
    if isinstance(days, date):
        return 0
    yearly = _of_year(days.partition("..")[0]) is not None
    return (3 if ".." in days else 2) if yearly else 1


class PublicHolidays(Section):
    """Those of a country, or of a part of it, as the library `holidays` knows them."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)

    country: str
    """Two letters, such as DE."""
    subdivision: str | None = None
    """State or province, such as BY."""
    worked: tuple[date | str, ...] = Field((), alias="except")
    """Days on which people work all the same: by date, or by the holiday's name."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        from holidays.utils import list_supported_countries

        countries: Mapping[str, list[str]] = list_supported_countries(include_aliases=True)
        if self.country not in countries:
            raise ValueError(f"no country {self.country!r} is known; near: {_near(self.country, countries)}")
        parts = countries[self.country]
        if self.subdivision is not None and self.subdivision not in parts:
            there = _near(self.subdivision, parts) if parts else "none"
            raise ValueError(
                f"{self.country} has no part {self.subdivision!r} with its own holidays; there are: {there}"
            )
        names = {name for year in _TELLING_YEARS for name in self.in_year(year).values()}
        for excepted in self.worked:
            if not (_is_days(excepted) or excepted in names):
                near = difflib.get_close_matches(str(excepted), names, n=3, cutoff=0) or sorted(names)
                raise ValueError(f"no holiday there is called {excepted!r}; near: {', '.join(near)}")
        return self

    def in_year(self, year: int) -> Mapping[date, str]:
        """Those of a year by date, each with its name."""
        return _public_holidays(self.country, self.subdivision, year)

    def on(self, day: date) -> bool:
        """Whether a day is one of them."""
        name = self.in_year(day.year).get(day)
        return name is not None and not any(
            excepted == name or (_is_days(excepted) and _covers(_days(excepted), day)) for excepted in self.worked
        )


def _is_days(text: Days) -> bool:
    try:
        _days(text)
    except ValueError:
        return False
    return True


def _near(text: str, names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(difflib.get_close_matches(text.upper(), names, n=5, cutoff=0.4) or names[:20])


@lru_cache(maxsize=1000)
def _public_holidays(country: str, subdivision: str | None, year: int) -> Mapping[date, str]:
    from holidays import country_holidays

    return dict(country_holidays(country, subdiv=subdivision, years=year, language="en_US"))


class WorkingHours(Section):
    """A business calendar."""

    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    weekly: dict[Weekday, list[Block]] = Field({})
    """Local opening blocks by day; `mon-fri` stands for all of them."""
    holidays: frozenset[Days] = frozenset()
    """Closed for the whole local date, the tail of the night before included."""
    public_holidays: PublicHolidays | None = None
    """More of these."""
    special_days: dict[Days, list[Block]] = Field({})
    """Days whose blocks replace the weekly ones, on a holiday too. A date goes before days from one to another, and
    both before those of every year."""

    @field_validator("weekly", mode="before")
    @classmethod
    def _each_day(cls, weekly: Any) -> Any:
        if not isinstance(weekly, Mapping):
            return weekly
        days: dict[Any, Any] = {}
        for key, blocks in weekly.items():
            for day in _between(key):
                if day in days:
                    raise ValueError(f"{day} is there twice: in {key} and before it")
                days[day] = blocks
        return days

    def special(self, day: date) -> list[Block] | None:
        """The blocks of a day that has its own; None for any other."""
        found = [days for days in self.special_days if _covers(days, day)]
        return self.special_days[min(found, key=_narrowness)] if found else None

    def closed(self, day: date) -> bool:
        """Whether a day is a holiday without hours of its own."""
        if self.special(day) is not None:
            return False
        return any(_covers(days, day) for days in self.holidays) or (
            self.public_holidays is not None and self.public_holidays.on(day)
        )

    def told_apart_by(self) -> list[str]:
        """The public holidays: another version of the library may know others."""
        if self.public_holidays is None:
            return []
        days = (day for year in _TELLING_YEARS for day in self.public_holidays.in_year(year))
        return sorted(day.isoformat() for day in days if self.public_holidays.on(day))


def _between(key: Any) -> list[Any]:
    """The days of `mon-fri`; of anything else, itself."""
    first, dash, last = str(key).partition("-")
    if not dash or first not in WEEKDAYS or last not in WEEKDAYS:
        return [key]
    begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last)
    return [WEEKDAYS[n % 7] for n in range(begin, end + 1 if begin <= end else end + 8)]


ROUND_THE_CLOCK = WorkingHours(weekly={day: [("00:00", "24:00")] for day in WEEKDAYS})
