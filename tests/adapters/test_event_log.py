import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    NotEnoughReplicasError,
    NotLeaderForPartitionError,
    OutOfOrderSequenceNumber,
)

from schemas.topics import DEAD_LETTERS, TICKETS
from services.adapters import topic_setup
from services.adapters.event_log import TRIMMED_BYTES, EventLog, KafkaEventLog, Record, ensure_topics, open_event_log
from services.adapters.local import free_port
from services.config import Settings
from services.errors import Misconfigured, Unavailable, Unstorable
from tests.kafka.node import KafkaNode
from tests.servers import Broker


def settings(brokers: str, embedded: bool = False, **more: Any) -> Settings:
    return Settings(kafka_brokers=brokers, embedded_broker=embedded, partitions=4, **{"ack_timeout_s": 1, **more})


def record(number: int = 0, key: str | None = "a", size: int = 10) -> Record:
    return Record(TICKETS, key, f"{number}".encode().rjust(size), (("reason", b"x"),))


async def appended(event_log: EventLog, deadline_s: float = 30, what: Record | None = None) -> None:
    """Append until it works."""
    async with asyncio.timeout(deadline_s):
        while True:
            try:
                return await event_log.append([what or record()])
            except Unavailable:
                await asyncio.sleep(0.05)


async def eventually(condition: Callable[[], bool], deadline_s: float = 30) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.05)


async def stored(brokers: str, topic: str, count: int) -> list[tuple[int, str | None, bytes, Any]]:
    """The first ``count`` records of ``topic``, as they are met."""
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(topic, partition) for partition in range(4)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        found: list[tuple[int, str | None, bytes, Any]] = []
        async with asyncio.timeout(20):
            while len(found) < count:
                met = await consumer.getone()
                key = None if met.key is None else met.key.decode()
                found.append((met.partition, key, met.value or b"", tuple(met.headers)))
        return found
    finally:
        await consumer.stop()


@contextmanager
def one_producer(event_log: EventLog) -> Iterator[None]:
    """The producer of the beginning is there at the end, and is not to be replaced."""
    assert isinstance(event_log, KafkaEventLog)
    producer = event_log._producer
    yield
    assert not event_log._failed.is_set()
    assert event_log._producer is producer


@asynccontextmanager
async def paused(pid: int) -> AsyncIterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.usefixtures("fresh_topics")
async def test_what_is_appended_is_on_the_log_under_its_key(broker: Broker) -> None:
    async with open_event_log(settings(broker.brokers, broker.embedded, ack_timeout_s=10)) as event_log:
        await event_log.append([record(number, f"ticket-{number % 5}") for number in range(50)])
        await event_log.append([Record(DEAD_LETTERS, None, b"\x00raw", (("reason", b"not_json"),))])
        assert event_log.inflight_bytes == 0

    found = await stored(broker.brokers, TICKETS.name, 50)
    assert sorted(int(value) for _, _, value, _ in found) == list(range(50))
    assert len({(partition, key) for partition, key, _, _ in found}) == 5, "one key, one partition"
    ((_, key, value, headers),) = await stored(broker.brokers, DEAD_LETTERS.name, 1)
    assert (key, value, headers) == (None, b"\x00raw", (("reason", b"not_json"),))


@pytest.mark.usefixtures("fresh_topics")
async def test_topics_are_made_once_and_another_partition_count_stops_the_start(broker: Broker) -> None:
    known = settings(broker.brokers, broker.embedded)
    await ensure_topics(known)
    await ensure_topics(known)

    with pytest.raises(Misconfigured, match=r"deskpulse.tickets has 4.*DESKPULSE_PARTITIONS says 3"):
        await ensure_topics(known.model_copy(update={"partitions": 3}))


@pytest.mark.usefixtures("fresh_topics")
async def test_the_largest_delivery_fits_as_a_dead_letter(broker: Broker) -> None:
    known = settings(broker.brokers, broker.embedded, ack_timeout_s=10)
    async with open_event_log(known) as event_log:
        await event_log.append([Record(DEAD_LETTERS, None, os.urandom(known.max_body_bytes), (("h", b"x" * 8000),))])


async def small_topics(kafka: KafkaNode, known: Settings, largest: int) -> None:
    """Dead letters and tickets that take less than we would send, as an operator may have made them."""
    await ensure_topics(known)
    for topic in (DEAD_LETTERS, TICKETS):
        entity = ("--entity-type", "topics", "--entity-name", topic.name)
        change = ("--alter", "--add-config", f"max.message.bytes={largest}")
        tool = "kafka.admin.ConfigCommand"
        await asyncio.to_thread(kafka.tool, tool, "--bootstrap-server", kafka.brokers, *entity, *change)


