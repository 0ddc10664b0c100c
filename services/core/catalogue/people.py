"""People: how busy agents are, how long they take, and how the day went against the plan."""

from collections.abc import Iterator, Sequence
from typing import Final

from services.core.catalogue.entry import Kpi
from services.core.catalogue.formulas import (
    AgainstPlan,
    Count,
    Duration,
    Level,
    PlanFigure,
    ShareOfTime,
    TimePerCount,
)
from services.core.tally import HANDLING, ON_QUEUE_STATES, SIGNED_IN

_HANDLING = tuple(f"agent.{state}" for state in HANDLING)
_PLAN: Final[tuple[tuple[PlanFigure, str], ...]] = (
    ("adherence", "Did the day go as planned?"),
    ("conformance", "Was the time worked, whenever?"),
    ("shrinkage", "How much of planned time is not on the queue?"),
    ("shrinkage_internal", "How much of planned time goes to breaks, trainings, meetings and the like?"),
    ("shrinkage_external", "How much of planned time was the agent not there?"),
)


def people(denominator_states: Sequence[str]) -> Iterator[Kpi]:
    """How busy agents are, how long they take, and how the day went.

    Args:
        denominator_states: What the policy's utilisation is a share of.
    """
    yield Kpi(
        "occupancy",
        "people",
        "ratio",
        "How busy are those who are on the queue?",
        ShareOfTime(_HANDLING, tuple(f"agent.{state}" for state in ON_QUEUE_STATES)),
        "An agent with three chats is busy once.",
    )
    yield Kpi(
        "utilisation",
        "people",
        "ratio",
        "How busy are those who are there to work?",
        ShareOfTime(_HANDLING, tuple(f"agent.{state}" for state in SIGNED_IN if state in denominator_states)),
        "Of the states that the policy names.",
    )
    yield Kpi(
        "utilisation_of_signed_in",
        "people",
        "ratio",
        "How busy are those who are signed in, breaks and all?",
        ShareOfTime(_HANDLING, tuple(f"agent.{state}" for state in SIGNED_IN)),
        "Of every state but offline.",
    )
    yield Kpi(
        "concurrency",
        "people",
        "ratio",
        "How many contacts has an agent at once?",
        ShareOfTime(("contacts",), ("in_contact",)),
        "Of the time with at least one: never below 1.",
    )
    yield Kpi(
        "handle_time_seconds",
        "people",
        "seconds",
        "How long does a contact take, and how much does that differ?",
        Duration("handle_time"),
        "Whole contacts, by when they ended.",
    )
    yield Kpi(
        "average_handle_time_seconds",
        "people",
        "seconds",
        "How much contact time goes into a contact?",
        TimePerCount("contacts", "handled"),
        "Contact time in the window / contacts begun in it: what began before and ended after lends its time.",
    )
    yield Kpi(
        "average_handle_time_concurrent_seconds",
        "people",
        "seconds",
        "How much of an agent's own time goes into a contact?",
        TimePerCount("in_contact", "handled"),
        "Three chats at once share the time.",
    )
    yield Kpi("contacts_handled", "people", "contacts", "How much was taken up?", Count(("handled",)))
    yield Kpi(
        "agents",
        "people",
        "agents",
        "Who is there, and doing what?",
        Level(tuple((state, f"agent.{state}") for state in SIGNED_IN)),
        "At the window's end.",
    )
    for figure, question in _PLAN:
        edges = "Of agents with a plan in the window, cut by the queue and team that they had then."
        yield Kpi(figure, "people", "ratio", question, AgainstPlan(figure), edges)
