"""The answer of `GET /api/v1/kpis` as JSON. Null is unknown, or a share or mean of nothing; it is never zero.

Durations are seconds, ratios 0 to 1, instants RFC 3339 in UTC.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from services.board.wall import Freshness
from services.core.catalogue import Theme


class Part(BaseModel):
    """A part of the answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class CountFigures(Part):
    """How often something happened."""

    value: int


class DurationFigures(Part):
    """How long something took, in seconds: the mean is exact, percentiles are within 1 %."""

    count: int
    mean: float | None
    p50: float | None
    p75: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class ShareFigures(Part):
    """A ratio with its parts. Parts that are times are in seconds."""

    value: float | None
    numerator: float | None
    denominator: float


class QueueFigures(ShareFigures):
    """A ratio of contacts that waited in a queue, and what became of them."""

    answered: int
    abandoned: int
    short_abandoned: int
    waiting: int
    """Who wait now; 0 for a period of the past."""


class AutomationFigures(ShareFigures):
    """What bots resolved for certain, of all that was solved."""

    pending: int
    """Quiet so far."""


class DeflectionFigures(ShareFigures):
    """Visits that no ticket followed, of those that are decided."""

    visits: int
    identified: int
    pending: int
    """Not decided yet, and in no ratio."""


class LevelFigures(Part):
    """How many there are at the window's end."""

    value: int
    by_kind: dict[str, int]


class StandingFigures(Part):
    """What stands now; null for a period of the past."""

    value: int | None
    oldest_at: datetime | None
    longest_seconds: float | None
    by_age: dict[str, int] | None
    """By the age that each has not passed yet."""
    by_kind: dict[str, int] | None


class RiskFigures(Part):
    """SLA clocks that are open now; null for a period of the past."""

    at_risk: int | None
    overdue: int | None
    running: int | None
    """Those that still hold, at risk or not."""
    paused: int | None
    """Standing still, neither kept nor broken."""
    next_due_at: datetime | None
    longest_overdue_seconds: float | None


class FirstContactFigures(Part):
    """First contact resolution of what was first solved in the window."""

    confirmed: float | None
    """resolved / matured"""
    provisional: float | None
    """(resolved + pending) / solved"""
    resolved: int
    matured: int
    pending: int
    solved: int


class SpreadFigures(Part):
    """What each agent has who has any."""

    mean: float | None
    most: int | None
    evenness: float | None
    """Jain's index: 1 when all have the same."""
    agents: int


class ScoreFigures(Part):
    """What was answered."""

    responses: int
    mean: float | None
    distribution: dict[str, int]
    """How many gave which score, to the nearest point; reviews by tens."""


class CsatFigures(ScoreFigures):
    """satisfied / responses"""

    satisfied_rate: float | None
    satisfied: int


class NpsFigures(ScoreFigures):
    """100 x (promoters - detractors) / responses"""

    score: float | None
    promoters: int
    passives: int
    detractors: int


class CesFigures(ScoreFigures):
    """easy / responses"""

    easy_rate: float | None
    easy: int


class ReviewFigures(ScoreFigures):
    """Review scores from 0 to 100."""

    p50: float | None
    p75: float | None
    p90: float | None
    p95: float | None
    p99: float | None


KpiFigures = (
    CountFigures
    | DurationFigures
    | ShareFigures
    | QueueFigures
    | AutomationFigures
    | DeflectionFigures
    | LevelFigures
    | StandingFigures
    | RiskFigures
    | FirstContactFigures
    | SpreadFigures
    | CsatFigures
    | NpsFigures
    | CesFigures
    | ReviewFigures
)


class Compared(Part):
    """A KPI in a window and in the period before it."""

    current: KpiFigures
    previous: KpiFigures | None
    """Null when nothing was known yet."""
    change: dict[str, float | None] | None
    """(current - previous) / previous of each number; null without a previous value."""


class Group(Part):
    """The figures of one group."""

    key: dict[str, str | None]
    """The values of the dimensions that were asked for; null is what nobody told."""
    kpis: dict[str, Compared]


class Period(Part):
    """From an instant up to, and without, another."""

    begins: datetime = Field(alias="from")
    ends: datetime = Field(alias="to")


class Day(Period):
    """The local day of the queues of one time zone."""

    timezone: str
    previous: Period


class Window(Period):
    """One window: whole minutes, and whole hours or days where minutes or hours are no longer kept."""

    window: str
    previous: Period
    """The period before it; of `today`, the day before up to the same time."""
    days: list[Day] | None = None
    """Of `today`: each queue has its own, and what is told of all is the sum of them."""
    groups_total: int
    groups_told: int
    """Fewer than there are when `limit` cut them; those that have most of the first KPI come first."""
    groups: list[Group]


class Answer(Part):
    """The figures that were asked for."""

    at: datetime
    by: list[str]
    filters: dict[str, list[str | None]]
    known_since: datetime | None
    """When the first thing was told that figures are made of."""
    windows: list[Window]
    freshness: Freshness


class Entry(Part):
    """A KPI of the catalogue."""

    name: str
    theme: Theme
    unit: str
    question: str
    formula: str
    """Over the measures that cells are kept of."""
    measures: list[str]
    headline: str
    """The figure to show where there is room for one."""
    edges: str


class Refusal(Part):
    """Why there is no answer."""

    detail: str
    freshness: Freshness | None = None
