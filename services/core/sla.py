"""SLA clocks: start, pause, fulfil, breach (KPI cases, conventions 12 and 13).

A clock knows what it has counted up to its last event, and can be asked about any later instant. Reaching the target
exactly is not a breach. The hot path owns its clocks alone and changes them in place.
"""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.codec import Millis
from services.core.calendar import Calendar
from services.core.rules import Rules, Target

Assignee = Callable[[Millis], str | None]
"""Whose the ticket was at an instant."""


class Clock:
    """One promise to one ticket: how much of its target is used, and since when it runs."""

    __slots__ = (
        "_counted",
        "_rules",
        "breached_agent",
        "breached_at",
        "cancelled",
        "hours",
        "metric",
        "running_since",
        "spent_ms",
        "stopped_at",
        "target",
    )

    def __init__(self, metric: str, rules: Rules) -> None:
        self.metric = metric
        self.target: Target | None = None
        self.hours: str | None = None
        self.spent_ms: Millis = 0
        """Used in stretches that are over."""
        self.running_since: Millis | None = None
        self.stopped_at: Millis | None = None
        self.cancelled = False
        self.breached_at: Millis | None = None
        self.breached_agent: str | None = None
        self._counted: list[tuple[Millis, Millis]] = []
        self._rules = rules

    @property
    def calendar(self) -> Calendar:
        return self._rules.calendars[self.hours or ""]

    @property
    def ran(self) -> list[tuple[Millis, Millis | None]]:
        """From when to when it counted; the last stretch may be open."""
        return [*self._counted, *([] if self.running_since is None else [(self.running_since, None)])]

    def elapsed_ms(self, at: Millis) -> Millis:
        """Time used up to ``at``."""
        if self.running_since is None:
            return self.spent_ms
        return self.spent_ms + self.calendar.between(self.running_since, at)

    def run(self, at: Millis) -> None:
        """Count from ``at`` on; a running clock goes on."""
        if self.running_since is None:
            self.running_since = at
        self.stopped_at = None

    def pause(self, at: Millis) -> None:
        """Stop counting at ``at``; a paused clock stays so."""
        if self.running_since is not None:
            self.spent_ms = self.elapsed_ms(at)
            self._counted.append((self.running_since, at))
            self.running_since = None

    def stop(self, at: Millis) -> None:
        """Fulfilled at ``at``; whether in time, `breached_at` tells."""
        self.pause(at)
        self.stopped_at = at

    def cancel(self, at: Millis) -> None:
        """Neither met nor missed any more: nobody is owed anything."""
        self.pause(at)
        self.cancelled = True

    def notice_breach(self, at: Millis, assignee: Assignee) -> None:
        """Note a breach that happened by ``at``."""
        if self.breached_at is not None or self.target is None or self.running_since is None:
            return
        if self.elapsed_ms(at) > self.target.target_ms:
            self.breached_at = self.due_at()
            self.breached_agent = None if self.breached_at is None else assignee(self.breached_at)

    def retarget(self, at: Millis, target: Target | None, agent: str | None) -> None:
        """From ``at`` on another promise may hold, or none; what is used so far is kept, and so is a breach."""
        if self.stopped_at is not None or self.cancelled or target == self.target:
            return
        if target is None and self.breached_at is not None:
            return
        hours = target.hours if target is not None else self.hours
        if hours != self.hours:
            self._change_hours(at, hours)
        self.target = target
        if target is not None and self.breached_at is None and self.elapsed_ms(at) > target.target_ms:
            self.breached_at = at
            self.breached_agent = agent

    def _change_hours(self, at: Millis, hours: str | None) -> None:
        running = self.running_since is not None
        self.pause(at)
        recount = self.hours is None or self._rules.recount_with_last_calendar
        self.hours = hours
        if recount:
            self.spent_ms = sum(self.calendar.between(begin, end) for begin, end in self._counted)
        if running:
            self.running_since = at

    def due_at(self) -> Millis | None:
        """When the target is reached if the running clock goes on; None if that never happens."""
        return self._reaches(self.target.target_ms) if self.target is not None else None

    def at_risk_from(self) -> Millis | None:
        """When the running clock becomes at risk."""
        return self._reaches(self.target.at_risk_ms) if self.target is not None else None

    def holds_until(self) -> Millis | None:
        """The last instant without a breach: a deadline at closing time holds until the next opening."""
        due = self.due_at()
        return None if due is None else self.calendar.next_opening(due)

    def _reaches(self, used_ms: Millis) -> Millis | None:
        if self.running_since is None:
            return None
        return self.calendar.after(self.running_since, used_ms - self.spent_ms)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """A clock at one instant, in whole seconds: what `sla.<ticket>` says (convention 13)."""

    policy: str
    target_seconds: int
    elapsed_seconds: int
    remaining_seconds: int | None
    state: str
    due_at: Millis | None
    at_risk: bool
    breached_at: Millis | None
    breached_agent_id: str | None


def reading(clock: Clock, at: Millis, assignee: Assignee) -> ClockReading | None:
    """``clock`` at ``at``, not before its last event; None without a target."""
    target = clock.target
    if target is None:
        return None
    elapsed = clock.elapsed_ms(at)
    breached_at, breached_agent = clock.breached_at, clock.breached_agent
    if breached_at is None and clock.running_since is not None and elapsed > target.target_ms:
        breached_at = clock.due_at()
        breached_agent = None if breached_at is None else assignee(breached_at)
    state = _state(clock, breached_at)
    open_ended = state in ("met", "cancelled")
    return ClockReading(
        policy=target.policy,
        target_seconds=target.target_ms // 1000,
        elapsed_seconds=elapsed // 1000,
        remaining_seconds=None if open_ended else -((elapsed - target.target_ms) // 1000),
        state=state,
        due_at=clock.due_at() if state == "running" else None,
        at_risk=state == "running" and elapsed >= target.at_risk_ms,
        breached_at=breached_at,
        breached_agent_id=breached_agent,
    )


def _state(clock: Clock, breached_at: Millis | None) -> str:
    if clock.cancelled:
        return "cancelled"
    if breached_at is not None:
        return "breached"
    if clock.stopped_at is not None:
        return "met"
    return "running" if clock.running_since is not None else "paused"
