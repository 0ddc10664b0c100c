"""What agents did against what was planned, from cells: the formulas of `core` over the time spent."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from schemas.codec import Millis
from services.board.rows import Numbers
from services.board.sheet import Sheet
from services.core.catalogue.formulas import AgainstPlan
from services.core.report import Figures
from services.core.schedules import (
    ON_QUEUE,
    Spent,
    absent,
    adherence,
    conformance,
    elsewhere,
    external_shrinkage,
    internal_shrinkage,
    kept_to,
    off_queue,
    shrinkage,
    worked,
)
from services.core.tally import ACTIVITIES, DOINGS, ON_QUEUE_STATES

_PLANNED = {Spent(planned, did): f"plan.{planned}.{did}" for planned in ACTIVITIES for did in DOINGS}
_ON_QUEUE = tuple(f"agent.{state}" for state in ON_QUEUE_STATES)
_Value = Callable[[Counter[Spent]], float | None]
_Parts = Callable[[Counter[Spent]], tuple[Millis, Millis]]
_FIGURES: Mapping[str, tuple[_Value, _Parts]] = {
    "conformance": (conformance, worked),
    "shrinkage": (shrinkage, off_queue),
    "shrinkage_internal": (internal_shrinkage, elsewhere),
    "shrinkage_external": (external_shrinkage, absent),
}
_UNPLANNED = Spent(None, ON_QUEUE)


def plan_figures(formula: AgainstPlan, sheet: Sheet, groups: Sequence[int]) -> list[Figures]:
    """A figure of the plan in each of ``groups``, with its parts in seconds; None where nothing was planned."""
    outside = sheet.asked.rules.policy.adherence.count_outside_shift
    kept = (partial(adherence, count_outside_shift=outside), partial(kept_to, count_outside_shift=outside))
    value_of, parts_of = _FIGURES.get(formula.figure, kept)
    found = []
    for spent in _spent_in(sheet, groups):
        value, (part, whole) = value_of(spent), parts_of(spent)
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
    on_queue = finer.times(_ON_QUEUE)
    planned_work = sum((time for each, time in spent.items() if each.did == ON_QUEUE), start=np.zeros_like(on_queue))
    spent[_UNPLANNED] = on_queue - planned_work
    scheduled = sum((time for each, time in spent.items() if each.planned), start=np.zeros_like(on_queue))
    chosen = (scheduled > 0) & (sheet.parents >= 0)
    return {each: _summed(sheet, time, chosen) for each, time in spent.items()}


def _summed(sheet: Sheet, time: Numbers, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Numbers:
    summed = np.zeros(sheet.size, dtype=np.int64)
    np.add.at(summed, sheet.parents[chosen], time[chosen])
    return summed
