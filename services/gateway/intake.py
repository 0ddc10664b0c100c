"""The work of a request: authenticate, understand, append, and only then answer."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request

from services.adapters.event_log import EventLog, Record
from services.adapters.helpdesks import authentication
from services.adapters.helpdesks.delivery import Delivery, headers
from services.adapters.helpdesks.secrets import believed
from services.adapters.helpdesks.vendors import VENDORS, events_of
from services.adapters.metrics import EVENTS, OTHER, GatewayMetrics
from services.config import Settings
from services.errors import BadSignature, NoEvent, Rejected, Unavailable, UnknownSource, Unstorable, Untranslatable
from services.gateway.bodies import Gone, TooLarge, TooSlow, body_of
from services.gateway.posted import posted_events
from services.gateway.records import dead_letter, event_record
from services.gateway.requesters import Requesters
from services.gateway.sources import check_token, secrets_of

_REASONS: dict[type[Exception], str] = {
    BadSignature: "signature",
    UnknownSource: "unknown_source",
    TooLarge: "too_large",
    TooSlow: "timeout",
    Gone: "disconnected",
    NoEvent: "schema",
    Unstorable: "too_large",
    Unavailable: "unavailable",
}


class Intake:
    """Takes what is authentic. Safe to repeat: a retried delivery is the same events."""

    def __init__(
        self, settings: Settings, event_log: EventLog, metrics: GatewayMetrics, now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._event_log = event_log
        self._metrics = metrics
        self._now = now
        self._secrets = believed(settings)
        self._requesters = Requesters(settings)

    async def delivered(self, vendor: str, tenant: str, request: Request) -> dict[str, Any]:
        """Take a helpdesk's delivery. Once it is authentic, only a missing broker is an error.

        Raises:
            UnknownSource, TooLarge, TooSlow, Gone, BadSignature: nothing was taken.
            Unavailable: whether it was taken is unknown; the helpdesk tries again.
        """
        source = vendor if vendor in VENDORS else OTHER
        with self._counted(source):
            secrets = secrets_of(self._secrets, vendor, tenant)
            body = await body_of(request, self._settings.max_body_bytes)
            received_at = self._now()
            delivery = Delivery(vendor, tenant, body, headers(request.headers.items()), received_at)
            authentication.authenticate(
                VENDORS[vendor].schemes,
                authentication.Request(delivery.headers, body, request.method, str(request.url)),
                secrets,
                received_at,
                timedelta(seconds=self._settings.signature_tolerance_s),
            )
            self._metrics.last_received.labels(source).set(received_at.timestamp())
            return await self._take(source, delivery)

    async def _take(self, source: str, delivery: Delivery) -> dict[str, Any]:
        try:
            events = [self._requesters.hidden(event) for event in events_of(delivery)]
            records = [event_record(event) for event in events]
        except Untranslatable as error:
            await self._append([dead_letter(delivery, error)])
            self._metrics.rejected(source, error.reason)
            return {"accepted": 0, "reason": error.reason, "message": str(error)}
        if not records:
            self._metrics.ignored.labels(source).inc()
            return {"accepted": 0, "ignored": True}
        await self._append(records)
        return {"accepted": len(records)}

    async def posted(self, request: Request) -> dict[str, Any]:
        """Take canonical events, all or none.

        Raises:
            BadSignature, TooLarge, TooSlow, Gone, NoEvent, Unstorable: nothing was taken.
            Unavailable: whether they were taken is unknown; post them again.
        """
        with self._counted(EVENTS):
            check_token(self._settings, request.headers.get("authorization"))
            body = await body_of(request, self._settings.max_body_bytes)
            received_at = self._now()
            events = posted_events(headers(request.headers.items()), body, received_at)
            self._metrics.last_received.labels(EVENTS).set(received_at.timestamp())
            await self._append([event_record(self._requesters.hidden(event)) for event in events])
            return {"accepted": len(events)}

    async def _append(self, records: Sequence[Record]) -> None:
        by_topic = Counter(record.topic.name for record in records)
        try:
            await self._event_log.append(records)
        except Unavailable:
            for topic, count in by_topic.items():
                self._metrics.produce_failures.labels(topic).inc(count)
            raise
        for topic, count in by_topic.items():
            self._metrics.produced.labels(topic).inc(count)

    @contextmanager
    def _counted(self, source: str) -> Iterator[None]:
        self._metrics.requests.labels(source).inc()
        began = time.perf_counter()
        try:
            yield
        except (Rejected, Unavailable) as error:
            self._metrics.rejected(source, _REASONS.get(type(error), OTHER))
            raise
        finally:
            self._metrics.request_duration.labels(source).observe(time.perf_counter() - began)
