"""Figures from values or from merged cells: percentiles, means, ratios. Unknown is None, never zero."""

from collections.abc import Mapping, Sequence

from services.core.tally import value_of


def percentile(values: Sequence[float], p: float) -> float | None:
    """The ``p`` quantile of sorted ``values``, by linear interpolation.

    Args:
        values: In ascending order.
        p: From 0 to 1.

    Returns:
        The value at position ``p * (n - 1)``, between two neighbours if need be; None without values.

    Source:
        KPI cases, convention 14; numpy's and Excel's default ("inclusive").
    """
    if not values:
        return None
    position = p * (len(values) - 1)
    below = int(position)
    if below + 1 >= len(values):
        return values[below]
    return values[below] + (position - below) * (values[below + 1] - values[below])


def sketch_percentile(steps: Mapping[int, int], p: float) -> float | None:
    """The ``p`` quantile in milliseconds from a sketch (log bucket -> count), within 1 %.

    Buckets that merging left with no count, or fewer, are passed over; None without values.
    """
    counted = sorted((step, count) for step, count in steps.items() if count > 0)
    total = sum(count for _, count in counted)
    if not total:
        return None
    position = p * (total - 1)
    below = int(position)
    low = _ranked(counted, below)
    return low + (position - below) * (_ranked(counted, min(below + 1, total - 1)) - low)


def _ranked(counted: Sequence[tuple[int, int]], rank: int) -> float:
    for step, count in counted:
        rank -= count
        if rank < 0:
            return value_of(step)
    return value_of(counted[-1][0])


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean; None without values."""
    return sum(values) / len(values) if values else None


def ratio(numerator: float, denominator: float) -> float | None:
    """A ratio in [0, 1] (or more, where parts overlap); None with nothing in the denominator."""
    return numerator / denominator if denominator else None
