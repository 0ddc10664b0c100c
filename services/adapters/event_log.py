"""The event log: records on Kafka, acknowledged by all in-sync replicas before `append` returns."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from schemas.topics import ALL, Topic
from services.config import Settings
from services.errors import Misconfigured, Unavailable

log = logging.getLogger(__name__)

LINGER_MS = 5
BATCH_BYTES = 256 * 1024
RECORD_OVERHEAD_BYTES = 512
"""What a record takes beside its key, value and headers: our objects and Kafka's framing."""
LARGEST_RECORD_MARGIN_BYTES = 128 * 1024
RECONNECT_S = 0.5
STOP_S = 3.0
TOPICS_S = 15.0


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
        """Return once all in-sync replicas have every record.

        Raises:
            Unavailable: not acknowledged within `ack_timeout_s`, or, at once, too many bytes wait. What became
                of the records is then unknown: append them again, repeats are harmless.
        """
        ...


def largest_record_bytes(settings: Settings) -> int:
    """A delivery of the largest size, kept whole as a dead letter, with its headers."""
    return max(settings.max_body_bytes, 1024 * 1024) + LARGEST_RECORD_MARGIN_BYTES


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
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_brokers, request_timeout_ms=5000)
    try:
        async with asyncio.timeout(TOPICS_S):
            await admin.start()
            await _create_topics(admin, settings)
            counts = await _settled_partition_counts(admin)
    except (KafkaError, TimeoutError, OSError) as error:
        raise Unavailable(f"no topics at {settings.kafka_brokers}: {error or 'no answer in time'}") from None
    finally:
        await admin.close()
    if wrong := sorted(f"{name} has {count}" for name, count in counts.items() if count != settings.partitions):
        raise Misconfigured(
            f"{', '.join(wrong)} partitions, DESKPULSE_PARTITIONS says {settings.partitions}: another count sends "
            "every key elsewhere; set DESKPULSE_PARTITIONS to what is there, or replay into new topics"
        )


async def _create_topics(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    response: Any = await admin.create_topics([_new_topic(topic, settings) for topic in ALL])
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            reason = message[0] if message and message[0] else error.__name__
            raise Unavailable(f"topic {name} cannot be made: {reason}")


def _new_topic(topic: Topic, settings: Settings) -> NewTopic:
    configs = {
        "retention.ms": str(int(topic.retention.total_seconds() * 1000)),
        "max.message.bytes": str(largest_record_bytes(settings)),
    }
    if settings.replication >= 3:
        configs["min.insync.replicas"] = "2"  # the broker's own default, 1, would let acks=all mean the leader alone
    new = NewTopic(topic.name, settings.partitions, max(settings.replication, 1), topic_configs=configs)
    new.replication_factor = settings.replication or -1  # its constructor refuses -1, the protocol does not
    return new


async def _settled_partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Partitions by topic, once the brokers know all of them: a new topic is not known everywhere at once."""
    while True:
        described = await admin.describe_topics([topic.name for topic in ALL])
        if not any(for_code(each["error_code"]) is UnknownTopicOrPartitionError for each in described):
            return {each["topic"]: len(each["partitions"]) for each in described}
        await asyncio.sleep(0.1)


class KafkaEventLog:
    """`EventLog` on Kafka. A producer that failed for good is replaced by a new one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._tried = asyncio.Event()
        self._failed = asyncio.Event()
        self._inflight_bytes = 0

    @property
    def inflight_bytes(self) -> int:
        return self._inflight_bytes

    @property
    def connected(self) -> bool:
        return self._producer is not None

    async def append(self, records: Sequence[Record]) -> None:
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
        except TimeoutError:
            raise Unavailable(f"Kafka did not acknowledge within {timeout_s} s") from None
        except KafkaError as error:
            if not error.retriable:
                self._failed.set()
            raise Unavailable(f"Kafka refused: {error}") from None
        finally:
            self._release_when_answered(sent, size)

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
            producer = self._new_producer()
            try:
                # First: a broker that makes topics when they are asked for would give them a count of its own.
                await ensure_topics(self._settings)
                async with asyncio.timeout(self._settings.ack_timeout_s * 2):
                    await producer.start()
                self._failed.clear()
                self._producer = producer
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
                await _finished(_stop(producer))
            await asyncio.sleep(RECONNECT_S)

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka_brokers,
            client_id="deskpulse-gateway",
            acks="all",
            enable_idempotence=not self._settings.embedded_broker,
            linger_ms=LINGER_MS,
            max_batch_size=BATCH_BYTES,
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
