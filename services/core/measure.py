"""`told`: what one entity adds to the cells, and what it tells others. The only way from a timeline to a figure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from schemas.codec import Fact, Millis, TicketStory, VisitStory, altered
from services.core.agent import agent_tallies, replay_agent, taken_up
from services.core.deflection import visit_story, visit_tallies, visits
from services.core.merging import inherited, inherited_wait
from services.core.opinions import (
    asked_person,
    asks_the_person,
    opinion_tallies,
    recommendation,
    recommendation_id,
)
from services.core.requester import requester_tallies
from services.core.returns import NOBODYS
from services.core.rules import Rules
from services.core.signals import Line, lines
from services.core.story import add_story, story_of
from services.core.tally import Tallies
from services.core.ticket import merged_into, replay
from services.core.ticket_tallies import ticket_tallies
from services.core.timeline import TAKEN_UP, TICKET_TOLD, VISIT_TOLD


class Told(NamedTuple):
    """What a timeline comes to."""

    tallies: Tallies
    """What the entity adds to the cells."""
    others: dict[tuple[str, str], Fact]
    """What it tells other entities, by their key and the id of what is told; not yet with a version."""
    withdrawn: dict[tuple[str, str], Fact]
    """What undoes whatever else a part of the timeline would tell: it may have been told by somebody who died before
    that part was written, and whose successor took in more at once."""
    lines: Sequence[Line] = ()
    """What signals tell of, of a ticket's clocks."""


NOTHING = Told({}, {}, {})


def measure(timeline: Sequence[Fact], rules: Rules) -> Tallies:
    """What the entity of ``timeline`` adds to the cells (`told`)."""
    return told(timeline, rules).tallies


def told(timeline: Sequence[Fact], rules: Rules) -> Told:
    """What the entity of ``timeline`` adds to the cells, and what it tells others; nothing when it is empty.

    Args:
        timeline: One ticket's, agent's, visit's or requester's facts, in order (`timeline.absorb`).
    """
    if not timeline:
        return NOTHING
    first = timeline[0]
    match first.topic.stream:
        case "agents":
            agent = replay_agent(timeline)
            return Told(agent_tallies(agent, rules), _by_place(taken_up(agent)), {})
        case "tickets":
            return _told_by_ticket(first.entity, timeline, rules)
    if first.type == "helpcenter.viewed":
        return _told_by_visit(first.entity, timeline)
    return Told(requester_tallies(timeline, rules), {}, {})


def news(before: Told, after: Told, version: int, *, leap: bool = False) -> list[Fact]:
    """What has to be sent so that others, who know ``before``, know ``after``.

    Args:
        version: Higher than that of ``before``; the receiver keeps the highest.
        leap: There are timelines between the two, and somebody may have told what they come to; so others may know
            another thing than ``before``, and are told all.
    """
    known, now = before.withdrawn | before.others, after.withdrawn | after.others
    sent = []
    for place, fact in now.items():
        was = known.get(place)
        fresh = was != fact and (was is not None or place in after.others)
        # What an agent takes up is told once, and never as another thing.
        if fresh or (leap and fact.type != TAKEN_UP):
            sent.append(altered(fact, version=version))
    return sent


def version_of(timeline: Iterable[Fact]) -> int:
    """Grows with every fact that joins a timeline, and with every one that is replaced there."""
    return sum(1 + fact.version for fact in timeline)


def _by_place(facts: Iterable[Fact]) -> dict[tuple[str, str], Fact]:
    return {(fact.entity, fact.event_id): fact for fact in facts}


def _told_by_ticket(key: str, timeline: Sequence[Fact], rules: Rules) -> Told:
    ticket = replay(timeline, rules)
    withdrawn = _by_place(_undone_by_ticket(key, timeline, rules))
    if ticket is not None and ticket.deleted:
        return Told({}, {}, withdrawn, lines(ticket))
    tallies = opinion_tallies(ticket, timeline, rules)
    others = [fact for fact in timeline if asks_the_person(fact) and asked_person(fact, ticket)]
    others = [recommendation(fact, ticket) for fact in others]
    if ticket is not None:
        tallies |= ticket_tallies(ticket, rules)
        story = story_of(key, ticket)
        if ticket.requester_id is None:
            add_story(story, NOBODYS, rules, tallies)
        elif story.asked or story.solved_at is not None:
            others.append(
                _told(ticket.requester_id, TICKET_TOLD, key, max(story.opened_at, story.solved_at or 0), story)
            )
        if ticket.merged_at is not None and rules.policy.merge.inherit_oldest_wait:
            merge = next(fact for fact in timeline if fact.type == "ticket.merged")
            wait = inherited_wait(ticket, merge)
            others += [] if wait is None else [wait]
    found = () if ticket is None else lines(ticket)
    return _told_except(tallies, _by_place(others), withdrawn)._replace(lines=found)


def _undone_by_ticket(key: str, timeline: Sequence[Fact], rules: Rules) -> Iterator[Fact]:
    """Of a ticket: that there is no story of it, no answer and no wait."""
    first = timeline[0].at
    for person in _named(timeline):
        yield Fact(first, TICKET_TOLD, _story_id(key), person, first)
        for fact in timeline:
            if asks_the_person(fact) and fact.requester_id in (None, person):
                yield Fact(fact.at, fact.type, recommendation_id(fact), person, fact.at, kind=fact.kind)
    if rules.policy.merge.inherit_oldest_wait:
        for fact in timeline:
            if fact.type == "ticket.merged" and (target := merged_into(fact)) not in (None, key):
                yield inherited(fact, target or key, None)


def _named(timeline: Iterable[Fact]) -> Iterable[str]:
    """Everybody who may have been taken for the requester."""
    return {fact.requester_id for fact in timeline if fact.requester_id}


def _told_except(tallies: Tallies, others: dict[tuple[str, str], Fact], undone: dict[tuple[str, str], Fact]) -> Told:
    return Told(tallies, others, {place: fact for place, fact in undone.items() if place not in others})


def _told_by_visit(key: str, timeline: Sequence[Fact]) -> Told:
    [visit] = visits(timeline)
    tallies, first = visit_tallies(visit), timeline[0].at
    undone = _by_place(Fact(first, VISIT_TOLD, _story_id(key), person, first) for person in _named(timeline))
    if visit.requester is None:
        return Told(tallies, {}, undone)
    told = _told(visit.requester, VISIT_TOLD, key, visit.last_view_at, visit_story(visit))
    return _told_except(tallies, _by_place([told]), undone)


def _told(requester: str, kind: str, key: str, at: Millis, story: TicketStory | VisitStory) -> Fact:
    """``key``'s story, for the timeline of ``requester``."""
    of_ticket, of_visit = (story, None) if isinstance(story, TicketStory) else (None, story)
    return Fact(at, kind, _story_id(key), requester, at, ticket_story=of_ticket, visit_story=of_visit)


def _story_id(key: str) -> str:
    """Nobody's but ``key``'s on the timeline of a requester: ids of a helpdesk's events have no spaces."""
    return f"story of {key}"
