import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.kpis import mean, percentile, ratio, sketch_percentile
from services.core.tally import step_of

durations = st.lists(st.integers(0, 10**10), min_size=1, max_size=40)
shares = st.floats(0, 1)


@settings(max_examples=50, deadline=None)
@given(durations, shares)
def test_a_percentile_is_numpys(values: list[int], p: float) -> None:
    assert percentile(sorted(values), p) == pytest.approx(np.quantile(values, p), rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(durations, shares)
def test_a_percentile_of_the_sketch_is_within_1_percent_of_the_exact_one(values: list[int], p: float) -> None:
    steps: dict[int, int] = {}
    for value in values:
        steps[step_of(value)] = steps.get(step_of(value), 0) + 1
    exact = percentile(sorted(values), p)
    assert exact is not None

    assert sketch_percentile(steps, p) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize(
    ("values", "p", "expected"),
    [
        pytest.param([], 0.5, None, id="no values: no answer"),
        pytest.param([7], 0.9, 7, id="one value is every percentile"),
        pytest.param([1, 2, 3, 4], 0.5, 2.5, id="between two neighbours"),
        pytest.param([10, 20, 30], 0.9, 28.0, id="position p x (n - 1)"),
        pytest.param([10, 20], 0.0, 10, id="the least"),
        pytest.param([10, 20], 1.0, 20, id="the greatest"),
    ],
)
def test_percentile(values: list[int], p: float, expected: float | None) -> None:
    assert percentile(values, p) == expected


@pytest.mark.parametrize("steps", [pytest.param({}, id="no steps"), pytest.param({5: 0, 6: -1}, id="nothing left")])
def test_a_sketch_without_values_has_no_percentile(steps: dict[int, int]) -> None:
    assert sketch_percentile(steps, 0.5) is None


def test_a_step_that_merging_left_with_nothing_is_passed_over() -> None:
    assert sketch_percentile({step_of(1): 0, step_of(50_000): 3, step_of(10**9): -2}, 0.5) == pytest.approx(
        50_000, rel=0.01
    )


def test_unknown_is_none_and_zero_is_a_value() -> None:
    assert mean([]) is None
    assert mean([0, 0]) == 0
    assert ratio(0, 0) is None
    assert ratio(0, 4) == 0
    assert ratio(3, 4) == 0.75
