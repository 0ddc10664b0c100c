"""Resolution: whose time it took, and whether it was settled."""

from collections.abc import Iterator, Sequence

from services.core.catalogue.entry import Kpi
from services.core.catalogue.formulas import Count, Duration, FirstContact, Share, ShareOfDuration

_WHOSE = {
    "requester_wait": "How long did the requester wait for us until it was resolved?",
    "agent_work": "How long was it ours to work on until it was resolved?",
    "agent_wait": "How long did we wait for the requester until it was resolved?",
    "on_hold": "How long did it wait for others until it was resolved?",
}
_RESOLVED_NOW = "By the last solve, of tickets that are solved now."
_AT_SOLVE = "By the first solve; whoever solved it is its agent, and its outcome what the resolution was."
_AT_CREATION = "By the creation: of the newest tickets some are still to come. No agent is known at that instant."


def resolution(fcr_days: Sequence[int]) -> Iterator[Kpi]:
    """Whose time it took, and whether it held.

    Args:
        fcr_days: The policy's windows of first contact resolution, each in its place.
    """
    for measure, question in _WHOSE.items():
        yield Kpi(f"{measure}_seconds", "resolution", "seconds", question, Duration(measure), _RESOLVED_NOW)
    for measure in _WHOSE:
        yield Kpi(
            f"{measure}_share",
            "resolution",
            "ratio",
            f"What share of the resolution time is {measure.replace('_', ' ')}?",
            ShareOfDuration(measure, "resolution"),
            "Of sums, so long tickets weigh more; time spent solved before a reopening is in none of the shares.",
        )
    yield Kpi(
        "first_resolution_seconds",
        "resolution",
        "seconds",
        "How long until it was solved for the first time?",
        Duration("first_resolution"),
        "By the first solve.",
    )
    yield Kpi(
        "full_resolution_seconds",
        "resolution",
        "seconds",
        "How long until it was done for good?",
        Duration("resolution"),
        _RESOLVED_NOW,
    )
    yield Kpi(
        "full_resolution_business_seconds",
        "resolution",
        "seconds",
        "How much opening time until it was done for good?",
        Duration("resolution_business"),
        _RESOLVED_NOW,
    )
    for place, days in enumerate(fcr_days):
        yield Kpi(
            f"first_contact_resolution_{days}d",
            "resolution",
            "ratio",
            f"Was it settled at the first contact, and did the customer not come back for {days} days?",
            FirstContact(place, days),
            f"By the first solve. Confirmed is null until a ticket was solved {days} days ago: that is not so in a "
            "shorter window that ends now; ask as of an earlier instant, or look at the provisional share.",
        )
    yield from _rates()
    yield from _counts()


def _rates() -> Iterator[Kpi]:
    yield Kpi(
        "one_touch_rate",
        "resolution",
        "ratio",
        "How many were resolved with a single answer?",
        Share(("one_touch",), ("solved_now",)),
        _RESOLVED_NOW,
    )
    yield Kpi(
        "reopen_rate",
        "resolution",
        "ratio",
        "How many resolutions did not hold?",
        Share(("reopened_tickets",), ("solved",)),
        _AT_SOLVE,
    )
    yield Kpi(
        "escalation_rate",
        "resolution",
        "ratio",
        "How many could not be settled where they came in?",
        Share(("escalated_tickets",), ("opened",)),
        _AT_CREATION,
    )
    yield Kpi(
        "transfer_rate",
        "resolution",
        "ratio",
        "How many came to the wrong queue first?",
        Share(("transferred_tickets",), ("opened",)),
        _AT_CREATION,
    )


def _counts() -> Iterator[Kpi]:
    for name, measure, question in (
        ("reopens", "reopened", "How often was a resolved ticket opened again?"),
        ("escalations", "escalated", "How often was a ticket escalated?"),
        ("transfers", "transferred", "How often was a ticket moved to another queue?"),
        ("handoffs", "handed_over", "How often did a bot hand over to people?"),
    ):
        yield Kpi(name, "resolution", "events", question, Count((measure,)), "By when it happened.")
