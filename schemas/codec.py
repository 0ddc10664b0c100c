"""Bytes <-> facts: the only place that knows JSON and MessagePack.

At the door an event is a pydantic model (`schemas.events`), checked field by field. In the stream, where a
worker reads tens of thousands a second, it is a `Fact`: the fields that figures depend on, with integer
milliseconds for instants.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from schemas.events import EPOCH, Actor, AgentState, AnyEvent, Status
from schemas.topics import requester_key, route

Millis = int
"""An instant in milliseconds since 1970 UTC, or a duration in milliseconds."""

AHEAD_MS: Millis = 5 * 60_000
"""How far a sender's clock is believed to run ahead of ours."""
_MILLISECOND = timedelta(milliseconds=1)
NOBODY = ""
"""In a fact: taken away (an assigned agent, a queue). None says that the event does not tell."""


def millis(instant: datetime) -> Millis:
    """Whole milliseconds since 1970 UTC; what is finer is cut off."""
    return (instant - EPOCH) // _MILLISECOND


def instant(at: Millis) -> datetime:
    """The aware datetime of ``at``, in UTC."""
    return EPOCH + timedelta(milliseconds=at)


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False, omit_defaults=True):
    """What `core` reads of an event. `None`: the event does not tell; `NOBODY`: told to be nobody."""

    at: Millis
    """When it happened: as the sender says, but no later than AHEAD_MS after we received it."""
    type: str
    event_id: str
    entity: str
    """The ticket's, agent's or requester's key, as `schemas.topics.route` gives it."""
    received_at: Millis
    ticket_id: str | None = None
    agent_id: str | None = None
    queue: str | None = None
    channel: str | None = None
    priority: str | None = None
    tier: str | None = None
    category: str | None = None
    requester_id: str | None = None
    """The requester's key: the same person in every source of a tenant."""
    created_by: str | None = None
    status: str | None = None
    author: str | None = None
    public: bool | None = None
    reason: str | None = None
    from_tier: str | None = None
    into_ticket_id: str | None = None
    state: str | None = None
    created_at: Millis | None = None
    content_flags: tuple[str, ...] | None = None
    kind: str | None = None
    score: float | None = None
    scale: tuple[float, float] | None = None
    visit_id: str | None = None
    article_id: str | None = None


_Zoned = Annotated[datetime, msgspec.Meta(tz=True)]

EventType = Literal[
    "ticket.created",
    "ticket.assigned",
    "ticket.replied",
    "ticket.status_changed",
    "ticket.escalated",
    "ticket.priority_changed",
    "ticket.merged",
    "ticket.snapshot",
    "ticket.tags_changed",
    "ticket.deleted",
    "agent.state_changed",
    "survey.answered",
    "helpcenter.viewed",
]
_REQUIRED = {
    "ticket.replied": ("ticket_id", "author", "public"),
    "ticket.status_changed": ("ticket_id", "status"),
    "ticket.priority_changed": ("ticket_id", "priority"),
    "ticket.merged": ("ticket_id", "into_ticket_id"),
    "agent.state_changed": ("agent_id", "state"),
    "survey.answered": ("kind", "score"),
    "helpcenter.viewed": ("visit_id", "article_id"),
}
"""What an event of a type must tell beside the common fields; of other ticket events, the ticket."""


def altered(fact: Fact, *, ticket_id: str, state: str) -> Fact:
    """A presence fact that says the same of the agent, and another thing of a contact."""
    return msgspec.structs.replace(fact, ticket_id=ticket_id, state=state)


class _Wire(msgspec.Struct, gc=False):
    """A canonical event as its JSON reads; what no figure needs is skipped."""

    type: EventType
    event_id: str
    occurred_at: _Zoned
    received_at: _Zoned | None = None
    source: str | None = None
    tenant: str | None = None
    ticket_id: str | None = None
    agent_id: str | None | UnsetType = UNSET
    queue: str | None | UnsetType = UNSET
    channel: str | None = None
    priority: str | None = None
    tier: str | None = None
    category: str | None = None
    requester_id: str | None = None
    created_by: Actor | None = None
    status: Status | None = None
    author: Actor | None = None
    public: bool | None = None
    reason: str | None = None
    from_tier: str | None = None
    into_ticket_id: str | None = None
    state: AgentState | None = None
    created_at: _Zoned | None = None
    content_flags: tuple[str, ...] | None = None
    kind: str | None = None
    score: float | None = None
    scale: tuple[float, float] | None = None
    visit_id: str | None = None
    article_id: str | None = None


_read = msgspec.json.Decoder(_Wire).decode

NO_EVENT = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)
"""What `decode` raises for bytes that are no event."""


def encode(event: AnyEvent) -> bytes:
    """The canonical JSON of ``event``: what was told, and no defaults beside it."""
    return event.model_dump_json(exclude_unset=True).encode()


def decode(record: bytes) -> Fact:
    """The fact of one canonical event, as `encode` wrote it.

    Raises:
        NO_EVENT: no JSON, or a field that is missing or of another type; the message names it.
    """
    wire = _read(record)
    for name in _REQUIRED.get(wire.type, ("ticket_id",)):
        if getattr(wire, name) in (None, UNSET, ""):
            raise msgspec.ValidationError(f"Object missing required field `{name}` of {wire.type}")
    at = millis(wire.occurred_at)
    received_at = at if wire.received_at is None else millis(wire.received_at)
    at = min(at, received_at + AHEAD_MS)
    return Fact(
        at,
        wire.type,
        wire.event_id,
        route(wire)[1],
        received_at,
        wire.ticket_id,
        _told(wire.agent_id),
        _told(wire.queue),
        wire.channel,
        wire.priority,
        wire.tier,
        wire.category,
        requester_key(wire),
        wire.created_by,
        wire.status,
        wire.author,
        wire.public,
        wire.reason,
        wire.from_tier,
        wire.into_ticket_id,
        wire.state,
        None if wire.created_at is None else millis(wire.created_at),
        wire.content_flags or None,
        wire.kind,
        wire.score,
        wire.scale,
        wire.visit_id,
        wire.article_id,
    )


def _told(name: str | None | UnsetType) -> str | None:
    return None if name is UNSET else name or NOBODY


_pack = msgspec.msgpack.Encoder().encode
_unpack_facts = msgspec.msgpack.Decoder(list[Fact]).decode


def pack_facts(facts: list[Fact]) -> bytes:
    """One entity's facts, compact, for the store."""
    return _pack(facts)


def unpack_facts(blob: bytes) -> list[Fact]:
    """What `pack_facts` wrote."""
    return _unpack_facts(blob)
