"""What an endpoint's consumer group reads and commits, on real brokers."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import CollectorRegistry

from schemas.topics import SIGNALS
from services.adapters.event_log import ensure_topics
from services.adapters.signal_endpoints import Endpoint
from services.adapters.webhook_metrics import WebhookMetrics
from services.config import Settings
from services.notifier.courier import Surroundings
from services.notifier.posting import RESULTS, open_poster
from services.notifier.subscription import Subscription
from tests.gateway.doubles import ListLog
from tests.kafka.node import KafkaNode
from tests.notifier.receiving import Got, endpoint, eventually, receiving, signal_json
from tests.servers import Broker

PARTITIONS = 4


@dataclass(frozen=True)
class Site:
    """A broker with topics, and a group name that no other test has."""

    settings: Settings

    async def announce(self, *signals: bytes) -> None:
        """Append signals, each under its ticket."""
        async with AIOKafkaProducer(bootstrap_servers=self.settings.kafka_brokers, acks="all") as producer:
            for value in signals:
                key = value.partition(b'"ticket": "')[2].partition(b'"')[0]
                await producer.send_and_wait(SIGNALS.name, value, key)

    async def committed(self, group: str) -> dict[int, tuple[int, str]]:
        """By partition: the offset, and the text beside it."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.settings.kafka_brokers)
        await admin.start()
        try:
            places = [TopicPartition(SIGNALS.name, number) for number in range(PARTITIONS)]
            found = await admin.list_consumer_group_offsets(group, partitions=places)
        finally:
            await admin.close()
        return {place.partition: (it.offset, it.metadata) for place, it in found.items()}


async def site(brokers: str, *, embedded: bool) -> Site:
    settings = Settings(
        kafka_brokers=brokers,
        embedded_broker=embedded,
        partitions=PARTITIONS,
        kafka_group=f"g-{uuid.uuid4().hex[:8]}",
        kafka_session_timeout_s=6,
    )
    await ensure_topics(settings)
    return Site(settings)


@asynccontextmanager
async def subscribed(
    at: Site, to: Endpoint, event_log: ListLog | None = None, *, waits: bool = True
) -> AsyncIterator[Subscription]:
    """A subscription that runs, once it reads."""
    around = Surroundings(event_log or ListLog(), WebhookMetrics(CollectorRegistry(), [to.name], RESULTS))
    async with open_poster(to) as poster:
        subscription = Subscription(at.settings, to, poster, around)
        running = asyncio.create_task(subscription.run())
        try:
            if waits:
                await eventually(lambda: subscription.joined or running.done(), 60)
            yield subscription
            assert not running.done(), running.exception()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.mark.usefixtures("fresh_topics")
async def test_signals_are_delivered_and_what_is_no_signal_is_set_aside(broker: Broker) -> None:
    at, event_log = await site(broker.brokers, embedded=broker.embedded), ListLog()
    async with receiving() as receiver, subscribed(at, endpoint(receiver.url), event_log) as subscription:
        signals = [signal_json(number, ticket=f"t{number % 5}") for number in range(20)]
        await at.announce(*signals[:10], b"no signal", *signals[10:])
        await receiver.until_got(20)
        await eventually(lambda: len(event_log.records) == 1)
    committed = await at.committed(subscription.group)

    assert sorted(receiver.numbers) == list(range(20))
    assert [number for number in receiver.numbers if number % 5 == 2] == [2, 7, 12, 17]
    assert event_log.records[0].value == b"no signal"
    assert dict(event_log.records[0].headers)["reason"] == b"no_signal"
    assert sum(offset for offset, _ in committed.values() if offset > 0) == 21


