"""The events known at an instant, as entities (KPI cases, convention 1)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.codec import Fact, Millis, TicketStory
from schemas.topics import AGENTS, TICKETS
from services.core.agent import Agent, replay_agent
from services.core.merging import with_inherited_waits
from services.core.returns import NOBODYS, Openings, came_back_at
from services.core.rules import Rules
from services.core.story import story_of
from services.core.ticket import Ticket, replay
from services.core.timeline import absorb, by_name, known_at


@dataclass
class Known:
    """Who and what the known events tell of, by the keys of `schemas.topics.route`."""

    tickets: dict[str, Ticket] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    surveys: list[Fact] = field(default_factory=list)
    """Answers, without those about deleted tickets."""
    views: list[Fact] = field(default_factory=list)
    """Articles of the help centre that were read."""
    stories: dict[str, TicketStory] = field(default_factory=dict)
    """By ticket: what its requester has to know of it."""
    openings: dict[str | None, Openings] = field(default_factory=dict)
    """By requester: the tickets that they opened."""
    came_back_at: dict[str, Millis | None] = field(default_factory=dict)
    """By ticket: when its customer came back after the first solve."""
    duplicates_ignored: int = 0


def known(arrivals: Iterable[Fact], rules: Rules, as_of: Millis) -> Known:
    """The entities that the events known at ``as_of`` tell of.

    Args:
        arrivals: In order of arrival; of two with one id the first counts.
    """
    result = Known()
    timelines: dict[str, list[Fact]] = {}
    for (stream, entity), facts in by_name(known_at(arrivals, as_of)).items():
        timeline = absorb([], facts)
        result.duplicates_ignored += len(facts) - len(timeline)
        if stream == AGENTS.stream:
            result.agents[entity] = replay_agent(timeline)
        elif stream == TICKETS.stream:
            timelines[entity] = timeline
        else:
            _add_saying(result, timeline)
    for entity, timeline in with_inherited_waits(timelines, rules).items():
        _add(result, entity, timeline, rules)
    _tell_requesters(result, rules)
    return result


def _tell_requesters(result: Known, rules: Rules) -> None:
    result.stories = {key: story_of(key, ticket) for key, ticket in result.tickets.items()}
    by_requester: dict[str | None, list[TicketStory]] = {}
    for key, story in result.stories.items():
        by_requester.setdefault(result.tickets[key].requester_id, []).append(story)
    by_requester.pop(None, None)
    result.openings = {requester: Openings(stories) for requester, stories in by_requester.items()}
    match = rules.policy.fcr.repeat_match
    result.came_back_at = {
        key: came_back_at(story, result.openings.get(result.tickets[key].requester_id, NOBODYS), match)
        for key, story in result.stories.items()
    }


def _add_saying(result: Known, timeline: Iterable[Fact]) -> None:
    for fact in timeline:
        if fact.type == "helpcenter.viewed":
            result.views.append(fact)
        elif fact.type == "survey.answered":
            result.surveys.append(fact)


def _add(result: Known, entity: str, timeline: list[Fact], rules: Rules) -> None:
    ticket = replay(timeline, rules)
    if ticket is not None and ticket.deleted:
        return
    result.surveys += [fact for fact in timeline if fact.type == "survey.answered"]
    if ticket is not None:
        result.tickets[entity] = ticket


def taken_up_at(agents: Iterable[Agent]) -> dict[str, Millis]:
    """When an agent was first busy with a ticket, by the ticket's key."""
    first: dict[str, Millis] = {}
    for agent in agents:
        for contact in agent.contacts:
            first[contact.key] = min(contact.began_at, first.get(contact.key, contact.began_at))
    return first
