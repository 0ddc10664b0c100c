"""When a failed delivery is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.schedule import Schedule

DAY = 86400.0
STANDARD = Schedule(first_s=5, longest_s=3600, give_up_after_s=DAY)
schedules = st.builds(Schedule, st.floats(0.01, 3600), st.floats(0.01, DAY), st.floats(0, 14 * DAY))
attempts = st.integers(1, 10_000)
ages = st.floats(0, 15 * DAY)
chances = st.floats(0, 1, exclude_max=True)
asked = st.none() | st.floats(0, 15 * DAY)


@pytest.mark.parametrize(
    ("failed", "ceiling_s"), [(1, 5), (2, 10), (3, 20), (10, 2560), (11, 3600), (12, 3600), (5000, 3600)]
)
def test_the_ceiling_doubles_up_to_the_longest(failed: int, ceiling_s: float) -> None:
    assert STANDARD.wait_s(failed, 0, chance=0.5) == ceiling_s / 2
    assert STANDARD.wait_s(failed, 0, chance=0) == 0


@given(schedules, attempts, ages, chances, asked)
def test_no_attempt_comes_before_it_was_asked_for_or_after_giving_up(
    schedule: Schedule, failed: int, age_s: float, chance: float, retry_after_s: float | None
) -> None:
    wait_s = schedule.wait_s(failed, age_s, chance, retry_after_s)

    if wait_s is None:
        assert age_s >= schedule.give_up_after_s or (retry_after_s or 0) > schedule.give_up_after_s - age_s
    else:
        assert age_s < schedule.give_up_after_s
        assert (retry_after_s or 0) <= wait_s <= schedule.give_up_after_s - age_s


@given(schedules, attempts, chances)
def test_the_jitter_is_full(schedule: Schedule, failed: int, chance: float) -> None:
    age_s = schedule.give_up_after_s / 2
    longest = schedule.wait_s(failed, age_s, chance=1 - 2**-53)
    drawn = schedule.wait_s(failed, age_s, chance)

    if longest is None or drawn is None:
        assert schedule.give_up_after_s == 0
    else:
        assert drawn <= longest <= schedule.longest_s
        assert drawn == pytest.approx(min(chance * longest, schedule.give_up_after_s)) or longest == age_s


@given(schedules, st.lists(chances, min_size=1, max_size=50))
def test_the_last_attempt_falls_on_the_age_of_giving_up(schedule: Schedule, draws: list[float]) -> None:
    age_s, failed = 0.0, 0
    while True:
        failed += 1
        wait_s = schedule.wait_s(failed, age_s, max(draws[failed % len(draws)], 0.1))
        if wait_s is None or failed > 2000:
            break
        age_s += wait_s

    assert failed > 2000 or age_s == pytest.approx(schedule.give_up_after_s)


def test_a_day_of_failures_is_some_tens_of_attempts() -> None:
    age_s, failed = 0.0, 0
    while (wait_s := STANDARD.wait_s(failed := failed + 1, age_s, chance=0.5)) is not None:
        age_s += wait_s

    assert 50 < failed < 70
    assert age_s == DAY


def test_those_who_are_asked_to_wait_for_the_same_instant_spread_behind_it() -> None:
    assert STANDARD.wait_s(1, 0, chance=0.5, retry_after_s=60) == 62.5
    assert STANDARD.wait_s(1, 0, chance=0.9, retry_after_s=60) == 64.5
