"""An agent's day against the plan: adherence, conformance, shrinkage (KPI cases, convention 21)."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from schemas.codec import Millis, millis
from schemas.policy import PlannedActivity
from services.core.kpis import ratio
from services.core.tally import OFFLINE, ON_QUEUE_STATES

ON_QUEUE = "on_queue"
OFF = "off"
"""Planned to be off: as if nothing was planned."""


class Planned(NamedTuple):
    """What an agent should do from ``begin`` to ``end``."""

    begin: Millis
    end: Millis
    activity: str
    queue: str | None = None
    team: str | None = None
    """Where, if the plan says so."""


class Shown(NamedTuple):
    """From ``since`` on, until the next, an agent showed this."""

    since: Millis
    state: str
    queue: str | None
    team: str | None
    in_contact: bool = False
    """Had at least one."""


class Spent(NamedTuple):
    """What was planned (None: nothing, outside the schedule), and what the agent did."""

    planned: str | None
    did: str


def plan(schedule: Iterable[PlannedActivity]) -> list[Planned]:
    """A schedule in milliseconds, as listed."""
    return [Planned(millis(each.begins), millis(each.ends), each.activity) for each in schedule]


@lru_cache(maxsize=4096)
def flattened(planned: tuple[Planned, ...]) -> list[Planned]:
    """The plan without overlaps and in order: where two overlap, the one listed later holds."""
    edges = sorted({edge for each in planned for edge in (each.begin, each.end)})
    flat: list[Planned] = []
    for begin, end in pairwise(edges):
        due = next((each for each in reversed(planned) if each.begin <= begin < each.end), None)
        if due is None or due.activity == OFF:
            continue
        if flat and flat[-1].end == begin and flat[-1][2:] == due[2:]:
            flat[-1] = flat[-1]._replace(end=end)
        else:
            flat.append(due._replace(begin=begin, end=end))
    return flat


def doing(state: str) -> str:
    """What an agent in a state does, in the words of a plan."""
    return ON_QUEUE if state in ON_QUEUE_STATES else state


class Together(NamedTuple):
    """From ``since`` to ``until`` one thing was planned, and one was shown."""

    since: Millis
    until: Millis
    planned: Planned
    shown: Shown | None
    """None before the first."""


def together(shown: Sequence[Shown], plan: Sequence[Planned], until: Millis) -> Iterator[Together]:
    """The stretches of a plan, parted where what an agent showed changed.

    Args:
        shown: In order.
        plan: Without overlaps, in order (`flattened`).
        until: How far the plan is looked at.
    """
    place = 0
    for each in plan:
        since, end = each.begin, min(each.end, until)
        while since < end:
            while place < len(shown) and shown[place].since <= since:
                place += 1
            upto = min(end, shown[place].since) if place < len(shown) else end
            yield Together(since, upto, each, shown[place - 1] if place else None)
            since = upto


def compared(
    shown: Sequence[tuple[Millis, str]], planned: Sequence[Planned], begin: Millis, end: Millis
) -> Counter[Spent]:
    """How long an agent did what instead of what, in milliseconds, over a window.

    Args:
        shown: (since, state), in order; offline before the first.
        planned: In any order. Where two overlap, the one listed later holds: a break laid over a shift.
    """
    edges = {begin, end, *(since for since, _ in shown)}
    edges.update(edge for each in planned for edge in (each.begin, each.end))
    inside = [each for each in planned if each.begin < end and each.end > begin]
    spent: Counter[Spent] = Counter()
    for since, until in pairwise(sorted(edge for edge in edges if begin <= edge <= end)):
        place = bisect_right(shown, since, key=lambda change: change[0])
        state = shown[place - 1][1] if place else OFFLINE
        due = next((each.activity for each in reversed(inside) if each.begin <= since < each.end), None)
        spent[Spent(None if due == OFF else due, doing(state))] += until - since
    return spent


def _time(spent: Counter[Spent], *, scheduled: bool | None = None, did: str | None = None) -> Millis:
    return sum(
        ms
        for (planned, doing), ms in spent.items()
        if scheduled in (None, planned is not None) and did in (None, doing)
    )


def kept_to(spent: Counter[Spent], *, count_outside_shift: bool) -> tuple[Millis, Millis]:
    """Time in which an agent did what was planned, and the time that it is a share of: the parts of `adherence`."""
    kept = sum(ms for (planned, did), ms in spent.items() if planned is not None and did == planned)
    outside = _time(spent, scheduled=False, did=ON_QUEUE) if count_outside_shift else 0
    return kept, _time(spent, scheduled=True) + outside


def adherence(spent: Counter[Spent], *, count_outside_shift: bool) -> float | None:
    """Share of the scheduled time in which an agent did what was planned.

    Args:
        spent: What was done instead of what (`compared`).
        count_outside_shift: Whether work on the queue outside the schedule counts as scheduled and not kept to.

    Returns:
        A ratio in [0, 1], or None when nothing was scheduled.

    Source:
        KPI cases, convention 21; Genesys Cloud; docs/kpis.md, Adherence.
    """
    kept, whole = kept_to(spent, count_outside_shift=count_outside_shift)
    missed = ratio(whole - kept, whole)
    return None if missed is None else max(0.0, 1 - missed)


def worked(spent: Counter[Spent]) -> tuple[Millis, Millis]:
    """Time worked on the queue, whenever, and time scheduled for it: the parts of `conformance`."""
    return _time(spent, did=ON_QUEUE), sum(ms for (planned, _), ms in spent.items() if planned == ON_QUEUE)


def conformance(spent: Counter[Spent]) -> float | None:
    """Time worked on the queue, whenever, against the time scheduled for it; above 1 when it was more.

    Returns:
        None when none was scheduled.
    """
    return ratio(*worked(spent))


def off_queue(spent: Counter[Spent]) -> tuple[Millis, Millis]:
    """Scheduled time that was not spent on the queue, and all of it: the parts of `shrinkage`."""
    scheduled = _time(spent, scheduled=True)
    return scheduled - _time(spent, scheduled=True, did=ON_QUEUE), scheduled


def shrinkage(spent: Counter[Spent]) -> float | None:
    """Share of the scheduled time that was not spent on the queue; None when nothing was scheduled."""
    away, scheduled = off_queue(spent)
    on_queue = ratio(scheduled - away, scheduled)
    return None if on_queue is None else 1 - on_queue


def absent(spent: Counter[Spent]) -> tuple[Millis, Millis]:
    """Scheduled time in which the agent was not there, and all of it: the parts of `external_shrinkage`."""
    return _time(spent, scheduled=True, did=OFFLINE), _time(spent, scheduled=True)


def external_shrinkage(spent: Counter[Spent]) -> float | None:
    """Share of the scheduled time in which the agent was not there."""
    return ratio(*absent(spent))


def elsewhere(spent: Counter[Spent]) -> tuple[Millis, Millis]:
    """Scheduled time off the queue but there, and all of it: the parts of `internal_shrinkage`."""
    (away, scheduled), (gone, _) = off_queue(spent), absent(spent)
    return away - gone, scheduled


def internal_shrinkage(spent: Counter[Spent]) -> float | None:
    """Share of the scheduled time in which the agent was there, and not on the queue: what is neither external nor
    work, a state of the helpdesk's own (`away`) among it."""
    return ratio(*elsewhere(spent))


@dataclass(frozen=True, slots=True)
class ScheduleFigures:
    """Named as in the cases' `agents`."""

    adherence: float | None
    conformance: float | None
    shrinkage: float | None
    shrinkage_internal: float | None
    shrinkage_external: float | None


def schedule_figures(spent: Counter[Spent], *, count_outside_shift: bool) -> ScheduleFigures:
    """Every figure of an agent's day against the plan."""
    return ScheduleFigures(
        adherence=adherence(spent, count_outside_shift=count_outside_shift),
        conformance=conformance(spent),
        shrinkage=shrinkage(spent),
        shrinkage_internal=internal_shrinkage(spent),
        shrinkage_external=external_shrinkage(spent),
    )
