"""The answer of `GET /api/v1/whatif` as JSON: promises under the live policy and under that of another namespace.

`policy` is the live side, `against` the other one. Durations are seconds, ratios 0 to 1, instants RFC 3339 in UTC.
"""

from datetime import datetime

from pydantic import Field

from services.board.answer import Part
from services.board.wall import Freshness
from services.core.whatif import Side, State


class Promises(Part):
    """What became of promises."""

    attainment: float | None
    """met / (met + breached); null where neither happened."""
    met: int
    """In the window, as `breached` is."""
    breached: int
    running: int
    """Now, as the others: clocks that run and hold."""
    at_risk: int
    overdue: int
    """Broken, and still running."""
    paused: int


class Both(Part):
    """The same under both policies."""

    policy: Promises
    against: Promises


class OfQueue(Both):
    """The promises of one queue."""

    queue: str | None
    """Null is what nobody told."""


class InAll(Both):
    """All promises, of every clock."""

    queues: list[OfQueue]


class OfClock(InAll):
    """The promises of one SLA clock."""

    clock: str


class Outcome(Part):
    """What became of one clock under one policy."""

    state: State
    at: datetime | None
    """When it was met or breached; of a clock that runs, its deadline; of one that stands still, since when."""
    policy: str | None
    """The id of the promise in that policy; null where nothing is promised."""
    target_seconds: int | None


class Differing(Part):
    """A clock whose breach is counted under one policy and not under the other."""

    ticket: str
    clock: str
    started_at: datetime
    at: datetime
    """When that breach is counted."""
    breached_under: Side
    policy: Outcome | None
    """Null: no such clock was started."""
    against: Outcome | None
    explain: str
    """Why it is so under the live policy."""


class StateOf(Part):
    """One of the two states."""

    namespace: str
    fingerprint: str
    """Of its policy."""
    known_since: datetime | None
    """When the first ticket was opened that it knows, to the minute, hour or day that is kept."""
    freshness: Freshness


class OtherState(StateOf):
    """The other one, and how far it has come: it is built from the log, and may still be on its way."""

    comparable: bool
    """Whether it has counted what the live one has, in all of the window."""
    records_behind: int
    """How many records of the log the live state has counted, and this one has not yet."""
    counted: float
    """The share of them that it has counted."""
    seconds_behind: float
    """By how much its newest event is older, in the partition where that is most."""
    sentence: str


class WhatIf(Part):
    """Promises under two policies, from the same events."""

    at: datetime
    window: str
    begins: datetime = Field(alias="from")
    ends: datetime = Field(alias="to")
    filters: dict[str, list[str | None]]
    policy: StateOf
    against: OtherState
    in_all: InAll
    clocks: list[OfClock]
    """Those that anything is known of, under either policy."""
    tickets: list[Differing] | None
    """The newest hour first. Null with `limit=0`."""
    listed_from: datetime | None
    """Tickets of older breaches are no longer listed; null when all are."""
    next: str | None
    """Where to go on; null when there are no more."""
