"""Economy: what support costs, and what it saves and tells."""

from collections.abc import Iterator, Sequence

from services.core.catalogue.entry import Kpi
from services.core.catalogue.formulas import Automated, Cost, Count, Deflected, Share, ShareWithout

_WHOLE = "Of the whole only: costs are not told apart by a cut or a filter. Null without costs in the policy."


def economy(not_digital: Sequence[str]) -> Iterator[Kpi]:
    """What support costs, saves and tells.

    Args:
        not_digital: The policy's channels that are no digital ones.
    """
    yield Kpi(
        "cost_per_resolution",
        "economy",
        "money",
        "What does a resolved ticket cost?",
        Cost("resolution"),
        f"{_WHOLE} Each ticket once, by its first solve.",
    )
    yield Kpi("cost_per_contact", "economy", "money", "What does a contact cost?", Cost("contact"), _WHOLE)
    yield Kpi(
        "deflection_rate",
        "economy",
        "ratio",
        "Did the help centre answer?",
        Deflected("visits", "visits_identified", "visits_asked"),
        "By the last view of the visit; visits are cut by nothing (an article: see article_deflection_rate).",
    )
    yield Kpi(
        "article_deflection_rate",
        "economy",
        "ratio",
        "Which articles answer?",
        Deflected("article_visits", "article_visits", "article_visits_asked"),
        "Cut it by article; one visit counts for each article that it saw. Of known visitors.",
    )
    yield Kpi(
        "automation_share",
        "economy",
        "ratio",
        "What do bots resolve, for good?",
        Automated(),
        "By the first solve. What is not yet certain is pending, and in the denominator.",
    )
    yield Kpi(
        "digital_share",
        "economy",
        "ratio",
        "How much comes in by digital channels?",
        ShareWithout("opened", "channel", frozenset(not_digital)),
        "Of tickets whose channel is told.",
    )
    for name, measure, words in (
        ("bug_report", "bug_reports", "bug reports"),
        ("feature_request", "feature_requests", "feature requests"),
    ):
        marked = f"Of tickets opened in the window that are marked as {words} now."
        question = f"How many {words} came from support?"
        yield Kpi(f"{name}s", "economy", "tickets", question, Count((measure,)), marked)
        question = f"What share of the tickets are {words}?"
        yield Kpi(f"{name}_share", "economy", "ratio", question, Share((measure,), ("opened",)), marked)
