"""The KPI families of one scrape."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from schemas.codec import Millis
from services.board import figures
from services.board.columns import Columns, Rows
from services.board.composition import SIGNED_IN, Meaning, present
from services.board.series import Guard, LabelTexts, Shown
from services.core.tally import CLOCKS, DAY, DAY_MS, HISTOGRAM_EDGES_MS, HOUR_MS, step_of

WINDOWS_MS = {"1h": HOUR_MS, "24h": DAY_MS}
STATS = {"p50": 0.5, "p90": 0.9}
AGES_S = (300, 900, 3600, 14_400, 28_800, 86_400, 172_800, 345_600, 604_800, 1_209_600, 2_592_000)
FLOWS = {
    "opened": "Tickets opened.",
    "solved": "Tickets solved for the first time.",
    "reopened": "Solved tickets that were opened again.",
}
DURATIONS = {
    "first_response": "Wall-clock time from ticket opened to first public agent reply.",
    "resolution": "Wall-clock time from ticket opened to its last solve, of tickets that are solved now.",
}
QUEUE = ("queue",)
AGENTS_SEEN_MS: Millis = 7 * DAY_MS
"""A queue whose agents are all offline shows zeros for this long."""


@dataclass(frozen=True)
class Families:
    """What the columns say at one instant, as Prometheus families."""

    columns: Columns
    at: Millis
    texts: LabelTexts
    guard: Guard
    meaning: Meaning

    def all(self) -> Iterator[Metric]:
        """Every KPI family."""
        if self.meaning.backlog_statuses:
            yield from (self.tickets_open(), self.tickets_unassigned(), self.backlog_age())
        yield self.oldest_unanswered()
        yield self.oldest_waiting()
        yield from (self.durations(measure, text) for measure, text in DURATIONS.items())
        yield self.first_response_window()
        yield from (self.flow(measure, text) for measure, text in FLOWS.items())
        yield from self.sla()
        yield self.agents()

    def tickets_open(self) -> Metric:
        labels = ("queue", "channel", "priority")
        statuses = self.meaning.backlog_statuses
        counted = {s: self._counts(self._level(f"backlog.{s}"), labels) for s in statuses}
        known = set(self._counts(figures.all_time(self.columns, "opened"), labels)).union(*counted.values())
        sums = {(*shown, s): counted[s].get(shown, 0) for shown, s in product(sorted(known), statuses)}
        return _gauge("deskpulse_tickets_open", "Tickets in the backlog by state.", (*labels, "state"), sums)

    def tickets_unassigned(self) -> Metric:
        rows = self._level(*self.meaning.backlog)
        grouping = self.columns.labels.grouping(("agent",))
        if len(rows):
            nobody = grouping.keys.index((None,)) if (None,) in grouping.keys else -1
            rows = rows.where(grouping.group_of[rows.dims] == nobody)
        sums = dict.fromkeys(self._queues(), 0) | self._counts(rows, QUEUE)
        return _gauge("deskpulse_tickets_unassigned", "Tickets in the backlog without an agent.", QUEUE, sums)

    def backlog_age(self) -> Metric:
        measures = [f"opened_at.{status}" for status in self.meaning.backlog_statuses]
        rows, opened = figures.standing_until(self.columns, self.at, *measures)
        ages = self.at - opened
        within = [self._counts(rows.where(ages <= 1000 * edge), QUEUE) for edge in AGES_S]
        within.append(self._counts(rows, QUEUE))
        totals = self.texts.summed(self.columns, rows, ages * rows.count, QUEUE)
        family = GaugeHistogramMetricFamily(
            "deskpulse_backlog_age_seconds", "Age of the tickets in the backlog.", labels=QUEUE
        )
        for shown in sorted({*totals, *self._queues()}):
            buckets = _buckets(AGES_S, [counts.get(shown, 0) for counts in within])
            family.add_metric(shown, buckets, gsum_value=totals.get(shown, 0) / 1000)
        return family

    def oldest_unanswered(self) -> Metric:
        text = "Since when the customer waits who has waited longest for an answer."
        return self._oldest("deskpulse_oldest_unanswered_created_timestamp_seconds", text, QUEUE)

    def oldest_waiting(self) -> Metric:
        text = "Since when the customer waits who has waited longest, by channel."
        return self._oldest("deskpulse_oldest_waiting_timestamp_seconds", text, ("queue", "channel"))

    def durations(self, measure: str, text: str) -> Metric:
        labels, name = ("queue", "channel"), f"deskpulse_{measure}_seconds"
        rows = figures.all_time(self.columns, measure)
        # Each edge is an edge of the sketch as well, so these counts are exact.
        within = [self._counts(rows.where(rows.step <= step_of(edge)), labels) for edge in HISTOGRAM_EDGES_MS]
        within.append(self._counts(rows, labels))
        held = [self.guard.all_held(f"{name} {place}", counts) for place, counts in enumerate(within)]
        totals = self.guard.all_held(f"{name} sum", self.texts.summed(self.columns, rows, rows.total, labels))
        family = HistogramMetricFamily(name, text, labels=labels)
        for shown in sorted(totals):
            buckets = _buckets([e / 1000 for e in HISTOGRAM_EDGES_MS], [counts.get(shown, 0) for counts in held])
            family.add_metric(shown, buckets, sum_value=totals[shown] / 1000)
        return family

    def first_response_window(self) -> Metric:
        family = GaugeMetricFamily(
            "deskpulse_first_response_window_seconds",
            "First responses given in a sliding window, within 1 %. Never to be averaged.",
            labels=(*QUEUE, "window", "stat"),
        )
        end = present(self.at)
        for window, size in WINDOWS_MS.items():
            rows = figures.in_window(self.columns, end - size, end, "first_response")
            for shown, theirs in self._parted(rows):
                given = figures.sketch(theirs)
                for stat, p in STATS.items():
                    if (value := given.percentile_s(p)) is not None:
                        family.add_metric((*shown, window, stat), value)
        return family

    def flow(self, measure: str, text: str) -> Metric:
        sums = dict.fromkeys(self._queues(), 0) | self._counts(figures.all_time(self.columns, measure), QUEUE)
        return self._counter(f"deskpulse_tickets_{measure}", text, QUEUE, sums)

    def sla(self) -> Iterator[Metric]:
        """A breach counts when the due time passes, not when the answer comes: else a stuck queue looks perfect."""
        labels = (*QUEUE, "sla")
        at_risk, overdue, evaluated, breached = (dict[Shown, int]() for _ in range(4))
        for clock in CLOCKS:
            lines, _ = figures.standing_until(self.columns, self.at, f"at_risk_from.{clock}")
            passed, _ = figures.standing_until(self.columns, self.at - 1, f"due.{clock}")
            certain, _ = figures.standing_until(self.columns, self.at, f"overdue.{clock}")
            broken = figures.all_time(self.columns, f"sla_breached.{clock}") + passed
            kept = figures.all_time(self.columns, f"sla_met.{clock}")
            risky, late = self._counts(lines, QUEUE), self._counts(passed, QUEUE)
            counts = [self._counts(rows, QUEUE) for rows in (passed + certain, broken + kept, broken)]
            for shown in {*self._queues(), *risky, *late, *counts[0], *counts[1]}:
                at_risk[*shown, clock] = risky.get(shown, 0) - late.get(shown, 0)
                for sums, found in zip((overdue, evaluated, breached), counts, strict=True):
                    sums[*shown, clock] = found.get(shown, 0)
        yield _gauge("deskpulse_sla_at_risk_tickets", "Running SLA clocks near their due time.", labels, at_risk)
        yield _gauge("deskpulse_sla_overdue_tickets", "Running SLA clocks past their due time.", labels, overdue)
        yield self._counter("deskpulse_sla_evaluated", "SLA clocks met or breached.", labels, evaluated)
        yield self._counter("deskpulse_sla_breached", "SLA clocks whose due time passed.", labels, breached)

    def agents(self) -> Metric:
        levels = {state: self._counts(self._level(f"agent.{state}"), QUEUE) for state in SIGNED_IN}
        since = (self.at - AGENTS_SEEN_MS) // DAY_MS
        lately = self.columns.rows(DAY).of(*(f"agent.{state}" for state in SIGNED_IN))
        known = set(self._counts(lately.where(lately.bucket >= since), QUEUE)).union(*levels.values())
        sums = {(*shown, s): levels[s].get(shown, 0) for shown, s in product(sorted(known), SIGNED_IN)}
        return _gauge("deskpulse_agents", "Agents that are signed in, by state.", (*QUEUE, "status"), sums)

    def _level(self, *measures: str) -> Rows:
        return figures.level_at(self.columns, present(self.at), *measures)

    def _counts(self, rows: Rows, dimensions: tuple[str, ...]) -> dict[Shown, int]:
        return self.texts.summed(self.columns, rows, rows.count, dimensions)

    def _queues(self) -> Iterable[Shown]:
        """Queues that ever had a ticket: their series are there at zero as well."""
        return self._counts(figures.all_time(self.columns, "opened"), QUEUE)

    def _parted(self, rows: Rows) -> Iterator[tuple[Shown, Rows]]:
        """``rows`` by what the label `queue` shows."""
        grouping = self.columns.labels.grouping(QUEUE)
        shown = [self.texts.shown(self.columns, QUEUE, key) for key in grouping.keys]
        for text in sorted(set(shown)):
            ours = np.array([other == text for other in shown])
            if len(theirs := rows.where(ours[grouping.group_of[rows.dims]])):
                yield text, theirs

    def _oldest(self, name: str, text: str, labels: tuple[str, ...]) -> Metric:
        family = GaugeMetricFamily(name, text, labels=labels)
        rows, since = figures.standing_until(self.columns, self.at, "waiting")
        grouping = self.columns.labels.grouping(labels)
        found: dict[Shown, Millis] = {}
        for dims, begins in zip(rows.dims.tolist(), since.tolist(), strict=True):
            shown = self.texts.shown(self.columns, labels, grouping.keys[grouping.group_of[dims]])
            found[shown] = min(found.get(shown, begins), begins)
        for shown, begins in sorted(found.items()):
            family.add_metric(shown, begins / 1000)
        return family

    def _counter(self, name: str, text: str, labels: tuple[str, ...], sums: dict[Shown, int]) -> Metric:
        family = CounterMetricFamily(name, text, labels=labels)
        for shown, value in sorted(self.guard.all_held(name, sums).items()):
            family.add_metric(shown, value)
        return family


def _gauge(name: str, text: str, labels: tuple[str, ...], sums: dict[Shown, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for shown, value in sorted(sums.items()):
        family.add_metric(shown, value)
    return family


def _buckets(edges: Iterable[float], counts: list[int]) -> list[tuple[str, float]]:
    """Cumulative counts with their edges as Prometheus 3 writes them: `300.0`."""
    return list(zip([*(str(float(edge)) for edge in edges), "+Inf"], map(float, counts), strict=True))
