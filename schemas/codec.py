"""Bytes <-> facts: the only place that knows JSON and MessagePack.

At the door an event is a pydantic model (`schemas.events`), checked field by field. In the stream, where a
worker reads tens of thousands a second, it is a `Fact`: the fields that figures depend on, with integer
milliseconds for instants.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from schemas.events import EPOCH, LATEST, LONGEST_ID, Actor, AgentState, AnyEvent, Status
from schemas.topics import Topic, requester_key, route, ticket_key, topic_of

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


Dims = tuple[str | None, ...]
"""The values of the dimensions that figures are cut by (`services.core.tally.DIMENSIONS`)."""


class TicketStory(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a requester's own timeline has to know of one ticket."""

    ticket: str
    """The ticket's key."""
    opened_at: Millis
    asked: bool
    """The requester opened it, and when is known: it is a contact of theirs."""
    category: str | None
    merged_into: str | None
    """The key of the ticket that it became a part of."""
    solved_at: Millis | None
    """The first solve; None for a ticket that was merged away."""
    dims: Dims
    """Of that solve."""
    escalated: bool
    """Before the first solve."""
    replies: int
    """Public replies by agents up to the first solve."""
    reopened_at: Millis | None
    bot_answered: bool
    """Before the first solve."""
    people_at: Millis | None
    """When people first had a part in it: answered, or were handed it."""


class VisitStory(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a requester's own timeline has to know of one visit to the help centre."""

    last_view_at: Millis
    articles: tuple[str, ...]


class Rated(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A reviewer's rating in one category."""

    rating: float | None
    scale: tuple[float, float] = (0, 100)
    weight: float = 1
    critical: bool = False


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
    product_area: str | None = None
    team: str | None = None
    tags_added: tuple[str, ...] | None = None
    tags_removed: tuple[str, ...] | None = None
    begins_at: Millis | None = None
    ends_at: Millis | None = None
    activity: str | None = None
    ratings: tuple[Rated, ...] | None = None
    contact: str | None = None
    """On an agent's event, the key of the ticket that it names."""
    version: int = 0
    """Of what one entity tells another: the highest counts, whenever it comes."""
    ticket_story: TicketStory | None = None
    visit_story: VisitStory | None = None

    @property
    def topic(self) -> Topic:
        """Where it belongs: an entity is told by its topic and its key."""
        return topic_of(self.type, self.ticket_id)


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
    "agent.scheduled",
    "review.scored",
    "survey.answered",
    "helpcenter.viewed",
]
_REQUIRED = {
    "ticket.replied": ("ticket_id", "author", "public"),
    "ticket.status_changed": ("ticket_id", "status"),
    "ticket.priority_changed": ("ticket_id", "priority"),
    "ticket.merged": ("ticket_id", "into_ticket_id"),
    "agent.state_changed": ("agent_id", "state"),
    "agent.scheduled": ("agent_id", "begins_at", "ends_at", "activity"),
    "survey.answered": ("kind", "score"),
    "helpcenter.viewed": ("visit_id", "article_id"),
}
"""What an event of a type must tell beside the common fields; of other ticket events, the ticket."""


_IDS = ("event_id", "ticket_id", "agent_id", "into_ticket_id", "visit_id", "article_id")
_WORDS = (
    *("source", "tenant", "queue", "channel", "priority", "tier", "category", "product_area", "team"),
    *("requester_id", "reason", "from_tier", "kind"),
)
LONGEST_WORD = 1000
"""Characters of a word in the log; the door takes fewer, but a log may be written by others."""
_END: Millis = millis(LATEST)


def altered(fact: Fact, **changes: object) -> Fact:
    """A fact that says the same but for ``changes``."""
    return msgspec.structs.replace(fact, **changes)


class _Rating(msgspec.Struct, gc=False):
    rating: float | None = None
    scale: tuple[float, float] = (0, 100)
    weight: float = 1
    critical: bool = False


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
    product_area: str | None = None
    team: str | None = None
    tags: tuple[str, ...] | None = None
    added: tuple[str, ...] | None = None
    removed: tuple[str, ...] | None = None
    begins_at: _Zoned | None = None
    ends_at: _Zoned | None = None
    activity: Literal["on_queue", "break", "training", "meeting", "off"] | None = None
    ratings: tuple[_Rating, ...] | None = None


_read = msgspec.json.Decoder(_Wire).decode


class _Derived(msgspec.Struct, gc=False):
    """The JSON of what one entity tells another."""

    derived: Fact


_DERIVED = b'{"derived":'
_read_derived = msgspec.json.Decoder(_Derived).decode
_write_derived = msgspec.json.Encoder().encode

NO_EVENT = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)
"""What `decode` raises for bytes that are no event."""


