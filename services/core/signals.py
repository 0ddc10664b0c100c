"""The lines that a ticket's clocks have crossed or are going to cross: what signals tell of."""

from collections import Counter
from typing import NamedTuple

from schemas.codec import Millis
from services.core.sla import Clock
from services.core.ticket import Ticket


class Line(NamedTuple):
    """Something that becomes true of a clock, or has."""

    at: Millis
    """From when on it can be told; may lie ahead."""
    kind: str
    """`at_risk`, `breached` or `met_late`."""
    metric: str
    started_at: Millis
    """Of the clock."""
    number: int
    """Which of several of that kind on that clock, from 0."""
    true_at: Millis
    """Since when it is true: of a breach, the instant at which the target was reached."""
    policy: str
    target_ms: Millis
    due_at: Millis | None
    """The deadline, as it was or is."""


def key(line: Line) -> str:
    """Tells a line of a ticket from its others, and stays the same when its instants move."""
    return f"{line.metric}@{line.started_at}/{line.kind}/{line.number}"


def lines(ticket: Ticket) -> list[Line]:
    """Every line of every clock, by when it can be told.

    What was true remains among them: only an event that arrives late and changes history takes a line back.
    """
    found: list[Line] = []
    drawn: Counter[tuple[str, str, Millis]] = Counter()
    for clock in ticket.promises.ever:
        for line in _lines(clock):
            # Two clocks of a metric may have begun at one instant.
            name = (line.kind, line.metric, line.started_at)
            found.append(line._replace(number=drawn[name]))
            drawn[name] += 1
    return sorted(found)


def _lines(clock: Clock) -> list[Line]:
    found = [_line(clock, "at_risk", number, at, at) for number, at in enumerate(clock.at_risk_at)]
    if clock.breached_at is not None:
        found.append(_line(clock, "breached", 0, clock.breach_certain_at or clock.breached_at, clock.breached_at))
        found += [_line(clock, "met_late", number, at, at) for number, at in enumerate(clock.met_late_at)]
    elif clock.running_since is not None:
        risk, holds = clock.at_risk_from(), clock.holds_until()
        if risk is not None and not clock.at_risk_noted:
            found.append(_line(clock, "at_risk", len(clock.at_risk_at), risk, risk))
        if holds is not None:
            found.append(_line(clock, "breached", 0, holds + 1, clock.reached_at() or holds))
    return found


def _line(clock: Clock, kind: str, number: int, at: Millis, true_at: Millis) -> Line:
    # A line that was crossed under a promise that was taken back since then is told of with what holds now.
    policy, target_ms = ("", 0) if clock.target is None else (clock.target.policy, clock.target.target_ms)
    due_at = clock.due_at() if clock.breached_at is None else clock.due_when_breached
    return Line(at, kind, clock.metric, clock.started_at, number, true_at, policy, target_ms, due_at)
