"""For which shards time goes on, and who sends what is begun."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from schemas import topics
from schemas.codec import Millis, instant
from services.adapters.event_log import EventLog, Record
from services.adapters.log_reader import LogReader
from services.adapters.metrics import ProcessorMetrics
from services.adapters.state_layout import TURN, shard_key
from services.adapters.state_store import StateStore
from services.config import Settings
from services.core.tally import HOUR_MS
from services.errors import Unavailable
from services.processor.announcing import BEHIND_MS, CAUGHT_UP_MS, Herald
from services.processor.origin import StateOrigin
from services.processor.shards import Shards
from tests.traffic import LOGGED_AT, record, rules

PLACE = (topics.TICKETS.name, 0)
TICKETS = TP(*PLACE)
OTHER = TP(PLACE[0], 1)


class Plant:
    """A log that says where it ends, takes signals when it may, and a clock."""

    inflight_bytes = 0

    def __init__(self) -> None:
        self.now: Millis = LOGGED_AT
        self.asked: list[dict[tuple[str, int], int]] = []
        self.all_read = True
        self.kept: list[Record] = []
        self.asked_to_keep = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()

    async def earliest(self, topic: str, partition: int) -> int:
        return 0

    async def check(self, topic: str, partition: int, next_offset: int, *taken_in: str) -> None:
        """It is the same log."""

    async def since(self, topic: str, partition: int, at: int) -> list[Any]:
        return []

    async def at_end(self, nexts: dict[tuple[str, int], int]) -> set[tuple[str, int]]:
        self.asked.append(nexts)
        return set(nexts) if self.all_read else set()

    async def append(self, records: list[Record]) -> None:
        self.kept += records
        self.asked_to_keep.set()
        await self.answers.wait()

    def opened(self) -> Any:
        """A record of a ticket that is opened now; its first response is at risk before two hours have passed."""
        about = {"type": "ticket.created", "event_id": "o", "ticket_id": "o", "priority": "urgent"}
        value = json.dumps(about | {"occurred_at": instant(self.now).isoformat()}).encode()
        return record(0, value)


@pytest.fixture
def plant() -> Plant:
    return Plant()


@pytest.fixture
async def shards(redis_url: str, namespace: str, plant: Plant) -> AsyncIterator[Shards]:
    reader, event_log = cast(LogReader, plant), cast(EventLog, plant)
    metrics = ProcessorMetrics(CollectorRegistry(), "deskpulse")
    herald = Herald(event_log, reader, metrics, Settings(), lambda: plant.now)
    async with Redis.from_url(redis_url) as redis:
        store = StateStore(redis, namespace)
        one = Shards(store, reader, event_log, rules(), StateOrigin("a", 1), metrics, 1000, herald)
        await one.assign([TICKETS])
        yield one


async def with_a_deadline_behind(shards: Shards, plant: Plant) -> None:
    """Live, then quiet for two hours."""
    await shards.announce()
    await shards.absorb(TICKETS, [plant.opened()])
    plant.now += 2 * HOUR_MS


async def test_time_goes_on_for_a_shard_that_has_what_the_log_has(
    shards: Shards, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_a_deadline_behind(shards, plant)
    monkeypatch.setattr("services.processor.shards._AT_END_S", 0.0)

    plant.all_read = False
    await shards.announce()
    assert plant.asked[-1] == {PLACE: 1}
    assert plant.kept == []
    plant.all_read = True
    await shards.announce()

    assert {one.topic for one in plant.kept} == {topics.SIGNALS}


async def test_the_log_is_asked_seldom_and_not_while_there_is_news(shards: Shards, plant: Plant) -> None:
    await shards.announce()
    await shards.announce()
    assert len(plant.asked) == 1, "a moment ago it had all"

    await shards.absorb(TICKETS, [plant.opened()])
    plant.now = LOGGED_AT + BEHIND_MS - 1
    shards._at_end.clear()
    await shards.announce()
    assert len(plant.asked) == 1, "what it took in is new enough"
    plant.now += 1
    await shards.announce()
    assert len(plant.asked) == 2


async def test_who_was_behind_is_live_when_the_newest_that_it_takes_is_new(shards: Shards, plant: Plant) -> None:
    plant.all_read = False
    plant.now = LOGGED_AT + CAUGHT_UP_MS
    await shards.absorb(TICKETS, [plant.opened()])
    await shards.announce()
    assert plant.asked, "what it took in is not so new that there could not be more"

    plant.now = LOGGED_AT + CAUGHT_UP_MS - 1
    asked = len(plant.asked)
    await shards.announce()
    assert len(plant.asked) == asked


async def test_a_shard_that_is_refused_is_loaded_again_and_read_on(
    shards: Shards, plant: Plant, redis_url: str, namespace: str
) -> None:
    await with_a_deadline_behind(shards, plant)
    async with Redis.from_url(redis_url) as redis:
        await redis.hset(shard_key(namespace, "tickets", 0), TURN.decode(), "77")

    assert await shards.announce() == {TICKETS: 1}
    assert plant.kept == []
    assert await shards.announce() == {}
    assert plant.kept != []


async def test_who_goes_to_another_state_first_ends_what_was_begun(
    shards: Shards, plant: Plant, redis_url: str, namespace: str
) -> None:
    await with_a_deadline_behind(shards, plant)
    plant.answers.clear()
    announcing = asyncio.create_task(shards.announce())
    await asyncio.wait_for(plant.asked_to_keep.wait(), 10)

    async with Redis.from_url(redis_url) as redis:
        other = StateStore(redis, f"{namespace}-b")
        origin = StateOrigin("a", 1, f"{namespace}-b", plant.now, namespace)
        moving = asyncio.create_task(shards.become(other, rules(), origin))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not moving.done()
        plant.answers.set()
        assert await moving == {TICKETS: 0}
    await announcing


async def test_what_one_state_had_not_sent_the_other_sends(
    shards: Shards, plant: Plant, redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: list[Record]) -> None:
        raise Unavailable("no broker")

    await with_a_deadline_behind(shards, plant)
    with monkeypatch.context() as broken:
        broken.setattr(plant, "append", away)
        await shards.announce()
    async with Redis.from_url(redis_url) as redis:
        origin = StateOrigin("a", 1, f"{namespace}-b", plant.now, namespace)
        await shards.become(StateStore(redis, f"{namespace}-b"), rules(), origin)
        plant.now += 60_000
        await shards.announce()

        assert {json.loads(one.value)["type"] for one in plant.kept} == {"sla.at_risk", "sla.breached"}


async def test_a_machine_that_slept_asks_before_it_tells_what_fell_due(shards: Shards, plant: Plant) -> None:
    await with_a_deadline_behind(shards, plant)
    plant.all_read = False

    await shards.announce()

    assert plant.kept == []


async def test_who_takes_new_records_does_not_wait_for_what_is_asked_about_others(
    shards: Shards, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shards.assign([TICKETS, OTHER])
    await with_a_deadline_behind(shards, plant)
    announcing = shards._owned[TICKETS].announcing
    assert announcing is not None
    announcing.newest_at = plant.now - 1000
    never = asyncio.Event()

    async def hang(_: dict[tuple[str, int], int]) -> set[tuple[str, int]]:
        await never.wait()
        return set()

    monkeypatch.setattr(plant, "at_end", hang)
    looking = asyncio.create_task(shards.announce())
    await asyncio.wait_for(plant.asked_to_keep.wait(), 10)
    assert not looking.done()
    assert await shards.announce() == {}, "a second look passes over those that are still at it"
    never.set()
    await looking


async def test_who_gives_a_partition_up_first_ends_what_was_begun(shards: Shards, plant: Plant) -> None:
    await with_a_deadline_behind(shards, plant)
    plant.answers.clear()
    announcing = asyncio.create_task(shards.announce())
    await asyncio.wait_for(plant.asked_to_keep.wait(), 10)

    released = asyncio.create_task(shards.release([TICKETS]))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not released.done()
    assert shards.positions() == {}
    plant.answers.set()
    await released

    assert await announcing == {}
