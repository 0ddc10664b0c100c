"""The SLA clocks of one ticket: which one starts, pauses, goes on or stops when something happens to it."""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.codec import Millis
from services.core.responses import Responses
from services.core.rules import Rules, Traits
from services.core.sla import Assignee, Clock

SOLVED = frozenset({"solved", "closed"})


class Moment(NamedTuple):
    """What holds on a ticket at an instant, after its event."""

    at: Millis
    status: str
    traits: Traits
    assignee: Assignee


class Promises:
    """First response, each next response, and resolution (KPI cases, convention 12). Owned by one ticket."""

    def __init__(self, rules: Rules, *, resolution: bool) -> None:
        """``resolution``: whether the ticket's beginning is known, from which that clock counts."""
        self._rules = rules
        self.first_response: Clock | None = None
        self.next_responses: list[Clock] = []
        self.resolution = Clock("resolution", rules) if resolution else None

    def __iter__(self) -> Iterator[Clock]:
        """Every clock that was ever started."""
        if self.first_response is not None:
            yield self.first_response
        yield from self.next_responses
        if self.resolution is not None:
            yield self.resolution

    def _open(self) -> Iterator[Clock]:
        """Those that can still change: of the next responses only the last one, however long the conversation."""
        if self.first_response is not None:
            yield self.first_response
        yield from self.next_responses[-1:]
        if self.resolution is not None:
            yield self.resolution

    def note_breaches(self, at: Millis, assignee: Assignee) -> None:
        """Something happens at ``at``: note what was breached until then."""
        for clock in self._open():
            clock.notice_breach(at, assignee)

    def retarget(self, at: Millis, traits: Traits, agent: str | None) -> None:
        """At every event on the ticket, other promises may have come into force."""
        targets = self._rules.targets(at, traits)
        for clock in self._open():
            clock.retarget(at, targets.get(clock.metric), agent)

    def settle(self, now: Moment, responses: Responses) -> None:
        """Start, pause, go on with or stop each clock, as the ticket stands ``now``."""
        self._settle_first_response(now, responses)
        self._settle_next_response(now, responses.turn_since)
        if self.resolution is not None:
            self._settle_resolution(now, self.resolution)

    def cancel(self, at: Millis) -> None:
        """The ticket is merged away."""
        for clock in self:
            clock.cancel(at)

    def _settle_first_response(self, now: Moment, responses: Responses) -> None:
        clock, since, first = self.first_response, responses.awaited_since, responses.first
        if since is not None:
            if clock is None or clock.stopped_at is not None:
                if now.status in SOLVED:
                    return  # thanks after the solve are owed nothing, unless they reopen
                self.first_response = clock = self._started("first_response", since, now.at, now)
            elif since < clock.ran[0][0]:
                self.first_response = clock = self._backdated(clock, since, now)
            self._run_or_pause(clock, now)
        elif clock is not None and clock.stopped_at is None:
            clock.stop(now.at)
        elif clock is not None and first is not None and clock.stopped_at != first.at:
            # Solved, asked again, answered, and only then reopened: the restarted clock is over already.
            self.first_response = clock = self._started("first_response", first.since, first.at, now)
            clock.stop(first.at)

    def _settle_next_response(self, now: Moment, since: Millis | None) -> None:
        clocks = self.next_responses
        running = bool(clocks) and clocks[-1].stopped_at is None
        if since is None:
            if running:
                clocks[-1].stop(now.at)
        elif running:
            self._run_or_pause(clocks[-1], now)
        elif now.status not in SOLVED:  # thanks after the solve are owed nothing, unless they reopen
            clocks.append(self._started("next_response", since, now.at, now))
            self._run_or_pause(clocks[-1], now)

    def _settle_resolution(self, now: Moment, clock: Clock) -> None:
        if now.status in SOLVED:
            if clock.stopped_at is None:
                clock.stop(now.at)
        elif clock.stopped_at is None or self._rules.policy.sla.reopen == "resume":
            clock.stopped_at = None
            target = self._rules.targets(now.at, now.traits).get("resolution")
            clock.retarget(now.at, target, now.assignee(now.at))
            self._run_or_pause(clock, now)

    def _started(self, metric: str, since: Millis, until: Millis, now: Moment) -> Clock:
        """A clock that runs from ``since`` on, as turned out later; ``until``: up to where a breach is looked for."""
        clock = Clock(metric, self._rules)
        clock.retarget(since, self._rules.targets(since, now.traits).get(metric), None)
        clock.run(since)
        clock.notice_breach(until, now.assignee)
        return clock

    def _backdated(self, clock: Clock, since: Millis, now: Moment) -> Clock:
        """The same clock as if started earlier, since a ticket that waited longer was merged into this one."""
        earlier = Clock(clock.metric, self._rules)
        earlier.retarget(since, self._rules.targets(since, now.traits).get(clock.metric), None)
        earlier.run(since)
        for begin, end in clock.ran:
            earlier.run(begin)
            if end is not None:
                earlier.notice_breach(end, now.assignee)
                earlier.pause(end)
        earlier.notice_breach(now.at, now.assignee)
        earlier.retarget(now.at, self._rules.targets(now.at, now.traits).get(clock.metric), now.assignee(now.at))
        return earlier

    def _run_or_pause(self, clock: Clock, now: Moment) -> None:
        if self._rules.pauses(clock.metric, now.status):
            clock.pause(now.at)
        else:
            clock.run(now.at)
