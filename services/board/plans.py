"""What agents did against what was planned, from cells: the formulas of `core` over the time spent."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from services.board.rows import Numbers
from services.board.sheet import Sheet
from services.core.catalogue.formulas import ON_QUEUE_STATES, AgainstPlan
from services.core.report import Figures
from services.core.schedules import (
    ON_QUEUE,
    Spent,
    adherence,
    conformance,
    external_shrinkage,
    internal_shrinkage,
    shrinkage,
)
from services.core.tally import ACTIVITIES, DOINGS, OFFLINE

_PLANNED = {Spent(planned, did): f"plan.{planned}.{did}" for planned in ACTIVITIES for did in DOINGS}
_ON_QUEUE = tuple(f"agent.{state}" for state in ON_QUEUE_STATES)
_FIGURES: Mapping[str, Callable[[Counter[Spent]], float | None]] = {
    "conformance": conformance,
    "shrinkage": shrinkage,
    "shrinkage_internal": internal_shrinkage,
    "shrinkage_external": external_shrinkage,
}
_UNPLANNED = Spent(None, ON_QUEUE)


def plan_figures(formula: AgainstPlan, sheet: Sheet, groups: Sequence[int]) -> list[Figures]:
    """A figure of the plan in each of ``groups``, with its parts in seconds; None where nothing was planned."""
    outside = sheet.asked.rules.policy.adherence.count_outside_shift
    value_of = _FIGURES.get(formula.figure, partial(adherence, count_outside_shift=outside))
    found = []
    for spent in _spent_in(sheet, groups):
        value = value_of(spent)
        part, whole = _parts(formula, spent, outside=outside)
        found.append({"value": value, "numerator": part / 1000, "denominator": whole / 1000})
    return found


def _spent_in(sheet: Sheet, groups: Sequence[int]) -> Iterator[Counter[Spent]]:
    """What was done instead of what in each of ``groups``; most of all that can be is not."""
    times = spent_by_group(sheet)
    chosen = np.array([time[list(groups)] for time in times.values()]).T
    for line in chosen.tolist():
        yield Counter({each: time for each, time in zip(times, line, strict=True) if time})


def spent_by_group(sheet: Sheet) -> dict[Spent, Numbers]:
    """How long was done what instead of what, in milliseconds, of agents who had a plan in the period."""
    finer = sheet.by_agent
    finer.times([*_PLANNED.values(), *_ON_QUEUE])  # read at once
    spent = {each: finer.time(measure) for each, measure in _PLANNED.items()}
    worked = finer.times(_ON_QUEUE)
    planned_work = sum((time for each, time in spent.items() if each.did == ON_QUEUE), start=np.zeros_like(worked))
    spent[_UNPLANNED] = worked - planned_work
    scheduled = sum((time for each, time in spent.items() if each.planned), start=np.zeros_like(worked))
    chosen = (scheduled > 0) & (sheet.parents >= 0)
    return {each: _summed(sheet, time, chosen) for each, time in spent.items()}


def _summed(sheet: Sheet, time: Numbers, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Numbers:
    summed = np.zeros(sheet.size, dtype=np.int64)
    np.add.at(summed, sheet.parents[chosen], time[chosen])
    return summed


def _parts(formula: AgainstPlan, spent: Counter[Spent], *, outside: bool) -> tuple[int, int]:
    """What the figure is a share of, and of how much."""
    planned = {each: time for each, time in spent.items() if each.planned is not None}
    scheduled = sum(planned.values())
    on_queue = sum(time for each, time in planned.items() if each.did == ON_QUEUE)
    offline = sum(time for each, time in planned.items() if each.did == OFFLINE)
    match formula.figure:
        case "adherence":
            kept = sum(time for each, time in planned.items() if each.did == each.planned)
            return kept, scheduled + (spent[_UNPLANNED] if outside else 0)
        case "conformance":
            due = sum(time for each, time in planned.items() if each.planned == ON_QUEUE)
            return on_queue + spent[_UNPLANNED], due
        case "shrinkage":
            return scheduled - on_queue, scheduled
        case "shrinkage_internal":
            return scheduled - on_queue - offline, scheduled
    return offline, scheduled
