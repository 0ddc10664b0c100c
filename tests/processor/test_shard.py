"""One partition's state against a real store: exact, however its log comes, and whoever else writes."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from schemas import topics
from schemas.codec import AHEAD_MS, Fact
from services.adapters import state_layout as layout
from services.adapters.state_store import StateStore
from services.errors import Fenced, Halted
from services.processor.origin import StateOrigin
from services.processor.shard import Shard
from tests.state import differences, next_of, stored_cells, stored_fields, unlisted
from tests.traffic import LOGGED_AT, about, facts, log_of, record, rules, simulated

ORIGIN = StateOrigin(policy="a", partitions=8)


class Bench:
    """A store, and shards of one partition in it."""

    def __init__(self, redis: Redis, url: str, namespace: str) -> None:
        self.redis = redis
        self.sync: Any = SyncRedis.from_url(url)  # its types do not tell bytes from text
        self.namespace = namespace
        self.store = StateStore(redis, namespace)
        self.told: list[Fact] = []

    async def tell(self, facts: Sequence[Fact]) -> None:
        self.told += facts

    async def shard(self, topic: topics.Topic = topics.TICKETS, origin: StateOrigin = ORIGIN) -> Shard:
        one = Shard(self.store, topic.stream, 0, rules(), origin, self.tell)
        await one.load()
        return one

    def differences(self, values: Sequence[bytes], topic: topics.Topic = topics.TICKETS) -> list[str]:
        return differences(stored_cells(self.sync, self.namespace, topic.stream, 0), facts(values), rules())

    def unlisted(self, values: Sequence[bytes], topic: topics.Topic = topics.TICKETS) -> list[str]:
        fields = stored_fields(self.sync, self.namespace, topic.stream, 0)
        assert any(name[:1] == b"t" for name in fields) == (topic is topics.TICKETS)
        return unlisted(fields, facts(values), rules())

    def key(self, topic: topics.Topic = topics.TICKETS) -> str:
        return layout.shard_key(self.namespace, topic.stream, 0)


@pytest.fixture
async def bench(store_url: str, namespace: str) -> AsyncIterator[Bench]:
    async with Redis.from_url(store_url) as redis:
        one = Bench(redis, store_url, namespace)
        yield one
        one.sync.close()


def split(records: Sequence[Any], seed: int) -> list[Sequence[Any]]:
    """Cut at random into batches of 1 to 400 records."""
    rng, batches, begin = Random(seed), [], 0
    while begin < len(records):
        size = rng.randint(1, 400)
        batches.append(records[begin : begin + size])
        begin += size
    return batches


@pytest.mark.parametrize("topic", topics.MEASURED, ids=lambda topic: topic.stream)
async def test_any_split_into_batches_with_reloads_between_equals_a_recount(
    bench: Bench, topic: topics.Topic
) -> None:
    values = about(topic, simulated(days=1.5, tickets_per_day=1500))

    one = await bench.shard(topic)
    for number, batch in enumerate(split(log_of(values, topic), seed=1)):
        await one.absorb(batch)
        if number % 3 == 0:
            one = await bench.shard(topic)

    assert one.next == len(values) == next_of(bench.sync, bench.namespace, topic.stream, 0)
    assert bench.differences(values, topic) == []
    assert bench.unlisted(values, topic) == []


async def test_what_has_cooled_is_fetched_again(bench: Bench) -> None:
    values = about(topics.TICKETS, simulated(days=0.3))

    one = await bench.shard()
    for batch in split(log_of(values), seed=2):
        await one.absorb(batch, hot_entities=5)

    assert bench.differences(values) == []


async def test_a_worker_whose_partition_went_to_another_writes_nothing(bench: Bench) -> None:
    values = about(topics.TICKETS, simulated(days=0.3))
    log = log_of(values)
    zombie = await bench.shard()
    await zombie.absorb(log[:100])

    owner = await bench.shard()
    await owner.absorb(log[100:300])
    before = bench.sync.hgetall(bench.key())
    with pytest.raises(Fenced, match=r"at 300.*began at 100"):
        await zombie.absorb(log[100:200])

    assert bench.sync.hgetall(bench.key()) == before
    await owner.absorb(log[300:])
    assert bench.differences(values) == []


async def test_a_store_set_back_is_noticed_and_made_good_from_the_log(bench: Bench) -> None:
    values = about(topics.TICKETS, simulated(days=0.3))
    log = log_of(values)
    one = await bench.shard()
    await one.absorb(log[:200])
    older = bench.sync.dump(bench.key())
    await one.absorb(log[200:400])

    bench.sync.restore(bench.key(), 0, older, replace=True)
    with pytest.raises(Fenced):
        await one.absorb(log[400:])
    again = await bench.shard()

    assert again.next == 200
    await again.absorb(log[200:])
    assert bench.differences(values) == []


async def test_a_write_too_large_for_one_command_is_whole_or_finished_by_whoever_loads(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = about(topics.TICKETS, simulated(days=0.3))
    log = log_of(values)
    monkeypatch.setattr("services.adapters.state_store.FIELDS_PER_COMMAND", 40)

    async def dies(*_: object) -> None:
        raise ConnectionAbortedError("the worker was killed here")

    one = await bench.shard()
    await one.absorb(log[:100])
    with monkeypatch.context() as killed:
        killed.setattr(bench.store, "finish", dies)
        with pytest.raises(ConnectionAbortedError):
            await one.absorb(log[100:200])
    half_written = bench.differences(values[:200])
    again = await bench.shard()

    assert half_written == [], "readers overlay what is still to be written"
    assert again.next == 200
    assert not bench.sync.hget(bench.key(), layout.REDO)
    await again.absorb(log[200:])
    assert bench.differences(values) == []


async def test_buckets_past_their_age_go_and_what_arrives_for_them_later_adds_nothing(bench: Bench) -> None:
    values = about(topics.TICKETS, simulated(days=4, tickets_per_day=300))
    late = values[:40]

    one = await bench.shard()
    for batch in split(log_of([*values, *late]), seed=3):
        await one.absorb(batch)

    assert bench.differences([*values, *late]) == []
    assert bench.unlisted([*values, *late]) == []
    minutes = [name for name in bench.sync.hkeys(bench.key()) if name.startswith(b"m") and b":" in name]
    oldest = min(int(name[1:].partition(b":")[0]) for name in minutes)
    assert oldest >= one.meta.watermark // 60_000 - 48 * 60 - 1


async def test_nothing_that_is_empty_stays(bench: Bench) -> None:
    values = about(topics.TICKETS, simulated(days=1))
    one = await bench.shard()

    for batch in split(log_of(values), seed=4):
        await one.absorb(batch)

    assert [name for name, value in bench.sync.hgetall(bench.key()).items() if not value] == []


async def test_a_record_that_is_no_event_is_reported_and_the_rest_counts(bench: Bench) -> None:
    good = about(topics.TICKETS, simulated(days=0.1))[:3]
    bad = [b"", b"{", b"\xff", b"[" * 100_000, b'{"type":"ticket.created"}', b'{"type":"x","event_id":"1"}']

    one = await bench.shard()
    unusable = await one.absorb(
        [*log_of(good), *(record(3 + n, value) for n, value in enumerate(bad)), record(9, None)]
    )

    assert [each.record.offset for each in unusable] == [3, 4, 5, 6, 7, 8, 9]
    assert one.next == 10
    assert one.meta.unusable == 7
    assert bench.differences(good) == []


@pytest.mark.parametrize(
    ("origin", "sentence"),
    [
        pytest.param(StateOrigin("b", 8), "under the policy a, the settings say b", id="another policy"),
        pytest.param(StateOrigin("a", 16), "made from 8 partitions, the topic has 16", id="another partition count"),
    ],
)
async def test_a_state_of_another_origin_is_not_taken_over(bench: Bench, origin: StateOrigin, sentence: str) -> None:
    one = await bench.shard()
    await one.absorb(log_of(about(topics.TICKETS, simulated(days=0.1))[:3]))

    with pytest.raises(Halted, match=sentence):
        await bench.shard(origin=origin)


async def test_an_agents_event_after_the_look_back_is_counted_and_changes_nothing(bench: Bench) -> None:
    values = about(topics.AGENTS, simulated(days=5, tickets_per_day=300, faults=0.0))
    one = await bench.shard(topics.AGENTS)
    for batch in split(log_of(values, topics.AGENTS), seed=5):
        await one.absorb(batch)
    before = stored_cells(bench.sync, bench.namespace, "agents", 0)

    forgotten = values[0].replace(b'"event_id":"', b'"event_id":"other-')
    await one.absorb([record(len(values), forgotten, topics.AGENTS)])

    assert one.meta.late == 1
    assert stored_cells(bench.sync, bench.namespace, "agents", 0) == before
    assert bench.differences(values, topics.AGENTS) == []


async def test_a_state_of_another_layout_is_not_taken_over(bench: Bench) -> None:
    one = await bench.shard()
    await one.absorb(log_of(about(topics.TICKETS, simulated(days=0.1))[:3]))
    assert one.meta.layout == layout.LAYOUT

    bench.sync.hset(bench.key(), layout.META, layout.pack_meta(layout.Meta(policy="a", partitions=8)))
    with pytest.raises(Halted, match=r"has the layout 1.*Set DESKPULSE_NAMESPACE to a new name"):
        await bench.shard()


async def test_what_lies_ahead_of_the_newest_event_is_said(bench: Bench) -> None:
    values = about(topics.AGENTS, simulated(days=1))
    one = await bench.shard(topics.AGENTS)

    await one.absorb(log_of(values, topics.AGENTS))

    cells = stored_cells(bench.sync, bench.namespace, "agents", 0)
    newest = max(bucket for grain, bucket, *_ in cells if grain == "m")
    assert one.meta.watermark // 60_000 < newest <= one.meta.ahead // 60_000


async def test_an_event_that_does_not_say_when_it_came_came_when_the_log_took_it(bench: Bench) -> None:
    ahead = b'{"type":"ticket.created","event_id":"1","ticket_id":"t","occurred_at":"2030-01-01T00:00:00Z"}'
    one = await bench.shard()

    await one.absorb([record(0, ahead)])

    assert one.meta.watermark == LOGGED_AT + AHEAD_MS


async def test_lists_of_hours_that_are_no_longer_kept_go(bench: Bench) -> None:
    def opened(ticket: str, at: str) -> bytes:
        fields = {"type": "ticket.created", "event_id": ticket, "ticket_id": ticket, "occurred_at": at}
        return json.dumps(fields).encode()

    one = await bench.shard()
    await one.absorb(
        [record(0, opened("old", "2024-03-01T10:30:00Z")), record(1, opened("b", "2024-03-01T10:10:00Z"))]
    )
    old = layout.tickets_field(int(datetime(2024, 3, 1, 10, tzinfo=UTC).timestamp()) // 3600)
    assert layout.unpack_keys(bench.sync.hget(bench.key(), old)) == ["b", "old"]

    again = await bench.shard()
    await again.absorb([record(2, opened("new", "2025-04-10T10:00:00Z"))])

    assert bench.sync.hget(bench.key(), old) is None


async def test_the_news_of_a_batch_are_told_and_those_that_are_known_not_again(bench: Bench) -> None:
    values = about(topics.TICKETS, simulated(days=0.3))
    one = await bench.shard()
    await one.absorb(log_of(values))
    told = len(bench.told)

    again = await bench.shard()
    await again.absorb([record(len(values) + offset, value) for offset, value in enumerate(values)])

    assert {fact.type for fact in bench.told} >= {"requester.ticket_told"}
    assert len(bench.told) == told
