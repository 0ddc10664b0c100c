"""Events that nobody should send and somebody will: what the door answers, what the log's reader does, what they add.

docs/events.md tells the same in words.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.gateway.doubles import NOW

Event = dict[str, Any]

TAKEN, REFUSED, TOO_LARGE = 200, 422, 413
HUGE = "x" * 1_000_000
"""Within a body that the gateway reads, without the rest of the event."""

WAITS_UNPROMISED = {
    "backlog.new": 1,
    "customer_contacts": 1,
    "opened": 1,
    "opened_at.new": 1,
    "waiting": 1,
}
_WAITS_FOR_A_SOLVE = {"at_risk_from.requester_wait": 1, "due.requester_wait": 1}
_WAITS_FOR_AN_UPDATE = {"at_risk_from.periodic_update": 1, "due.periodic_update": 1}
WAITS_OF_NO_PRIORITY = WAITS_UNPROMISED | _WAITS_FOR_A_SOLVE
WAITS = WAITS_OF_NO_PRIORITY | {
    "at_risk_from.first_response": 1,
    "at_risk_from.resolution": 1,
    "due.first_response": 1,
    "due.resolution": 1,
}
"""What a new ticket adds that nobody has answered; the promise fits every ticket of known priority."""
GONE = {"backlog.new": 1, "merged_away": 1, "customer_contacts": 1}
ANSWERED_AT_ONCE = {
    **_WAITS_FOR_A_SOLVE,
    **_WAITS_FOR_AN_UPDATE,
    "backlog.new": 1,
    "customer_contacts": 1,
    "first_reply": 1,
    "first_response": 1,
    "first_response_business": 1,
    "opened": 1,
    "opened_at.new": 1,
    "at_risk_from.resolution": 1,
    "due.resolution": 1,
    "sla_met.first_response": 1,
}


@dataclass(frozen=True)
class Odd:
    """Some events, posted one after another, of a ticket or an agent that no other event is about."""

    name: str
    events: tuple[Event, ...]
    door: int = TAKEN
    """The gateway's answer to the first."""
    usable: bool = True
    """Whether the log's reader takes the first for an event, if it comes there by another way."""
    adds: dict[str, int] = field(default_factory=dict)
    """How often each measure counts once more because of what is usable; of a level, how often it is entered."""


def at(minute: int) -> str:
    return f"2026-03-10T09:{minute:02}:00Z"


def event(type: str, minute: int = 0, /, **fields: Any) -> Event:
    about = {"ticket_id": "odd"} if type.startswith(("ticket.", "review.")) else {}
    return {"event_id": f"{type}/{minute}", "type": type, "occurred_at": at(minute)} | about | fields


def created(**fields: Any) -> Event:
    return event("ticket.created", **fields)


def reply(minute: int = 5, **fields: Any) -> Event:
    return event("ticket.replied", minute, **({"author": "agent", "public": True} | fields))


def solve(minute: int = 9, **fields: Any) -> Event:
    return event("ticket.status_changed", minute, status="solved", **fields)


def plan(begins_at: str, ends_at: str) -> Event:
    return event("agent.scheduled", agent_id="odd", begins_at=begins_at, ends_at=ends_at, activity="on_queue")


WORDS = {
    name: f"nobody's {name}" for name in ("queue", "channel", "tier", "category", "product_area", "team", "reason")
}

