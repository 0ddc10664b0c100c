"""The log is only called another one when it is."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer

from schemas import topics
from services.adapters import log_reader
from services.adapters.event_log import ensure_topics
from services.adapters.log_reader import LogReader, Record, fingerprint, open_log_reader
from services.config import Settings
from services.errors import Halted, Unavailable
from tests.kafka.node import KafkaNode
from tests.servers import Broker, drop_topics

TOPIC = topics.TICKETS.name


async def log_with(kafka: KafkaNode, *values: bytes) -> None:
    """A fresh log with these records in its partition 0."""
    await drop_topics(kafka.brokers)
    await ensure_topics(Settings(kafka_brokers=kafka.brokers, partitions=1))
    async with AIOKafkaProducer(bootstrap_servers=kafka.brokers, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(TOPIC, value, partition=0)


@pytest.fixture
async def reader(kafka: KafkaNode) -> AsyncIterator[LogReader]:
    await log_with(kafka, *(f"old {n}".encode() for n in range(10)))
    async with open_log_reader(Settings(kafka_brokers=kafka.brokers)) as one:
        yield one


async def at(reader: LogReader, offset: int) -> Record:
    record = await reader.first_from(TOPIC, 0, offset)
    assert record is not None
    return record


async def test_the_same_log_passes_and_what_is_not_there_yet_is_none(reader: LogReader) -> None:
    await reader.check(TOPIC, 0, 10, fingerprint(await at(reader, 9)), fingerprint(await at(reader, 3)), "")

    assert await reader.first_from(TOPIC, 0, 10) is None
    assert await reader.earliest(TOPIC, 0) == 0


async def test_a_shorter_log_and_one_that_has_come_further_are_both_another(
    reader: LogReader, kafka: KafkaNode
) -> None:
    early, late = fingerprint(await at(reader, 3)), fingerprint(await at(reader, 9))

    await log_with(kafka, b"new 0")
    with pytest.raises(Halted, match="offset 9, and it ends before that"):
        await reader.check(TOPIC, 0, 10, late)
    await log_with(kafka, *(f"new {n}".encode() for n in range(15)))
    taken_in_since = fingerprint(await at(reader, 14))
    with pytest.raises(Halted, match="offset 3, and another record stands there"):
        await reader.check(TOPIC, 0, 15, early, taken_in_since)


async def test_a_broker_that_does_not_answer_is_no_sign_of_another_log(
    reader: LogReader, kafka: KafkaNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = fingerprint(await at(reader, 9))
    monkeypatch.setattr(log_reader, "_LOOK_S", 4.0)
    assert kafka.pid is not None
    os.kill(kafka.pid, signal.SIGSTOP)
    try:
        with pytest.raises(Unavailable):
            await reader.first_from(TOPIC, 0, 0)  # not 9, which may be in memory from the look before
        with pytest.raises(Unavailable):
            await reader.check(TOPIC, 0, 10, last)
    finally:
        os.kill(kafka.pid, signal.SIGCONT)


@pytest.fixture
async def either(broker: Broker, fresh_topics: None) -> AsyncIterator[tuple[LogReader, AIOKafkaProducer]]:
    """A reader and a writer of an empty log, on both kinds of broker."""
    settings = Settings(kafka_brokers=broker.brokers, embedded_broker=broker.embedded, partitions=3)
    await ensure_topics(settings)
    async with (
        open_log_reader(settings) as one,
        AIOKafkaProducer(bootstrap_servers=broker.brokers, acks="all", linger_ms=20) as producer,
    ):
        yield one, producer


async def written(producer: AIOKafkaProducer, partition: int, count: int) -> None:
    """One batch of several records: the embedded broker tells an end inside of it."""
    await asyncio.gather(*[await producer.send(TOPIC, b"%d" % n, partition=partition) for n in range(count)])


async def test_who_has_all_of_a_log_is_at_its_end(either: tuple[LogReader, AIOKafkaProducer]) -> None:
    reader, producer = either
    for partition in range(2):
        await written(producer, partition, 5)

    def places(*nexts: int) -> dict[tuple[str, int], int]:
        return {(TOPIC, partition): offset for partition, offset in enumerate(nexts)}

    assert await reader.at_end({}) == set()
    assert await reader.at_end(places(5, 5, 0)) == {(TOPIC, 0), (TOPIC, 1), (TOPIC, 2)}
    assert await reader.at_end(places(4, 5, 0)) == {(TOPIC, 1), (TOPIC, 2)}
    assert await reader.at_end(places(1, 0, 0)) == {(TOPIC, 2)}


async def test_a_log_is_read_from_a_time_to_its_end(
    either: tuple[LogReader, AIOKafkaProducer], broker: Broker
) -> None:
    reader, producer = either
    for _ in range(3):
        await written(producer, 0, 4)
    begins = {record.timestamp: record.offset for record in reversed(await reader.since(TOPIC, 0, 0))}
    assert len(begins) >= 3, "each batch later than the one before"

    async def offsets(since: int, partition: int = 0) -> list[int]:
        return [record.offset for record in await reader.since(TOPIC, partition, since)]

    assert await offsets(0) == list(range(12))
    for when, first in begins.items():
        found = await offsets(when)
        assert found[-len(range(first, 12)) :] == list(range(first, 12))
        assert broker.embedded or found[0] == first, "the embedded broker gives some that are older"
    assert broker.embedded or await offsets(max(begins) + 1) == []
    assert await offsets(0, partition=1) == []
