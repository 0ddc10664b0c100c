"""Quality: what customers and reviewers say, and what looks better than it was."""

from collections.abc import Iterator

from services.core.catalogue.entry import Kpi
from services.core.catalogue.formulas import Count, Score

_LAST = "By when it was answered; the last answer of each ticket."


def quality() -> Iterator[Kpi]:
    """Surveys, reviews, and signs of gaming."""
    yield Kpi("csat", "quality", "ratio", "Are customers satisfied?", Score("csat"), _LAST)
    yield Kpi(
        "nps",
        "quality",
        "points",
        "Would customers recommend us?",
        Score("nps"),
        "By when it was answered; the last answer of each requester. From -100 to 100.",
    )
    yield Kpi(
        "ces",
        "quality",
        "ratio",
        "Was it easy for customers?",
        Score("ces"),
        f"{_LAST} The distribution is as answered; mean and rate are mirrored where high is hard.",
    )
    yield Kpi(
        "review_score",
        "quality",
        "points",
        "How good was the work, in a reviewer's eyes?",
        Score("review"),
        "From 0 to 100; every review counts.",
    )
    yield Kpi(
        "pauses_without_reply",
        "quality",
        "events",
        "How often was the clock paused and nobody asked?",
        Count(("paused_unasked",)),
        "A sign to look into, never proof.",
    )
    yield Kpi(
        "premature_solves",
        "quality",
        "events",
        "How often was a solve soon followed by a reopening?",
        Count(("solved_early",)),
        "By the solve. A sign to look into, never proof.",
    )
