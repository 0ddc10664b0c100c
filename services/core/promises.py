"""The SLA clocks of one ticket: which one starts, pauses, goes on or stops when something happens to it."""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.codec import Millis
from services.core.responses import Responses
from services.core.rules import Beside, Rules, Target, Traits
from services.core.sla import Assignee, Clock

SOLVED = frozenset({"solved", "closed"})
_WHOLE = ("resolution", "requester_wait", "agent_work")
"""From the creation to the solve; what they differ in is when they stand still."""
ONE_A_TICKET = frozenset({"first_response", *_WHOLE})
"""Of these one clock counts; of the others, one for each turn, period or escalation."""


class Moment(NamedTuple):
    """What holds on a ticket at an instant, after its event."""

    at: Millis
    status: str
    traits: Traits
    beside: Beside
    escalations: int
    """How often it was escalated so far."""
    assignee: Assignee

    @property
    def solved(self) -> bool:
        return self.status in SOLVED


class Promises:
    """Everything that is promised for one ticket (KPI cases, convention 12). Owned by that ticket.

    Of each metric there are the clocks that were started one after another; only the last of them can still change.
    """

    def __init__(self, rules: Rules, now: Moment, *, known: bool) -> None:
        """``known``: whether the ticket's beginning is known, from which the clocks of the whole count."""
        self._rules = rules
        self._clocks: dict[str, list[Clock]] = {"first_response": [], "next_response": []}
        self._replies = 0
        self._escalations = 0
        for metric in _WHOLE if known else ():
            if metric == "resolution" or metric in rules.promised:
                clock = Clock(metric, rules, now.at)
                clock.retarget(now.at, self._target(metric, now.at, now), None)
                self._clocks[metric] = [clock]

    def of(self, metric: str) -> list[Clock]:
        """The clocks of a metric, in the order in which they were started."""
        return self._clocks.get(metric, [])

    @property
    def first_response(self) -> Clock | None:
        """The clock that counts: a wait that begins anew has another one."""
        return self._last("first_response")

    @property
    def next_responses(self) -> list[Clock]:
        """One a turn."""
        return self.of("next_response")

    @property
    def resolution(self) -> Clock | None:
        """The clock that counts."""
        return self._last("resolution")

    def __iter__(self) -> Iterator[Clock]:
        """Every clock that counts."""
        for metric, clocks in self._clocks.items():
            yield from clocks[-1:] if metric == "first_response" else clocks

    @property
    def ever(self) -> Iterator[Clock]:
        """Every clock that was ever started."""
        for clocks in self._clocks.values():
            yield from clocks

    def _last(self, metric: str) -> Clock | None:
        clocks = self._clocks.get(metric)
        return clocks[-1] if clocks else None

    def _open(self) -> Iterator[Clock]:
        """Those that can still change, however long the conversation."""
        for clocks in self._clocks.values():
            yield from clocks[-1:]

    def _target(self, metric: str, at: Millis, now: Moment) -> Target | None:
        return self._rules.targets(at, now.traits, now.beside).get(metric)

    def notice(self, at: Millis, assignee: Assignee) -> None:
        """Something happens at ``at``: note what was at risk or breached until then."""
        for clock in self._open():
            clock.notice(at, assignee)

    def retarget(self, now: Moment) -> None:
        """At every event on the ticket, other promises may have come into force."""
        if self._rules.chosen_at_start:
            return
        targets = self._rules.targets(now.at, now.traits, now.beside)
        for clock in self._open():
            if not clock.over and clock.target is not targets.get(clock.metric):
                clock.retarget(now.at, targets.get(clock.metric), now.assignee(now.at))

    def settle(self, now: Moment, responses: Responses) -> None:
        """Start, pause, go on with or stop each clock, as the ticket stands ``now``."""
        self._settle_first_response(now, responses)
        self._settle_next_response(now, responses.turn_since)
        for metric in _WHOLE:
            if clock := self._last(metric):
                self._settle_whole(now, clock)
        if "periodic_update" in self._rules.promised:
            self._settle_periodic_update(now, responses)
        if now.escalations:
            self._settle_escalation(now, responses)
        self._replies, self._escalations = responses.public_agent_replies, now.escalations

    def cancel(self, at: Millis) -> None:
        """The ticket is merged away."""
        for clock in self:
            clock.cancel(at)

    def _settle_first_response(self, now: Moment, responses: Responses) -> None:
        clocks, since, first = self._clocks["first_response"], responses.awaited_since, responses.first
        clock = self.first_response
        if since is not None:
            if clock is None or clock.stopped_at is not None:
                if now.solved:
                    return  # thanks after the solve are owed nothing, unless they reopen
                clock = self._started("first_response", since, now.at, now)
                clocks.append(clock)
            elif since < clock.started_at:
                clocks[-1] = clock = self._backdated(clock, since, now)
            _run_or_pause(clock, now)
        elif clock is not None and clock.stopped_at is None:
            clock.stop(now.at)
        elif clock is not None and first is not None and clock.stopped_at != first.at:
            # Solved, asked again, answered, and only then reopened: the restarted clock is over already.
            clock = self._started("first_response", first.since, first.at, now)
            clock.stop(first.at)
            clocks.append(clock)

    def _settle_next_response(self, now: Moment, since: Millis | None) -> None:
        clock = self._last("next_response")
        running = clock is not None and clock.stopped_at is None
        if clock is not None and running:
            if since is None:
                clock.stop(now.at)
            else:
                _run_or_pause(clock, now)
        elif since is not None and not now.solved:  # thanks after the solve are owed nothing, unless they reopen
            self._start("next_response", since, now)

    def _settle_whole(self, now: Moment, clock: Clock) -> None:
        policy = self._rules.policy.sla
        if now.solved:
            if clock.stopped_at is None:
                clock.stop(now.at)
        elif clock.stopped_at is None:
            _run_or_pause(clock, now)
        elif policy.reopen == "restart":
            self._start(clock.metric, now.at, now)
        elif policy.reopen == "resume":
            solved_at, clock.stopped_at = clock.stopped_at, None
            if not self._rules.chosen_at_start:
                clock.retarget(now.at, self._target(clock.metric, now.at, now), now.assignee(now.at))
            if policy.time_while_solved == "counts":
                clock.make_up(solved_at, now.at, now.assignee(now.at))
            _run_or_pause(clock, now)

    def _settle_periodic_update(self, now: Moment, responses: Responses) -> None:
        """Each public agent reply ends one period and begins another, until the solve."""
        clock, replied = self._last("periodic_update"), responses.public_agent_replies > self._replies
        if clock is not None and clock.stopped_at is None:
            if not replied and not now.solved:
                _run_or_pause(clock, now)
                return
            clock.stop(now.at)
            if now.solved and clock.started_at == now.at:  # solved with that very reply: no further update was owed
                self._clocks["periodic_update"].pop()
        if replied and not now.solved:
            self._start("periodic_update", now.at, now)

    def _settle_escalation(self, now: Moment, responses: Responses) -> None:
        """From an escalation to the next reply, and to the solve; a clock that is open goes on at the next one."""
        replies = responses.public_agent_replies
        if self._rules.policy.sla.escalation_note_counts:
            replies += responses.agent_notes
        escalated = now.escalations > self._escalations
        for metric in ("escalation_response", "escalation_closure"):
            clock = self._last(metric)
            if clock is not None and clock.stopped_at is None:
                # Who writes in the instant of the escalation tells of it, and answers nothing.
                replied = replies > clock.replies_before and now.at > clock.started_at
                if now.solved or (replied and metric == "escalation_response"):
                    clock.stop(now.at)
                else:
                    _run_or_pause(clock, now)
                if now.at == clock.started_at:
                    clock.replies_before = replies
            elif escalated and not now.solved and metric in self._rules.promised:
                self._start(metric, now.at, now).replies_before = replies

    def _start(self, metric: str, since: Millis, now: Moment) -> Clock:
        """Another clock of a metric, from ``since`` on."""
        clock = self._started(metric, since, now.at, now)
        self._clocks.setdefault(metric, []).append(clock)
        _run_or_pause(clock, now)
        return clock

    def _started(self, metric: str, since: Millis, until: Millis, now: Moment) -> Clock:
        """A clock that runs from ``since`` on, as turned out later; ``until``: up to where a breach is looked for."""
        clock = Clock(metric, self._rules, since)
        clock.retarget(since, self._target(metric, since, now), None)
        clock.run(since)
        clock.notice(until, now.assignee)
        if until > since and not self._rules.chosen_at_start:
            clock.retarget(until, self._target(metric, until, now), now.assignee(until))
        return clock

    def _backdated(self, clock: Clock, since: Millis, now: Moment) -> Clock:
        """The same clock as if started earlier, since a ticket that waited longer was merged into this one."""
        earlier = Clock(clock.metric, self._rules, since)
        earlier.retarget(since, self._target(clock.metric, since, now), None)
        earlier.run(since)
        for begin, end in clock.ran:
            earlier.run(begin)
            if end is not None:
                earlier.notice(end, now.assignee)
                earlier.pause(end)
        earlier.notice(now.at, now.assignee)
        if not self._rules.chosen_at_start:
            earlier.retarget(now.at, self._target(clock.metric, now.at, now), now.assignee(now.at))
        return earlier


def _run_or_pause(clock: Clock, now: Moment) -> None:
    if now.status in clock.pauses:
        clock.pause(now.at)
    else:
        clock.run(now.at)
