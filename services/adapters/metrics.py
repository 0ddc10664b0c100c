"""Every Prometheus metric that a program keeps of its own work. Labels are there from the start, at 0."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from schemas.signals import TYPES, WITHDRAWN
from schemas.topics import ALL, MEASURED

EVENTS, OTHER = "events", "other"
"""Sources beside the vendors: POST /events, and whoever named no source that we know."""
REASONS = (
    "signature",
    "unknown_source",
    "too_large",
    "timeout",
    "disconnected",
    "unavailable",
    "not_json",
    "utf8",
    "depth",
    "dup_key",
    "number",
    "schema",
    "id",
    "time",
    "unknown_type",
    "unknown_status",
)
"""Why a request was not taken as events; a reason that is not here is counted as `other`."""


class GatewayMetrics:
    """What the gateway says about its own work."""

    def __init__(self, registry: CollectorRegistry, vendors: Sequence[str]) -> None:
        self.sources = (*vendors, EVENTS, OTHER)
        self.requests = Counter(
            "deskpulse_gateway_requests_total",
            "Deliveries and posts received, whatever became of them.",
            ["source"],
            registry=registry,
        )
        self._rejected = Counter(
            "deskpulse_gateway_rejected_total",
            "Deliveries and posts of which no event was taken; the authentic ones of a vendor are dead letters.",
            ["source", "reason"],
            registry=registry,
        )
        self.ignored = Counter(
            "deskpulse_gateway_ignored_total",
            "Deliveries that were understood and that no figure depends on.",
            ["source"],
            registry=registry,
        )
        self.produced = Counter(
            "deskpulse_gateway_produced_total",
            "Records that all in-sync replicas acknowledged.",
            ["topic"],
            registry=registry,
        )
        self.produce_failures = Counter(
            "deskpulse_gateway_produce_failures_total",
            "Records that were not acknowledged in time; their senders were asked to try again.",
            ["topic"],
            registry=registry,
        )
        self.last_received = Gauge(
            "deskpulse_webhook_last_received_timestamp_seconds",
            "When the newest authentic delivery came; no sample before the first.",
            ["source"],
            registry=registry,
        )
        self.request_duration = Histogram(
            "deskpulse_gateway_request_duration_seconds",
            "From a request's headers to its answer, acknowledgement included.",
            ["source"],
            buckets=[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
            registry=registry,
        )
        self._inflight = Gauge(
            "deskpulse_gateway_inflight_bytes", "Bytes that wait for the broker's answer.", registry=registry
        )
        self._connected = Gauge(
            "deskpulse_gateway_broker_up", "1 when a broker answered last, else 0.", registry=registry
        )
        self._show_zeros()

    def _show_zeros(self) -> None:
        for source in self.sources:
            for each in (self.requests, self.ignored, self.request_duration):
                each.labels(source)
            for reason in (*REASONS, OTHER):
                self._rejected.labels(source, reason)
        for topic in ALL:
            self.produced.labels(topic.name)
            self.produce_failures.labels(topic.name)

    def rejected(self, source: str, reason: str) -> None:
        """Count one request; ``reason`` is one word."""
        self._rejected.labels(source, reason if reason in REASONS else OTHER).inc()

    def watch(self, inflight_bytes: Callable[[], int], connected: Callable[[], bool]) -> None:
        """Read these two whenever somebody scrapes."""
        self._inflight.set_function(inflight_bytes)
        self._connected.set_function(connected)


class ProcessorMetrics:
    """What a worker says about its own work. What the figures are, only the board says."""

    def __init__(self, registry: CollectorRegistry, app: str) -> None:
        self.processed = Counter(
            "deskpulse_stream_events_processed_total", "Events applied and written.", ["topic"], registry=registry
        )
        self.dead_letters = Counter(
            "deskpulse_stream_dead_letters_total",
            "Records that are no event.",
            ["topic", "reason"],
            registry=registry,
        )
        self.told = Counter(
            "deskpulse_stream_told_total",
            "Records that tell one entity what it has to know of another, appended to the log.",
            ["topic"],
            registry=registry,
        )
        self.untold = Counter(
            "deskpulse_stream_untold_total",
            "Such records that were too large for their topic: figures that need two entities lack them.",
            ["topic"],
            registry=registry,
        )
        self.reloads = Counter(
            "deskpulse_stream_shard_reloads_total",
            "Shards dropped and loaded again: the fence refused a write, or the store was away.",
            ["topic"],
            registry=registry,
        )
        self.rebalances = Counter(
            "deskpulse_stream_rebalances_total", "Times that partitions were taken away.", ["app"], registry=registry
        )
        self.halted = Gauge(
            "deskpulse_stream_partition_halted",
            "1 for a partition that needs a person: the log, the state and the policy do not belong together.",
            ["topic", "partition"],
            registry=registry,
        )
        self._signals = Counter(
            "deskpulse_signals_total", "Signals that all in-sync replicas have.", ["type"], registry=registry
        )
        self.unsent = Gauge(
            "deskpulse_signals_outbox",
            "Signals that wait to be sent; above 0 for long, the log is away.",
            registry=registry,
        )
        self._signal_delay = Histogram(
            "deskpulse_signal_delay_seconds",
            "From the instant at which a signal could be told to its acknowledgement; withdrawals left out.",
            buckets=[0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 3600],
            registry=registry,
        )
        self._lag = Gauge(
            "deskpulse_stream_event_lag_seconds",
            "From the gateway's receipt to the write, of the newest event written.",
            ["topic"],
            registry=registry,
        )
        self._next = Gauge(
            "deskpulse_stream_next_offset", "The next offset to apply.", ["topic", "partition"], registry=registry
        )
        self._end = Gauge(
            "deskpulse_stream_log_end_offset", "Where the log ends.", ["topic", "partition"], registry=registry
        )
        self.rebalances.labels(app)
        for type_ in TYPES:
            self._signals.labels(type_)
        for topic in MEASURED:
            self.processed.labels(topic.name)
            self.dead_letters.labels(topic.name, "no_event")
            self.told.labels(topic.name)
            self.untold.labels(topic.name)
            self.reloads.labels(topic.name)
            self._lag.labels(topic.name)

    def applied(self, topic: str, records: Sequence[Any]) -> None:
        """Count a batch of Kafka records that is in the store."""
        self.processed.labels(topic).inc(len(records))
        self._lag.labels(topic).set(max(0.0, time.time() - records[-1].timestamp / 1000))

    def announced(self, type_: str, delay_s: float) -> None:
        """Count a signal, which could have been told so long ago."""
        self._signals.labels(type_).inc()
        if type_ != WITHDRAWN:
            self._signal_delay.observe(delay_s)

    def positions(self, nexts: Mapping[Any, int], ends: Mapping[Any, int]) -> None:
        """Where each owned partition stands; one that is owned no more vanishes."""
        self._next.clear()
        self._end.clear()
        for tp, offset in nexts.items():
            self._next.labels(tp.topic, str(tp.partition)).set(offset)
            self._end.labels(tp.topic, str(tp.partition)).set(ends.get(tp, offset))
