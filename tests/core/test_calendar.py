"""Working time: properties over random calendars, against a count by the clock, and edges by hand."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from schemas.codec import Millis, instant, millis
from schemas.opening_hours import WorkingHours
from services.core.calendar import Calendar
from tests.core.stories import OFFICE, at

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
TICK_MS = 15 * MINUTE_MS
"""Times of day and changes of the clock fall on quarters of an hour, so that counting by quarters is exact."""
DAY = timedelta(days=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

CHANGES = {
    "America/Havana": ["2026-03-08", "2026-11-01"],
    "Asia/Beirut": ["2026-03-29", "2026-10-25"],
    "America/Sao_Paulo": ["2018-11-04", "2018-02-18"],
    "Africa/Cairo": ["2026-04-24", "2026-10-30"],
    "Asia/Tehran": ["2021-03-22", "2021-09-22"],
    "Australia/Lord_Howe": ["2026-10-04", "2026-04-05"],
    "Europe/London": ["2026-03-29", "2026-10-25"],
    "America/New_York": ["2026-03-08", "2026-11-01"],
    "America/St_Johns": ["2026-03-08", "2026-11-01"],
    "Pacific/Chatham": ["2026-09-27", "2026-04-05"],
    "Africa/Casablanca": ["2026-02-15", "2026-03-22"],
    "Asia/Kathmandu": ["2026-07-01"],
    "UTC": ["2024-02-29"],
}
"""Zones, and dates on which their clocks change; the first five skip midnight."""
NEW_YEAR = "2026-01-01"

a_time = st.sampled_from([f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 15, 30, 45)])
a_block = st.tuples(a_time, st.one_of(a_time, st.just("24:00"))).map(list)
a_day = st.lists(a_block, max_size=3)


@st.composite
def some_hours(draw: st.DrawFn) -> tuple[WorkingHours, date]:
    """Opening hours in some zone, and a date near which something happens to its clock."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    near = date.fromisoformat(draw(st.sampled_from([*CHANGES[zone], NEW_YEAR])))
    days = [near + number * DAY for number in range(-2, 3)]
    holidays = draw(st.sets(st.sampled_from(days), max_size=2))
    special = draw(st.dictionaries(st.sampled_from(days), a_day, max_size=2))
    hours = WorkingHours.model_validate(
        {
            "timezone": zone,
            "weekly": {day: draw(a_day) for day in WEEKDAYS},
            "holidays": holidays - special.keys(),
            "special_days": special,
        }
    )
    every = [*hours.weekly.values(), *hours.special_days.values()]
    clocks = {clock for blocks in every for block in blocks for clock in block}
    # Half an hour is skipped there: "an hour later on the clock" says nothing about the times inside it.
    assume(zone != "Australia/Lord_Howe" or clocks.isdisjoint({"02:00", "02:15"}))
    return hours, near


@cache
def wall_clock(zone: ZoneInfo, moment: Millis) -> tuple[date, str]:
    wall = datetime.fromtimestamp(moment / 1000, zone)
    return wall.date(), f"{wall.hour:02}:{wall.minute:02}"


def counted(hours: WorkingHours, begin: Millis, end: Millis) -> Millis:
    """Opening time, by looking at a clock on the wall each quarter of an hour."""
    zone = ZoneInfo(hours.timezone)
    shown: dict[tuple[date, str], list[Millis]] = defaultdict(list)
    dates: dict[Millis, date] = {}
    for moment in range(begin - 3 * DAY_MS, end + 3 * DAY_MS, TICK_MS):
        dates[moment], clock = wall_clock(zone, moment)
        shown[dates[moment], clock].append(moment)

    def seen(day: date, clock: str) -> list[Millis]:
        if clock == "24:00":
            day, clock = day + DAY, "00:00"
        if (day, clock) not in shown:
            clock = f"{int(clock[:2]) + 1:02}{clock[2:]}"
        return shown[day, clock]

    opened: set[Millis] = set()
    day, last = dates[begin] - DAY, dates[end] + DAY
    while day <= last:
        blocks: Any = hours.weekly.get(WEEKDAYS[day.weekday()], [])
        if day.isoformat() in hours.special_days:
            blocks = hours.special_days[day.isoformat()]
        elif day.isoformat() in hours.holidays:
            blocks = []
        for opening, closing in blocks:
            closes_on = day + DAY if closing <= opening else day
            opened.update(range(seen(day, opening)[0], seen(closes_on, closing)[-1], TICK_MS))
        day += DAY
    return TICK_MS * sum(
        moment in opened and dates[moment].isoformat() not in hours.holidays for moment in range(begin, end, TICK_MS)
    )


