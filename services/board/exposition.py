"""`GET /metrics`: KPI families made anew at each scrape from the same columns as the wall, and how the reading goes.

Every board shows the same KPIs, so rules say `max without (instance, pod)` before they sum.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from schemas.codec import Millis
from schemas.policy import Policy
from services.board.columns import Columns
from services.board.exported import FAMILIES
from services.board.freshness import Reading
from services.board.scrape import Scrape
from services.board.series import Guard, LabelTexts

GONE_AFTER_MS: Millis = 120_000
"""From then on frozen values would be worse than absent ones."""


class Followed(Protocol):
    """What a scrape reads of a follower."""

    @property
    def columns(self) -> Columns: ...
    @property
    def reading(self) -> Reading: ...
    @property
    def policies(self) -> frozenset[str]: ...


@dataclass(frozen=True)
class Work:
    """How one scrape went."""

    reading: Reading
    began_at: Millis
    ended_at: Millis
    series: int
    regressions: int
    dropped: int


@dataclass(frozen=True)
class Own:
    """A family without labels about the reading itself."""

    name: str
    type: Literal["gauge", "counter"]
    text: str
    value: Callable[[Work], float | None]
    """None: nothing to say."""

    def metric(self, work: Work) -> Metric:
        kind = GaugeMetricFamily if self.type == "gauge" else CounterMetricFamily
        family = kind(self.name, self.text, labels=())
        if (value := self.value(work)) is not None:
            family.add_metric((), value)
        return family


def _seconds(at: Millis | None) -> float | None:
    return None if at is None else at / 1000


OWN = (
    Own(
        "deskpulse_exporter_redis_up",
        "gauge",
        "1 while the store answers, else 0.",
        lambda work: int(not work.reading.stale(work.began_at)),
    ),
    Own(
        "deskpulse_exporter_policy_mismatch",
        "gauge",
        "1 while some of the state was made under another policy than the board's, else 0. Its figures then mix two "
        "meanings: give board and processor the same `DESKPULSE_POLICY`.",
        lambda work: int(work.reading.other_policy),
    ),
    Own(
        "deskpulse_exporter_snapshot_timestamp_seconds",
        "gauge",
        "When the store last answered.",
        lambda work: _seconds(work.reading.read_at),
    ),
    Own(
        "deskpulse_exporter_collect_duration_seconds",
        "gauge",
        "How long this scrape took to compute.",
        lambda work: _seconds(work.ended_at - work.began_at),
    ),
    Own("deskpulse_exporter_series", "gauge", "KPI series in this scrape.", lambda work: work.series),
    Own(
        "deskpulse_exporter_regressions_total",
        "counter",
        "Times that an all-time count fell, as an event took something back. Its highest value was held.",
        lambda work: work.regressions,
    ),
    Own(
        "deskpulse_exporter_series_dropped_total",
        "counter",
        "Label sets that went to `__other__`, as one of their labels has too many values.",
        lambda work: work.dropped,
    ),
)
EVENT_TIME = Own(
    "deskpulse_event_time_timestamp_seconds",
    "gauge",
    "Event time of the newest event.",
    lambda work: _seconds(work.reading.newest_event_at),
)
"""Goes away with the KPIs."""


class KpiCollector(Collector):
    """Reads the follower's columns whenever somebody scrapes."""

    def __init__(
        self, follower: Followed, now: Callable[[], Millis], policy: Policy, texts: LabelTexts | None = None
    ) -> None:
        self._follower = follower
        self._now = now
        self._policy = policy
        self._guard = Guard()
        self._texts = texts or LabelTexts()

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: a scrape finds what there is."""
        return []

    def collect(self) -> Iterator[Metric]:
        began_at, reading = self._now(), self._follower.reading
        shown = reading.read_at is not None and began_at - reading.read_at <= GONE_AFTER_MS
        kpis = list(self._kpis(reading.figures_at(began_at))) if shown else []
        yield from kpis
        work = Work(
            reading,
            began_at,
            ended_at=self._now(),
            series=sum(len(family.samples) for family in kpis),
            regressions=self._guard.regressions,
            dropped=self._texts.dropped,
        )
        for family in (EVENT_TIME, *OWN) if shown else OWN:
            yield family.metric(work)

    def _kpis(self, at: Millis) -> Iterator[Metric]:
        self._guard.enter(self._follower.policies)
        scrape = Scrape(self._follower.columns, at, self._policy, self._texts)
        for family in FAMILIES:
            yield family.metric(scrape, self._guard)


def documented() -> list[str]:
    """The lines of the board's table in docs/metrics.md."""
    kpis = [(family.name, family.type, ", ".join(family.labels), family.text) for family in FAMILIES]
    own = [(family.name, family.type, "", family.text) for family in (EVENT_TIME, *OWN)]
    return [f"| `{name}` | {kind} | {labels} | {text} |" for name, kind, labels, text in kpis + own]


class Exposition:
    """Texts for Prometheus, in the format that it asks for."""

    def __init__(self, collector: Collector) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(collector)

    def text(self, accept: str) -> tuple[bytes, str]:
        """The body and its content type for an Accept header."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
