"""What the columns say at one instant, by labels as they are shown."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self, TypeVar, TypeVarTuple

import numpy as np

from schemas.codec import Millis
from schemas.policy import Policy
from services.adapters.state_layout import measure_code
from services.board import figures
from services.board.columns import NO_ROWS, Columns, Numbers, Rows, summed_by
from services.board.composition import Meaning, present
from services.board.series import LabelTexts, Places, Shown
from services.core.tally import DAY_MS, HOUR_MS, MEASURES, MINUTE_MS

T = TypeVar("T")
Args = TypeVarTuple("Args")
Labels = tuple[str, ...]
"""Labels that are dimensions."""
QUEUE: Labels = ("queue",)
CHANNEL: Labels = ("queue", "channel")
Sums = dict[Shown, int]
WINDOWS_MS: dict[str, Millis] = {"1h": HOUR_MS, "24h": DAY_MS}
KNOWN_FOR_MS: Millis = 7 * DAY_MS
"""What stood in the columns this long ago shows a zero where it stands no more."""


@dataclass(frozen=True)
class Scrape:
    """One scrape. What several families need is read once."""

    columns: Columns
    at: Millis
    policy: Policy
    texts: LabelTexts
    _kept: dict[tuple[object, ...], Any] = field(default_factory=dict)

    @cached_property
    def meaning(self) -> Meaning:
        return Meaning.of(self.policy)

    def all_time(self, *measures: str) -> Rows:
        """Flows since ever: by queue and channel only."""
        return figures.all_time(self.columns, *measures)

    def level(self, *measures: str) -> Rows:
        """Cells that sum up to the level now."""
        return figures.level_at(self.columns, present(self.at), *measures) if measures else NO_ROWS

    def standing(self, *measures: str, until: Millis | None = None) -> tuple[Rows, Numbers]:
        """What stands now, and since when; not what begins in the future."""
        return figures.standing_until(self.columns, self.at if until is None else until, *measures)

    def window(self, size: Millis, *measures: str, until: Millis | None = None) -> Rows:
        """What happened in a window that ends now, or at ``until``."""
        end = present(self.at) if until is None else until
        return figures.in_window(self.columns, end - size, end, *measures)

    def counts(self, rows: Rows, labels: Labels) -> Sums:
        """How many, for the label sets that ``rows`` touch."""
        return self.texts.summed(self.columns, rows, rows.count, labels)

    def known(self, labels: Labels, *measures: str) -> Iterable[Shown]:
        """Label sets that ever had such a flow: their series are there at zero as well. Everything has no label."""
        return self.once(_known, labels, measures) if labels else [()]

    def seen(self, labels: Labels, *measures: str) -> Iterable[Shown]:
        """Label sets that lately had something."""
        return self.once(_seen, labels, measures)

    def places(self, labels: Labels) -> Places:
        """Where the dimension sets of rows are shown."""
        return self.texts.places(self.columns, labels)

    def by_measure(self, rows: Rows, column: Numbers, labels: Labels, measures: Sequence[str]) -> dict[str, Sums]:
        """Sums of a column of ``rows`` for each of their measures."""
        shown, of = self.places(labels)
        row_of = np.zeros(len(MEASURES), dtype=np.int64)
        row_of[[measure_code(measure) for measure in measures]] = np.arange(len(measures))
        where = row_of[rows.measure] * len(shown) + (of[rows.dims] if len(rows) else rows.dims)
        sums = summed_by(where, column, len(measures) * len(shown))
        found: dict[str, Sums] = {measure: {} for measure in measures}
        for number in np.unique(where).tolist():
            measure, place = divmod(number, len(shown))
            found[measures[measure]][shown[place]] = int(sums[number])
        return found

    def levels(self, labels: Labels, measures: Sequence[str]) -> dict[str, Sums]:
        """The level of each measure now."""
        return self.once(_levels, labels, measures)

    def spent(self, size: Millis, labels: Labels, measures: Sequence[str]) -> dict[str, Sums]:
        """Level times time over a window that ends with the last whole minute, in milliseconds, by measure."""
        return self.once(_areas, labels, size, measures)

    def once(self, reading: Callable[[Self, *Args], T], *asked: *Args) -> T:
        """What several families are read from."""
        known: T | None = self._kept.get((reading, *asked))
        if known is None:
            known = self._kept[(reading, *asked)] = reading(self, *asked)
        return known


def _known(scrape: Scrape, labels: Labels, measures: Sequence[str]) -> Sums:
    return scrape.counts(scrape.all_time(*measures), labels)


def _seen(scrape: Scrape, labels: Labels, measures: Sequence[str]) -> Sums:
    return scrape.counts(scrape.window(KNOWN_FOR_MS, *measures), labels)


def _levels(scrape: Scrape, labels: Labels, measures: Sequence[str]) -> dict[str, Sums]:
    rows = scrape.level(*measures)
    return scrape.by_measure(rows, rows.count, labels, measures)


def _areas(scrape: Scrape, labels: Labels, size: Millis, measures: Sequence[str]) -> dict[str, Sums]:
    ends = scrape.at - scrape.at % MINUTE_MS
    rows, area = figures.areas(scrape.columns, ends - size, ends, *measures)
    return scrape.by_measure(rows, area, labels, measures)
