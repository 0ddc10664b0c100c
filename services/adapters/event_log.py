"""The event log: records on Kafka, acknowledged by all in-sync replicas before `append` returns."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from schemas.topics import DEAD_LETTERS, Topic
from services.adapters.topic_setup import TopicState, largest_record_bytes, leader_alone, prepared_topics
from services.config import Settings
from services.errors import Misconfigured, Unavailable, Unstorable

log = logging.getLogger(__name__)

LINGER_MS = 5
BATCH_BYTES = 256 * 1024
RECORD_OVERHEAD_BYTES = 512
"""What a record takes beside its key, value and headers: our objects and Kafka's framing."""
TRIMMED_BYTES = 64 * 1024
"""What is kept of a dead letter that its topic does not take whole."""
RECONNECT_S = 0.5
_TOPICS_AGAIN_S = 1.0
STOP_S = 3.0


@dataclass(frozen=True)
class Record:
    """One record to append. A key of None spreads records over the partitions."""

    topic: Topic
    key: str | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def size_bytes(self) -> int:
        """What the record holds of `max_inflight_bytes` until it is acknowledged or given up."""
        headers = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.value) + len(self.key or "") + headers + RECORD_OVERHEAD_BYTES

    def trimmed(self, limit_bytes: int) -> "Record":
        """The beginning of it, with a header `trimmed_from_bytes` that says how long the value was."""
        mark = ("trimmed_from_bytes", str(len(self.value)).encode())
        bare = replace(self, value=b"", headers=(*self.headers, mark))
        return replace(bare, value=self.value[: max(min(TRIMMED_BYTES, limit_bytes - bare.size_bytes), 0)])


class EventLog(Protocol):
    """Where accepted events go."""

    @property
    def inflight_bytes(self) -> int:
        """Bytes handed over and not yet answered for."""
        ...

    @property
    def connected(self) -> bool:
        """Whether a broker answered last; false while we try to reach one."""
        ...

    async def append(self, records: Sequence[Record]) -> None:
        """Return once all in-sync replicas have every record; a dead letter too large for its topic, trimmed.

        Raises:
            Unstorable: a record that is no dead letter is too large for its topic. Nothing was appended.
            Unavailable: not acknowledged within `ack_timeout_s`, or, at once, too many bytes wait. What became
                of the records is then unknown: append them again, repeats are harmless.
        """
        ...


@asynccontextmanager
async def open_event_log(settings: Settings) -> AsyncIterator[EventLog]:
    """An event log that connects, and connects again, by itself; it opens while the broker is away as well."""
    event_log = KafkaEventLog(settings)
    keeper = asyncio.create_task(event_log.keep_connected())
    try:
        yield event_log
    finally:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper


async def ensure_topics(settings: Settings) -> None:
    """Make the topics that are missing, and check the others' partitions.

    Raises:
        Misconfigured: a topic has another partition count than the settings, so its keys lie elsewhere.
        Unavailable: no broker answers, or the topics did not appear.
    """
    await prepared_topics(settings)


async def wait_for_topics(settings: Settings) -> None:
    """`ensure_topics`, tried again for as long as no broker answers.

    Raises:
        Misconfigured: as there.
    """
    while True:
        try:
            return await ensure_topics(settings)
        except Unavailable as error:
            log.warning("waiting for the event log", extra={"reason": str(error)})
            await asyncio.sleep(_TOPICS_AGAIN_S)


