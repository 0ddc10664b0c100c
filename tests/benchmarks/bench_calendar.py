"""How long a question about opening time takes, beside a walk over the days of it.

`python -m tests.benchmarks.bench_calendar [--questions 20000]` asks the same questions of both, in turns within one
run and in processor time, so that the ratio says something on a busy machine as well. Both have to answer the same.
"""

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from schemas.codec import Millis, instant, millis
from schemas.opening_hours import WEEKDAYS, WorkingHours
from services.core.calendar import Calendar
from tests.benchmarks import machine

DAY = timedelta(days=1)
DAY_MS = 86_400_000
ROUNDS = 5
SPANS = {"a day": 1, "a week": 7, "a month": 30, "a year": 365, "ten years": 3650}
WEEKLY = {day: [("09:00", "12:30"), ("13:30", "18:00")] for day in WEEKDAYS[:5]}
HOURS = WorkingHours.model_validate(
    {
        "timezone": "Europe/Berlin",
        "weekly": WEEKLY,
        "holidays": ["12-24..12-31", "2026-05-15"],
        "special_days": {"2026-12-21..2026-12-23": [["10:00", "12:00"]]},
        "public_holidays": {"country": "DE", "subdivision": "BY"},
    }
)


class Walk:
    """The same by looking at each day, as helpdesks often do. Its blocks by date are worked out before."""

    def __init__(self, hours: WorkingHours, years: range) -> None:
        self._zone = ZoneInfo(hours.timezone)
        self._blocks = dict[date, list[tuple[int, int, int, int]]]()
        public = hours.public_holidays
        day = date(years[0], 1, 1)
        while day.year <= years[-1]:
            holiday = (public is not None and day in public.in_year(day.year)) or day == date(2026, 5, 15)
            blocks = [] if holiday or (day.month == 12 and day.day >= 24) else WEEKLY.get(WEEKDAYS[day.weekday()], [])
            if date(2026, 12, 21) <= day <= date(2026, 12, 23):
                blocks = [("10:00", "12:00")]
            self._blocks[day] = [(*map(int, begin.split(":")), *map(int, end.split(":"))) for begin, end in blocks]  # type: ignore[misc]
            day += DAY

    def between(self, begin: Millis, end: Millis) -> Millis:
        day, last = instant(begin).astimezone(self._zone).date(), instant(end).astimezone(self._zone).date()
        worked = 0
        while day <= last:
            for opens, closes in self._of(day):
                worked += max(0, min(closes, end) - max(opens, begin))
            day += DAY
        return worked

    def after(self, begin: Millis, worked: Millis) -> Millis:
        day = instant(begin).astimezone(self._zone).date()
        while True:
            for opens, closes in self._of(day):
                here = max(0, closes - max(opens, begin))
                if worked <= here:
                    return max(opens, begin) + worked
                worked -= here
            day += DAY

    def _of(self, day: date) -> list[tuple[Millis, Millis]]:
        return [
            (self._at(day, opens, opens_minute), self._at(day, closes, closes_minute))
            for opens, opens_minute, closes, closes_minute in self._blocks[day]
        ]

    def _at(self, day: date, hour: int, minute: int) -> Millis:
        return millis(datetime(day.year, day.month, day.day, hour, minute, tzinfo=self._zone).astimezone(UTC))


@dataclass(frozen=True)
class Measured:
    calendar_us: float
    walk_us: float

    def __str__(self) -> str:
        return f"{self.calendar_us:8.2f} µs   walk {self.walk_us:10.1f} µs   {self.walk_us / self.calendar_us:8.0f} x"


def measured(ours: Callable[..., Any], walk: Callable[..., Any], asked: list[tuple[Millis, Millis]]) -> Measured:
    """The medians of some rounds, each asking both."""
    few = asked[: max(10, len(asked) // 100)]
    if [ours(*one) for one in few] != [walk(*one) for one in few]:
        raise SystemExit("the walk gives other answers")
    rounds = [(_each_us(ours, asked), _each_us(walk, few)) for _ in range(ROUNDS)]
    return Measured(median(one for one, _ in rounds), median(two for _, two in rounds))


def _each_us(answer: Callable[..., Any], asked: list[tuple[Millis, Millis]]) -> float:
    begin = time.process_time()
    for one in asked:
        answer(*one)
    return (time.process_time() - begin) / len(asked) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=20_000)
    number = parser.parse_args().questions
    chance = random.Random(5)
    calendar, walk = Calendar(HOURS), Walk(HOURS, range(2015, 2040))
    first = millis(datetime(2016, 1, 1, tzinfo=UTC))
    print(machine.description())
    begin = time.process_time()
    for year in range(2016, 2036):
        calendar.between(millis(datetime(year, 2, 1, tzinfo=UTC)), millis(datetime(year, 3, 1, tzinfo=UTC)))
    print(f"a year the first time: {(time.process_time() - begin) / 20 * 1e3:.1f} ms")
    for name, days in SPANS.items():
        begins = [first + chance.randrange(3650 * DAY_MS) for _ in range(number)]
        spans = [(one, one + days * DAY_MS - chance.randrange(DAY_MS)) for one in begins]
        print(f"between, {name:10}{measured(calendar.between, walk.between, spans)}")
        used = [(one, calendar.between(one, until) or 1) for one, until in spans]
        print(f"after,   {name:10}{measured(calendar.after, walk.after, used)}")


if __name__ == "__main__":
    main()
