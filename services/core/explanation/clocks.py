"""A clock as stretches in which it ran or stood still, and the deadline that came of them."""

from collections.abc import Iterator
from itertools import islice

from schemas.codec import Millis, instant, millis
from schemas.sla import SlaPolicy
from services.core.explanation.parts import Open, PassedOver, Promise, Run
from services.core.explanation.retold import ClockName, History, Retold
from services.core.rules import ROUND_THE_CLOCK, Rules
from services.core.sla import Clock, reading
from services.core.ticket import Ticket

MOST_OPENINGS = 40


def promises(told: Retold, rules: Rules, as_of: Millis) -> list[Promise]:
    """Every clock that something is promised for."""
    found = (_promise(name, history, told.ticket, rules, as_of) for name, history in told.histories.items())
    return [promise for promise in found if promise is not None]


def unpromised(told: Retold) -> list[str]:
    """The clocks that nothing is promised for."""
    return sorted({metric for (metric, _), history in told.histories.items() if history.clock.target is None})


def _promise(name: ClockName, history: History, ticket: Ticket, rules: Rules, as_of: Millis) -> Promise | None:
    clock = history.clock
    read = reading(clock, as_of, ticket.assignee_at)
    if read is None or clock.target is None:
        return None
    elapsed_ms, target = clock.elapsed_ms(as_of), clock.target
    policy = _in_force(target.policy, rules, ticket.last_at)
    return Promise(
        metric=name[0],
        number=name[1],
        policy=target.policy,
        match={str(k): v for k, v in policy.match.items()},
        in_force_since=policy.effective_from,
        passed_over=list(_passed_over(clock, ticket, rules)),
        target_s=target.target_ms / 1000,
        at_risk_after_s=target.at_risk_ms / 1000,
        elapsed_s=elapsed_ms / 1000,
        remaining_s=None if read.remaining_seconds is None else (target.target_ms - elapsed_ms) / 1000,
        state=read.state,
        at_risk=read.at_risk,
        due_at=None if read.due_at is None else instant(read.due_at),
        breached_at=None if read.breached_at is None else instant(read.breached_at),
        breached_agent=read.breached_agent_id,
        stopped_at=None if clock.stopped_at is None else instant(clock.stopped_at),
        runs=list(_runs(history, ticket, rules, as_of)),
        deadlines=history.deadlines,
    )


def _passed_over(clock: Clock, ticket: Ticket, rules: Rules) -> Iterator[PassedOver]:
    at = ticket.last_at if clock.stopped_at is None else clock.stopped_at
    stretch = ticket.stretch_at(at) or ticket.stretches[0]
    for policy, misfits in rules.considered(at, stretch.traits, ticket.beside):
        if clock.target is None or policy.id == clock.target.policy:
            return
        if misfits:
            yield PassedOver(policy.id, policy.order, {str(field): policy.match[field] for field in misfits})


def _in_force(policy_id: str, rules: Rules, at: Millis) -> SlaPolicy:
    """The newest version of a policy at an instant."""
    versions = [policy for policy in rules.policy.sla.policies if policy.id == policy_id]
    since = [0 if v.effective_from is None else millis(v.effective_from) for v in versions]
    return max(zip(since, versions, strict=True), key=lambda pair: (pair[0] <= at, pair[0]))[1]


def _runs(history: History, ticket: Ticket, rules: Rules, as_of: Millis) -> Iterator[Run]:
    """The stretches in which it ran, and those between them."""
    clock, until = history.clock, None
    for begin, end in clock.ran:
        if until is not None and until < begin:
            yield _run(history, ticket, rules, (until, begin, begin), runs=False)
        yield _run(history, ticket, rules, (begin, end, as_of if end is None else end), runs=True)
        until = end
    if until is not None and not _over(clock):
        yield _run(history, ticket, rules, (until, None, as_of), runs=False)


def _over(clock: Clock) -> bool:
    return clock.stopped_at is not None or clock.cancelled


def _run(
    history: History, ticket: Ticket, rules: Rules, times: tuple[Millis, Millis | None, Millis], *, runs: bool
) -> Run:
    """``times``: when it began, when it ended, and up to when it is looked at."""
    begin, end, upto = times
    name = history.hours_at(begin) or ROUND_THE_CLOCK
    calendar = rules.calendars[name]
    counted = calendar.between(begin, upto) if runs else 0
    openings = islice(calendar.openings(begin, upto), MOST_OPENINGS) if runs and name != ROUND_THE_CLOCK else ()
    stretch = ticket.stretch_at(begin) or ticket.stretches[0]
    return Run(
        runs=runs,
        since=instant(begin),
        until=None if end is None else instant(end),
        lasted_s=(upto - begin) / 1000,
        counted_s=counted / 1000,
        closed_s=(upto - begin - counted) / 1000 if runs else 0.0,
        calendar=name or None,
        status=stretch.status,
        openings=[Open(instant(since), instant(until), (until - since) / 1000) for since, until in openings],
    )
