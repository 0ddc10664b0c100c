"""Strategies: what may happen to tickets and agents, plausible and not."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from schemas.codec import NOBODY, Fact, Millis
from services.core.tally import HOUR_MS, MINUTE_MS
from tests.core.stories import at, presence, told

BEGIN = at("Mon 08:00")
END = BEGIN + 72 * HOUR_MS

an_instant = st.one_of(
    # Close together, so that many fall on one instant; or anywhere.
    st.integers(0, 24).map(lambda step: BEGIN + step * 15 * 60_000),
    st.integers(0, 24).map(lambda step: BEGIN + step * 15 * 60_000),
    st.integers(BEGIN, END),
)
a_queue = st.sampled_from(["a", "b"])
an_agent = st.sampled_from(["A1", "A2"])
a_status = st.sampled_from(["new", "open", "pending", "on_hold", "solved", "solved", "closed"])
maybe = st.one_of

_TICKET_KINDS = (
    *("ticket.replied",) * 6,
    *("ticket.status_changed",) * 5,
    *("ticket.assigned",) * 2,
    *("ticket.priority_changed", "ticket.escalated", "ticket.snapshot", "ticket.tags_changed"),
)
_RARE_KINDS = ("ticket.created", "ticket.merged", "ticket.deleted")


@st.composite
def _ticket_fact(draw: st.DrawFn, kind: str, ticket_id: str, event_id: str) -> Fact:
    moment = draw(an_instant)
    fields: dict[str, object] = {}
    match kind:
        case "ticket.created":
            fields["created_by"] = draw(st.sampled_from(["customer", "customer", "agent", None]))
            fields["status"] = draw(st.sampled_from([None, None, "new", "open", "solved"]))
            fields["queue"] = draw(maybe(st.none(), a_queue))
            fields["priority"] = draw(st.sampled_from([None, "normal", "urgent"]))
        case "ticket.replied":
            fields["author"] = draw(st.sampled_from(["customer", "customer", "agent", "agent", "bot"]))
            fields["public"] = draw(st.sampled_from([True, True, False]))
            fields["agent_id"] = draw(an_agent)
        case "ticket.status_changed":
            fields["status"] = draw(a_status)
            fields["agent_id"] = draw(maybe(st.none(), an_agent))
        case "ticket.assigned" | "ticket.escalated":
            fields["agent_id"] = draw(maybe(st.none(), an_agent, st.just(NOBODY)))
            fields["queue"] = draw(maybe(st.none(), a_queue, st.just(NOBODY)))
            fields["from_tier"] = draw(st.sampled_from(["bot", "1"]))
        case "ticket.priority_changed":
            fields["priority"] = draw(st.sampled_from(["low", "normal", "urgent"]))
        case "ticket.snapshot":
            fields["status"] = draw(maybe(st.none(), a_status))
            fields["created_at"] = draw(maybe(st.none(), an_instant))
        case "ticket.merged":
            fields["into_ticket_id"] = "elsewhere"
    return told(kind, moment, event_id=event_id, entity=ticket_id, ticket_id=ticket_id, **fields)


@st.composite
def ticket_histories(draw: st.DrawFn, ticket_id: str = "T1", most: int = 9) -> list[Fact]:
    """One ticket's events, in no order: mostly created, now and then twice or never, merged or deleted."""
    kinds = draw(st.sampled_from([["ticket.created"]] * 7 + [["ticket.created"] * 2, []]))
    kinds = kinds + draw(st.lists(st.sampled_from(_TICKET_KINDS), min_size=not kinds, max_size=most))
    kinds = kinds + draw(st.sampled_from([[]] * 6 + [[rare] for rare in _RARE_KINDS]))
    # The ids decide at equal instants, so they must not follow the order in which the events were drawn.
    ids = draw(st.permutations(range(len(kinds))))
    return [
        draw(_ticket_fact(kind, ticket_id, f"{ticket_id}/{number}")) for kind, number in zip(kinds, ids, strict=True)
    ]


@st.composite
def agent_histories(draw: st.DrawFn, name: str = "first", most: int = 9, agent: str = "A1") -> list[Fact]:
    """What one agent does and should do, in no order; contacts may be wrapped up or ended that never began."""
    facts = []
    for number in draw(st.permutations(range(draw(st.integers(1, most))))):
        where: dict[str, Any] = {
            "event_id": f"{name}/{number}",
            "entity": agent,
            "agent_id": agent,
            "queue": draw(maybe(st.none(), a_queue)),
            "team": draw(st.sampled_from([None, None, "day", "night"])),
        }
        if draw(st.integers(0, 5)) == 0:
            facts.append(draw(_plan(where)))
            continue
        ticket_id = draw(st.sampled_from([None, None, "T1", "T2", "T3"]))
        states: tuple[str, ...] = ("available", "break", "offline", "meeting", "busy", "training", "away")
        if ticket_id is not None:
            states = ("busy", "busy", "wrap_up", "available", "offline")
        facts.append(presence(draw(st.sampled_from(states)), draw(an_instant), ticket_id, contact=ticket_id, **where))
    return facts


@st.composite
def _plan(draw: st.DrawFn, where: Mapping[str, Any]) -> Fact:
    begins_at = draw(an_instant)
    return told(
        "agent.scheduled",
        draw(an_instant),
        ticket_id=None,
        begins_at=begins_at,
        ends_at=begins_at + draw(st.sampled_from([15, 60, 8 * 60, 7 * 24 * 60])) * MINUTE_MS,
        activity=draw(st.sampled_from(["on_queue", "on_queue", "break", "training", "meeting", "off"])),
        **where,
    )


def seconds_of(instants: st.SearchStrategy[Millis]) -> st.SearchStrategy[Millis]:
    """On whole seconds."""
    return instants.map(lambda moment: moment // 1000 * 1000)
