"""Percentiles of many groups at once, from their log buckets."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from math import isnan

import numpy as np
from numpy.typing import NDArray

from services.board.columns import summed_by
from services.board.rows import Numbers
from services.core.tally import value_of

PERCENTILES = (0.5, 0.75, 0.9, 0.95, 0.99)
NAMES = tuple(f"p{round(100 * p)}" for p in PERCENTILES)
Reals = NDArray[np.float64]
_DENSE = 16
"""Up to so many places for each row, counting them all is faster than sorting the rows."""


@lru_cache(maxsize=1)
def _values() -> Reals:
    """The duration in milliseconds that stands for a log bucket, by its step."""
    values = [0.0, 1.0]
    while values[-1] != values[-2]:  # beyond the last bucket the value stays the same
        values.append(value_of(len(values)))
    return np.array(values)


def durations(steps: Numbers) -> Reals:
    """In seconds, within 1 %."""
    values = _values()
    return values[np.clip(steps, 0, len(values) - 1)] / 1000


def scores(steps: Numbers) -> Reals:
    """In points."""
    return steps / 100


def percentiles(
    group: Numbers, step: Numbers, count: Numbers, size: int, value: Callable[[Numbers], Reals], ps: Sequence[float]
) -> Reals:
    """The ``ps`` quantiles of each group: a line for each, NaN where a group has no values.

    The same as `services.core.kpis.sketch_percentile`, for groups 0 to ``size`` - 1 in one pass.

    Args:
        group: Of each row, as are ``step`` and ``count``; rows of one group and step may be many.
        value: What a step stands for.
    """
    found = np.full((len(ps), size), np.nan)
    group, step, count = counted(group, step, count)
    if not len(group):
        return found
    within = summed_by(group, count, size)
    upto = np.cumsum(count)
    before = np.cumsum(within) - within
    told = np.flatnonzero(within)
    values = value(step)
    for line, p in enumerate(ps):
        position = p * (within[told] - 1)
        below = position.astype(np.int64)
        low = values[np.searchsorted(upto, before[told] + below, side="right")]
        above = np.minimum(below + 1, within[told] - 1)
        high = values[np.searchsorted(upto, before[told] + above, side="right")]
        found[line, told] = low + (position - below) * (high - low)
    return found


def counted(group: Numbers, step: Numbers, count: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """One row for each group and step that has a count, in order; what merging left with none, or fewer, is out."""
    if not len(group):
        return group, step, count
    least = int(step.min())
    width = int(step.max()) - least + 1
    place = group * width + (step - least)
    if (top := (int(group.max()) + 1) * width) <= _DENSE * len(place):
        counts = summed_by(place, count, top)
        places = np.flatnonzero(counts > 0)
        counts = counts[places]
    else:
        order = np.argsort(place)
        place = place[order]
        begins = np.flatnonzero(np.diff(place, prepend=-1))
        places, counts = place[begins], np.add.reduceat(count[order], begins)
        places, counts = places[counts > 0], counts[counts > 0]
    group, step = np.divmod(places, width)
    return group, step + least, counts


def percentile_figures(lines: Reals, groups: Sequence[int]) -> Iterator[dict[str, float | None]]:
    """A line for each of PERCENTILES, as figures of some groups; None for NaN."""
    for column in lines[:, list(groups)].T.tolist():
        yield dict.fromkeys(NAMES) if isnan(column[0]) else dict(zip(NAMES, column, strict=True))
