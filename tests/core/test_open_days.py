"""Days that have hours of their own, public holidays, and ten years of them against a clock on the wall."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.codec import Millis, millis
from schemas.opening_hours import WorkingHours
from schemas.policy import DEFAULT, Policy, laid_over
from services.core.calendar import Calendar
from services.core.open_days import OpenDays
from tests.core.test_calendar import CHANGES, DAY_MS, HOUR_MS, TICK_MS, counted

OFFICE_DAYS = {"mon-fri": [["09:00", "12:00"], ["13:00", "17:00"]]}
BEGIN = date(2016, 1, 1)
TEN_YEARS = 3653


def hours(**fields: Any) -> WorkingHours:
    return WorkingHours.model_validate({"weekly": OFFICE_DAYS} | fields)


def midnight(day: date) -> Millis:
    return millis(datetime(day.year, day.month, day.day, tzinfo=UTC))


def open_h(day: str, its: WorkingHours) -> float:
    begin = midnight(date.fromisoformat(day))
    return Calendar(its).between(begin, begin + DAY_MS) / HOUR_MS


@pytest.mark.parametrize(
    ("days", "on", "off"),
    [
        pytest.param("2026-12-24", ["2026-12-24"], ["2027-12-24", "2026-12-23"], id="a date"),
        pytest.param("12-24", ["2026-12-24", "2027-12-24"], ["2026-12-23"], id="every year"),
        pytest.param("02-29", ["2028-02-29"], ["2028-02-28", "2027-03-01"], id="in leap years only"),
        pytest.param(
            "2026-12-29..2027-01-04",
            ["2026-12-29", "2027-01-04"],
            ["2026-12-28", "2027-12-29"],
            id="a range of dates",
        ),
        pytest.param("08-03..08-14", ["2026-08-03", "2027-08-13"], ["2026-08-17", "2026-07-31"], id="of every year"),
        pytest.param(
            "12-24..01-02",
            ["2026-12-24", "2027-01-01", "2027-12-31"],
            ["2026-12-23", "2027-01-04"],
            id="over new year",
        ),
    ],
)
def test_days_are_written_in_four_ways(days: str, on: list[str], off: list[str]) -> None:
    closed, special = hours(holidays=[days]), hours(special_days={days: [["10:00", "10:30"]]})

    assert [open_h(day, closed) for day in on] == [0] * len(on)
    assert [open_h(day, special) for day in on] == [0.5] * len(on)
    assert {open_h(day, its) for day in off for its in (closed, special)} == {7}


def test_the_narrower_days_go_before_the_wider() -> None:
    its = hours(
        special_days={
            "12-01..12-31": [["09:00", "10:00"]],
            "12-24": [["09:00", "11:00"]],
            "2026-12-21..2026-12-24": [["09:00", "12:00"]],
            "2026-12-24": [["09:00", "13:00"]],
        },
        holidays=["12-24"],
    )

    days = ["2026-12-24", "2026-12-23", "2027-12-24", "2027-12-23"]
    assert [open_h(day, its) for day in days] == [4, 3, 2, 1]


def test_a_range_over_new_year_is_as_long_as_it_is() -> None:
    its = hours(special_days={"12-01..12-31": [["09:00", "10:00"]], "12-24..01-02": [["09:00", "11:00"]]})

    assert [open_h(day, its) for day in ("2026-12-28", "2026-12-22", "2027-01-01")] == [2, 1, 2]


def test_a_range_of_dates_and_one_of_every_year_that_is_as_long_are_not_in_doubt() -> None:
    its = hours(special_days={"12-20..12-24": [["09:00", "10:00"]], "2026-12-22..2026-12-26": [["09:00", "11:00"]]})

    assert [open_h(day, its) for day in ("2026-12-22", "2026-12-21", "2027-12-22")] == [2, 1, 1]


def test_public_holidays_are_those_of_the_country_or_its_part() -> None:
    germany, bavaria = {"country": "DE"}, {"country": "DE", "subdivision": "BY"}
    working = bavaria | {"except": ["01-06", "Corpus Christi"]}
    days = ["2026-01-06", "2026-06-04", "2026-12-25"]

    assert [open_h(day, hours(public_holidays=germany)) for day in days] == [7, 7, 0]
    assert [open_h(day, hours(public_holidays=bavaria)) for day in days] == [0, 0, 0]
    assert [open_h(day, hours(public_holidays=working)) for day in days] == [7, 7, 0]


def test_an_exception_by_name_is_one_however_the_day_came_about() -> None:
    """In 2028 Veterans Day is a Saturday, and the Friday before is kept for it."""
    american = {"country": "US"}
    working = american | {"except": ["Veterans Day"]}

    assert open_h("2028-11-10", hours(public_holidays=american)) == 0
    assert open_h("2028-11-10", hours(public_holidays=working)) == 7
    assert open_h("2026-11-11", hours(public_holidays=working)) == 7


def test_a_day_that_is_two_holidays_stays_one_when_the_other_is_worked() -> None:
    """In Iceland 21 April 2011 was Maundy Thursday and the First Day of Summer."""
    iceland = {"country": "IS"}
    one = iceland | {"except": ["Maundy Thursday"]}
    both = iceland | {"except": ["Maundy Thursday", "First Day of Summer"]}

    assert [open_h("2011-04-21", hours(public_holidays=its)) for its in (iceland, one, both)] == [0, 0, 7]


def test_years_of_which_the_library_knows_little_are_no_error() -> None:
    """The movable holidays of India are known for some decades."""
    its = hours(public_holidays={"country": "IN"})

    assert open_h("2040-08-15", its) == 0
    assert its.told_apart_by()


def fingerprint(**fields: Any) -> str:
    calendars = {"default": {"weekly": OFFICE_DAYS} | fields}
    return Policy.model_validate(laid_over(DEFAULT, {"calendars": calendars})).fingerprint()


def test_the_fingerprint_follows_the_days_that_come_out(monkeypatch: pytest.MonkeyPatch) -> None:
    germany = {"country": "DE"}
    before = fingerprint(public_holidays=germany)

    assert fingerprint() != before != fingerprint(public_holidays={"country": "AT"})
    monkeypatch.setattr("schemas.public_holidays._days_off", lambda *_: frozenset({date(2026, 1, 2)}))
    assert fingerprint(public_holidays=germany) != before


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param({"holidays": ["12-24..2026-12-31"]}, "one end of .* is of every year", id="half a date"),
        pytest.param({"holidays": ["2026-12-31..2026-12-24"]}, "ends before it begins", id="backwards"),
        pytest.param({"holidays": ["02-30"]}, "there is no day 02-30", id="no such day"),
        pytest.param({"public_holidays": {"country": "DX"}}, "no country 'DX' is known", id="no such country"),
        pytest.param(
            {"public_holidays": {"country": "DE", "subdivision": "XX"}}, "has no part 'XX'", id="no such part"
        ),
        pytest.param(
            {"public_holidays": {"country": "DE", "except": ["Thanksgiving"]}},
            "is called 'Thanksgiving'",
            id="not there",
        ),
        pytest.param({"weekly": {"mon-fri": [], "tue": []}}, "tue is there already", id="a weekday twice"),
    ],
)
def test_what_is_no_day_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        hours(**fields)


def test_a_day_that_clocks_left_out_has_no_hours() -> None:
    """Samoa went from 29 to 31 December 2011."""
    its = hours(timezone="Pacific/Apia", weekly={"mon-sun": [["09:00", "17:00"]]})
    begin = midnight(date(2011, 12, 29)) + 10 * HOUR_MS  # there the 29th begins

    assert Calendar(its).between(begin, begin + 3 * DAY_MS) == 3 * 8 * HOUR_MS
    assert Calendar(its).between(begin + DAY_MS, begin + 2 * DAY_MS) == 8 * HOUR_MS


blocks = st.sampled_from(
    [
        [["09:00", "17:00"]],
        [["08:30", "12:00"], ["12:45", "18:15"]],
        [["22:00", "06:00"]],
        [["00:00", "24:00"]],
        [["00:00", "04:00"], ["20:00", "24:00"]],
        [],
    ]
)
weeks = st.fixed_dictionaries(dict.fromkeys(("mon-wed", "thu", "fri", "sat-sun"), blocks))


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(CHANGES)),
    weeks,
    st.integers(0, TEN_YEARS),
    st.integers(0, 95),
    st.integers(0, 400),
)
def test_over_ten_years_it_is_what_a_clock_on_the_wall_counts(
    zone: str, weekly: dict[str, Any], day: int, tick: int, ticks: int
) -> None:
    first = BEGIN + timedelta(days=day)
    begin = midnight(first) + tick * TICK_MS
    its = hours(timezone=zone, weekly=weekly, public_holidays={"country": "DE"})
    days = OpenDays(its)
    around = (first + timedelta(days=number) for number in range(-6, 12))
    plain = hours(timezone=zone, weekly=weekly, holidays=[day for day in around if days.closed(day)])
    end = begin + ticks * TICK_MS

    calendar = Calendar(its)

    assert calendar.between(begin, end) == counted(plain, begin, end)
    later = calendar.after(begin, calendar.between(begin, end))
    assert later is not None
    assert calendar.between(begin, later) == calendar.between(begin, end)
