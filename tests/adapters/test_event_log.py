import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, NotEnoughReplicasError, NotLeaderForPartitionError, OutOfOrderSequenceNumber

from schemas.topics import DEAD_LETTERS, TICKETS
from services.adapters.event_log import EventLog, Record, ensure_topics, open_event_log
from services.adapters.local import free_port
from services.config import Settings
from services.errors import Misconfigured, Unavailable
from tests.kafka.node import KafkaNode
from tests.servers import Broker


def settings(brokers: str, embedded: bool = False, **more: Any) -> Settings:
    return Settings(kafka_brokers=brokers, embedded_broker=embedded, partitions=4, **{"ack_timeout_s": 1, **more})


def record(number: int = 0, key: str | None = "a", size: int = 10) -> Record:
    return Record(TICKETS, key, f"{number}".encode().rjust(size), (("reason", b"x"),))


async def appended(event_log: EventLog, deadline_s: float = 30) -> None:
    """Append until it works."""
    async with asyncio.timeout(deadline_s):
        while True:
            try:
                return await event_log.append([record()])
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
