"""Every Prometheus metric that the notifier keeps of its work. Labels are there from the start, at 0."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

OUTCOMES = ("delivered", "refused", "gone", "given_up", "unreadable")
"""What may become of a signal; all but the first are dead letters."""


class WebhookMetrics:
    """What the notifier says about its own work; an endpoint is its name in the file."""

    def __init__(self, registry: CollectorRegistry, endpoints: Sequence[str], results: Sequence[str]) -> None:
        self.deliveries = Counter(
            "deskpulse_webhook_deliveries_total",
            "Signals done with, by what became of them; all but the delivered are dead letters.",
            ["endpoint", "outcome"],
            registry=registry,
        )
        self.attempts = Counter(
            "deskpulse_webhook_attempts_total",
            "Requests sent, by what came back.",
            ["endpoint", "result"],
            registry=registry,
        )
        self._pending = Gauge(
            "deskpulse_webhook_pending",
            "Signals read and not yet done with.",
            ["endpoint"],
            registry=registry,
        )
        self.failing = Gauge(
            "deskpulse_webhook_failing",
            "1 while an endpoint's answers fail one after the other, else 0.",
            ["endpoint"],
            registry=registry,
        )
        self.attempt_seconds = Histogram(
            "deskpulse_webhook_attempt_seconds",
            "From a request to its answer, or to the end of waiting for it.",
            ["endpoint"],
            buckets=[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30],
            registry=registry,
        )
        self.delivery_seconds = Histogram(
            "deskpulse_webhook_delivery_seconds",
            "From a signal's announcement to its delivery.",
            ["endpoint"],
            buckets=[0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400],
            registry=registry,
        )
        for name in endpoints:
            for outcome in OUTCOMES:
                self.deliveries.labels(name, outcome)
            for result in results:
                self.attempts.labels(name, result)
            for each in (self._pending, self.failing, self.attempt_seconds, self.delivery_seconds):
                each.labels(name)

    def watch(self, endpoint: str, pending: Callable[[], int]) -> None:
        """Read it whenever somebody scrapes."""
        self._pending.labels(endpoint).set_function(pending)
