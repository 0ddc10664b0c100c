"""The wall of an instant, from columns: which figure stands where, and when it has nothing to say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

import numpy as np

from schemas.codec import Millis, instant
from schemas.policy import Policy
from services.board import figures
from services.board.columns import Columns, Numbers, Rows
from services.board.deadlines import Running
from services.board.figures import Value
from services.board.freshness import Reading, freshness
from services.board.wall import (
    Agents,
    Backlog,
    ClockFigures,
    Deadline,
    Deadlines,
    FirstResponse,
    NextDeadline,
    QueueBacklog,
    Sla,
    Trend,
    Waiting,
    Wall,
)
from services.core.kpis import ratio
from services.core.tally import (
    ALL,
    CLOCKS,
    DAY_MS,
    HANDLING,
    HOUR_MS,
    MINUTE_MS,
    ON_QUEUE_STATES,
    SIGNED_IN,
    UNSOLVED,
)

TREND_STEP_MS: Millis = 15 * MINUTE_MS
TREND_SIZE = DAY_MS // TREND_STEP_MS + 1


@dataclass(frozen=True)
class Waits:
    """Who waits at an instant."""

    count: int
    longest_since: Millis | None


@dataclass(frozen=True)
class Meaning:
    """What the policy says of figures that are made when somebody looks."""

    backlog_statuses: tuple[str, ...]
    """The statuses that count as backlog. Of solved and closed tickets there is no level to show."""
    utilisation_states: tuple[str, ...]
    """The agent states that utilisation is a share of."""

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """As far as levels are kept for it."""
        statuses = tuple(status for status in UNSOLVED if status in policy.backlog.statuses)
        return cls(statuses, tuple(policy.utilisation.denominator_states))

    @property
    def backlog(self) -> tuple[str, ...]:
        """The measures whose levels add up to the backlog."""
        return tuple(f"backlog.{status}" for status in self.backlog_statuses)


def wall(
    columns: Columns, reading: Reading, now: Millis, meaning: Meaning, soon: Sequence[Running] | None = None
) -> Wall:
    """Everything that the wall shows at ``now``.

    Args:
        soon: The promises to show one by one; None while they are not known.
    """
    page = Wall(at=instant(now), freshness=freshness(reading, now))
    if not reading.loaded:
        return page
    at = reading.figures_at(now)
    parts: dict[str, object] = {}
    if reading.tickets_at is not None:
        waits = waits_by_queue(columns, at)
        parts["waiting"] = _waiting(list(waits.values()))
        parts["first_response"] = _first_response(columns, at)
        parts["backlog"] = _backlog(columns, at, waits, meaning.backlog)
        parts["sla"] = _sla(columns, at)
        parts["deadlines"] = _deadlines(columns, at, soon)
    if reading.agents_at is not None:
        parts["agents"] = _agents(columns, at, meaning.utilisation_states)
    return page.model_copy(update=parts)


def present(at: Millis) -> Millis:
    """The end of the minute that ``at`` lies in: a window up to it holds what just happened."""
    return at - at % MINUTE_MS + MINUTE_MS


def waits_by_queue(columns: Columns, at: Millis) -> dict[Value, Waits]:
    """Who waits at ``at``, by queue."""
    rows, since = figures.standing_until(columns, at, "waiting")
    queues, group = columns.groups(rows, "queue")
    return {
        queues[number]: Waits(int(rows.count[group == number].sum()), figures.oldest(since[group == number]))
        for number in np.unique(group).tolist()
    }


def _waiting(waits: Sequence[Waits]) -> Waiting:
    longest = min((w.longest_since for w in waits if w.longest_since is not None), default=None)
    return Waiting(count=sum(w.count for w in waits), longest_since=None if longest is None else instant(longest))


def _first_response(columns: Columns, at: Millis) -> FirstResponse:
    end = present(at)
    given = figures.sketch(figures.in_window(columns, end - DAY_MS, end, "first_response"))
    return FirstResponse(count=given.count, median_s=given.percentile_s(0.5), p90_s=given.percentile_s(0.9))


def _backlog(columns: Columns, at: Millis, waits: dict[Value, Waits], measures: Sequence[str]) -> Backlog:
    if not measures:
        return Backlog()
    end = present(at)
    begins = at - at % TREND_STEP_MS - DAY_MS
    since = figures.known_since(columns, *measures)
    trends = figures.levels_at(columns, begins, TREND_STEP_MS, TREND_SIZE, "queue", *measures)
    open_now = _by_queue(columns, figures.level_at(columns, end, *measures))
    known_then = since is not None and since <= end - HOUR_MS
    open_then = _by_queue(columns, figures.level_at(columns, end - HOUR_MS, *measures)) if known_then else None
    live = {queue for queue, levels in trends.items() if levels.any()} | {q for q, n in open_now.items() if n}
    queues = [
        _queue(queue, open_now, open_then, waits.get(queue), _known(trends.get(queue), begins, since))
        for queue in live | set(waits)
    ]
    total = sum(open_now.values())
    return Backlog(
        total=total,
        change_1h=None if open_then is None else total - sum(open_then.values()),
        trend=Trend(
            begins=instant(begins),
            step_s=TREND_STEP_MS // 1000,
            values=_known(figures.merged_levels(list(trends.values()), TREND_SIZE), begins, since),
        ),
        queues=sorted(queues, key=lambda q: (-q.open, q.queue is None, q.queue or "")),
    )


def _queue(
    queue: Value,
    open_now: dict[Value, int],
    open_then: dict[Value, int] | None,
    waits: Waits | None,
    trend: list[int | None],
) -> QueueBacklog:
    here, since = open_now.get(queue, 0), waits.longest_since if waits else None
    return QueueBacklog(
        queue=queue,
        open=here,
        waiting=waits.count if waits else 0,
        longest_since=None if since is None else instant(since),
        change_1h=None if open_then is None else here - open_then.get(queue, 0),
        trend=trend,
    )


def _by_queue(columns: Columns, rows: Rows) -> dict[Value, int]:
    return {key[0]: count for key, count, _ in columns.summed(rows, ("queue",))}


def _known(levels: Numbers | None, begins: Millis, since: Millis | None) -> list[int | None]:
    """Levels before the first known event are unknown: what was open then, nobody told us."""
    values = [0] * TREND_SIZE if levels is None else levels.tolist()
    instants = range(begins, begins + TREND_SIZE * TREND_STEP_MS, TREND_STEP_MS)
    return [value if since is not None and since <= at else None for at, value in zip(instants, values, strict=True)]


def _sla(columns: Columns, at: Millis) -> Sla:
    clocks = [found for clock in CLOCKS if (found := _clock(columns, at, clock))]
    if not clocks:
        return Sla()
    breached, met = sum(c.breached_24h for c in clocks), sum(c.met_24h for c in clocks)
    return Sla(
        at_risk=sum(c.at_risk for c in clocks),
        overdue=sum(c.overdue for c in clocks),
        breached_24h=breached,
        met_24h=met,
        attainment_24h=ratio(met, met + breached),
        clocks=clocks,
    )


def _clock(columns: Columns, at: Millis, clock: str) -> ClockFigures | None:
    """One clock's figures; None where no such clock ever ran."""
    due_rows, due = figures.standing(columns, f"due.{clock}")
    overdue, _ = figures.standing_until(columns, at, f"overdue.{clock}")
    paused, _ = figures.standing_until(columns, at, f"paused.{clock}")
    ended = columns.rows(ALL).of(f"sla_met.{clock}", f"sla_breached.{clock}")
    if not any(map(len, (due_rows, overdue, paused, ended))):
        return None
    end = present(at)
    lines, _ = figures.standing_until(columns, at, f"at_risk_from.{clock}")
    past = due < at
    lately = past & (due >= end - DAY_MS)
    breached = figures.in_window(columns, end - DAY_MS, end, f"sla_breached.{clock}")
    return ClockFigures(
        clock=clock,
        # A running clock whose due time has passed has passed its at-risk line as well.
        at_risk=_count(lines) - _count(due_rows.where(past)),
        overdue=_count(due_rows.where(past)) + _count(overdue),
        breached_24h=_count(breached) + _count(due_rows.where(lately)),
        met_24h=_count(figures.in_window(columns, end - DAY_MS, end, f"sla_met.{clock}")),
    )


