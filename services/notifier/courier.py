"""One endpoint's deliveries: attempts as they fall due, until each signal is there or a dead letter."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from schemas.topics import DEAD_LETTERS
from services.adapters.event_log import EventLog, Record
from services.adapters.signal_endpoints import Endpoint
from services.adapters.webhook_metrics import WebhookMetrics
from services.errors import Unavailable
from services.notifier.health import Health
from services.notifier.message import body_of, headers_of
from services.notifier.outstanding import Delivery, Outstanding
from services.notifier.posting import Answer, Poster
from services.notifier.schedule import Schedule

log = logging.getLogger(__name__)

APPEND_AGAIN_S = 1.0
_TOO_MANY = 429


@dataclass(frozen=True)
class Surroundings:
    """What couriers share, and what chance and time are to them."""

    event_log: EventLog
    """Takes dead letters."""
    metrics: WebhookMetrics
    now: Callable[[], float] = time.time
    """Seconds since 1970."""
    steady: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random


class Courier:
    """Delivers to one endpoint. It waits for no other, and says of each delivery when it is done with."""

    def __init__(
        self, endpoint: Endpoint, poster: Poster, around: Surroundings, finished: Callable[[Delivery], None]
    ) -> None:
        """``finished`` is told of each delivery that is done with, once."""
        self.endpoint = endpoint
        self._poster = poster
        self._around = around
        self._finished = finished
        self._schedule = Schedule(endpoint.first_retry_s, endpoint.longest_retry_s, endpoint.give_up_after_s)
        self._outstanding = Outstanding()
        self._health = Health(endpoint.in_flight)
        self._attempts: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._paused = False
        self._broken: BaseException | None = None
        around.metrics.watch(endpoint.name, lambda: len(self._outstanding))

    @property
    def room(self) -> int:
        """How many more deliveries it takes in."""
        return self.endpoint.pending - len(self._outstanding)

    async def has_room(self) -> None:
        """Return once there is some."""
        while self.room <= 0:
            self._room.clear()
            await self._room.wait()

    def take(self, delivery: Delivery) -> None:
        """Deliver it, after whatever its ticket has before it."""
        self._outstanding.add(delivery, self._around.steady())
        self._changed.set()

    async def run(self) -> None:
        """Start attempts as they fall due, until cancelled.

        Raises:
            Exception: whatever an attempt did not expect.
        """
        while self._broken is None:
            self._changed.clear()
            wait_s = self._start_due()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
        raise self._broken

    async def settle(self, within_s: float) -> None:
        """Start nothing more, let running attempts end, and forget the rest, which is read again later."""
        self._paused = True
        running = list(self._attempts)
        if running:
            _, late = await asyncio.wait(running, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.wait(running)
        self._outstanding = Outstanding()
        self._room.set()

    def resume(self) -> None:
        """Start attempts again."""
        self._paused = False
        self._changed.set()

    def _start_due(self) -> float | None:
        """Start what may start; how long until more may, None when that depends on what happens."""
        now = self._around.steady()
        while not self._paused and len(self._attempts) < self._health.at_once:
            if now < self._health.quiet_until:
                return self._health.quiet_until - now
            delivery = self._outstanding.take_due(now)
            if delivery is None:
                due_at = self._outstanding.next_due_at()
                return None if due_at is None else due_at - now
            task = asyncio.create_task(self._attempt(delivery))
            self._attempts.add(task)
            task.add_done_callback(self._ended)
        return None

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._attempts.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
        self._changed.set()

    async def _attempt(self, delivery: Delivery) -> None:
        endpoint, signal = self.endpoint, delivery.signal
        body = body_of(signal, endpoint)
        delivery.attempts += 1
        headers = headers_of(signal.signal_id, int(self._around.now()), body, endpoint.secrets)
        answer = await self._poster.post(body, headers)
        self._around.metrics.attempts.labels(endpoint.name, answer.result).inc()
        self._around.metrics.attempt_seconds.labels(endpoint.name).observe(answer.took_s)
        if answer.verdict == "again":
            await self._try_again(delivery, answer)
            return
        if self._health.answered():
            self._recover()
        if answer.verdict == "delivered":
            delay_s = max(0.0, self._around.now() - signal.announced_at.timestamp())
            self._around.metrics.delivery_seconds.labels(endpoint.name).observe(delay_s)
            self._finish(delivery, "delivered")
        else:
            await self._bury(delivery, answer.detail, answer.verdict)

    async def _try_again(self, delivery: Delivery, answer: Answer) -> None:
        now = self._around.steady()
        asked_s = answer.retry_after_s or 0.0
        # Too many requests means all of them; other answers may be about this signal alone.
        quiet_until = now + min(asked_s, self.endpoint.longest_retry_s) if answer.status == _TOO_MANY else 0.0
        if self._health.failed(quiet_until):
            self._around.metrics.failing.labels(self.endpoint.name).set(1)
            facts = {"endpoint": self.endpoint.name, "at": self.endpoint.where, "reason": answer.detail}
            log.warning("endpoint takes no signals, they are tried again later", extra=facts)
        age_s = self._around.now() - delivery.logged_at_s
        wait_s = self._schedule.wait_s(delivery.attempts, age_s, self._around.chance(), answer.retry_after_s)
        if wait_s is None:
            await self._bury(delivery, answer.detail, "given_up")
        else:
            delivery.not_before = now + asked_s
            self._outstanding.put_back(delivery, now + wait_s)

    def _recover(self) -> None:
        """What waits for hours since the endpoint was away has no reason to wait any more."""
        self._around.metrics.failing.labels(self.endpoint.name).set(0)
        log.info("endpoint takes signals again", extra={"endpoint": self.endpoint.name})
        self._outstanding.hasten(self._around.steady())

    async def _bury(self, delivery: Delivery, detail: str, outcome: str) -> None:
        """Make a dead letter of it; while there is no broker to take it, it is not done with."""
        signal, name = delivery.signal, self.endpoint.name
        about = {"reason": "undelivered", "endpoint": name, "detail": detail, "attempts": str(delivery.attempts)}
        about["signal_id"] = signal.signal_id
        await append_for_sure(self._around.event_log, dead_letter(bytes(signal.whole), about))
        facts = {"endpoint": name, "signal_id": signal.signal_id, "attempts": delivery.attempts, "reason": detail}
        log.warning("signal not delivered, kept as a dead letter", extra=facts)
        self._finish(delivery, outcome)

    def _finish(self, delivery: Delivery, outcome: str) -> None:
        self._around.metrics.deliveries.labels(self.endpoint.name, outcome).inc()
        self._outstanding.finish(delivery, self._around.steady())
        self._finished(delivery)
        self._room.set()


def dead_letter(value: bytes, about: dict[str, str]) -> Record:
    """A record that an endpoint did not get; ``about`` says which and why."""
    return Record(DEAD_LETTERS, None, value, tuple((name, text.encode()) for name, text in about.items()))


async def append_for_sure(event_log: EventLog, record: Record) -> None:
    """Return once it is appended, however long no broker answers."""
    while True:
        try:
            return await event_log.append([record])
        except Unavailable as error:
            log.warning("a dead letter waits for the event log", extra={"reason": str(error)})
            await asyncio.sleep(APPEND_AGAIN_S)
