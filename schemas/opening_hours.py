"""When somebody works: weekly hours, holidays, days with hours of their own (docs/calendars.md)."""

import re
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, WithJsonSchema

from schemas.days import Days, in_doubt
from schemas.public_holidays import PublicHolidays, misplaced
from schemas.section import Section

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


def _clock_time(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", text, re.ASCII):
        raise ValueError("a time of day is HH:MM from 00:00 to 24:00")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("there is no such time zone; names are such as Europe/Berlin") from None
    return name


ClockTime = Annotated[str, AfterValidator(_clock_time)]


def _opens(block: tuple[str, str]) -> tuple[str, str]:
    if block[0] == "24:00":
        raise misplaced("a block that begins at 24:00 belongs to the next day, as 00:00", 0)
    return block


Block = Annotated[tuple[ClockTime, ClockTime], AfterValidator(_opens)]
"""Opening and closing time, local; one that does not close later than it opens ends the next day."""


def _weekdays(key: str) -> list[Weekday]:
    """The days of `mon-fri`, or the one of `mon`."""
    first, dash, last = key.partition("-")
    numbers: dict[str, int] = {day: number for number, day in enumerate(WEEKDAYS)}
    if first not in numbers or (dash and last not in numbers):
        raise ValueError("a weekday is mon, tue, wed, thu, fri, sat or sun, or from one to another, such as mon-fri")
    begin = numbers[first]
    end = numbers[last] if dash else begin
    return [WEEKDAYS[number % 7] for number in range(begin, (end if begin <= end else end + 7) + 1)]


def _weekday_key(key: str) -> str:
    _weekdays(key)
    return key


def _day_by_day(weekly: dict[str, list[Block]]) -> dict[str, list[Block]]:
    days: dict[str, list[Block]] = {}
    said_by: dict[str, str] = {}
    for key, blocks in weekly.items():
        for day in _weekdays(key):
            if day in days:
                raise misplaced(f"{day} is there already, in {said_by[day]}", key)
            days[day], said_by[day] = blocks, key
    return days


def _one_for_each_day(special: dict[str, list[Block]]) -> dict[str, list[Block]]:
    doubt = in_doubt(special)
    if doubt is not None and special[doubt[0]] != special[doubt[1]]:
        first, second = doubt
        raise misplaced(f"shares days with {first}, which is as long, so neither goes before the other", second)
    return special


_DAY = f"({'|'.join(WEEKDAYS)})"
WeekdayKey = Annotated[
    str, AfterValidator(_weekday_key), WithJsonSchema({"type": "string", "pattern": f"^{_DAY}(-{_DAY})?$"})
]


class WorkingHours(Section):
    """A business calendar."""

    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    weekly: Annotated[dict[WeekdayKey, list[Block]], AfterValidator(_day_by_day)] = Field({})
    """Local opening blocks by day; `mon-fri` stands for each of them. Blocks that overlap count once."""
    holidays: frozenset[Days] = frozenset()
    """Closed for the whole local date, the tail of the night before included."""
    public_holidays: PublicHolidays | None = None
    """More of these."""
    special_days: Annotated[dict[Days, list[Block]], AfterValidator(_one_for_each_day)] = Field({})
    """Days whose blocks replace the weekly ones, on a holiday too. A date goes before a range of dates, that before a
    day of every year, and that before a range of every year; of two ranges the shorter one counts."""

    def told_apart_by(self) -> list[str]:
        """The public holidays: another version of the library may know others."""
        return [] if self.public_holidays is None else self.public_holidays.told_apart_by()


ROUND_THE_CLOCK = WorkingHours(weekly={day: [("00:00", "24:00")] for day in WEEKDAYS})
