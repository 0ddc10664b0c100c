"""An entity's events, in the order in which they happened, without repeats."""

from collections.abc import Iterable

from schemas.codec import Fact, Millis

WAIT_INHERITED = "ticket.wait_inherited"
"""Made by `merging`, never sent from outside: a ticket merged into this one waited longer."""

ORDER = {
    "ticket.created": 0,
    "ticket.snapshot": 1,
    "ticket.assigned": 2,
    "ticket.priority_changed": 3,
    "ticket.escalated": 4,
    "ticket.replied": 5,
    "ticket.status_changed": 6,
    "ticket.tags_changed": 7,
    WAIT_INHERITED: 8,
    "ticket.merged": 9,
    "ticket.deleted": 10,
}
"""Which of two events at the same instant comes first (KPI cases, convention 1); then the event id decides."""


def place(fact: Fact) -> tuple[Millis, int, str]:
    """Where a fact stands in its timeline: told by the fact alone, so the same on every machine."""
    return fact.at, ORDER.get(fact.type, 5), fact.event_id


def absorb(facts: list[Fact], arrived: Iterable[Fact]) -> list[Fact]:
    """The timeline with what arrived, in any order and with any repeats.

    Returns:
        A new list in order of event time; ``facts`` itself when nothing was new.
    """
    known = {fact.event_id for fact in facts}
    new = []
    for fact in arrived:
        if fact.event_id not in known:
            known.add(fact.event_id)
            new.append(fact)
    if not new:
        return facts
    new.sort(key=place)
    together = facts + new
    if facts and place(new[0]) < place(facts[-1]):
        together.sort(key=place)
    return together
