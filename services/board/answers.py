"""The figures that were asked for, from columns of cells: the same for the board and for a file of events."""

from collections.abc import Generator, Sequence
from itertools import repeat
from types import NoneType
from typing import Literal, TypeVar, cast

import numpy as np

from schemas.codec import Millis
from services.board import figures
from services.board.asking import Question
from services.board.columns import Columns
from services.board.evaluation import figures_of
from services.board.rows import Numbers
from services.board.sheet import Asked, Part, Sheet
from services.board.windows import Period, Stretch, Window, window, zone_by_queue
from services.core.catalogue import Kpi, catalogue
from services.core.catalogue.formulas import Level, Spread
from services.core.report import Figures, rfc3339
from services.core.rolling import growth
from services.core.rules import Rules
from services.core.tally import AGENT_STATES, MEASURES, OFFLINE, UNSOLVED, Kind

_FIRST_SEEN = (
    *("opened", "resolved", "handled", "visits", "csat", "nps"),
    *(f"backlog.{status}" for status in UNSOLVED),
    *(f"agent.{state}" for state in AGENT_STATES if state != OFFLINE),
)
"""The measures that nearly everything begins with."""


Made = TypeVar("Made")
Steps = Generator[None, None, Made]
"""Work that stops now and then, for others to have a turn: only the columns have to stay as they are meanwhile."""


def answer(columns: Columns, rules: Rules, question: Question, now: Millis) -> Figures:
    """`answering`, at one go."""
    steps = answering(columns, rules, question, now)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast(Figures, end.value)


def answering(columns: Columns, rules: Rules, question: Question, now: Millis) -> Steps[Figures]:
    """The document of `services.board.answer.Answer`, all but the freshness, which only the board knows.

    It is made of plain dicts, since there may be a hundred thousand figures in it.

    Args:
        now: What is over by now is certain; it is also the instant asked about when the question names none.
    """
    at = now if question.at is None else question.at
    known = catalogue(rules.policy)
    kpis = [known[name] for name in question.kpis]
    asked = Asked(columns, rules, question.by, question.filters, now, live=question.at is None)
    since = figures.known_since(columns, *_FIRST_SEEN)
    told: list[Figures] = []
    for name in question.windows:
        its = yield from _told(asked, window(name, columns, at, rules), kpis, question, since)
        told.append(its)
    return {
        "at": rfc3339(at),
        "by": list(question.by),
        "filters": {name: sorted(values, key=_sortable) for name, values in question.filters.items()},
        "known_since": rfc3339(since),
        "windows": told,
    }


def _told(asked: Asked, its: Window, kpis: Sequence[Kpi], question: Question, since: Millis | None) -> Steps[Figures]:
    current = Sheet.of(asked, parts_of(asked, its, "current"), "current")
    previous = Sheet.of(asked, parts_of(asked, its, "previous"), "previous")
    before_all = since is None or max(part.period.ends for part in previous.parts) <= since
    sheets = [current] if before_all else [current, previous]
    touched = (yield from _touched(sheets, kpis, current.size)) if question.by else np.array([0])
    groups = _largest(touched, current, kpis[0], question.limit)
    columns: dict[str, list[Figures]] = {}
    for kpi in kpis:
        now = figures_of(kpi.formula, current, groups)
        before = repeat(None) if before_all else figures_of(kpi.formula, previous, groups)
        columns[kpi.name] = [_compared(*pair) for pair in zip(now, before, strict=not before_all)]
        yield
    return {
        **_edges(its),
        "groups_total": len(touched),
        "groups_told": len(groups),
        "groups": [
            {
                "key": dict(zip(question.by, current.cut.keys[number], strict=True)),
                "kpis": {name: column[place] for name, column in columns.items()},
            }
            for place, number in enumerate(groups)
        ],
    }


def parts_of(asked: Asked, its: Window, which: Literal["current", "previous"]) -> list[Part]:
    """The periods of a window, each with the queues that have it so."""
    if its.stretches[0].timezone is None or len(its.stretches) == 1:
        return [Part(_period(stretch, which)) for stretch in its.stretches]
    zones = zone_by_queue(asked.columns, asked.rules)
    return [
        Part(_period(each, which), frozenset(queue for queue, zone in zones.items() if zone == each.timezone))
        for each in its.stretches
    ]


def _period(stretch: Stretch, which: Literal["current", "previous"]) -> Period:
    return stretch.current if which == "current" else stretch.previous


def _edges(its: Window) -> Figures:
    """From when to when, over all of its queues."""
    edges: Figures = {"window": its.name, **_written([each.current for each in its.stretches])}
    edges["previous"] = _written([each.previous for each in its.stretches])
    if its.stretches[0].timezone is not None:
        edges["days"] = [
            {"timezone": each.timezone, **_written([each.current]), "previous": _written([each.previous])}
            for each in its.stretches
        ]
    return edges


def _written(periods: Sequence[Period]) -> Figures:
    return {
        "from": rfc3339(min(period.begins for period in periods)),
        "to": rfc3339(max(period.ends for period in periods)),
    }


def _touched(sheets: Sequence[Sheet], kpis: Sequence[Kpi], size: int) -> Steps[Numbers]:
    """The groups of which anything is told."""
    alive = np.zeros(size, dtype=np.bool_)
    for sheet in sheets:
        for kpi in kpis:
            alive |= _weight(sheet, kpi) > 0
            yield
    return np.flatnonzero(alive)


def _weight(sheet: Sheet, kpi: Kpi) -> Numbers:
    """How much there is of a KPI in each group."""
    at_end = isinstance(kpi.formula, Level | Spread)
    levels = [measure for measure in kpi.measures if MEASURES[measure] is Kind.LEVEL]
    weight = sheet.levels(levels) if at_end else sheet.times(levels)
    for measure in kpi.measures:
        match MEASURES[measure]:
            case Kind.FLOW:
                weight += sheet.count(measure)
            case Kind.STANDING:
                cells, _ = sheet.standing(measure)
                np.add.at(weight, cells.group, cells.rows.count)
    return weight


def _largest(touched: Numbers, sheet: Sheet, kpi: Kpi, limit: int) -> list[int]:
    """The groups that have most of a KPI first, and among equals in the order of their names."""
    if len(touched) == 1:
        return [int(touched[0])]
    weight = _weight(sheet, kpi)
    if len(touched) > limit:  # to look at few names
        least = np.partition(weight[touched], -limit)[-limit]
        touched = touched[weight[touched] >= least]
    pairs = zip((-weight[touched]).tolist(), touched.tolist(), strict=True)
    names = sheet.cut.keys
    ranked = sorted((first, [_sortable(value) for value in names[number]], number) for first, number in pairs)
    return [number for *_, number in ranked[:limit]]


def _sortable(value: str | None) -> tuple[bool, str]:
    """What nobody told comes last."""
    return value is None, value or ""


def _compared(now: Figures, before: Figures | None) -> Figures:
    """A figure beside that of the period before, and by how much each of its numbers grew."""
    if before is None:
        return {"current": now, "previous": None, "change": None}
    grown = {
        name: growth(value, then)
        for name, value in now.items()
        if isinstance(value, _NUMBER) and isinstance(then := before[name], _NUMBER_OR_NONE)
    }
    return {"current": now, "previous": before, "change": grown}


_NUMBER = (int, float)
_NUMBER_OR_NONE = (*_NUMBER, NoneType)