@pytest.mark.usefixtures("fresh_topics")
async def test_a_dead_letter_too_large_for_its_topic_is_kept_trimmed_and_nobody_notices(kafka: KafkaNode) -> None:
    known = settings(kafka.brokers, ack_timeout_s=10)
    await small_topics(kafka, known, 100_000)
    letter = Record(DEAD_LETTERS, None, b"x" * 500_000, (("reason", b"not_json"),))
    async with open_event_log(known) as event_log:
        await appended(event_log)
        with one_producer(event_log):
            await asyncio.gather(*(event_log.append([each]) for each in (record(1), letter, record(2))))
            with pytest.raises(Unstorable, match=r"deskpulse.tickets takes 100000 bytes, this is \d+"):
                await event_log.append([record(size=200_000)])
            await event_log.append([record(number, size=60_000) for number in (3, 4, 5)])
        assert event_log.inflight_bytes == 0

    ((_, _, value, headers),) = await stored(kafka.brokers, DEAD_LETTERS.name, 1)
    assert value == b"x" * TRIMMED_BYTES
    assert headers == (("reason", b"not_json"), ("trimmed_from_bytes", b"500000"))
    assert len(await stored(kafka.brokers, TICKETS.name, 6)) == 6


@pytest.mark.usefixtures("fresh_topics")
async def test_a_limit_that_only_a_refusal_tells_is_remembered(
    kafka: KafkaNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_authorised(*_: object) -> dict[str, dict[str, int]]:
        return {}

    monkeypatch.setattr(topic_setup, "_configs", not_authorised)
    known = settings(kafka.brokers, ack_timeout_s=10)
    letter = Record(DEAD_LETTERS, None, b"x" * 500_000)
    async with open_event_log(known) as event_log:
        await appended(event_log)
        await small_topics(kafka, known, 100_000)
        with pytest.raises(Unavailable, match="Kafka refused"):
            await event_log.append([letter])
        await appended(event_log, what=letter)

    ((_, _, value, _),) = await stored(kafka.brokers, DEAD_LETTERS.name, 1)
    assert value == b"x" * TRIMMED_BYTES


async def test_a_full_buffer_does_not_cost_others_their_producer(
    fresh_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> "asyncio.Future[object]":
        raise KafkaTimeoutError

    async with open_event_log(settings(fresh_broker.brokers, embedded=True, ack_timeout_s=10)) as event_log:
        await appended(event_log)
        with one_producer(event_log):
            with monkeypatch.context() as patch:
                patch.setattr(AIOKafkaProducer, "send", full)
                with pytest.raises(Unavailable, match="Kafka refused"):
                    await event_log.append([record()])
            await event_log.append([record()])


async def test_without_a_broker_it_opens_and_refuses() -> None:
    known = settings(f"127.0.0.1:{free_port()}")
    async with open_event_log(known) as event_log:
        with pytest.raises(Unavailable):
            await event_log.append([record()])
        assert not event_log.connected
        assert event_log.inflight_bytes == 0
    with pytest.raises(Unavailable):
        await ensure_topics(known)


@pytest.mark.usefixtures("fresh_topics")
async def test_a_paused_broker_is_an_answer_in_time_and_never_more_memory_than_allowed(kafka: KafkaNode) -> None:
    known = settings(kafka.brokers, max_inflight_bytes=1024 * 1024)
    async with open_event_log(known) as event_log:
        await appended(event_log)
        async with paused(kafka.pid):
            began = time.monotonic()
            with pytest.raises(Unavailable, match=r"within 1\.0 s"):
                await event_log.append([record(size=600_000)])
            with pytest.raises(Unavailable, match="bytes wait"):
                await event_log.append([record(size=600_000)])
            assert time.monotonic() - began < 10, "not a hang"
            assert 600_000 < event_log.inflight_bytes < 1024 * 1024
        await appended(event_log)
        await eventually(lambda: event_log.inflight_bytes == 0)


@pytest.mark.parametrize("error", [NotEnoughReplicasError, NotLeaderForPartitionError, OutOfOrderSequenceNumber])
async def test_what_the_broker_refuses_is_unavailable_and_appending_goes_on_after_it(
    fresh_broker: Broker, monkeypatch: pytest.MonkeyPatch, error: type[KafkaError]
) -> None:
    async def refused(*_: object, **__: object) -> "asyncio.Future[object]":
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        answer.set_exception(error())
        return answer

    async with open_event_log(settings(fresh_broker.brokers, embedded=True)) as event_log:
        await appended(event_log)
        with monkeypatch.context() as patch:
            patch.setattr(AIOKafkaProducer, "send", refused)
            with pytest.raises(Unavailable, match="Kafka refused"):
                await event_log.append([record(), record()])
        assert event_log.inflight_bytes == 0
        await appended(event_log)


@pytest.mark.usefixtures("fresh_topics")
async def test_a_killed_broker_is_missed_and_found_again(kafka: KafkaNode) -> None:
    async with open_event_log(settings(kafka.brokers)) as event_log:
        await appended(event_log)
        kafka.kill()
        with pytest.raises(Unavailable):
            await event_log.append([record()])
        kafka.start()  # not on another thread: the broker would die with it
        await appended(event_log)


async def test_it_closes_in_time_while_the_broker_is_away(kafka: KafkaNode) -> None:
    async with open_event_log(settings(kafka.brokers)) as event_log:
        await appended(event_log)
        kafka.kill()
        with pytest.raises(Unavailable):
            await event_log.append([record()])
    kafka.start()
