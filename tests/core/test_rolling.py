"""The last days against those before: KPI cases, convention 19."""

import pytest

from schemas.codec import Fact
from tests.core.stories import answer, computed, created, merged, of, reopened, solved

ONE_DAY = {"rolling_window_days": 1}


@pytest.mark.parametrize(
    ("when", "current", "previous"),
    [
        pytest.param("Wed 09:00", 1, 0, id="at the newest instant"),
        pytest.param("Tue 09:00:01", 1, 0, id="right after the edge"),
        pytest.param("Tue 09:00", 0, 1, id="at the edge: before"),
        pytest.param("Mon 09:00:01", 0, 1, id="the oldest instant"),
        pytest.param("Mon 09:00", 0, 0, id="at the old edge: neither"),
    ],
)
def test_each_instant_is_in_one_period(when: str, current: int, previous: int) -> None:
    old = created("Mon 08:00")
    facts = [created(when), *of("T2", old, solved(when)), *of("T3", old, answer(when))]

    rolling = computed("rolling", facts, ONE_DAY, "Wed 09:00")

    for name in ("created", "solved", "frt_count"):
        assert (rolling["current"][name], rolling["previous"][name]) == (current, previous), name


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([], (0, 0, None, 0), id="nothing"),
        pytest.param([created("Wed 08:00"), solved("Wed 08:30")], (1, 1, None, 0), id="solved without an answer"),
        pytest.param(
            [created("Mon 08:00"), solved("Mon 09:00"), reopened("Wed 08:00"), solved("Wed 08:30")],
            (0, 0, None, 0),
            id="only the first solve counts",
        ),
        pytest.param(
            [created("Wed 08:00"), answer("Wed 08:01"), merged("Wed 08:02")], (0, 0, 60, 1), id="merged away"
        ),
        pytest.param(
            [created("Wed 08:00"), answer("Wed 08:01"), *of("T2", created("Wed 08:00"), answer("Wed 08:03"))],
            (2, 0, 120, 2),
            id="the median",
        ),
    ],
)
def test_a_period(facts: list[Fact], expected: tuple[int, int, float | None, int]) -> None:
    current = computed("rolling", facts, ONE_DAY, "Wed 09:00")["current"]

    assert tuple(current.values()) == expected


def test_change_is_relative_to_before_and_unknown_without_it() -> None:
    facts = [
        *(created("Mon 10:00"), answer("Mon 10:01")),
        *of("T2", created("Tue 10:00"), answer("Tue 10:02"), solved("Tue 11:00")),
        *of("T3", created("Wed 08:00")),
    ]

    change = computed("rolling", facts, ONE_DAY, "Wed 09:00")["change"]

    assert change == {"created": 1.0, "solved": None, "frt_p50_seconds": 1.0, "frt_count": 0.0}
