"""The SLA clocks of one ticket: which one starts, pauses, goes on or stops when something happens to it."""

from collections.abc import Iterator

from schemas.codec import Millis
from services.core.responses import Responses
from services.core.rules import Rules, Traits
from services.core.sla import Assignee, Clock


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

    def note_breaches(self, at: Millis, assignee: Assignee) -> None:
        """Something happens at ``at``: note what was breached until then."""
        for clock in self:
            clock.notice_breach(at, assignee)

    def retarget(self, at: Millis, traits: Traits, agent: str | None) -> None:
        """At every event on the ticket, other promises may have come into force."""
        targets = self._rules.targets(at, traits)
        for clock in self:
            clock.retarget(at, targets.get(clock.metric), agent)

    def settle(self, at: Millis, status: str, traits: Traits, assignee: Assignee, responses: Responses) -> None:
        """Start, pause, go on with or stop each clock, as the ticket stands at ``at``."""
        self._settle_first_response(at, status, traits, assignee, responses)
        self._settle_next_response(at, status, traits, assignee, responses.turn_since)
        if self.resolution is not None:
            self._settle_resolution(at, status, traits, assignee, self.resolution)

    def cancel(self, at: Millis) -> None:
        """The ticket is merged away."""
        for clock in self:
            clock.cancel(at)

    def _settle_first_response(
        self, at: Millis, status: str, traits: Traits, assignee: Assignee, responses: Responses
    ) -> None:
        clock, since, first = self.first_response, responses.awaited_since, responses.first
        if since is not None:
            if clock is None or clock.stopped_at is not None:
                self.first_response = clock = self._started("first_response", since, at, traits, assignee)
            self._run_or_pause(clock, at, status)
        elif clock is not None and clock.stopped_at is None:
            clock.stop(at)
        elif clock is not None and first is not None and clock.stopped_at != first.at:
            # Solved, asked again, answered, and only then reopened: the restarted clock is over already.
            self.first_response = clock = self._started("first_response", first.since, first.at, traits, assignee)
            clock.stop(first.at)

    def _settle_next_response(
        self, at: Millis, status: str, traits: Traits, assignee: Assignee, since: Millis | None
    ) -> None:
        clocks = self.next_responses
        if since is not None:
            if not clocks or clocks[-1].stopped_at is not None:
                clocks.append(self._started("next_response", since, at, traits, assignee))
            self._run_or_pause(clocks[-1], at, status)
        elif clocks and clocks[-1].stopped_at is None:
            clocks[-1].stop(at)

    def _settle_resolution(self, at: Millis, status: str, traits: Traits, assignee: Assignee, clock: Clock) -> None:
        if status in ("solved", "closed"):
            if clock.stopped_at is None:
                clock.stop(at)
        elif clock.stopped_at is None or self._rules.policy.sla.reopen == "resume":
            clock.stopped_at = None
            clock.retarget(at, self._rules.targets(at, traits).get("resolution"), assignee(at))
            self._run_or_pause(clock, at, status)

    def _started(self, metric: str, since: Millis, at: Millis, traits: Traits, assignee: Assignee) -> Clock:
        """A clock that runs from ``since`` on, which may have turned out only ``at`` a later time."""
        clock = Clock(metric, self._rules)
        clock.retarget(since, self._rules.targets(since, traits).get(metric), None)
        clock.run(since)
        clock.notice_breach(at, assignee)
        return clock

    def _run_or_pause(self, clock: Clock, at: Millis, status: str) -> None:
        if self._rules.pauses(clock.metric, status):
            clock.pause(at)
        else:
            clock.run(at)
