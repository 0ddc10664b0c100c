"""A log to measure on: simulated events, some repeated and some late, produced to Kafka once."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas import topics
from schemas.events import EVENT
from schemas.topics import route
from services.adapters.event_log import ensure_topics
from services.config import Settings
from services.simulator.to_file import write_events

TICKETS_PER_DAY = 20_000
FAULTS = 0.04
"""Half of them repeated, half late: 2 % each."""
_UNTIL = datetime(2026, 3, 3, 18, tzinfo=UTC)
_EVENTS_PER_TICKET = 11
"""At least; a centre makes about 14."""

Ends = dict[tuple[str, int], int]
"""The offset after the last record, by stream and partition."""


def produce(settings: Settings, events: int, folder: Path) -> Ends:
    """Fill new topics with ``events`` measured events; where each partition ends."""
    path = folder / "events.ndjson"
    days = events / (TICKETS_PER_DAY * _EVENTS_PER_TICKET) + 0.2
    write_events(path, days=days, until=_UNTIL, tickets_per_day=TICKETS_PER_DAY, faults=FAULTS)
    return asyncio.run(_produce(settings, list(islice(_measured(path), events))))


def _measured(path: Path) -> Iterator[tuple[str, bytes, bytes]]:
    """(topic, key, value) of each event that the processor turns into state."""
    with path.open("rb") as lines:
        for line in lines:
            topic, key = route(EVENT.validate_json(line))
            if topic in topics.MEASURED:
                yield topic.name, key.encode(), line.rstrip(b"\n")


async def _produce(settings: Settings, records: Sequence[tuple[str, bytes, bytes]]) -> Ends:
    await ensure_topics(settings)
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_brokers, acks="all", linger_ms=20, max_batch_size=256 * 1024
    )
    async with producer:
        for topic, key, value in records:
            await producer.send(topic, value, key)
        await producer.flush()
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_brokers)
    async with consumer:
        ends = await consumer.end_offsets(partitions(settings))
    return {(place.topic.removeprefix("deskpulse."), place.partition): end for place, end in ends.items()}


def partitions(settings: Settings) -> list[TopicPartition]:
    """Every partition that the processor reads."""
    return [TopicPartition(topic.name, number) for topic in topics.MEASURED for number in range(settings.partitions)]
