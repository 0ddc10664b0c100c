"""Kinds of families: what they are called, what they say, and how a scrape makes one; `exported` lists all."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from services.board.columns import Numbers, Rows, summed_by
from services.board.scrape import Labels, Scrape
from services.board.series import Guard, Held, Shown
from services.core.tally import DIMENSIONS, step_of

Read = Callable[[Scrape, Labels], Mapping[Shown, float]]
"""Values of a family, by the values of all its labels; told which of them are dimensions, which come first."""
Count = Callable[[Scrape, Labels], Mapping[Shown, int]]


@dataclass(frozen=True)
class Family(ABC):
    """One line of the table."""

    type: ClassVar[str]
    name: str
    """As it is scraped and queried."""
    labels: tuple[str, ...]
    text: str
    """Full sentences."""

    @property
    def dimensions(self) -> Labels:
        """The labels that figures are cut by; the others are the family's own."""
        return tuple(label for label in self.labels if label in DIMENSIONS)

    @abstractmethod
    def metric(self, scrape: Scrape, guard: Guard) -> Metric:
        """The family of one scrape. There is no sample of what has nothing to say."""


@dataclass(frozen=True)
class Gauge(Family):
    """What is so now."""

    type = "gauge"
    read: Read

    def metric(self, scrape: Scrape, guard: Guard) -> Metric:
        family = GaugeMetricFamily(self.name, self.text, labels=self.labels)
        for shown, value in sorted(self.read(scrape, self.dimensions).items()):
            family.add_metric(shown, value)
        return family


@dataclass(frozen=True)
class Counter(Family):
    """An all-time count."""

    type = "counter"
    read: Count

    def metric(self, scrape: Scrape, guard: Guard) -> Metric:
        family = CounterMetricFamily(self.name, self.text, labels=self.labels)
        found = self.read(scrape, self.dimensions)
        held = guard.held(self.name, {shown: (value,) for shown, value in found.items()})
        for shown, (value,) in sorted(held.items()):
            family.add_metric(shown, value)
        return family


@dataclass(frozen=True)
class Histogram(Family):
    """The durations of a flow since ever, counted exactly at each edge."""

    type = "histogram"
    measure: str
    edges_s: Sequence[int]
    """Edges of the sketch: `tally.HISTOGRAM_EDGES_MS`."""
    known: str = "opened"
    """The flow whose label sets are there with zeros."""

    def metric(self, scrape: Scrape, guard: Guard) -> Metric:
        family = HistogramMetricFamily(self.name, self.text, labels=self.labels)
        none = (0,) * (len(self.edges_s) + 2)
        found = dict.fromkeys(scrape.known(self.dimensions, self.known), none) | self._found(scrape)
        texts = edge_texts(self.edges_s)
        for shown, (*counts, total) in sorted(guard.held(self.name, found).items()):
            family.add_metric(shown, list(zip(texts, counts, strict=True)), sum_value=total / 1000)
        return family

    def _found(self, scrape: Scrape) -> dict[Shown, Held]:
        """How many up to each edge, and their sum in milliseconds."""
        rows = scrape.all_time(self.measure)
        steps = np.array([step_of(1000 * edge) for edge in self.edges_s], dtype=np.int64)
        counts = cumulated(scrape, rows, np.searchsorted(steps, rows.step), len(steps) + 1, self.dimensions)
        totals = scrape.texts.summed(scrape.columns, rows, rows.total, self.dimensions)
        return {shown: (*counts[shown], total) for shown, total in totals.items()}


@dataclass(frozen=True)
class Summary(Family):
    """How many values since ever, and their sum."""

    type = "summary"
    read: Callable[[Scrape, Labels], Mapping[Shown, tuple[int, int]]]
    """Counts and sums in thousandths."""

    def metric(self, scrape: Scrape, guard: Guard) -> Metric:
        family = SummaryMetricFamily(self.name, self.text, labels=self.labels)
        for shown, (count, total) in sorted(guard.held(self.name, self.read(scrape, self.dimensions)).items()):
            family.add_metric(shown, count, total / 1000)
        return family


@dataclass(frozen=True)
class GaugeHistogram(Family):
    """How long what stands now has stood."""

    type = "gauge histogram"
    read: Callable[[Scrape], tuple[Rows, Numbers]]
    """What stands, and since when."""
    edges_s: Sequence[int]

    def metric(self, scrape: Scrape, guard: Guard) -> Metric:
        family = GaugeHistogramMetricFamily(self.name, self.text, labels=self.labels)
        rows, since = self.read(scrape)
        ages: Numbers = scrape.at - since
        edges_ms = np.array([1000 * edge for edge in self.edges_s], dtype=np.int64)
        counts = cumulated(scrape, rows, np.searchsorted(edges_ms, ages), len(edges_ms) + 1, self.dimensions)
        totals = scrape.texts.summed(scrape.columns, rows, ages * rows.count, self.dimensions)
        none, texts = [0] * (len(edges_ms) + 1), edge_texts(self.edges_s)
        for shown in sorted({*totals, *scrape.known(self.dimensions, "opened")}):
            buckets = list(zip(texts, counts.get(shown, none), strict=True))
            family.add_metric(shown, buckets, gsum_value=totals.get(shown, 0) / 1000)
        return family


def cumulated(scrape: Scrape, rows: Rows, place: Numbers, size: int, labels: Labels) -> dict[Shown, list[int]]:
    """How many ``rows`` lie in each of ``size`` buckets or below, for the label sets that they touch."""
    if not len(rows):
        return {}
    shown, of = scrape.places(labels)
    group = of[rows.dims]
    counts = summed_by(group * size + place, rows.count, len(shown) * size).reshape(-1, size).cumsum(axis=1)
    return {shown[number]: counts[number].tolist() for number in np.unique(group).tolist()}


def edge_texts(edges_s: Iterable[int]) -> list[str]:
    """Edges as Prometheus 3 writes them: `300.0`."""
    return [*(str(float(edge)) for edge in edges_s), "+Inf"]
