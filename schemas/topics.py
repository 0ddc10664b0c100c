"""Each topic: name, key, what it carries, how long."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True)
class Topic:
    """One Kafka topic. An entity's events share a key, and so a partition."""

    name: str
    key: str
    carries: str
    retention: timedelta

    @property
    def stream(self) -> str:
        """The short name, as in keys of the store: `tickets`."""
        return self.name.removeprefix("deskpulse.")


TICKETS = Topic("deskpulse.tickets", "ticket", "ticket.* and surveys about a ticket", timedelta(days=90))
AGENTS = Topic("deskpulse.agents", "agent", "presence", timedelta(days=90))
REQUESTERS = Topic(
    "deskpulse.requesters", "requester", "help-centre visits, surveys without a ticket", timedelta(days=90)
)
SIGNALS = Topic("deskpulse.signals", "entity", "sla.at_risk, sla.breached, sla.withdrawn", timedelta(days=30))
DEAD_LETTERS = Topic("deskpulse.dead-letters", "-", "deliveries that cannot be used", timedelta(days=30))

ALL = (TICKETS, AGENTS, REQUESTERS, SIGNALS, DEAD_LETTERS)
MEASURED = (TICKETS, AGENTS)
"""The topics that the processor turns into state."""


class Addressed(Protocol):
    """What of an event decides where it goes."""

    @property
    def type(self) -> str: ...
    @property
    def event_id(self) -> str: ...
    @property
    def tenant(self) -> str | None: ...
    @property
    def source(self) -> str | None: ...


def _scoped(event: Addressed, entity_id: str, *, by_source: bool) -> str:
    """An id that is unique beyond one helpdesk: `tenant/source/id`, `tenant/id`, `/source/id`, or the bare id.

    A part may hold a slash itself and is escaped, so that no two entities share a key.
    """
    tenant, source = event.tenant or "", event.source if by_source else None
    parts = [tenant, source, entity_id] if source else [tenant, entity_id] if tenant else [entity_id]
    return "/".join(map(_escaped, parts))


def sibling(key: str, ticket_id: str) -> str:
    """The key of another ticket of the same helpdesk."""
    prefix, slash, _ = key.rpartition("/")
    return f"{prefix}{slash}{_escaped(ticket_id)}"


def _escaped(part: str) -> str:
    return part.replace("%", "%25").replace("/", "%2F")


def requester_key(event: Addressed) -> str | None:
    """Who asked, the same in every source of a tenant; None where nobody is told."""
    requester_id: str | None = getattr(event, "requester_id", None)
    return _scoped(event, requester_id, by_source=False) if requester_id else None


def route(event: Addressed) -> tuple[Topic, str]:
    """The topic of an event, and the key of the entity that it is about.

    A ticket's id belongs to its helpdesk; an agent and a requester are the same person in every source of a tenant.
    """
    ticket_id: str | None = getattr(event, "ticket_id", None)
    match event.type:
        case "agent.state_changed":
            return AGENTS, _scoped(event, event.agent_id, by_source=False)  # type: ignore[attr-defined]
        case "helpcenter.viewed":
            return REQUESTERS, _person_or_event(event)
    if ticket_id is None:
        return REQUESTERS, _person_or_event(event)
    return TICKETS, _scoped(event, ticket_id, by_source=True)


def _person_or_event(event: Addressed) -> str:
    """What nobody is told to have done stands alone."""
    return requester_key(event) or _scoped(event, event.event_id, by_source=False)
