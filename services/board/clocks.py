"""A ticket's SLA clock at an instant, as lists tell of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from schemas.codec import Fact, Millis, instant
from services.board.wall import Part
from services.core.rules import Rules
from services.core.sla import Clock, reading
from services.core.tally import CLOCKS, Entry
from services.core.ticket import Ticket, replay

_OPEN = ("at_risk_from", "due", "overdue", "paused")
_OVER = ("sla_met", "sla_breached")
MEASURES = frozenset(f"{kind}.{clock}" for kind in (*_OPEN, *_OVER) for clock in CLOCKS)
"""Those that a clock adds to."""


class ClockNow(Part):
    """An SLA clock, as the ticket itself has it."""

    metric: str
    policy: str
    target_s: float
    used_s: float
    left_s: float
    """Negative once it is overdue. Of a clock in opening hours, this too is opening time."""
    due_at: datetime | None
    """The deadline as long as the clock runs, or the one that was broken; null while it stands still."""
    at_risk: bool
    state: Literal["running", "paused", "breached", "met", "cancelled"]


def clock_of(timeline: Sequence[Fact], entry: Entry, at: Millis, rules: Rules) -> ClockNow | None:
    """The clock that adds ``entry``, at ``at`` or, where that is later, the ticket's last event.

    None where the entry is of no clock.
    """
    ticket = replay(timeline, rules) if timeline and entry[0] in MEASURES else None
    if ticket is None:
        return None
    kind, _, metric = entry[0].partition(".")
    of_metric = [clock for clock in ticket.promises if clock.metric == metric]
    meant = next((clock for clock in of_metric if _adds(clock, kind, entry[1])), None)
    return None if meant is None else _now(meant, ticket, at)


def _adds(clock: Clock, kind: str, at: Millis) -> bool:
    if kind in _OPEN:
        return not clock.over  # of a metric one clock at most is open
    return at == (clock.stopped_at if kind == "sla_met" else clock.breached_at)


def _now(clock: Clock, ticket: Ticket, at: Millis) -> ClockNow | None:
    at = max(at, ticket.last_at)
    read = reading(clock, at, ticket.assignee_at)
    if read is None or clock.target is None:
        return None
    used_ms, target_ms = clock.elapsed_ms(at), clock.target.target_ms
    due_at = read.due_at if read.breached_at is None else clock.due_when_breached or clock.due_at()
    return ClockNow(
        metric=clock.metric,
        policy=read.policy,
        target_s=target_ms / 1000,
        used_s=used_ms / 1000,
        left_s=(target_ms - used_ms) / 1000,
        due_at=None if due_at is None else instant(due_at),
        at_risk=read.at_risk,
        state=read.state,
    )