def _deadlines(columns: Columns, at: Millis, soon: Sequence[Running] | None) -> Deadlines:
    shown = None if soon is None else [_deadline(its, at) for its in soon]
    coming = [found for clock in CLOCKS if (found := _next_of(columns, at, clock)) is not None]
    return Deadlines(tickets=shown, next=min(coming, key=lambda found: found.at, default=None))


def _next_of(columns: Columns, at: Millis, clock: str) -> NextDeadline | None:
    rows, due = figures.standing(columns, f"due.{clock}")
    ahead = due >= at
    if not ahead.any():
        return None
    queues, group = columns.groups(rows, "queue")
    first = int(np.argmin(np.where(ahead, due, figures.FOREVER)))
    return NextDeadline(at=instant(int(due[first])), clock=clock, queue=queues[int(group[first])])


def _deadline(its: Running, at: Millis) -> Deadline:
    return Deadline(
        ticket=its.ticket,
        queue=its.queue,
        clock=its.metric,
        policy=its.policy,
        state="overdue" if its.overdue(at) else "at_risk",
        due_at=instant(its.due_at),
        holds_until=instant(its.at),
        explain=f"/api/v1/tickets/{quote(its.ticket, safe='/')}",
    )


def _count(rows: Rows) -> int:
    return int(rows.count.sum())


def _agents(columns: Columns, at: Millis, utilisation_states: Sequence[str]) -> Agents:
    states = {state: figures.total_level(columns, present(at), f"agent.{state}") for state in SIGNED_IN}
    ends = at - at % MINUTE_MS
    spent = {state: figures.integral(columns, ends - HOUR_MS, ends, f"agent.{state}") for state in SIGNED_IN}
    handling = sum(spent[state] for state in HANDLING)
    return Agents(
        signed_in=sum(states.values()),
        states=states,
        utilisation_1h=ratio(handling, sum(spent.get(state, 0) for state in utilisation_states)),
        occupancy_1h=ratio(handling, sum(spent[state] for state in ON_QUEUE_STATES)),
    )
