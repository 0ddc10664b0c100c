"""What an explanation consists of. Instants are in UTC, durations in seconds; null is unknown, or for nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of the timeline, in the order in which they count."""

    at: datetime
    received_at: datetime
    type: str
    event_id: str
    told_by: str | None
    """Another entity that told it; null: the helpdesk."""
    tells: dict[str, str]
    changed: list[str]
    """What it did to the ticket and its clocks; empty when nothing."""
    overtaken_by: int
    """How many later events were received before it."""
    repeats: int | None
    """How often it came again; null where that is not kept."""


@dataclass(frozen=True, slots=True)
class State:
    """The ticket at the instant of the explanation."""

    status: str
    queue: str | None
    channel: str | None
    priority: str | None
    tier: str | None
    category: str | None
    product_area: str | None
    team: str | None
    agent: str | None
    requester: str | None
    tags: list[str]
    opened_at: datetime
    creation_known: bool
    """False: first seen in the middle of its life; nothing is measured from the creation."""
    by_agent: bool
    """An agent opened it."""
    waiting_since: datetime | None
    """Since when the customer waits for an answer."""
    merged_into: str | None
    deleted: bool


@dataclass(frozen=True, slots=True)
class Period:
    """A status that held from one instant to the next, and whose the ticket was."""

    since: datetime
    until: datetime | None
    """Null: it holds still."""
    lasted_s: float
    status: str
    queue: str | None
    agent: str | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody waited for an answer."""

    kind: Literal["first_response", "first_response_since_handover", "next_response"]
    since: datetime
    until: datetime | None
    """Null: still waiting."""
    lasted_s: float
    business_s: float
    """Of that, opening time on the calendars of the queues that the ticket was in meanwhile."""
    agent: str | None


@dataclass(frozen=True, slots=True)
class Open:
    """Opening hours within a stretch."""

    since: datetime
    until: datetime
    lasted_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch in which a clock ran, or stood still."""

    runs: bool
    since: datetime
    until: datetime | None
    """Null: so it is still."""
    lasted_s: float
    counted_s: float
    """What it used of the target."""
    closed_s: float
    """What it did not, because the calendar was closed."""
    calendar: str | None
    """Null: every hour counts."""
    status: str
    """Of the ticket, when it began."""
    openings: list[Open]
    """When the calendar was open in it; the first MOST_OPENINGS of them, and none where every hour counts."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """What was promised from an instant on, and when that was due."""

    at: datetime
    event_id: str
    policy: str | None
    """Null: nothing is promised any more."""
    target_s: float | None
    due_at: datetime | None
    """Null while the clock stands still, and once it stopped."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A policy that does not fit the ticket."""

    policy: str
    order: int
    wants: dict[str, str | list[str]]
    """What it asks for and the ticket has not."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One SLA clock."""

    metric: str
    number: int
    """Of several next responses."""
    policy: str
    match: dict[str, str | list[str]]
    """What a ticket has to be for this policy to fit; it was the first one that did, by its order."""
    in_force_since: datetime | None
    """Of this version of the policy; null where it has always been in force."""
    passed_over: list[PassedOver]
    """The policies that come before it and do not fit."""
    target_s: float
    at_risk_after_s: float
    elapsed_s: float
    remaining_s: float | None
    state: str
    """running, paused, met, breached or cancelled."""
    at_risk: bool
    due_at: datetime | None
    breached_at: datetime | None
    breached_agent: str | None
    stopped_at: datetime | None
    runs: list[Run]
    deadlines: list[Deadline]


@dataclass(frozen=True, slots=True)
class Contribution:
    """What the ticket adds to one measure at one instant."""

    measure: str
    means: str
    kind: Literal["flow", "level", "standing"]
    at: datetime
    count: int
    value: float | None
    """Seconds or points, where it has a value beside the count; of what stands, seconds from that instant to now."""
    unit: Literal["seconds", "points"] | None
    cut: dict[str, str]
    """The dimensions that it is counted under; what is not there was not told."""
    kpis: list[str]
    """The KPIs that are made of this measure."""
    counted_by: str | None
    """The requester, where that timeline adds it; null: the ticket's own."""


@dataclass(frozen=True, slots=True)
class Theme:
    """What the ticket adds, by what it is about."""

    theme: str
    adds: list[Contribution]


@dataclass(frozen=True, slots=True)
class Return:
    """First contact resolution in one window, or the automation: whether the customer came back in it."""

    figure: str
    window_days: float
    ends_at: datetime
    verdict: Literal["yes", "no", "pending"]
    came_back_at: datetime | None
    """When the customer first came back after the solve, in the window or later."""


@dataclass(frozen=True, slots=True)
class News:
    """What the ticket tells another entity."""

    to: str
    type: str
    says: dict[str, str]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that figures know of one ticket, so that each can be checked by hand."""

    ticket: str
    """Its key."""
    as_of: datetime
    state: State | None
    """Null: only opinions of it were told."""
    timeline: list[Happening]
    periods: list[Period]
    status_s: dict[str, float]
    """How long it was in each status, from the opening to the instant of the explanation."""
    waits: list[Wait]
    clocks: list[Promise]
    unpromised: list[str]
    """Clocks that no policy promises anything for."""
    returns: list[Return]
    adds: list[Theme]
    tells: list[News]
