"""Where the log ends, on both brokers, and whether a state keeps up with it."""

import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import TICKETS
from services.adapters.event_log import ensure_topics
from services.adapters.log_ends import Keeping, Offsets, behind, open_log_ends
from services.config import Settings
from tests.servers import Broker

HERE, THERE = (TICKETS.name, 0), (TICKETS.name, 1)


@pytest.mark.usefixtures("fresh_topics")
async def test_the_log_ends_after_its_last_record(broker: Broker) -> None:
    settings = Settings(kafka_brokers=broker.brokers, embedded_broker=broker.embedded, partitions=2)
    await ensure_topics(settings)
    async with open_log_ends(settings) as log_ends:
        assert set((await log_ends.ends()).values()) == {0}
        for count in (100, 150):
            async with AIOKafkaProducer(bootstrap_servers=broker.brokers, linger_ms=50) as producer:
                for _ in range(count):
                    await producer.send(TICKETS.name, b"x", partition=1)
                await producer.flush()

            ends = await log_ends.ends()
            assert (ends[HERE], ends[THERE]) == (0, 100 if count == 100 else 250)
        assert set((await log_ends.begins()).values()) == {0}
    async with open_log_ends(settings) as log_ends:
        assert (await log_ends.ends())[THERE] == 250


def at(here: int, there: int = 0) -> Offsets:
    return {HERE: here, THERE: there}


def test_a_state_that_lacks_nothing_twice_keeps_up() -> None:
    keeping = Keeping(3)

    assert [keeping.look(at(5), at(5)) for _ in range(2)] == [False, True]


def test_a_state_that_comes_to_where_the_log_was_keeps_up_though_it_is_never_at_the_end() -> None:
    keeping = Keeping(2)

    assert [keeping.look(at(10 * look), at(10 * look + 5)) for look in range(4)] == [False, False, True, True]


def test_a_state_that_nobody_feeds_does_not_keep_up() -> None:
    keeping = Keeping(1)

    assert not any(keeping.look(at(5, 1), at(5, 2)) for _ in range(20))


def test_one_partition_that_lags_is_told() -> None:
    assert behind(at(5, 1), at(4, 3)) == 2
