"""Percentiles of many groups at once are those of `core`, one by one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.board import percentiles as module
from services.board.percentiles import PERCENTILES, durations, percentile_figures, percentiles, scores
from services.core.kpis import percentile, sketch_percentile
from services.core.tally import step_of

a_row = st.tuples(st.integers(0, 4), st.integers(0, 1500), st.integers(-1, 5))


@given(st.lists(a_row, max_size=60), st.booleans())
def test_each_group_has_the_percentiles_of_its_own_sketch(rows: list[tuple[int, int, int]], sparse: bool) -> None:
    group, step, count = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    with pytest.MonkeyPatch.context() as patch:
        if sparse:
            patch.setattr(module, "_DENSE", 0)
        found = percentiles(group, step, count, 5, durations, PERCENTILES)

    for number in range(5):
        steps: dict[int, int] = {}
        for its, at, how_often in rows:
            if its == number:
                steps[at] = steps.get(at, 0) + how_often
        for line, p in enumerate(PERCENTILES):
            expected = sketch_percentile(steps, p)
            if expected is None:
                assert math.isnan(found[line, number])
            else:
                assert found[line, number] == pytest.approx(expected / 1000)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
def test_durations_are_within_one_percent(waits: list[int]) -> None:
    step = np.array([step_of(wait) for wait in waits], dtype=np.int64)
    ones = np.ones(len(waits), dtype=np.int64)

    found = percentiles(ones * 0, step, ones, 1, durations, PERCENTILES)[:, 0].tolist()

    for p, value in zip(PERCENTILES, found, strict=True):
        exact = percentile(sorted(waits), p)
        assert exact is not None
        assert value * 1000 == pytest.approx(exact, rel=0.01, abs=1)


def test_scores_are_hundredths_and_may_be_below_zero() -> None:
    step = np.array([-250, 500, 100], dtype=np.int64)
    zeros, ones = np.zeros(3, dtype=np.int64), np.ones(3, dtype=np.int64)

    assert percentiles(zeros, step, ones, 1, scores, (0.0, 0.5, 1.0))[:, 0].tolist() == [-2.5, 1.0, 5.0]


def test_a_group_without_values_has_none() -> None:
    nothing = np.empty(0, dtype=np.int64)
    lines = percentiles(nothing, nothing, nothing, 2, durations, PERCENTILES)

    assert list(percentile_figures(lines, [1])) == [dict.fromkeys(("p50", "p75", "p90", "p95", "p99"))]