def encode(event: AnyEvent) -> bytes:
    """The canonical JSON of ``event``: what was told, and no defaults beside it."""
    return event.model_dump_json(exclude_unset=True).encode()


def encode_derived(fact: Fact) -> bytes:
    """What one entity tells another, for the log. No helpdesk sends it, and no door lets it in."""
    return _write_derived(_Derived(fact))


def is_derived(record: bytes) -> bool:
    """Whether the record is what one entity tells another: made from other records of the log, and made anew
    whenever they are read again."""
    return record.startswith(_DERIVED)


def decode(record: bytes, logged_at: Millis | None = None) -> Fact:
    """The fact of one canonical event, as `encode` wrote it, or of what `encode_derived` wrote.

    Args:
        logged_at: When the log took it, which stands for `received_at` where the event does not tell.

    Raises:
        NO_EVENT: no JSON, or a field that is missing or of another type; the message names it.
    """
    if is_derived(record):
        fact = _read_derived(record).derived
        _within(fact.at, "at")
        return fact
    wire = _read(record)
    _check(wire, len(record))
    at = _within(millis(wire.occurred_at), "occurred_at")
    received_at = at if logged_at is None else logged_at
    if wire.received_at is not None:
        received_at = _within(millis(wire.received_at), "received_at")
        if logged_at is not None:  # whoever wrote it, it was not received long after the log had it
            received_at = min(received_at, logged_at + AHEAD_MS)
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
        None if wire.created_at is None else _within(millis(wire.created_at), "created_at"),
        wire.content_flags or None,
        wire.kind,
        wire.score,
        wire.scale,
        wire.visit_id,
        wire.article_id,
        wire.product_area,
        wire.team,
        wire.added or wire.tags or None,
        wire.removed or None,
        None if wire.begins_at is None else _within(millis(wire.begins_at), "begins_at"),
        None if wire.ends_at is None else _within(millis(wire.ends_at), "ends_at"),
        wire.activity,
        tuple(Rated(r.rating, r.scale, r.weight, r.critical) for r in wire.ratings) if wire.ratings else None,
        ticket_key(wire) if wire.type == "agent.state_changed" else None,
    )


def _check(wire: _Wire, size: int) -> None:
    """What the types do not say.

    Raises:
        msgspec.ValidationError: something is missing, or too long.
    """
    for name in _REQUIRED.get(wire.type, ("ticket_id",)):
        if getattr(wire, name) in (None, UNSET, ""):
            raise msgspec.ValidationError(f"Object missing required field `{name}` of {wire.type}")
    if not wire.event_id:
        raise msgspec.ValidationError("Object missing required field `event_id`")
    for name in _IDS:
        if len(getattr(wire, name) or "") > LONGEST_ID:
            raise msgspec.ValidationError(f"`{name}` is longer than {LONGEST_ID} characters")
    if size > LONGEST_WORD:
        for name in _WORDS:
            if len(getattr(wire, name) or "") > LONGEST_WORD:
                raise msgspec.ValidationError(f"`{name}` is longer than {LONGEST_WORD} characters")
    if wire.type == "review.scored" and wire.score is None and not wire.ratings:
        raise msgspec.ValidationError("Object missing required field `score` or `ratings` of review.scored")


def _within(at: Millis, name: str) -> Millis:
    """``at``, which `schemas.events` would take as an instant."""
    if not 0 <= at < _END:
        raise msgspec.ValidationError(f"`{name}` lies outside 1970 to 2199")
    return at


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
