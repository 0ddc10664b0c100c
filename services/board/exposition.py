"""`GET /metrics`: KPI families made anew at each scrape from the same columns as the wall, and how the reading goes.

Every board shows the same KPIs, so rules say `max without (instance, pod)` before they sum.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from schemas.codec import Millis
from services.board.columns import Columns
from services.board.composition import Meaning
from services.board.families import Families
from services.board.freshness import Reading
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


class KpiCollector(Collector):
    """Reads the follower's columns whenever somebody scrapes."""

    def __init__(
        self, follower: Followed, now: Callable[[], Millis], meaning: Meaning, texts: LabelTexts | None = None
    ) -> None:
        self._follower = follower
        self._now = now
        self._meaning = meaning
        self._guard = Guard()
        self._texts = texts or LabelTexts()

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: a scrape finds what there is."""
        return []

    def collect(self) -> Iterator[Metric]:
        now, reading = self._now(), self._follower.reading
        read_at = reading.read_at
        if read_at is not None and now - read_at <= GONE_AFTER_MS:
            self._guard.enter(self._follower.policies)
            at = reading.figures_at(now)
            yield from Families(self._follower.columns, at, self._texts, self._guard, self._meaning).all()
            yield _instant(
                "deskpulse_event_time_timestamp_seconds", "Event time of the newest event.", reading.newest_event_at
            )
        up = int(not reading.stale(now))
        yield GaugeMetricFamily("deskpulse_exporter_redis_up", "1 while the store answers, else 0.", value=up)
        yield GaugeMetricFamily(
            "deskpulse_exporter_policy_mismatch",
            "1 while some of the state was made under another policy than the board's, else 0.",
            value=int(reading.other_policy),
        )
        yield _instant("deskpulse_exporter_snapshot_timestamp_seconds", "When the store last answered.", read_at)
        yield CounterMetricFamily(
            "deskpulse_exporter_regressions",
            "Times that an all-time count fell, as late events took something back; its last value was held.",
            value=self._guard.regressions,
        )
        yield CounterMetricFamily(
            "deskpulse_exporter_series_dropped",
            "Series that went to __other__, as one of their labels has too many values.",
            value=self._texts.dropped,
        )


def _instant(name: str, text: str, at: Millis | None) -> Metric:
    """A gauge without labels; there is no sample of an instant that never was."""
    family = GaugeMetricFamily(name, text)
    if at is not None:
        family.add_metric([], at / 1000)
    return family


class Exposition:
    """Texts for Prometheus, in the format that it asks for."""

    def __init__(self, collector: Collector) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(collector)

    def text(self, accept: str) -> tuple[bytes, str]:
        """The body and its content type for an Accept header."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
