"""What happened: every event type of the vocabulary, as it travels on Kafka and through `POST /events`.

The words are those of the KPI cases (docs/kpis.md). Facts grow by optional fields; a changed meaning is a
new event type. Unknown fields are let through: an older reader outlives a newer writer.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

SCHEMA_VERSION = 1

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
LONGEST_ID = 200
LONGEST_STRETCH = timedelta(days=7)


def _instant_text(value: Any) -> Any:
    """Instants come as RFC 3339 text: a bare number could be seconds, milliseconds or microseconds."""
    if isinstance(value, (str, datetime)):
        return value
    raise ValueError("an instant is RFC 3339 text, such as 2026-03-02T09:00:00Z")


def _in_range(value: datetime) -> datetime:
    if not EPOCH <= value < LATEST:
        raise ValueError("an instant lies from 1970 to 2199")
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_instant_text), AfterValidator(_in_range)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ID, pattern=r"^[^\s{}\x00-\x1f\x7f]+$")]
Word = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]

Status = Literal["new", "open", "pending", "on_hold", "solved", "closed"]
Priority = Literal["low", "normal", "high", "urgent"]
Actor = Literal["customer", "agent", "bot", "system"]
AgentState = Literal["offline", "available", "busy", "wrap_up", "break", "training", "meeting", "away"]
TimeSource = Literal["event", "object", "header", "received"]


class Event(BaseModel):
    """A fact about a ticket, an agent or a requester. It never changes once written."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    event_id: Id
    """The helpdesk's own id, or one made from the delivery; repeats share it."""
    occurred_at: Instant
    """Event time: when it happened, as the helpdesk says."""
    received_at: Instant | None = None
    """When the gateway received it; left out, `occurred_at` stands for it."""
    occurred_at_source: TimeSource = "event"
    """What told `occurred_at`: the event itself, the object it is about, a header, or only our clock."""
    source: Word | None = None
    """The helpdesk product, such as zendesk."""
    tenant: Word | None = None
    """Whose helpdesk it is: the last part of the webhook's address."""
    schema_version: int = Field(default=SCHEMA_VERSION, ge=1)
    actor: Actor | None = None
    """Who did it; left out when the delivery does not tell."""
    channel: Word | None = None
    """email, chat, voice, web, social, sms, api, other ..."""
    queue: Word | None = None
    """Where tickets wait for a group of agents; on an agent's event, the queue that the agent serves."""
    priority: Priority | None = None
    tier: Word | None = None
    """The customer's tier."""
    category: Word | None = None
    """The topic of the ticket."""
    product_area: Word | None = None
    """The part of the product that the ticket is about."""
    team: Word | None = None
    """The team of the agent who has the ticket; on an agent's event, the agent's own."""
    agent_id: Word | None = None
    requester_id: Word | None = None


class TicketEvent(Event):
    """A fact about one ticket."""

    ticket_id: Id
    """One ticket, one partition."""


class TicketCreated(TicketEvent):
    """A ticket was opened. It stands for the customer's first public message unless an agent opened it."""

    type: Literal["ticket.created"]
    created_by: Actor = "customer"
    status: Status = "new"
    tags: tuple[Word, ...] = ()


class TicketAssigned(TicketEvent):
    """A new agent, a new queue, or both; null takes it away, leaving it out changes nothing."""

    type: Literal["ticket.assigned"]


class TicketReplied(TicketEvent):
    """A message on the ticket: public, or a note among agents."""

    type: Literal["ticket.replied"]
    author: Literal["agent", "customer", "bot", "system"]
    public: bool
    content_flags: tuple[Literal["actionable", "article_link", "troubleshooting", "template"], ...] | None = None


class TicketStatusChanged(TicketEvent):
    """The ticket's status became another; `agent_id` is who did it."""

    type: Literal["ticket.status_changed"]
    status: Status
    old_status: Status | None = None
    reason: Word | None = None
    """`abandoned`: the customer left the queue unanswered. Also spam, canceled; of a solve, what the resolution was:
    fixed, workaround, answered, duplicate ..."""


