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
        "_changed_at",
        "_counted",
        "_rules",
        "at_risk_at",
        "at_risk_noted",
        "breach_certain_at",
        "breached_agent",
        "breached_at",
        "cancelled",
        "due_when_breached",
        "hours",
        "met_late_at",
        "metric",
        "replies_before",
        "running_since",
        "spent_ms",
        "started_at",
        "stopped_at",
        "target",
    )

    def __init__(self, metric: str, rules: Rules, started_at: Millis) -> None:
        self.metric = metric
        self.started_at = started_at
        self.target: Target | None = None
        self.hours: str | None = None
        self.spent_ms: Millis = 0
        """Used in stretches that are over."""
        self.running_since: Millis | None = None
        self.stopped_at: Millis | None = None
        self.cancelled = False
        self.breached_at: Millis | None = None
        self.breach_certain_at: Millis | None = None
        """When it could first be told: a deadline at closing time may hold until the next opening."""
        self.breached_agent: str | None = None
        self.at_risk_at: list[Millis] = []
        """Each time that it came to be at risk."""
        self.at_risk_noted = False
        """The last of them still holds, whether it runs or stands still."""
        self.met_late_at: list[Millis] = []
        """Each time that it was fulfilled after its breach."""
        self.replies_before = 0
        """How many replies there were when it started, where a reply stops it."""
        self.due_when_breached: Millis | None = None
        """The deadline that was passed, as it was told."""
        self._counted: list[tuple[Millis, Millis]] = []
        self._changed_at = started_at
        """When it last turned out that more is used, or another target holds."""
        self._rules = rules

    @property
    def calendar(self) -> Calendar:
        return self._rules.calendars[self.hours or ""]

    @property
    def ran(self) -> list[tuple[Millis, Millis | None]]:
        """From when to when it counted; the last stretch may be open."""
        return [*self._counted, *([] if self.running_since is None else [(self.running_since, None)])]

    @property
    def over(self) -> bool:
        """Fulfilled or cancelled."""
        return self.stopped_at is not None or self.cancelled

    @property
    def paused_since(self) -> Millis | None:
        """Since when it stands still; None while it runs, and when it is over."""
        if self.running_since is not None or self.over:
            return None
        return self._counted[-1][1] if self._counted else self.started_at

    @property
    def pauses(self) -> frozenset[str]:
        """The statuses in which it stands still."""
        return self._rules.pauses(self.metric) if self.target is None else self.target.pauses

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
        if self.breached_at is not None:
            self.met_late_at.append(at)

    def make_up(self, since: Millis, at: Millis, agent: str | None) -> None:
        """At ``at`` it turns out that the time since ``since``, when it was stopped, counts after all."""
        self.running_since, self._changed_at = since, at
        self._note_if_exceeded(at, agent)

    def cancel(self, at: Millis) -> None:
        """Neither met nor missed any more: nobody is owed anything."""
        self.pause(at)
        self.cancelled = True

    def notice(self, at: Millis, assignee: Assignee) -> None:
        """Note what happened by ``at``: that it came to be at risk, or was breached."""
        if self.breached_at is not None or self.target is None or self.running_since is None:
            return
        if not self.at_risk_noted:
            risk = self.at_risk_from()
            if risk is not None and risk < at:
                self.at_risk_at.append(risk)
                self.at_risk_noted = True
        if self._exceeded(at):
            holds, self.breached_at, self.due_when_breached = self.holds_until(), self.reached_at(), self.due_at()
            self.breach_certain_at = None if holds is None else holds + 1
            self.breached_agent = None if self.breached_at is None else assignee(self.breached_at)

    def retarget(self, at: Millis, target: Target | None, agent: str | None) -> None:
        """From ``at`` on another promise may hold, or none; what is used so far is kept, and so is a breach, unless
        the policy lets a promise take it back whose own deadline is not over."""
        if self.over or target == self.target:
            return
        if target is None and self.breached_at is not None and self._rules.breach_stands:
            return
        hours = target.hours if target is not None else self.hours
        if hours != self.hours:
            self._change_hours(at, hours)
        self.target, self._changed_at = target, at
        if self.breached_at is not None and not self._rules.breach_stands and not self._exceeded(at):
            self.breached_at = self.breach_certain_at = self.breached_agent = self.due_when_breached = None
            self.met_late_at = []
        self._note_if_exceeded(at, agent)
        if self.breached_at is None and (target is None or self.elapsed_ms(at) < target.at_risk_ms):
            self.at_risk_noted = False

    def _note_if_exceeded(self, at: Millis, agent: str | None) -> None:
        """Note that a change at ``at`` leaves less than what is used."""
        if self.target is not None and self.breached_at is None and self._exceeded(at):
            self.breached_at = self.breach_certain_at = self.due_when_breached = at
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

    def _exceeded(self, at: Millis) -> bool:
        """Whether at ``at`` more is used than was promised."""
        if self.target is None:
            return False
        if self.elapsed_ms(at) > self.target.target_ms:
            return True
        if not self._rules.closing_is_final:
            return False
        reached = self.reached_at()
        return reached is not None and at > reached

    def breach_by(self, at: Millis) -> Millis | None:
        """When it was breached, as far as that is so at ``at``, not before its last event."""
        if self.breached_at is None and self.running_since is not None and self._exceeded(at):
            return self.reached_at()
        return self.breached_at

    def reached_at(self) -> Millis | None:
        """When the target is used up if the running clock goes on; None if that never happens."""
        return self._reaches(self.target.target_ms) if self.target is not None else None

    def due_at(self) -> Millis | None:
        """The deadline of a running clock as it is told."""
        reached = self.reached_at()
        if reached is None or not self._rules.due_at_next_opening:
            return reached
        return self.calendar.next_opening(reached)

    def at_risk_from(self) -> Millis | None:
        """When the running clock becomes at risk: not before the change that leaves so little."""
        reached = self._reaches(self.target.at_risk_ms) if self.target is not None else None
        return None if reached is None else max(reached, self._changed_at)

    def holds_until(self) -> Millis | None:
        """The last instant without a breach: a deadline at closing time holds until the next opening."""
        reached = self.reached_at()
        if reached is None or self._rules.closing_is_final:
            return reached
        return self.calendar.next_opening(reached)

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
    breached_at, breached_agent = clock.breach_by(at), clock.breached_agent
    if breached_at is not None and clock.breached_at is None:
        breached_agent = assignee(breached_at)
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
