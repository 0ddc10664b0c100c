"""What the cells say of one period, group by group. Each measure is read once."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Self

import numpy as np

from schemas.codec import Millis
from services.adapters.state_layout import measure_code
from services.board import figures
from services.board.columns import Columns, summed_by
from services.board.cuts import Cut, Filters
from services.board.figures import Value
from services.board.percentiles import PERCENTILES, Reals, percentiles
from services.board.rows import NO_ROWS, Numbers, Rows
from services.board.windows import Period
from services.core.rules import Rules
from services.core.tally import GRAIN_MS, MEASURES

Reading = tuple[str, str, Millis | None]


@dataclass(frozen=True)
class Asked:
    """From where and for whom cells are read."""

    columns: Columns
    rules: Rules
    by: tuple[str, ...]
    filters: Filters
    now: Millis
    """What is over by now is certain."""
    live: bool
    """Whether the instant asked about is now: what stands is known of no other."""
    _spans: dict[tuple[Millis, Millis], list[figures.Span]] = field(default_factory=dict)

    def spans(self, begins: Millis, ends: Millis) -> list[figures.Span]:
        """`figures.spans`, worked out once."""
        if (begins, ends) not in self._spans:
            self._spans[begins, ends] = figures.spans(self.columns, begins, ends)
        return self._spans[begins, ends]


@dataclass(frozen=True)
class Part:
    """A period, for the queues that have it so."""

    period: Period
    queues: frozenset[Value] | None = None
    """None: for all."""


@dataclass(frozen=True)
class Grouped:
    """Some cells, and the group of each."""

    group: Numbers
    rows: Rows

    def __add__(self, other: "Grouped") -> "Grouped":
        return Grouped(np.concatenate((self.group, other.group)), self.rows + other.rows)


class Sheet:
    """One period under one cut."""

    def __init__(self, asked: Asked, parts: Sequence[Part], which: Literal["current", "previous"], cut: Cut) -> None:
        self.asked, self.which, self.cut = asked, which, cut
        self.parts = parts
        self.size = len(cut.keys)
        self.standing_known = asked.live and which == "current"
        self._numbers = [self._number(part) for part in parts]
        self._read: dict[Reading, Numbers] = {}
        self._flows: dict[tuple[str, Millis | None], Grouped] = {}
        self._standing: dict[str, tuple[Grouped, Numbers]] = {}

    @classmethod
    def of(cls, asked: Asked, parts: Sequence[Part], which: Literal["current", "previous"]) -> Self:
        """A sheet cut as it is asked for."""
        return cls(asked, parts, which, Cut(asked.columns, asked.by, asked.filters))

    @cached_property
    def by_agent(self) -> "Sheet":
        """The same, cut by agent besides."""
        if "agent" in self.cut.by:
            return self
        finer = Cut(self.asked.columns, (*self.cut.by, "agent"), self.asked.filters)
        return Sheet(self.asked, self.parts, self.which, finer)

    @cached_property
    def parents(self) -> Numbers:
        """For each group of `by_agent`, the group here."""
        return self.cut.parents(self.by_agent.cut)

    def until(self, period: Period) -> Millis:
        """Up to when time has passed: a period that ends now ends with the minute, which is not over."""
        return min(period.ends, self.asked.now) if self.standing_known else period.ends

    @property
    def elapsed_ms(self) -> Millis:
        """How much time the period has had so far."""
        period = self.parts[0].period
        return max(0, self.until(period) - period.begins)

    def count(self, measure: str, upto: Millis | None = None) -> Numbers:
        """How often something happened in the period, or in what of it lies before ``upto``."""
        return self._once(
            ("count", measure, upto), lambda: self._sum(flow := self.flow(measure, upto), flow.rows.count)
        )

    def counts(self, measures: Sequence[str]) -> Numbers:
        """How often any of them did."""
        return self._added(self.count, measures)

    def total(self, measure: str) -> Numbers:
        """The sum of what happened in the period: milliseconds, or thousandths of a point."""
        return self._once(("total", measure, None), lambda: self._sum(flow := self.flow(measure), flow.rows.total))

    def percentiles(self, measure: str, value: Callable[[Numbers], Reals]) -> Reals:
        """A line for each of PERCENTILES, a place for each group."""
        flow = self.flow(measure)
        return percentiles(flow.group, flow.rows.step, flow.rows.count, self.size, value, PERCENTILES)

    def count_among(self, measure: str, dimension: str, values: Collection[Value]) -> Numbers:
        """How often something happened with one of these values of a dimension."""
        flow = self.flow(measure)
        allowed = self.cut.within(self.asked.columns, dimension, values)
        chosen = self._among(flow.rows, allowed) >= 0
        return summed_by(flow.group[chosen], flow.rows.count[chosen], self.size)

    def level(self, measure: str) -> Numbers:
        """How many there were at the period's end."""
        return self.levels([measure])

    def levels(self, measures: Sequence[str]) -> Numbers:
        """How many there were of all of them."""
        return self._together("level", measures, self._levels)

    def time(self, measure: str) -> Numbers:
        """Level times time over the period, in milliseconds."""
        return self.times([measure])

    def times(self, measures: Sequence[str]) -> Numbers:
        """The same of all of them."""
        return self._together("time", measures, self._times)

    def standing(self, measure: str) -> tuple[Grouped, Numbers]:
        """What stands now, and since or until when; nothing for a period of the past."""
        if measure not in self._standing:
            rows, instants = figures.standing(self.asked.columns, measure)
            group = self._among(rows, np.maximum.reduce(self._numbers))
            chosen = group >= (0 if self.standing_known else self.size)
            self._standing[measure] = Grouped(group[chosen], rows.where(chosen)), instants[chosen]
        return self._standing[measure]

    def passed(self, measure: str) -> Numbers:
        """How many instants that stand lay in the period and are past: deadlines that no event has noted."""
        rows, instants = figures.standing(self.asked.columns, measure)
        held = np.zeros(self.size, dtype=np.int64)
        for part, number in zip(self.parts, self._numbers, strict=True):
            ends = min(part.period.ends, self.asked.now)
            cells = self._grouped(rows.where((instants >= part.period.begins) & (instants < ends)), number)
            held += self._sum(cells, cells.rows.count)
        return held

    def flow(self, measure: str, upto: Millis | None = None) -> Grouped:
        """The cells of what happened in the period, or in what of it lies before ``upto``."""
        if (measure, upto) not in self._flows:
            self._flows[measure, upto] = self._flow(measure, upto)
        return self._flows[measure, upto]

    def _flow(self, measure: str, upto: Millis | None) -> Grouped:
        found = []
        for part, number in zip(self.parts, self._numbers, strict=True):
            ends = part.period.ends if upto is None else min(upto, part.period.ends)
            for span in self.asked.spans(part.period.begins, ends):
                rows = self.asked.columns.rows(span.grain).of(measure).between(span.first, span.end)
                found.append(self._grouped(rows, number))
        return _joined(found)

    def _levels(self, measures: Sequence[str]) -> Numbers:
        held = np.zeros((len(measures), self.size), dtype=np.int64)
        for part, number in zip(self.parts, self._numbers, strict=True):
            rows = figures.level_at(self.asked.columns, part.period.ends, *measures)
            cells = self._grouped(rows, number)
            held += self._by_measure(measures, cells, cells.rows.count)
        return held

    def _times(self, measures: Sequence[str]) -> Numbers:
        area = np.zeros((len(measures), self.size), dtype=np.int64)
        for part, number in zip(self.parts, self._numbers, strict=True):
            period = part.period
            held = self._grouped(figures.level_at(self.asked.columns, period.ends, *measures), number)
            area += self._by_measure(measures, held, held.rows.count) * max(0, self.until(period) - period.begins)
            # What is held at the end was not held before it came.
            for span in self.asked.spans(period.begins, period.ends):
                rows = self.asked.columns.rows(span.grain).of(*measures).between(span.first, span.end)
                moved = self._grouped(rows, number)
                into = moved.rows.bucket * GRAIN_MS[span.grain] - period.begins
                area -= self._by_measure(measures, moved, moved.rows.count * into + moved.rows.total)
        return area

    def _by_measure(self, measures: Sequence[str], cells: Grouped, column: Numbers) -> Numbers:
        """Sums of a column: a line for each measure, a place for each group."""
        if len(measures) == 1:
            return self._sum(cells, column).reshape(1, -1)
        line = np.zeros(len(MEASURES), dtype=np.int64)
        line[[measure_code(measure) for measure in measures]] = np.arange(len(measures))
        place = line[cells.rows.measure] * self.size + cells.group
        return summed_by(place, column, len(measures) * self.size).reshape(len(measures), self.size)

    def _number(self, part: Part) -> Numbers:
        if part.queues is None:
            return self.cut.number
        return self.cut.within(self.asked.columns, "queue", part.queues)

    def _among(self, rows: Rows, number: Numbers) -> Numbers:
        if number is self.cut.number and self.cut.whole:
            return np.zeros(len(rows), dtype=np.int64)
        return number[rows.dims] if len(rows) else np.empty(0, dtype=np.int64)

    def _grouped(self, rows: Rows, number: Numbers) -> Grouped:
        group = self._among(rows, number)
        unfiltered = number is self.cut.number and not self.asked.filters
        if not unfiltered and len(group) and int(group.min()) < 0:
            chosen = group >= 0
            return Grouped(group[chosen], rows.where(chosen))
        return Grouped(group, rows)

    def _sum(self, cells: Grouped, column: Numbers) -> Numbers:
        if self.size == 1:
            return np.array([column.sum()], dtype=np.int64)
        return summed_by(cells.group, column, self.size)

    def _together(self, kind: str, measures: Sequence[str], read: Callable[[Sequence[str]], Numbers]) -> Numbers:
        """The sum over some measures, of which those that were not read yet are read at once."""
        fresh = [measure for measure in dict.fromkeys(measures) if (kind, measure, None) not in self._read]
        if fresh:
            for measure, line in zip(fresh, read(fresh), strict=True):
                self._read[kind, measure, None] = line
        return self._added(lambda measure: self._read[kind, measure, None], measures)

    def _added(self, read: Callable[[str], Numbers], measures: Sequence[str]) -> Numbers:
        total = np.zeros(self.size, dtype=np.int64)
        for measure in measures:
            total = total + read(measure)
        return total

    def _once(self, reading: Reading, read: Callable[[], Numbers]) -> Numbers:
        if reading not in self._read:
            self._read[reading] = read()
        return self._read[reading]


def _joined(parts: Sequence[Grouped]) -> Grouped:
    whole = Grouped(np.empty(0, dtype=np.int64), NO_ROWS)
    for part in parts:
        if len(part.group):
            whole = whole + part if len(whole.group) else part
    return whole