@pytest.mark.usefixtures("fresh_topics")
async def test_what_is_open_at_the_end_is_delivered_at_the_next_start(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.subscription.STOP_S", 0.05)
    at = await site(broker.brokers, embedded=broker.embedded)

    async def first_run(got: Got) -> int:
        if got.number in (3, 5):
            await asyncio.Event().wait()
        return 200

    async with receiving(first_run) as receiver:
        async with subscribed(at, endpoint(receiver.url, timeout_s=60.0)):
            await at.announce(*(signal_json(number, ticket=f"t{number}") for number in range(20)))
            await receiver.until_got(20)
        receiver.got.clear()
        receiver.answers = lambda got: 200
        async with subscribed(at, endpoint(receiver.url)):
            await receiver.until(lambda: {3, 5} <= set(receiver.numbers))
            await at.announce(signal_json(20, ticket="t20"))
            await receiver.until(lambda: 20 in receiver.numbers)

    # The embedded broker does not keep the text of a commit, by which what is done is told from what is open.
    assert broker.embedded or sorted(receiver.numbers) == [3, 5, 20]


@pytest.mark.usefixtures("fresh_topics")
async def test_a_new_endpoint_gets_what_comes_and_not_what_was(kafka: KafkaNode) -> None:
    at = await site(kafka.brokers, embedded=False)
    await at.announce(*(signal_json(number, ticket=f"t{number}") for number in range(10)))
    async with receiving() as receiver:
        async with subscribed(at, endpoint(receiver.url)):
            pass  # it has begun, and has had nothing to do
        await at.announce(*(signal_json(number, ticket=f"t{number}") for number in range(10, 20)))
        async with subscribed(at, endpoint(receiver.url)):
            await receiver.until_got(10)

    assert sorted(receiver.numbers) == list(range(10, 20))


@pytest.mark.usefixtures("fresh_topics")
async def test_two_notifiers_share_an_endpoint_and_one_takes_over_from_the_other(kafka: KafkaNode) -> None:
    at = await site(kafka.brokers, embedded=False)
    async with receiving() as one, receiving() as two, subscribed(at, endpoint(one.url)) as first:
        async with subscribed(at, endpoint(two.url)) as second:
            await eventually(lambda: first.joined and second.joined and len(first._progress) == 2, 30)
            await at.announce(*(signal_json(number, ticket=f"t{number}") for number in range(40)))
            await eventually(lambda: len(one.got) + len(two.got) >= 40)
            shared = sorted(one.numbers + two.numbers)
            assert one.got
            assert two.got
        await eventually(lambda: len(first._progress) == PARTITIONS, 30)
        await at.announce(*(signal_json(number, ticket=f"t{number}") for number in range(40, 80)))
        await one.until(lambda: set(range(40, 80)) <= set(one.numbers))

    assert shared == list(range(40))


@pytest.mark.usefixtures("fresh_topics")
async def test_a_withdrawal_goes_where_the_signal_went_though_the_ticket_has_moved(broker: Broker) -> None:
    at = await site(broker.brokers, embedded=broker.embedded)
    gone: dict[str, Any] = {"type": "sla.withdrawn", "withdrawn_type": "sla.breached", "queue": "orders"}
    async with receiving() as receiver, subscribed(at, endpoint(receiver.url, match={"queue": {"billing"}})):
        await at.announce(
            signal_json(1, ticket="t1", queue="billing"),
            signal_json(2, ticket="t2", queue="orders"),
            signal_json(3, ticket="t1", withdraws=f"sig_{1:032x}", **gone),
            signal_json(4, ticket="t2", withdraws=f"sig_{2:032x}", **gone),
            signal_json(5, ticket="t1", queue="billing"),
            signal_json(6, ticket="t2", queue="billing"),
        )
        await receiver.until(lambda: {5, 6} <= set(receiver.numbers))

    assert sorted(receiver.numbers) == [1, 3, 5, 6]


@pytest.mark.usefixtures("fresh_topics")
async def test_a_full_courier_stops_reading_and_goes_on_when_there_is_room(broker: Broker) -> None:
    at = await site(broker.brokers, embedded=broker.embedded)
    well = False
    async with receiving(lambda got: 200 if well else 503) as receiver:
        to = endpoint(receiver.url, pending=5)
        async with subscribed(at, to) as subscription:
            await at.announce(*(signal_json(number, ticket=f"t{number}") for number in range(40)))
            await eventually(lambda: subscription._courier.room == 0)
            await receiver.until_got(30)
            assert len(set(receiver.numbers)) == 5

            well = True
            await receiver.until(lambda: set(receiver.numbers) == set(range(40)))


async def test_without_a_broker_it_waits_and_ends_when_asked() -> None:
    at = Site(Settings(kafka_brokers="127.0.0.1:9", embedded_broker=True))
    async with receiving() as receiver, subscribed(at, endpoint(receiver.url), waits=False) as subscription:
        await asyncio.sleep(0.2)

        assert not subscription.joined