class KafkaEventLog:
    """`EventLog` on Kafka. A producer that failed for good is replaced by a new one.

    What a topic will not take is refused or trimmed before it is sent: an idempotent producer counts its batches, and
    one that the broker refuses leaves a hole in the count after which that producer is of no use to anybody.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._tried = asyncio.Event()
        self._failed = asyncio.Event()
        self._inflight_bytes = 0
        self._limits: dict[str, int] = {}
        """The largest record of each topic, where it is less than what we allow ourselves."""
        self._warned = ""
        self._answered = False
        """The last thing that was asked of a broker was answered."""

    @property
    def inflight_bytes(self) -> int:
        return self._inflight_bytes

    @property
    def connected(self) -> bool:
        return self._producer is not None and self._answered

    async def append(self, records: Sequence[Record]) -> None:
        records = [self._fitting(record) for record in records]
        size = sum(record.size_bytes for record in records)
        limit = self._settings.max_inflight_bytes
        if self._inflight_bytes + size > limit:
            raise Unavailable(f"{self._inflight_bytes} bytes wait for Kafka; {size} more would pass {limit}")
        timeout_s = self._settings.ack_timeout_s
        self._inflight_bytes += size
        sent: list[asyncio.Future[object]] = []
        try:
            async with asyncio.timeout(timeout_s):
                await self._tried.wait()
                for record in records:
                    sent.append(await self._send(record))  # noqa: PERF401 - kept also when a later one fails
                await asyncio.gather(*(asyncio.shield(each) for each in sent))
            self._answered = True
        except TimeoutError:
            self._answered = False
            raise Unavailable(f"Kafka did not acknowledge within {timeout_s} s") from None
        except KafkaError as error:
            self._answered = not isinstance(error, KafkaTimeoutError)
            if isinstance(error, MessageSizeTooLargeError):
                self._note_refused(records, sent)
            if not error.retriable and not isinstance(error, KafkaTimeoutError):
                self._failed.set()
            raise Unavailable(f"Kafka refused: {error}") from None
        finally:
            self._release_when_answered(sent, size)

    def _fitting(self, record: Record) -> Record:
        limit = self._limits.get(record.topic.name, largest_record_bytes(self._settings))
        if record.size_bytes <= limit:
            return record
        if record.topic is not DEAD_LETTERS:
            raise Unstorable(f"{record.topic.name} takes {limit} bytes, this is {record.size_bytes}")
        log.warning("dead letter trimmed", extra={"bytes": record.size_bytes, "limit": limit})
        return record.trimmed(limit)

    def _note_refused(self, records: Sequence[Record], sent: Sequence["asyncio.Future[object]"]) -> None:
        """Remember what the broker found too large. One of several in a batch may be innocent; it says nothing."""
        for record, answer in zip(records, sent, strict=False):
            refused = answer.done() and not answer.cancelled() and answer.exception() is not None
            if refused and record.size_bytes > self._batch_bytes + RECORD_OVERHEAD_BYTES:
                known = self._limits.get(record.topic.name, record.size_bytes)
                self._limits[record.topic.name] = min(known, record.size_bytes - 1)

    async def _send(self, record: Record) -> "asyncio.Future[object]":
        if self._producer is None:
            raise Unavailable(f"no broker answers at {self._settings.kafka_brokers}")
        sent: asyncio.Future[object] = await self._producer.send(
            record.topic.name,
            value=record.value,
            key=None if record.key is None else record.key.encode(),
            headers=list(record.headers),
        )
        return sent

    def _release_when_answered(self, sent: list["asyncio.Future[object]"], size: int) -> None:
        """Give ``size`` back when the broker has answered for all, not when we stop waiting for it.

        An idempotent producer goes on trying after our timeout, and what it still holds is still memory.
        """
        waiting = len(sent)
        if not waiting:
            self._inflight_bytes -= size

        def answered(each: "asyncio.Future[object]") -> None:
            nonlocal waiting
            waiting -= 1
            if not each.cancelled():
                each.exception()
            if not waiting:
                self._inflight_bytes -= size

        for each in sent:
            if each.done():
                answered(each)
            else:
                each.add_done_callback(answered)

    async def keep_connected(self) -> None:
        """Run until cancelled: open a producer, watch it, and replace it when it has failed for good."""
        told = ""
        while True:
            producer = None
            try:
                # First: a broker that makes topics when they are asked for would give them a count of its own.
                self._heed(await prepared_topics(self._settings))
                producer = self._new_producer()
                async with asyncio.timeout(self._settings.ack_timeout_s * 2):
                    await producer.start()
                self._failed.clear()
                self._producer, self._answered = producer, True
                self._tried.set()
                log.info("event log connected", extra={"brokers": self._settings.kafka_brokers})
                await self._failed.wait()
                log.warning("event log lost its producer and opens another")
            except (KafkaError, Unavailable, Misconfigured, TimeoutError, OSError) as error:
                self._tried.set()
                if told != str(error):
                    told = str(error)
                    log.warning("event log cannot be used, tries again", extra={"reason": told})
            finally:
                self._producer = None
                if producer is not None:
                    await _finished(_stop(producer))
            await asyncio.sleep(RECONNECT_S)

    def _heed(self, topics: Mapping[str, TopicState]) -> None:
        """Keep to what the topics take, and say once when they promise less than we answer for."""
        for name, topic in topics.items():
            if topic.largest_bytes is not None:
                self._limits[name] = min(topic.largest_bytes, largest_record_bytes(self._settings))
        sentence = leader_alone(topics)
        if sentence and sentence != self._warned:
            log.warning("%s", sentence)
        self._warned = sentence or ""

    @property
    def _batch_bytes(self) -> int:
        return min([BATCH_BYTES, *self._limits.values()])

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka_brokers,
            client_id="deskpulse",
            acks="all",
            enable_idempotence=not self._settings.embedded_broker,
            linger_ms=LINGER_MS,
            max_batch_size=self._batch_bytes,
            max_request_size=largest_record_bytes(self._settings),
            request_timeout_ms=max(int(self._settings.ack_timeout_s * 1000), 100),
        )


async def _finished(work: Coroutine[Any, Any, None]) -> None:
    """Do ``work`` to its end, also when we are cancelled in the middle: a half-closed producer keeps its sockets."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _stop(producer: AIOKafkaProducer) -> None:
    """Flush and close; with the broker away, flushing would never end."""
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(STOP_S):
            await producer.stop()
            return
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
        with contextlib.suppress(TimeoutError, KafkaError, asyncio.CancelledError):
            await asyncio.wait_for(sender, STOP_S)
    with contextlib.suppress(KafkaError):
        await producer.client.close()