@pytest.mark.long
@settings(max_examples=40, deadline=None)
@given(some_hours(), st.integers(-150, 150), st.integers(0, 300))
def test_working_time_is_what_a_clock_on_the_wall_counts(
    known: tuple[WorkingHours, date], offset: int, ticks: int
) -> None:
    hours, near = known
    begin = millis(datetime(near.year, near.month, near.day, tzinfo=UTC)) + offset * TICK_MS
    end = begin + ticks * TICK_MS

    assert Calendar(hours).between(begin, end) == counted(hours, begin, end)


@settings(max_examples=25, deadline=None)
@given(some_hours(), st.integers(-400 * DAY_MS, 100 * DAY_MS), st.integers(-DAY_MS, 500 * DAY_MS))
def test_openings_are_in_order_and_make_up_the_working_time(
    known: tuple[WorkingHours, date], offset: int, span: int
) -> None:
    hours, near = known
    calendar = Calendar(hours)
    begin = millis(datetime(near.year, near.month, near.day, tzinfo=UTC)) + offset
    openings = list(calendar.openings(begin, begin + span))

    assert sum(closes - opens for opens, closes in openings) == calendar.between(begin, begin + span)
    edges = [edge for opening in openings for edge in opening]
    assert edges == sorted(edges)
    assert all(opens < closes for opens, closes in openings)


@settings(max_examples=25, deadline=None)
@given(some_hours(), st.lists(st.integers(0, 500 * DAY_MS), min_size=3, max_size=3))
def test_working_time_is_the_sum_of_that_of_its_parts(known: tuple[WorkingHours, date], spans: list[int]) -> None:
    hours, near = known
    calendar = Calendar(hours)
    base = millis(datetime(near.year, near.month, near.day, tzinfo=UTC)) - 200 * DAY_MS
    first, middle, last = sorted(base + span for span in spans)

    whole = calendar.between(first, last)

    assert whole == calendar.between(first, middle) + calendar.between(middle, last)
    assert 0 <= whole <= last - first


@settings(max_examples=25, deadline=None)
@given(some_hours(), st.lists(st.integers(0, 500 * DAY_MS), min_size=3, max_size=3), st.integers(0, 100 * HOUR_MS))
def test_working_time_and_deadlines_never_run_backwards(
    known: tuple[WorkingHours, date], spans: list[int], worked: int
) -> None:
    hours, near = known
    calendar = Calendar(hours)
    base = millis(datetime(near.year, near.month, near.day, tzinfo=UTC)) - 200 * DAY_MS
    first, middle, last = sorted(base + span for span in spans)

    assert calendar.between(first, middle) <= calendar.between(first, last)
    assert calendar.between(middle, last) <= calendar.between(first, last)
    if calendar.after(first, worked) is not None:
        deadlines = [calendar.after(at, worked) or last for at in (first, middle, last)]
        assert deadlines == sorted(deadlines)
        assert deadlines[0] <= (calendar.after(first, worked + 1) or deadlines[0])


@settings(max_examples=25, deadline=None)
@given(some_hours(), st.integers(-5 * DAY_MS, 5 * DAY_MS), st.integers(1, 100 * HOUR_MS))
def test_after_is_the_first_instant_with_so_much_working_time(
    known: tuple[WorkingHours, date], offset: int, worked: int
) -> None:
    hours, near = known
    calendar = Calendar(hours)
    begin = millis(datetime(near.year, near.month, near.day, tzinfo=UTC)) + offset

    end = calendar.after(begin, worked)

    if end is None:
        assert not any(hours.weekly.values())
    else:
        assert calendar.between(begin, end) == worked
        assert calendar.between(begin, end - 1) == worked - 1


@settings(max_examples=25, deadline=None)
@given(some_hours(), st.integers(-5 * DAY_MS, 5 * DAY_MS))
def test_the_next_opening_is_where_working_time_starts_to_grow(known: tuple[WorkingHours, date], offset: int) -> None:
    hours, near = known
    calendar = Calendar(hours)
    begin = millis(datetime(near.year, near.month, near.day, tzinfo=UTC)) + offset

    opening = calendar.next_opening(begin)

    if opening is None:
        assert not any(hours.weekly.values())
    else:
        assert opening >= begin
        assert calendar.between(begin, opening) == 0
        assert calendar.between(opening, opening + 1) == 1


@example(at("09:00"), at("09:00"))
@example(at("10:00"), at("09:00"))
@given(st.integers(0, 2**41), st.integers(0, 2**41))
def test_round_the_clock_counts_every_hour(begin: Millis, end: Millis) -> None:
    whole_day = WorkingHours.model_validate({"weekly": {day: [["00:00", "24:00"]] for day in WEEKDAYS}})
    calendar = Calendar(whole_day)

    assert calendar.between(begin, end) == max(0, end - begin)
    assert calendar.after(begin, 5) == begin + 5
    assert calendar.next_opening(begin) == begin


