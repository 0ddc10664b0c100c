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


TICKETS = Topic(
    "deskpulse.tickets",
    "ticket",
    "ticket.*, surveys and reviews of a ticket; what other entities tell it",
    timedelta(days=90),
)
AGENTS = Topic("deskpulse.agents", "agent", "presence, plans", timedelta(days=90))
REQUESTERS = Topic(
    "deskpulse.requesters",
    "requester or visit",
    "help-centre visits, surveys without a ticket; what tickets and visits tell their requester",
    timedelta(days=90),
)
SIGNALS = Topic(
    "deskpulse.signals", "ticket", "sla.at_risk, sla.breached, sla.met_late, sla.withdrawn", timedelta(days=30)
)
DEAD_LETTERS = Topic("deskpulse.dead-letters", "-", "deliveries that cannot be used", timedelta(days=30))

ALL = (TICKETS, AGENTS, REQUESTERS, SIGNALS, DEAD_LETTERS)
MEASURED = (TICKETS, AGENTS, REQUESTERS)
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


def origin_of(key: str) -> tuple[str | None, str | None]:
    """Whose helpdesk the ticket ``key`` is in, and which product that is; None where the key does not tell."""
    *scope, _ = [part.replace("%2F", "/").replace("%25", "%") for part in key.split("/")]
    tenant, source = [*scope, "", ""][:2]
    return tenant or None, source or None


def _escaped(part: str) -> str:
    return part.replace("%", "%25").replace("/", "%2F")


def requester_key(event: Addressed) -> str | None:
    """Who asked, the same in every source of a tenant; None where nobody is told."""
    requester_id: str | None = getattr(event, "requester_id", None)
    return _scoped(event, requester_id, by_source=False) if requester_id else None


def ticket_key(event: Addressed) -> str | None:
    """The key of the ticket that an event names; None when it names none."""
    ticket_id: str | None = getattr(event, "ticket_id", None)
    return None if ticket_id is None else _scoped(event, ticket_id, by_source=True)


def topic_of(event_type: str, ticket_id: str | None) -> Topic:
    """The topic of an event: who or what it is about."""
    match event_type.partition(".")[0]:
        case "agent":
            return AGENTS
        case "helpcenter" | "requester":
            return REQUESTERS
        case "ticket":
            return TICKETS
    return REQUESTERS if ticket_id is None else TICKETS


def route(event: Addressed) -> tuple[Topic, str]:
    """The topic of an event, and the key of the entity that it is about.

    A ticket's id belongs to its helpdesk; an agent and a requester are the same person in every source of a tenant.
    Views of the help centre are about their visit, which tells its requester.
    """
    topic = topic_of(event.type, getattr(event, "ticket_id", None))
    if topic is TICKETS:
        return topic, ticket_key(event) or ""
    if topic is AGENTS:
        return topic, _scoped(event, event.agent_id, by_source=False)  # type: ignore[attr-defined]
    if event.type == "helpcenter.viewed":
        parts = ("visit", event.tenant or "", event.visit_id)  # type: ignore[attr-defined]
        return topic, "/".join(map(_escaped, parts))
    # What nobody is told to have said stands alone.
    return topic, requester_key(event) or _scoped(event, event.event_id, by_source=False)
