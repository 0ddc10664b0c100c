"""An entity's events, in the order in which they happened, without repeats."""

from collections.abc import Iterable

from schemas.codec import Fact, Millis

Name = tuple[str, str]
"""Whose timeline: (stream, key)."""

WAIT_INHERITED = "ticket.wait_inherited"
"""Told by another ticket, which was merged into this one: its customer waited longer."""
TAKEN_UP = "ticket.taken_up"
"""Told by an agent, who is busy with the ticket."""
TICKET_TOLD = "requester.ticket_told"
"""Told by a ticket to its requester (`TicketStory`)."""
VISIT_TOLD = "requester.visit_told"
"""Told by a visit to its requester (`VisitStory`)."""

ORDER = {
    "ticket.created": 0,
    "ticket.snapshot": 1,
    "ticket.assigned": 2,
    "ticket.priority_changed": 3,
    "ticket.escalated": 4,
    "ticket.replied": 5,
    "ticket.status_changed": 6,
    "ticket.tags_changed": 7,
    # A merge hands on what earlier merges handed over: of those at one instant, what those before it by id did.
    WAIT_INHERITED: 9,
    "ticket.merged": 9,
    "ticket.deleted": 10,
}
"""Which of two events at the same instant comes first (KPI cases, convention 1); then the event id decides."""


def place(fact: Fact) -> tuple[Millis, int, str]:
    """Where a fact stands in its timeline: told by the fact alone, so the same on every machine."""
    return fact.at, ORDER.get(fact.type, 5), fact.event_id


def absorb(facts: list[Fact], arrived: Iterable[Fact]) -> list[Fact]:
    """The timeline with what arrived, in any order and with any repeats.

    Of several facts with one id the first counts; of what one entity tells another, the highest version.

    Returns:
        A new list in order of event time; ``facts`` itself when nothing was new.
    """
    known = {fact.event_id: fact.version for fact in facts}
    new: dict[str, Fact] = {}
    for fact in arrived:
        held = known.get(fact.event_id)
        if held is None or fact.version > held:
            known[fact.event_id] = fact.version
            new[fact.event_id] = fact
    if not new:
        return facts
    kept = facts if len(known) == len(facts) + len(new) else [fact for fact in facts if fact.event_id not in new]
    return _in_order(kept, sorted(new.values(), key=place))


def _in_order(facts: list[Fact], new: list[Fact]) -> list[Fact]:
    together = facts + new
    if facts and place(new[0]) < place(facts[-1]):
        together.sort(key=place)
    return together


def name_of(fact: Fact) -> Name:
    """Whose timeline a fact belongs to."""
    return fact.topic.stream, fact.entity


def by_name(facts: Iterable[Fact]) -> dict[Name, list[Fact]]:
    """The facts of each entity, in the order in which they come."""
    found: dict[Name, list[Fact]] = {}
    for fact in facts:
        found.setdefault(name_of(fact), []).append(fact)
    return found


def known_at(facts: Iterable[Fact], as_of: Millis) -> list[Fact]:
    """What had happened and was received by an instant (KPI cases, convention 1)."""
    return [fact for fact in facts if fact.at <= as_of and fact.received_at <= as_of]
