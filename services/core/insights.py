"""What a supervisor would say in words: one part of the tickets waits much longer than another (convention 28)."""

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

from services.core.kpis import percentile


class Insight(NamedTuple):
    """The median of ``metric`` in one segment is ``ratio`` times that in the other."""

    metric: str
    segment: str
    versus: str
    ratio: float


def insights(values: Mapping[str, Sequence[float]], metric: str, min_ratio: float, min_samples: int) -> list[Insight]:
    """Every pair of segments whose medians differ by a factor of at least ``min_ratio``, by name.

    Args:
        values: By segment, in any order.
        metric: What the values are.
        min_samples: How many values a segment needs to be compared.

    Returns:
        Nothing about a segment whose median is zero on the other side: there is no factor.

    Source:
        KPI cases, convention 28; docs/kpis.md, Insights.
    """
    medians = {
        segment: median
        for segment, each in sorted(values.items())
        if len(each) >= min_samples and (median := percentile(sorted(each), 0.5)) is not None
    }
    return [
        Insight(metric, segment, versus, slow / fast)
        for (segment, slow), (versus, fast) in permutations(medians.items(), 2)
        if fast and slow / fast >= min_ratio
    ]


def sentence(insight: Insight, name: str) -> str:
    """An insight as it is shown.

    Args:
        name: What the metric is called there, such as "first response".
    """
    factor = f"{insight.ratio:.1f}".removesuffix(".0")
    return f"{name} for {insight.segment} is {factor}x slower than for {insight.versus}"