def local(text: str, zone: str) -> Millis:
    return millis(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))


def daily(zone: str, *blocks: list[str], **more: Any) -> dict[str, Any]:
    return {"timezone": zone, "weekly": {day: list(blocks) for day in WEEKDAYS}} | more


@pytest.mark.parametrize(
    ("hours", "begin", "end", "worked_minutes"),
    [
        pytest.param(
            daily("UTC", ["22:00", "06:00"]),
            "2026-03-02T00:00",
            "2026-03-03T00:00",
            8 * 60,
            id="a night block: the tail of the night before, and the evening",
        ),
        pytest.param(
            daily("UTC", ["22:00", "06:00"], holidays=["2026-03-03"]),
            "2026-03-02T12:00",
            "2026-03-04T12:00",
            2 * 60,
            id="a holiday closes the tail of the night before, and its own night; the next day has no tail",
        ),
        pytest.param(
            daily("UTC", ["22:00", "06:00"], special_days={"2026-03-03": []}),
            "2026-03-02T12:00",
            "2026-03-04T12:00",
            8 * 60,
            id="an empty special day has no blocks of its own, but the night before ends in it",
        ),
        pytest.param(
            daily(
                "UTC", ["09:00", "17:00"], holidays=["2026-03-03"], special_days={"2026-03-03": [["10:00", "11:00"]]}
            ),
            "2026-03-03T00:00",
            "2026-03-04T00:00",
            60,
            id="a special day counts on a holiday as well",
        ),
        pytest.param(
            daily("UTC", ["09:00", "12:00"], ["13:00", "17:00"]),
            "2026-03-02T11:30",
            "2026-03-02T13:30",
            60,
            id="a break does not count",
        ),
        pytest.param(
            daily("UTC", ["09:00", "12:00"], ["11:00", "13:00"]),
            "2026-03-02T00:00",
            "2026-03-03T00:00",
            4 * 60,
            id="blocks that overlap count once",
        ),
        pytest.param(
            daily("Europe/London", ["00:00", "24:00"], holidays=["2020-01-01"]),
            "2026-03-29T00:00",
            "2026-03-30T00:00",
            23 * 60,
            id="the day on which clocks go forward has 23 hours",
        ),
        pytest.param(
            daily("Europe/London", ["00:00", "24:00"], holidays=["2020-01-01"]),
            "2026-10-25T00:00",
            "2026-10-26T00:00",
            25 * 60,
            id="the day on which clocks go back has 25 hours",
        ),
        pytest.param(
            daily("Europe/London", ["01:30", "03:00"]),
            "2026-03-29T00:00",
            "2026-03-29T12:00",
            30,
            id="an opening time that does not exist counts as an hour later: 02:30 to 03:00",
        ),
        pytest.param(
            daily("Europe/London", ["00:00", "01:30"]),
            "2026-03-29T00:00",
            "2026-03-29T12:00",
            90,
            id="a closing time that does not exist counts as an hour later",
        ),
        pytest.param(
            daily("Europe/London", ["01:30", "02:00"]),
            "2026-10-25T00:00",
            "2026-10-25T12:00",
            90,
            id="a repeated opening time opens at its first occurrence",
        ),
        pytest.param(
            daily("Europe/London", ["00:30", "01:30"]),
            "2026-10-25T00:00",
            "2026-10-25T12:00",
            120,
            id="a repeated closing time closes at its second occurrence",
        ),
        pytest.param(
            daily("America/Havana", ["00:00", "02:00"]),
            "2026-03-07T12:00",
            "2026-03-08T12:00",
            60,
            id="midnight is skipped: it opens at 01:00",
        ),
        pytest.param(
            daily("America/Havana", ["20:00", "24:00"]),
            "2026-03-07T12:00",
            "2026-03-08T12:00",
            240,
            id="24:00 is skipped: it closes at 01:00, the same instant",
        ),
        pytest.param(
            daily("America/Sao_Paulo", ["22:00", "24:00"]),
            "2018-02-17T12:00",
            "2018-02-18T12:00",
            180,
            id="the hour before midnight is repeated",
        ),
        pytest.param(
            daily("Africa/Cairo", ["22:00", "02:00"], holidays=["2026-04-24"]),
            "2026-04-23T12:00",
            "2026-04-24T12:00",
            120,
            id="a holiday without a midnight begins where its clock does",
        ),
        pytest.param(
            daily("Pacific/Apia", ["22:00", "06:00"]),
            "2011-12-29T12:00",
            "2011-12-31T12:00",
            2 * 60,
            id="a night into a day that was left out ends where that would have begun",
        ),
        pytest.param(
            daily("Pacific/Apia", ["18:00", "24:00"]),
            "2011-12-29T12:00",
            "2011-12-31T12:00",
            6 * 60,
            id="the midnight before a day that was left out is that after it",
        ),
        pytest.param(
            daily("Antarctica/Troll", ["01:30", "04:00"]),
            "2026-03-29T00:00",
            "2026-03-29T12:00",
            30,
            id="two hours are skipped: an hour later on the clock, and another one, is 03:30",
        ),
        pytest.param(
            daily("America/St_Johns", ["00:00", "24:00"], holidays=["2010-11-06"]),
            "2010-11-06T12:00",
            "2010-11-07T12:00",
            12 * 60 + 1,
            id="a minute after midnight the day before comes back, and is a holiday still",
        ),
        pytest.param(
            daily("UTC", ["09:00", "09:00"], holidays=["2026-03-04"]),
            "2026-03-03T00:00",
            "2026-03-04T12:00",
            24 * 60,
            id="a block that closes when it opens lasts a day",
        ),
    ],
)
def test_working_time(hours: dict[str, Any], begin: str, end: str, worked_minutes: int) -> None:
    zone = hours["timezone"]

    worked = Calendar(WorkingHours.model_validate(hours)).between(local(begin, zone), local(end, zone))

    assert worked == worked_minutes * MINUTE_MS


