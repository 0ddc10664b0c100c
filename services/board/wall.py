"""The wall as JSON: what `GET /api/v1/wall` and the stream send. Null is unknown, never zero.

Durations are seconds, ratios 0 to 1, instants RFC 3339 in UTC.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["live", "quiet", "catching_up", "stale", "unknown"]


class Part(BaseModel):
    """A part of the wall."""

    model_config = ConfigDict(
        frozen=True, use_attribute_docstrings=True, validate_by_name=True, serialize_by_alias=True
    )


class Freshness(Part):
    """How far the figures can be believed."""

    state: State
    """`quiet`: no event for 5 minutes; `catching_up`: the processor is behind; `stale`: the store does not answer,
    the figures are those of `read_at`; `unknown`: nothing was read yet."""
    read_at: datetime | None = None
    """When the store last answered."""
    age_s: float | None = None
    """How long ago that is."""
    newest_event_at: datetime | None = None
    sentence: str
    """The same, for a duty manager."""


class Waiting(Part):
    """Tickets whose customer waits for a first or next response."""

    count: int | None = None
    longest_since: datetime | None = None


class FirstResponse(Part):
    """First responses given in the window, in wall-clock time."""

    window: str = "24h"
    count: int | None = None
    median_s: float | None = None
    p90_s: float | None = None


class Trend(Part):
    """The backlog at even steps."""

    begins: datetime = Field(alias="from")
    step_s: int
    values: list[int | None]
    """Null before the first event that is known."""


class QueueBacklog(Part):
    """The backlog of one queue."""

    queue: str | None
    """Null: tickets of which no queue is told."""
    open: int
    waiting: int
    longest_since: datetime | None = None
    change_1h: int | None = None
    trend: list[int | None]


class Backlog(Part):
    """Tickets opened and not yet resolved."""

    total: int | None = None
    change_1h: int | None = None
    trend: Trend | None = None
    queues: list[QueueBacklog] = []
    """Most open tickets first."""


class ClockFigures(Part):
    """One kind of SLA clock."""

    clock: str
    at_risk: int
    overdue: int
    breached_24h: int
    met_24h: int


class Sla(Part):
    """Promises: those about to break, those broken, those kept."""

    at_risk: int | None = None
    overdue: int | None = None
    breached_24h: int | None = None
    met_24h: int | None = None
    attainment_24h: float | None = None
    clocks: list[ClockFigures] = []


class Deadline(Part):
    """A promise that is about to break, or broke a moment ago."""

    ticket: str
    """Its key."""
    queue: str | None
    clock: str
    policy: str
    state: Literal["at_risk", "overdue"]
    due_at: datetime
    holds_until: datetime
    """The last instant at which it is not overdue: `due_at`, or where that falls on closing time the next opening."""
    explain: str
    """Where the whole story is."""


class NextDeadline(Part):
    """Of all clocks that run and hold, the one that holds shortest."""

    at: datetime
    clock: str
    queue: str | None


class Deadlines(Part):
    """What breaks next."""

    tickets: list[Deadline] | None = None
    """At risk, next deadline first, after the last few that broke; null while it is not known."""
    next: NextDeadline | None = None
    """At risk or not; null when no clock runs."""


class Agents(Part):
    """Who is there, and how busy the last hour was."""

    signed_in: int | None = None
    states: dict[str, int] = {}
    utilisation_1h: float | None = None
    occupancy_1h: float | None = None


class Wall(Part):
    """Everything that the wall shows."""

    at: datetime
    freshness: Freshness
    waiting: Waiting = Waiting()
    first_response: FirstResponse = FirstResponse()
    backlog: Backlog = Backlog()
    sla: Sla = Sla()
    deadlines: Deadlines = Deadlines()
    agents: Agents = Agents()
