"""What another policy would have made of the same tickets: each clock's outcome under one policy and under the other.

Outcomes are counted where the figures count them: a clock that was met when it stopped, a breach when the target was
passed, and what stands under the ticket's traits of now. So counts of outcomes are those of the cells.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from schemas.codec import Fact, Millis
from services.core.kpis import ratio
from services.core.report import Figures, rfc3339
from services.core.rules import Rules
from services.core.sla import Clock
from services.core.tally import CLOCKS, DIMENSIONS, Dims, Tallies
from services.core.ticket import Ticket, replay
from services.core.ticket_tallies import add_clock

State = Literal["met", "breached", "running", "paused", "cancelled", "unpromised"]
Side = Literal["policy", "against"]

IN_WINDOW = ("met", "breached")
"""What happened in the window ..."""
NOW = ("running", "at_risk", "overdue", "paused")
"""... and what stands now: clocks that run and hold, those of them at risk, the broken ones that still run, and those
that stand still."""

_QUEUE = DIMENSIONS.index("queue")

Counted = Counter[tuple[str, str | None, str]]
"""How many clocks of a metric, of a queue, came to what of IN_WINDOW and NOW."""


class Identity(NamedTuple):
    """Tells a clock from the others of its ticket, under any policy."""

    metric: str
    started_at: Millis | None
    """None of the first response: of its clocks one counts, wherever a policy lets it begin."""
    number: int
    """Which of several that began at once."""


class Place(NamedTuple):
    """Where figures count something."""

    dims: Dims
    at: Millis


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one clock under one policy."""

    identity: Identity
    started_at: Millis
    state: State
    at: Millis | None
    """When it was met, breached or stopped running; of a clock that runs its deadline, None where it has none."""
    policy: str | None
    """The id of the promise, among those of the policy file; None where nothing is promised."""
    target_ms: Millis | None
    tallies: Tallies
    """What it adds to the cells."""
    breach: Place | None
    """Where its breach is counted."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which outcomes are looked at, and from when."""

    in_window: Callable[[Dims, Millis], bool]
    lets_through: Callable[[Dims], bool]
    now: Millis

    def has(self, place: Place | None) -> bool:
        """Whether what is counted there is counted here."""
        return place is not None and self.lets_through(place.dims) and self.in_window(*place)


@dataclass(frozen=True, slots=True)
class Difference:
    """A clock whose breach is counted under one policy and not under the other."""

    ticket: str
    at: Millis
    """When that breach is counted."""
    breached_under: Side
    policy: Outcome | None
    """None: there is no such clock."""
    against: Outcome | None


def outcomes(timeline: Sequence[Fact], rules: Rules, now: Millis) -> list[Outcome]:
    """What became by ``now`` of every clock that counts.

    Args:
        timeline: One ticket's facts, in order (`timeline.absorb`).
        now: Not before the last of them; what is past by then is certain.
    """
    ticket = replay(timeline, rules)
    if ticket is None:
        return []
    began: Counter[tuple[str, Millis]] = Counter()
    found = []
    for clock in ticket.promises:
        metric, started_at = clock.metric, clock.started_at
        named = None if metric == "first_response" else started_at
        found.append(_outcome(ticket, clock, Identity(metric, named, began[metric, started_at]), now))
        began[metric, started_at] += 1
    return found


def _outcome(ticket: Ticket, clock: Clock, identity: Identity, now: Millis) -> Outcome:
    tallies: Tallies = {}
    add_clock(ticket, clock, tallies)
    breach = next((Place(dims, at) for kind, _, at, dims in _entries(tallies) if _broken(kind, at, now)), None)
    state, at = _ending(clock, breach, now)
    target = clock.target
    policy, target_ms = (None, None) if target is None else (target.policy, target.target_ms)
    return Outcome(identity, clock.started_at, state, at, policy, target_ms, tallies, breach)


def _entries(tallies: Tallies) -> Iterator[tuple[str, str, Millis, Dims]]:
    """(kind, metric, instant, dims)"""
    for measure, at, dims, _ in tallies:
        kind, _, metric = measure.partition(".")
        yield kind, metric, at, dims


def _broken(kind: str, at: Millis, now: Millis) -> bool:
    # A running clock whose deadline has passed is broken, though no event has come since to say so.
    return kind == "sla_breached" or (kind == "due" and at < now)


