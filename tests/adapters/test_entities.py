"""Entities of the store by their names."""

import inspect

import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from schemas.topics import REQUESTERS, TICKETS
from services.adapters import entities
from services.adapters.entities import Entities, partition_of, possible_keys
from services.adapters.state_store import StateStore
from services.core.tally import HOUR_MS
from services.errors import Misconfigured
from tests.board.stored import PARTITIONS, store_state
from tests.core.stories import answer, at, created, of, rules, solved


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        # As Kafka's own tests of its murmur2 have them.
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ],
)
def test_a_key_lies_where_every_kafka_client_puts_it(key: str, hashed: int) -> None:
    assert [partition_of(key, partitions) for partitions in (1, 8, 13)] == [
        (hashed & 0x7FFFFFFF) % partitions for partitions in (1, 8, 13)
    ]


def test_the_producer_chooses_partitions_as_we_do() -> None:
    default = inspect.signature(AIOKafkaProducer).parameters["partitioner"].default

    assert isinstance(entities._partition, type(default))


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("77", ["77"]),
        ("acme/zendesk/77", ["acme/zendesk/77", "acme/zendesk%2F77", "acme%2Fzendesk%2F77"]),
        ("/zendesk/7", ["/zendesk/7", "/zendesk%2F7", "%2Fzendesk%2F7"]),
        ("a/b/c/d", ["a/b/c/d", "a/b/c%2Fd", "a/b%2Fc%2Fd", "a%2Fb%2Fc%2Fd"]),
        ("t/s/x%2Fy", ["t/s/x%2Fy", "t/s/x%252Fy", "t/s%2Fx%252Fy", "t%2Fs%2Fx%252Fy"]),
    ],
)
def test_what_somebody_may_mean_who_writes_a_key(text: str, keys: list[str]) -> None:
    assert possible_keys(text) == keys


async def test_only_what_is_asked_for_is_read(
    store_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entities, "FIELDS_PER_READ", 2)
    facts = [fact for n in range(7) for fact in of(f"T{n}", created("09:00", requester_id="R1"), answer("09:30"))]
    async with Redis.from_url(store_url) as redis:
        store = StateStore(redis, namespace)
        await store_state(store, [*facts, *of("T8", created("11:00"), solved("12:00"))], rules(), at("12:00"))
        known = Entities(store, PARTITIONS)

        found = await known.timelines(TICKETS, [f"T{n}" for n in range(6)] + ["T99"])
        assert sorted(found) == [f"T{n}" for n in range(6)]
        assert [fact.type for fact in found["T3"]] == ["ticket.created", "ticket.replied"]
        assert await known.timeline(TICKETS, "T99") == []
        assert len(await known.timeline(REQUESTERS, "R1")) == 7

        nine, ten, eleven = (at(f"{hour:02}:00") // HOUR_MS for hour in (9, 10, 11))
        by_hour = await known.tickets_of([eleven, nine, ten])
        assert list(by_hour) == [eleven, nine, ten]
        assert by_hour == {eleven: ["T8"], nine: [f"T{n}" for n in range(7)], ten: []}


async def test_another_number_of_partitions_is_told(store_url: str, namespace: str) -> None:
    async with Redis.from_url(store_url) as redis:
        store = StateStore(redis, namespace)
        await Entities(store, 16).check(TICKETS)  # nothing is there yet
        await store_state(store, [created("09:00")], rules(), at("12:00"))

        await Entities(store, PARTITIONS).check(TICKETS)
        with pytest.raises(Misconfigured, match="DESKPULSE_PARTITIONS is 16, the state was made with 2"):
            await Entities(store, 16).check(TICKETS)
