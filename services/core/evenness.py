"""How evenly work is spread over people."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.core.kpis import mean


@dataclass(frozen=True, slots=True)
class Spread:
    """What each of some people has."""

    agents: int
    """Who have any."""
    mean: float | None
    most: int | None
    evenness: float | None


def evenness(each: Sequence[int]) -> float | None:
    """Jain's index: 1 when all have the same, 1 / n when one of n has all.

    Of the usual measures it is the one that says something by itself: at 0.6, the work is as evenly spread as if six
    of ten did it and the others nothing. (Gini's index has no such reading, and depends on how many there are.)

    Args:
        each: What each has, not negative.

    Returns:
        A ratio in (0, 1], or None when nobody has anything.

    Source:
        Jain, Chiu, Hawe, "A quantitative measure of fairness" (1984); docs/kpis.md, Tickets per agent.
    """
    squares = len(each) * sum(count * count for count in each)
    return sum(each) ** 2 / squares if squares else None


def spread(each: Sequence[int]) -> Spread:
    """How much those have who have any, and how evenly."""
    held = [count for count in each if count > 0]
    return Spread(len(held), mean(held), max(held, default=None), evenness(held))
