"""From cells to the hours whose tickets made them, and to the figure that those tickets add up to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.codec import Millis
from services.board import figures
from services.board.columns import Columns
from services.board.cuts import Cut
from services.board.figures import Value
from services.board.rows import Numbers, Rows
from services.board.wanted import Choice, Holds, ListQuestion, Wanted
from services.board.windows import Period, Window, window, zone_by_queue, zone_of
from services.core.rules import Rules
from services.core.tally import DAY, DAY_MS, DIMENSIONS, GRAIN_MS, HOUR, HOUR_MS, Dims

_HOURS_PER_DAY = DAY_MS // HOUR_MS
_QUEUE = DIMENSIONS.index("queue")


@dataclass(frozen=True)
class Search:
    """Where to look for tickets, for what, and how many there are to be found."""

    choice: Choice
    hours: Sequence[int]
    """In the order of the list."""
    total: int
    """What the cells say: the figure that the tickets stand behind."""
    period: Period | None
    """From the first to the last instant of the window, over all queues; None for what stands now."""
    listed_from: Millis | None
    """Some are older, but tickets are listed from then on only; None when all are."""


def search(asked: ListQuestion, columns: Columns, rules: Rules, now: Millis, its: Window | None = None) -> Search:
    """Where the tickets are that ``asked`` asks for.

    Args:
        now: What is over by then is certain.
        its: The window, where it is not that of ``columns`` alone.
    """
    wanted, filters = asked.wanted, asked.shared.filters
    cut = Cut(columns, (), filters)
    if wanted.standing:
        found = _standing_hours(columns, cut.number, wanted, now)
        total = _standing_total(columns, cut.number, wanted, now)
        oldest = columns.kept_since(DAY)
        hidden = bool(found) and found[0] * HOUR_MS < oldest
        return Search(Choice(wanted, filters, _always, now), found, total, None, oldest if hidden else None)
    its = its or window(asked.shared.windows[0], columns, now, rules)
    hours, total = list[Numbers](), 0
    for period, queues in _periods(its, columns, rules):
        number = cut.number if queues is None else cut.within(columns, "queue", queues)
        passed = _passed(columns, number, wanted, period, now)
        hours += [_happened(columns, number, wanted, period), passed // HOUR_MS]
        flows = figures.in_window(columns, period.begins, period.ends, *wanted.flows)
        total += int(_let_through(flows, number).count.sum()) + len(passed)
    whole = Period(
        min(each.current.begins for each in its.stretches), max(each.current.ends for each in its.stretches)
    )
    kept = columns.kept_since(DAY)
    choice = Choice(wanted, filters, holds(its, rules), now)
    return Search(choice, _each(hours)[::-1], total, whole, kept if whole.begins < kept else None)


def _always(dims: Dims, at: Millis) -> bool:
    return True


def _periods(its: Window, columns: Columns, rules: Rules) -> list[tuple[Period, frozenset[Value] | None]]:
    """The periods of a window, each with the queues that have it so; None for all."""
    if len(its.stretches) == 1:
        return [(its.stretches[0].current, None)]
    zones = zone_by_queue(columns, rules)
    return [
        (each.current, frozenset(queue for queue, zone in zones.items() if zone == each.timezone))
        for each in its.stretches
    ]


def holds(its: Window, rules: Rules) -> Holds:
    """Whether an instant lies in the window, which each queue may have as its own day."""
    if len(its.stretches) == 1:
        whole = its.stretches[0].current
        return lambda dims, at: whole.begins <= at < whole.ends
    by_zone = {each.timezone: each.current for each in its.stretches}

    def in_its_day(dims: Dims, at: Millis) -> bool:
        period = by_zone.get(zone_of(dims[_QUEUE], rules))
        return period is not None and period.begins <= at < period.ends

    return in_its_day


def _let_through(rows: Rows, number: Numbers) -> Rows:
    return rows.where(number[rows.dims] >= 0) if len(rows) else rows


def _happened(columns: Columns, number: Numbers, wanted: Wanted, period: Period) -> Numbers:
    """The hours in which something wanted happened; where hours are no longer kept, all hours of such a day."""
    kept = columns.kept_since(HOUR)
    fine = _buckets(columns, HOUR, number, wanted, Period(max(period.begins, kept), period.ends))
    days = _buckets(columns, DAY, number, wanted, Period(period.begins, min(period.ends, kept)))
    hours = (np.unique(days)[:, None] * _HOURS_PER_DAY + np.arange(_HOURS_PER_DAY)).ravel()
    inside = (hours >= period.begins // HOUR_MS) & (hours * HOUR_MS < period.ends)
    return np.concatenate((fine, hours[inside]))


def _buckets(columns: Columns, grain: str, number: Numbers, wanted: Wanted, period: Period) -> Numbers:
    size = GRAIN_MS[grain]
    rows = columns.rows(grain).of(*wanted.flows).between(period.begins // size, -(-period.ends // size))
    rows = _let_through(rows, number)
    return rows.where(rows.count != 0).bucket


def _passed(columns: Columns, number: Numbers, wanted: Wanted, period: Period, now: Millis) -> Numbers:
    """The deadlines that passed in the window and that nothing has happened after, one for each ticket."""
    rows, due = figures.standing(columns, *wanted.passed)
    passed = (due >= period.begins) & (due < min(period.ends, now))
    if len(rows):
        passed &= number[rows.dims] >= 0
    return np.repeat(due[passed], rows.count[passed])


def _standing_hours(columns: Columns, number: Numbers, wanted: Wanted, now: Millis) -> list[int]:
    found = []
    for some in wanted.standings(now):
        rows, instants = figures.standing(columns, *some.measures)
        near = np.full(len(rows), True) if some.since is None else instants >= some.since
        if some.until is not None:
            near &= instants <= some.until
        found.append(instants[near & (number[rows.dims] >= 0)] // HOUR_MS if len(rows) else instants)
    return _each(found)


def _standing_total(columns: Columns, number: Numbers, wanted: Wanted, now: Millis) -> int:
    def count(until: Millis, *measures: str) -> int:
        rows, _ = figures.standing_until(columns, until, *measures)
        return int(_let_through(rows, number).count.sum())

    def each(prefix: str, clocks: frozenset[str]) -> list[str]:
        return [f"{prefix}.{clock}" for clock in clocks]

    total = count(now, *wanted.stands)
    running = each("due", wanted.running)
    total += count(figures.FOREVER, *running) - count(now - 1, *running)
    # A running clock whose deadline has passed has passed its at-risk line as well.
    total += count(now, *each("at_risk_from", wanted.at_risk)) - count(now - 1, *each("due", wanted.at_risk))
    return total + count(now - 1, *each("due", wanted.overdue)) + count(now, *each("overdue", wanted.overdue))


def _each(hours: Sequence[Numbers]) -> list[int]:
    """Every hour once, in order."""
    each: list[int] = np.unique(np.concatenate(hours)).tolist() if hours else []
    return each
