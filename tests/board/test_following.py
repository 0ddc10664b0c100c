"""The follower against a real store: its columns hold what the store holds, whatever happened in between."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from services.adapters import local
from services.adapters.state_layout import META, Meta, pack_meta, shard_key
from services.adapters.state_store import StateStore
from services.board import figures
from services.board.following import Follower, all_shards
from services.core.tally import (
    DAY_MS,
    DIMENSIONS,
    HOUR_MS,
    MEASURES,
    MINUTE,
    MINUTE_MS,
    Cells,
    Tallies,
    add,
    spread,
)
from tests.board.written import NOW_MS, POLICY, SHARD, Writer, dims, flow, level, stands, together
from tests.processed import Processed
from tests.recount import still_kept

WITHIN_S = 10.0


def client(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))


@asynccontextmanager
async def following(redis: Redis, namespace: str, partitions: int = 2) -> AsyncIterator[Follower]:
    follower = Follower(redis, namespace, all_shards(partitions), lambda: NOW_MS, POLICY)
    task = asyncio.create_task(follower.run())
    try:
        yield follower
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(follower: Follower, holds: Callable[[], bool]) -> None:
    """Return once it holds; the follower says when it is worth looking again."""
    async with asyncio.timeout(WITHIN_S):
        while not holds():
            await follower.changed.wait()
            follower.changed.clear()


def open_tickets(follower: Follower) -> int:
    return figures.total_level(follower.columns, NOW_MS + MINUTE_MS, "backlog.open")


def backlog(count: int) -> Tallies:
    return together(*[level("backlog.open", NOW_MS - n * 1000) for n in range(count)])


@pytest.fixture
async def redis(store_url: str) -> AsyncIterator[Redis]:
    async with client(store_url) as redis:
        yield redis


@pytest.fixture
def writer(redis: Redis, namespace: str) -> Writer:
    return Writer(StateStore(redis, namespace))


async def test_an_empty_store_is_loaded_and_says_nothing(redis: Redis, namespace: str) -> None:
    async with following(redis, namespace) as follower:
        await until(follower, lambda: follower.reading.loaded and follower.reading.answering)

        assert follower.reading.newest_event_at is None
        assert follower.reading.read_at == NOW_MS


async def test_what_was_written_before_the_start_is_read(redis: Redis, namespace: str, writer: Writer) -> None:
    old = together(
        level("backlog.open", NOW_MS - 100 * DAY_MS, values=dims(None)),
        flow("opened", NOW_MS - 3 * DAY_MS),
        stands("waiting", NOW_MS - 50 * HOUR_MS),
    )
    await writer.write(together(backlog(3), old))
    async with following(redis, namespace) as follower:
        await until(follower, lambda: follower.reading.loaded)

        assert open_tickets(follower) == 4
        assert figures.total_level(follower.columns, NOW_MS - 99 * DAY_MS, "backlog.open") == 1
        assert int(figures.all_time(follower.columns, "opened").count.sum()) == 1
        assert figures.oldest(figures.standing(follower.columns, "waiting")[1]) == NOW_MS - 50 * HOUR_MS
        assert follower.reading.newest_event_at == NOW_MS


async def test_a_write_arrives_by_its_announcement(redis: Redis, namespace: str, writer: Writer) -> None:
    async with following(redis, namespace) as follower:
        await until(follower, lambda: follower.reading.loaded)
        for count in (1, 5, 2):
            await writer.write(backlog(count))
            await until(follower, lambda count=count: open_tickets(follower) == count)  # type: ignore[misc]

        new_place = level("backlog.open", NOW_MS, values=dims("a queue of its own"))
        await writer.add(new_place)
        await until(follower, lambda: open_tickets(follower) == 3)


async def test_many_writes_end_equal_to_a_fresh_read(redis: Redis, namespace: str) -> None:
    store = StateStore(redis, namespace)
    writers = [Writer(store, ("tickets", 0)), Writer(store, ("tickets", 1)), Writer(store, ("agents", 1))]
    async with following(redis, namespace) as follower:
        for turn in range(60):
            queue = dims(f"queue {turn % 7}")
            await writers[turn % 3].add(level("backlog.open", NOW_MS - turn * 50_000, values=queue))
        await until(follower, lambda: open_tickets(follower) == 60)

        async with following(redis, namespace) as fresh:
            await until(fresh, lambda: fresh.reading.loaded)
            for grain in "mhdan":
                assert cells(fresh, grain) == cells(follower, grain)


async def test_cells_that_age_and_change_late_stay_equal_to_a_recount(redis: Redis, namespace: str) -> None:
    processed, rng = Processed(StateStore(redis, namespace), SHARD, POLICY), Random(5)
    expected: Cells = {}
    async with following(redis, namespace) as follower:
        await until(follower, lambda: follower.reading.loaded)
        now = NOW_MS
        for _ in range(80):
            now += rng.randrange(9 * HOUR_MS)
            late = [rng.randrange(rng.choice([HOUR_MS, DAY_MS, 20 * DAY_MS])) for _ in range(4)]
            change = together(
                *(flow("opened", now - ago, ago, ago % 7, dims(f"queue {ago % 5}")) for ago in late),
                level("backlog.open", now - late[0], now - late[0] // 2, dims(f"queue {late[0] % 5}")),
                stands("waiting", now),
            )
            await processed.add(change, now)
            fresh: Cells = {}
            spread(change, fresh)
            for cell, tally in still_kept(fresh, now).items():
                add(expected, cell, *tally)
        await until(follower, lambda: opened_ever(follower) == 320)

        expected = still_kept(expected, now)
        names: list[Any] = await redis.hkeys(shard_key(namespace, *SHARD))
        assert any(name.startswith(b"bh") for name in names)
        async with following(redis, namespace) as fresh_follower:
            await until(fresh_follower, lambda: fresh_follower.reading.loaded)
            for each in (follower, fresh_follower):
                assert sums(each) == expected


def opened_ever(follower: Follower) -> int:
    return int(figures.all_time(follower.columns, "opened").count.sum())


def sums(follower: Follower) -> Cells:
    """All cells: what stands in several rows, added up."""
    found: Cells = {}
    keys = follower.columns.labels.grouping(DIMENSIONS)
    for grain in "mhdan":
        rows = follower.columns.rows(grain)
        for bucket, code, measure, step, *tally in zip(*(rows.column(n).tolist() for n in range(6)), strict=True):
            values = keys.keys[keys.group_of[code]]
            add(found, (grain, bucket, values, list(MEASURES)[measure], step), *tally)
    return found


def cells(follower: Follower, grain: str) -> list[tuple[object, ...]]:
    rows = follower.columns.rows(grain)
    keys = follower.columns.labels.grouping(("queue", "channel", "agent"))
    columns = (rows.bucket, rows.measure, rows.step, rows.count, rows.total)
    places = [keys.keys[number] for number in keys.group_of[rows.dims].tolist()]
    found = zip(map(repr, places), *(column.tolist() for column in columns), strict=True)
    return sorted(cell for cell in found if cell[2] >= 0)


async def test_a_write_that_is_never_announced_is_noticed(redis: Redis, namespace: str, writer: Writer) -> None:
    await writer.write(backlog(1))
    async with following(redis, namespace) as follower:
        await until(follower, lambda: open_tickets(follower) == 1)

        await writer.write(backlog(4), announced=False)

        await until(follower, lambda: open_tickets(follower) == 4)


async def test_a_gap_between_announcements_is_noticed(redis: Redis, namespace: str, writer: Writer) -> None:
    async with following(redis, namespace) as follower:
        await until(follower, lambda: follower.reading.loaded)

        await writer.write(together(backlog(1), flow("opened", NOW_MS)), announced=False)
        await writer.write(together(backlog(2), flow("opened", NOW_MS)))

        await until(follower, lambda: open_tickets(follower) == 2)
        assert int(figures.all_time(follower.columns, "opened").count.sum()) == 1


async def test_a_store_that_went_back_is_noticed(redis: Redis, namespace: str, writer: Writer) -> None:
    await writer.write(backlog(2))
    async with following(redis, namespace) as follower:
        await until(follower, lambda: open_tickets(follower) == 2)
        key = shard_key(namespace, *SHARD)
        earlier = await redis.dump(key) or b""
        await writer.write(backlog(7))
        await until(follower, lambda: open_tickets(follower) == 7)

        await redis.restore(key, 0, earlier, replace=True)

        await until(follower, lambda: open_tickets(follower) == 2)


async def test_a_store_that_was_replaced_at_the_same_offset_is_noticed(redis: Redis, namespace: str) -> None:
    store = StateStore(redis, namespace)
    await Writer(store, policy="old").write(backlog(2))
    async with following(redis, namespace) as follower:
        await until(follower, lambda: open_tickets(follower) == 2)

        await redis.rename(shard_key(namespace, *SHARD), shard_key(namespace, "aside", 0))
        await Writer(store, policy="new").write(backlog(5), announced=False)

        await until(follower, lambda: open_tickets(follower) == 5)
        assert follower.policies == {"new"}


async def test_minutes_that_are_no_longer_kept_are_forgotten(redis: Redis, namespace: str, writer: Writer) -> None:
    old = flow("opened", NOW_MS - 49 * HOUR_MS)
    await writer.write(old)
    async with following(redis, namespace) as follower:
        await until(follower, lambda: len(follower.columns.rows(MINUTE).of("opened")) == 1)

        await writer.write(together(old, backlog(1)), watermark=NOW_MS + 2 * HOUR_MS)

        await until(follower, lambda: open_tickets(follower) == 1)
        assert len(follower.columns.rows(MINUTE).of("opened")) == 0
        assert int(figures.all_time(follower.columns, "opened").count.sum()) == 1


async def test_a_look_whether_all_is_in_step_holds_the_columns(
    redis: Redis, namespace: str, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(redis, namespace) as follower:
        await until(follower, lambda: follower.reading.loaded)
        columns, looks = follower.columns, asyncio.Queue[bool]()
        monkeypatch.setattr(columns, "keep_from", lambda *_: looks.put_nowait(columns.unchanged.locked()))

        async with asyncio.timeout(WITHIN_S):
            assert await looks.get()


async def test_an_unknown_partition_is_let_pass(redis: Redis, namespace: str, writer: Writer) -> None:
    async with following(redis, namespace, partitions=1) as follower:
        await until(follower, lambda: follower.reading.loaded)
        await Writer(StateStore(redis, namespace), ("tickets", 5)).write(backlog(3))
        await writer.write(backlog(1))

        await until(follower, lambda: open_tickets(follower) == 1)


async def test_a_store_that_is_away_leaves_the_last_figures_and_comes_back(namespace: str) -> None:
    with local.embedded_store() as server:
        async with client(local.redis_url(server)) as redis, following(redis, namespace) as follower:
            writer = Writer(StateStore(redis, namespace))
            await until(follower, lambda: follower.reading.loaded)
            await writer.write(backlog(3))
            await until(follower, lambda: open_tickets(follower) == 3)

            os.kill(server.child.pid, signal.SIGSTOP)
            await until(follower, lambda: not follower.reading.answering)
            assert open_tickets(follower) == 3
            assert follower.reading.loaded

            os.kill(server.child.pid, signal.SIGCONT)
            await until(follower, lambda: follower.reading.answering)
            await writer.write(backlog(4))
            await until(follower, lambda: open_tickets(follower) == 4)


async def test_a_store_that_was_never_there_is_waited_for(namespace: str) -> None:
    async with client("redis://127.0.0.1:1/0") as redis, following(redis, namespace) as follower:
        async with asyncio.timeout(WITHIN_S):
            await follower.changed.wait()

        assert not follower.reading.loaded
        assert follower.reading.read_at is None


async def test_state_under_another_policy_than_ours_is_told_once_and_for_as_long_as_it_lasts(
    redis: Redis, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    store, told = StateStore(redis, namespace), "another policy than this board's"
    await Writer(store, policy="theirs").write(backlog(1))
    async with following(redis, namespace) as follower:
        await until(follower, lambda: follower.reading.other_policy)
        await Writer(store, ("agents", 1)).write(backlog(1))
        await until(follower, lambda: open_tickets(follower) == 2)
        assert follower.reading.other_policy
        assert [told in message for message in caplog.messages].count(True) == 1

        await redis.delete(shard_key(namespace, *SHARD))
        await Writer(store).write(backlog(3))
        await until(follower, lambda: not follower.reading.other_policy)
        assert open_tickets(follower) == 4


async def test_who_could_not_read_at_first_follows_on_all_the_same(store_url: str, namespace: str) -> None:
    async with client(store_url) as redis:
        key = shard_key(namespace, "tickets", 0)
        await redis.hset(key, mapping={"next": 5, META.decode(): pack_meta(Meta(layout=99))})
        writer = Writer(StateStore(redis, namespace))
        async with following(redis, namespace) as follower:
            async with asyncio.timeout(WITHIN_S):
                await follower.changed.wait()
            assert not follower.loaded.is_set()
            await redis.delete(key)
            async with asyncio.timeout(WITHIN_S):
                await follower.loaded.wait()

            await writer.write(level("backlog.open", NOW_MS - HOUR_MS))

            await until(follower, lambda: open_tickets(follower) == 1)