ODD = (
    Odd("no optional field", (created(),), adds=WAITS),
    Odd("unknown words", (created(**WORDS),), adds=WAITS),
    Odd("unknown fields", (created(mood="sunny", deep={"er": [1]}),), adds=WAITS),
    Odd("unknown priority", (created(priority="P1"),), REFUSED, adds=WAITS_OF_NO_PRIORITY),
    Odd("unknown status", (created(status="singing"),), REFUSED, usable=False),
    Odd("unknown type", (event("ticket.sung"),), REFUSED, usable=False),
    Odd("unknown author", (reply(author="cat"),), REFUSED, usable=False),
    Odd("unknown kind of survey", (event("survey.answered", kind="joy", score=3),), REFUSED),
    Odd(
        "unknown content flag",
        (reply(content_flags=["nice"]),),
        REFUSED,
        adds={"backlog.open": 1, "opened_at.open": 1} | _WAITS_FOR_AN_UPDATE,
    ),
    Odd("missing field", ({k: v for k, v in reply().items() if k != "public"},), REFUSED, usable=False),
    Odd("missing ticket", ({k: v for k, v in created().items() if k != "ticket_id"},), REFUSED, usable=False),
    Odd("empty id", (created(event_id=""),), REFUSED, usable=False),
    Odd("number as a word", (created(queue=7),), REFUSED, usable=False),
    Odd("no zone", (created(occurred_at="2026-03-10T09:00:00"),), REFUSED, usable=False),
    Odd("seconds as a time", (created(occurred_at=1773133924),), REFUSED, usable=False),
    Odd("before 1970", (created(occurred_at="1969-12-31T23:59:59Z"),), REFUSED, usable=False),
    Odd("after 2199", (created(occurred_at="9999-12-31T23:59:59Z"),), REFUSED, usable=False),
    Odd("far future", (created(occurred_at="2190-01-01T00:00:00Z"),), adds=WAITS),
    Odd(
        "ancient",
        (created(occurred_at="1985-01-01T00:00:00Z"), reply(occurred_at="1985-01-01T00:00:00Z")),
        adds=ANSWERED_AT_ONCE,
    ),
    Odd("huge ticket id", (created(ticket_id=HUGE),), REFUSED, usable=False),
    Odd("huge ticket id and more", (created(ticket_id=HUGE * 2),), TOO_LARGE, usable=False),
    Odd("huge word", (created(queue=HUGE),), REFUSED, usable=False),
    Odd("reply before the creation", (created(), reply(occurred_at="2026-03-10T08:00:00Z")), adds=ANSWERED_AT_ONCE),
    Odd(
        "first seen mid-life",
        (reply(), solve()),
        adds={
            "backlog.open": 1,
            "resolved": 1,
            "solved": 1,
            "solved_now": 1,
            "one_touch": 1,
            "sla_met.periodic_update": 1,
        },
    ),
    Odd("created twice", (created(), created(event_id="again", queue="another")), adds=WAITS),
    Odd("an id used twice", (created(), reply(event_id="ticket.created/0")), adds=WAITS),
    Odd("after a merge", (created(), event("ticket.merged", 1, into_ticket_id="other"), reply(), solve()), adds=GONE),
    Odd("merged into itself", (created(), event("ticket.merged", 1, into_ticket_id="odd")), adds=GONE),
    Odd("after a deletion", (created(), event("ticket.deleted", 1), reply(), solve())),
    Odd("opinions of no ticket", (event("review.scored", score=90),), adds={"review": 1}),
    Odd("off every scale", (event("survey.answered", kind="csat", score=1e300),)),
    Odd("a scale without width", (event("survey.answered", kind="ces", score=3, scale=[0, 1e-320]),)),
    Odd("infinite weight", (event("review.scored", ratings=[{"rating": 1e308, "weight": 1e308}] * 2),)),
    Odd("review of nothing", (event("review.scored"),), REFUSED, usable=False),
    Odd(
        "wrapped up, never taken up", (event("agent.state_changed", agent_id="odd", state="wrap_up", ticket_id="1"),)
    ),
    Odd("a plan and nobody", (plan(at(0), at(30)),), adds={"plan.on_queue.offline": 1}),
    Odd("a plan that ends first", (plan(at(30), at(0)),), REFUSED),
    Odd(
        "a plan for ever",
        (plan("1971-01-01T00:00:00Z", "2199-01-01T00:00:00Z"),),
        REFUSED,
        adds={"plan.on_queue.offline": 1},
    ),
    Odd("told inside", (event("ticket.taken_up"),), REFUSED, usable=False),
    Odd("told inside, to a requester", (event("requester.ticket_told"),), REFUSED, usable=False),
    Odd("as told inside", ({"derived": [1, "ticket.taken_up"]},), REFUSED, usable=False),
)
"""Each is judged by itself."""

assert NOW.isoformat() > at(10), "the door must not take these for events of the future"