def _ending(clock: Clock, breach: Place | None, now: Millis) -> tuple[State, Millis | None]:
    if clock.cancelled:
        return "cancelled", clock.stopped_at
    if clock.target is None:
        return "unpromised", None
    if breach is not None:
        return "breached", clock.breach_by(now)
    if clock.stopped_at is not None:
        return "met", clock.stopped_at
    if clock.running_since is not None:
        return "running", clock.due_at()
    return "paused", clock.paused_since


def counted(found: Iterable[Outcome], scope: Scope) -> Counted:
    """How many there are of what, by metric and queue."""
    counts: Counted = Counter()
    for outcome in found:
        for kind, metric, at, dims in _entries(outcome.tallies):
            if scope.lets_through(dims):
                for what, count in _told(kind, Place(dims, at), scope):
                    counts[metric, dims[_QUEUE], what] += count
    return counts


def _told(kind: str, place: Place, scope: Scope) -> Iterator[tuple[str, int]]:
    """What an entry of a clock comes to."""
    past, on_time = place.at <= scope.now, place.at >= scope.now
    match kind:
        case "sla_met" if scope.has(place):
            yield "met", 1
        case "sla_breached" if scope.has(place):
            yield "breached", 1
        case "due" if on_time:
            yield "running", 1
        case "due":
            yield "overdue", 1
            yield "at_risk", -1  # it has passed that line as well
            if scope.has(place):
                yield "breached", 1
        case "at_risk_from" if past:
            yield "at_risk", 1
        case "overdue" | "paused" if past:
            yield kind, 1


def differences(
    ticket: str, policy: Sequence[Outcome], against: Sequence[Outcome], scope: Scope
) -> Iterator[Difference]:
    """The clocks of a ticket whose breach ``scope`` has under one policy and not under the other.

    That is: breached there alone, or elsewhere here: in another window, or of another queue.
    """
    ours, theirs = ({each.identity: each for each in side} for side in (policy, against))
    for identity in dict.fromkeys((*ours, *theirs)):
        one, other = ours.get(identity), theirs.get(identity)
        places = [None if each is None or not scope.has(each.breach) else each.breach for each in (one, other)]
        if places[0] is not None and places[1] is None:
            yield Difference(ticket, places[0].at, "policy", one, other)
        elif places[1] is not None and places[0] is None:
            yield Difference(ticket, places[1].at, "against", one, other)


def compared(policy: Counted, against: Counted) -> Figures:
    """The counts under both policies with their attainment: in all, by clock, and each by queue.

    A clock is told of when there is anything of it on either side.
    """
    metrics = {metric for metric, _, _ in (*policy, *against)}
    return {
        "in_all": _compared(policy, against, frozenset(metrics)),
        "clocks": [
            {"clock": metric} | _compared(policy, against, frozenset({metric}))
            for metric in CLOCKS
            if metric in metrics
        ],
    }


def _compared(policy: Counted, against: Counted, metrics: frozenset[str]) -> Figures:
    queues = {queue for metric, queue, _ in (*policy, *against) if metric in metrics}
    return {
        **_both(policy, against, metrics, queues),
        "queues": [
            {"queue": queue} | _both(policy, against, metrics, {queue})
            for queue in sorted(queues, key=lambda queue: (queue is None, queue or ""))
        ],
    }


def _both(policy: Counted, against: Counted, metrics: frozenset[str], queues: set[str | None]) -> Figures:
    return {"policy": _figures(policy, metrics, queues), "against": _figures(against, metrics, queues)}


def _figures(counts: Counted, metrics: frozenset[str], queues: set[str | None]) -> Figures:
    sums = {
        what: sum(counts[metric, queue, what] for metric in metrics for queue in queues)
        for what in (*IN_WINDOW, *NOW)
    }
    return {"attainment": ratio(sums["met"], sums["met"] + sums["breached"]), **sums}


def difference_figures(difference: Difference) -> Figures:
    """A difference as it is told."""
    clock = difference.policy or difference.against
    assert clock is not None
    return {
        "ticket": difference.ticket,
        "clock": clock.identity.metric,
        "started_at": rfc3339(clock.started_at),
        "at": rfc3339(difference.at),
        "breached_under": difference.breached_under,
        "policy": _side(difference.policy),
        "against": _side(difference.against),
    }


def _side(outcome: Outcome | None) -> Figures | None:
    if outcome is None:
        return None
    return {
        "state": outcome.state,
        "at": rfc3339(outcome.at),
        "policy": outcome.policy,
        "target_seconds": None if outcome.target_ms is None else outcome.target_ms // 1000,
    }
