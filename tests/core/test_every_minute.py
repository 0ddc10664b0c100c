"""Ten years of opening hours, minute by minute, in zones whose clocks do what clocks do anywhere."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from schemas.codec import Millis, millis
from schemas.days import in_doubt
from schemas.opening_hours import WorkingHours
from services.core.calendar import Calendar
from tests.core.minute_count import MINUTE_MS, WEEKDAYS, WallClock, open_minutes

TEN_YEARS = {
    "Africa/Cairo": 2014,
    "Africa/Casablanca": 2012,
    "America/Havana": 2016,
    "America/New_York": 2016,
    "America/Santiago": 2014,
    "America/Sao_Paulo": 2010,
    "America/St_Johns": 2004,
    "Antarctica/Troll": 2016,
    "Asia/Amman": 2014,
    "Asia/Beirut": 2016,
    "Asia/Gaza": 2008,
    "Asia/Kathmandu": 2016,
    "Asia/Tehran": 2014,
    "Australia/Lord_Howe": 2016,
    "Europe/Dublin": 2016,
    "Pacific/Apia": 2006,
    "Pacific/Chatham": 2016,
}
"""From which year on: midnight is skipped or repeated, a day left out, half an hour or two moved, Ramadan kept."""

a_time = st.one_of(
    st.sampled_from(["00:00", "00:01", "00:30", "01:00", "02:00", "02:15", "02:45", "03:00", "23:00", "23:59"]),
    st.times().map(lambda time: time.strftime("%H:%M")),
)
some_blocks = st.lists(st.tuples(a_time, st.one_of(a_time, st.just("24:00"))).map(list), max_size=2)


@st.composite
def a_calendar(draw: st.DrawFn, zone: str, year: int) -> dict[str, Any]:
    dates = st.dates(date(year, 1, 1), date(year + 9, 12, 31)).map(date.isoformat)
    of_year = dates.map(lambda text: text[5:])
    ranges = st.builds(_range, st.dates(date(year, 1, 1), date(year + 9, 12, 31)), st.integers(1, 40))
    days = st.one_of(dates, of_year, ranges, ranges.map(lambda text: f"{text[5:10]}..{text[17:]}"))
    special = draw(st.dictionaries(days, some_blocks, max_size=6))
    assume(in_doubt(special) is None)
    return {
        "timezone": zone,
        "weekly": {day: draw(some_blocks) for day in WEEKDAYS},
        "holidays": draw(st.lists(days, max_size=20)),
        "special_days": special,
    }


def _range(first: date, days: int) -> str:
    return f"{first}..{first + timedelta(days=days)}"


@lru_cache(maxsize=1)
def wall_clock(zone: str) -> WallClock:
    year = TEN_YEARS[zone]
    return WallClock(zone, date(year, 1, 1), date(year + 10, 1, 1))


def new_year(year: int) -> Millis:
    return millis(datetime(year, 1, 1, tzinfo=UTC))


def without_seams(openings: list[tuple[Millis, Millis]]) -> list[tuple[Millis, Millis]]:
    """Openings, and those as one that touch."""
    cuts = [0, *(n for n, (one, two) in enumerate(pairwise(openings), 1) if one[1] < two[0]), len(openings)]
    return [(openings[begin][0], openings[end - 1][1]) for begin, end in pairwise(cuts) if begin < end]


@pytest.mark.long
@pytest.mark.parametrize("zone", TEN_YEARS)
def test_it_is_open_in_the_minutes_in_which_a_clock_on_the_wall_says_so(zone: str) -> None:
    begin, end = new_year(TEN_YEARS[zone]), new_year(TEN_YEARS[zone] + 10)

    @settings(max_examples=3, deadline=None, phases=[Phase.explicit, Phase.generate])
    @given(a_calendar(zone, TEN_YEARS[zone]), st.lists(st.integers(begin, end), min_size=2, max_size=10))
    def compared(hours: dict[str, Any], instants: list[Millis]) -> None:
        opened = open_minutes(wall_clock(zone), hours)
        changes = np.flatnonzero(np.diff(np.concatenate([[False], opened, [False]]))) * MINUTE_MS + begin
        counted = np.concatenate([[0], np.cumsum(opened)])

        calendar = Calendar(WorkingHours.model_validate(hours))

        openings = without_seams(list(calendar.openings(begin, end)))
        assert [list(opening) for opening in openings] == changes.reshape(-1, 2).tolist()
        for since, until in pairwise(sorted(instant // MINUTE_MS * MINUTE_MS for instant in instants)):
            expected = counted[(until - begin) // MINUTE_MS] - counted[(since - begin) // MINUTE_MS]
            assert calendar.between(since, until) == expected * MINUTE_MS

    compared()