def test_blocks_that_touch_are_one_opening() -> None:
    calendar = Calendar(WorkingHours.model_validate(daily("UTC", ["12:00", "17:00"], ["09:00", "12:00"])))

    assert list(calendar.openings(at("Mon 00:00"), at("Tue 00:00"))) == [(at("Mon 09:00"), at("Mon 17:00"))]


def test_a_deadline_on_closing_time_is_closing_time_and_holds_until_the_next_opening() -> None:
    office = Calendar(WorkingHours.model_validate(OFFICE))

    due = office.after(at("Fri 16:30"), 30 * MINUTE_MS)

    assert due == at("Fri 17:00")
    assert office.next_opening(due) == at("+Mon 09:00")


def test_a_deadline_begins_to_count_at_the_next_opening() -> None:
    office = Calendar(WorkingHours.model_validate(OFFICE))

    assert office.after(at("Sat 10:00"), HOUR_MS) == at("+Mon 10:00")
    assert office.after(at("Sat 10:00"), 0) == at("Sat 10:00")


def test_a_calendar_that_never_opens_has_no_deadline() -> None:
    closed = Calendar(WorkingHours())

    assert closed.between(at("Mon 09:00"), at("Sun 09:00")) == 0
    assert closed.after(at("Mon 09:00"), 1) is None
    assert closed.next_opening(at("Mon 09:00")) is None


def test_a_calendar_that_opened_once_does_not_open_again() -> None:
    once = Calendar(WorkingHours.model_validate({"special_days": {"2026-03-02": [["09:00", "10:00"]]}}))

    assert once.after(at("Mon 08:00"), HOUR_MS) == at("Mon 10:00")
    assert once.after(at("Mon 08:00"), HOUR_MS + 1) is None
    assert once.next_opening(at("Mon 10:00")) is None


def test_the_last_opening_may_lie_in_the_next_year_of_utc() -> None:
    hours = {"timezone": "Pacific/Honolulu", "special_days": {"2026-12-31": [["20:00", "24:00"]]}}
    calendar = Calendar(WorkingHours.model_validate(hours))
    before = local("2026-12-31T12:00", "Pacific/Honolulu")

    assert calendar.next_opening(before) == local("2026-12-31T20:00", "Pacific/Honolulu")
    assert calendar.after(before, 4 * HOUR_MS) == local("2027-01-01T00:00", "Pacific/Honolulu")
    assert calendar.after(before, 4 * HOUR_MS + 1) is None


def test_the_span_may_be_as_long_as_there_are_dates() -> None:
    office = Calendar(WorkingHours.model_validate(OFFICE))
    begin, end = millis(datetime(1970, 1, 1, tzinfo=UTC)), millis(datetime(1998, 1, 1, tzinfo=UTC))

    # 28 years are 1461 weeks.
    assert office.between(begin, end) == 1461 * 5 * 8 * HOUR_MS
    assert instant(end).year == 1998


def test_a_time_in_a_gap_of_half_an_hour_is_an_hour_later_on_the_clock() -> None:
    """Lord Howe skips 02:00 to 02:30 on 4 October 2026, going from UTC+10:30 to UTC+11."""
    hours = {"timezone": "Australia/Lord_Howe", "special_days": {"2026-10-04": [["02:15", "04:00"]]}}
    calendar = Calendar(WorkingHours.model_validate(hours))

    assert instant(calendar.next_opening(millis(datetime(2026, 10, 3, tzinfo=UTC))) or 0) == datetime(
        2026, 10, 3, 16, 15, tzinfo=UTC
    )