class TicketEscalated(TicketEvent):
    """Handed to a higher tier. From the tier `bot` it is a hand-off, not an escalation."""

    type: Literal["ticket.escalated"]
    from_tier: Word | None = None
    to_tier: Word | None = None
    reason: Word | None = None


class TicketPriorityChanged(TicketEvent):
    """The ticket's priority became another."""

    type: Literal["ticket.priority_changed"]
    priority: Priority
    old_priority: Priority | None = None


class TicketMerged(TicketEvent):
    """`ticket_id` is merged away into `into_ticket_id`."""

    type: Literal["ticket.merged"]
    into_ticket_id: Id


class TicketSnapshot(TicketEvent):
    """The ticket as it stands: from helpdesks that never tell what changed."""

    type: Literal["ticket.snapshot"]
    status: Status | None = None
    created_at: Instant | None = None


class TicketTagsChanged(TicketEvent):
    """Tags were added to the ticket or removed from it."""

    type: Literal["ticket.tags_changed"]
    added: tuple[Word, ...] = ()
    removed: tuple[Word, ...] = ()


class TicketDeleted(TicketEvent):
    """The ticket was deleted in the helpdesk: it leaves every figure."""

    type: Literal["ticket.deleted"]


class AgentStateChanged(Event):
    """An agent's presence; with `ticket_id` it is about that one contact only."""

    type: Literal["agent.state_changed"]
    agent_id: Id
    state: AgentState
    ticket_id: Id | None = None


class AgentScheduled(Event):
    """An agent's plan for a stretch of time. Of two that overlap, the one told later holds."""

    type: Literal["agent.scheduled"]
    agent_id: Id
    begins_at: Instant
    ends_at: Instant
    activity: Literal["on_queue", "break", "training", "meeting", "off"]
    """`off` takes back what was planned."""

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if not self.begins_at < self.ends_at <= self.begins_at + LONGEST_STRETCH:
            raise ValueError("a planned stretch ends later than it begins, and no more than 7 days later")
        return self


class Rating(BaseModel):
    """What a reviewer gave in one category."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    rating: float | None = Field(allow_inf_nan=False)
    """Null: not applicable."""
    scale: tuple[float, float] = (0, 100)
    """Least and most."""
    weight: float = Field(default=1, ge=0, allow_inf_nan=False)
    critical: bool = False
    """Under half of its scale, it makes the whole review 0."""


class ReviewScored(Event):
    """A review of how a ticket was handled, from quality assurance; `agent_id` is who was reviewed."""

    type: Literal["review.scored"]
    ticket_id: Id
    score: float | None = Field(default=None, allow_inf_nan=False)
    """From 0 to 100, or on `scale`; left out, it is made of the ratings."""
    scale: tuple[float, float] | None = None
    ratings: tuple[Rating, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.score is None and not self.ratings:
            raise ValueError("a review tells a score or ratings")
        return self


class SurveyAnswered(Event):
    """A customer's answer: satisfaction (csat), recommendation (nps) or effort (ces)."""

    type: Literal["survey.answered"]
    kind: Literal["csat", "nps", "ces"]
    score: float = Field(allow_inf_nan=False)
    scale: tuple[float, float] | None = None
    """Worst and best."""
    ticket_id: Id | None = None


class HelpcenterViewed(Event):
    """An article was read; `visit_id` groups the views of one visit."""

    type: Literal["helpcenter.viewed"]
    visit_id: Id
    article_id: Id


AnyEvent = Annotated[
    TicketCreated
    | TicketAssigned
    | TicketReplied
    | TicketStatusChanged
    | TicketEscalated
    | TicketPriorityChanged
    | TicketMerged
    | TicketSnapshot
    | TicketTagsChanged
    | TicketDeleted
    | AgentStateChanged
    | AgentScheduled
    | ReviewScored
    | SurveyAnswered
    | HelpcenterViewed,
    Field(discriminator="type"),
]

EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)
"""Validates one event of any type, from Python objects or from JSON."""
