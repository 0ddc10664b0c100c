"""Load: what comes in, what goes out, what piles up."""

from collections.abc import Iterator, Sequence

from services.core.catalogue.entry import Kpi
from services.core.catalogue.formulas import Count, Level, Share, Spread, Standing
from services.core.tally import UNSOLVED


def load(statuses: Sequence[str], actionable: Sequence[str]) -> Iterator[Kpi]:
    """What comes in, goes out and piles up.

    Args:
        statuses: The policy's backlog; of solved and closed tickets no level is kept.
        actionable: Those of it that are ours to work on.
    """
    counted, urgent = _kept(statuses), _kept(actionable)
    yield Kpi(
        "backlog",
        "load",
        "tickets",
        "What is open?",
        Level(tuple((status, f"backlog.{status}") for status in counted)),
        "At the window's end, by the queue, the assignee and the traits of that time.",
    )
    yield Kpi(
        "backlog_actionable",
        "load",
        "tickets",
        "What is open and ours to work on?",
        Level(tuple((status, f"backlog.{status}") for status in urgent)),
        "At the window's end.",
    )
    yield Kpi(
        "backlog_age",
        "load",
        "tickets",
        "How old is what is open?",
        Standing(tuple((status, f"opened_at.{status}") for status in counted)),
        "Age since the creation. Only of now: null when asked about the past.",
    )
    yield from _flows()
    yield Kpi(
        "tickets_per_agent",
        "load",
        "contacts",
        "How much does each agent take up, and how evenly is it spread?",
        Spread(flows=("handled",)),
        "Contacts begun in the window, of agents who took up any; a ticket taken up twice counts twice.",
    )
    yield Kpi(
        "open_tickets_per_agent",
        "load",
        "tickets",
        "How much does each agent hold, and how evenly is it spread?",
        Spread(levels=tuple(f"backlog.{status}" for status in counted)),
        "At the window's end, of agents who hold any; tickets of nobody are left out.",
    )


def _kept(statuses: Sequence[str]) -> tuple[str, ...]:
    return tuple(status for status in UNSOLVED if status in statuses)


def _flows() -> Iterator[Kpi]:
    for name, measures, question, edges in (
        ("tickets_opened", ("opened",), "How much comes in?", "Without tickets that were merged away since."),
        ("tickets_opened_gross", ("opened", "merged_away"), "How much comes in, duplicates and all?", ""),
        ("tickets_merged", ("merged_away",), "How much was a duplicate?", "By the creation."),
        ("tickets_solved", ("solved",), "How much is settled?", "By the first solve: each ticket once."),
        ("tickets_resolved", ("resolved",), "How much goes out?", "Every solve, that after a reopening too."),
    ):
        yield Kpi(name, "load", "tickets", question, Count(measures), edges)
    yield Kpi(
        "customer_contacts",
        "load",
        "contacts",
        "How often did customers ask?",
        Count(("customer_contacts",)),
        "The opening, and each first message after an answer.",
    )
    yield Kpi(
        "outflow_per_inflow",
        "load",
        "ratio",
        "Does as much go out as comes in?",
        Share(("resolved",), ("opened", "reopened")),
        "Above 1 the backlog falls.",
    )
