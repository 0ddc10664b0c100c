"""The events known at an instant, as entities (KPI cases, convention 1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.codec import Fact, Millis
from services.core.agent import Agent, replay_agent
from services.core.merging import with_inherited_waits
from services.core.returns import Openings, came_back_at
from services.core.rules import Rules
from services.core.ticket import Ticket, replay
from services.core.timeline import absorb


@dataclass
class Known:
    """Who and what the known events tell of, by the keys of `schemas.topics.route`."""

    tickets: dict[str, Ticket] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    surveys: list[Fact] = field(default_factory=list)
    """Answers, without those about deleted tickets."""
    views: list[Fact] = field(default_factory=list)
    """Articles of the help centre that were read."""
    openings: Openings = field(default_factory=lambda: Openings({}))
    came_back_at: dict[str, Millis | None] = field(default_factory=dict)
    """By ticket: when its customer came back after the first solve."""
    duplicates_ignored: int = 0


def known(arrivals: Iterable[Fact], rules: Rules, as_of: Millis) -> Known:
    """The entities that the events known at ``as_of`` tell of.

    Args:
        arrivals: In order of arrival; of two with one id the first counts.
    """
    told: dict[tuple[bool, str], list[Fact]] = {}
    result = Known()
    for fact in arrivals:
        if fact.at <= as_of and fact.received_at <= as_of:
            result.duplicates_ignored += 1
            told.setdefault((fact.type == "agent.state_changed", fact.entity), []).append(fact)
    timelines: dict[str, list[Fact]] = {}
    for (about_agent, entity), facts in told.items():
        timeline = absorb([], facts)
        result.duplicates_ignored -= len(timeline)
        if about_agent:
            result.agents[entity] = replay_agent(timeline)
        else:
            timelines[entity] = timeline
    for entity, timeline in with_inherited_waits(timelines, rules).items():
        _add(result, entity, timeline, rules)
    match = rules.policy.fcr.repeat_match
    result.openings = Openings(result.tickets)
    result.came_back_at = {
        key: came_back_at(key, ticket, result.openings, match) for key, ticket in result.tickets.items()
    }
    return result


def _add(result: Known, entity: str, timeline: list[Fact], rules: Rules) -> None:
    result.views += [fact for fact in timeline if fact.type == "helpcenter.viewed"]
    ticket = replay(timeline, rules)
    if ticket is not None and ticket.deleted:
        return
    result.surveys += [fact for fact in timeline if fact.type == "survey.answered"]
    if ticket is not None:
        result.tickets[entity] = ticket


def taken_up_at(agents: Mapping[str, Agent], tickets: Mapping[str, Ticket]) -> dict[str, Millis]:
    """When an agent was first busy with a ticket, by the ticket's key.

    A contact names its ticket by the helpdesk's id alone; the agent's key tells the tenant.
    """
    keys: dict[str, list[str]] = {}
    for key, ticket in tickets.items():
        keys.setdefault(ticket.id, []).append(key)
    first: dict[str, Millis] = {}
    for agent_key, agent in agents.items():
        tenant = agent_key.removesuffix(agent.agent_id)
        for contact in agent.contacts:
            for key in keys.get(contact.ticket_id, []):
                if key.startswith(tenant):
                    first[key] = min(contact.began_at, first.get(key, contact.began_at))
    return first
