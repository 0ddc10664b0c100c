"""A copy is replaced by a whole reading of one course of the store, or not at all."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis

from services.adapters.state_layout import LAYOUT, META, Field, Meta, cells_field, pack_meta
from services.adapters.state_store import StateStore
from services.board.columns import Columns
from services.board.shard_copy import ShardCopy, WentBack
from services.core.tally import ALL, DAY_MS, GRAIN_MS, HOUR, HOUR_MS, MINUTE
from services.errors import Unavailable
from tests.board.written import NOW_MS, SHARD, Writer, dims, flow, level, together
from tests.processed import Processed


class Troubled(StateStore):
    """A store that goes wrong after some reads."""

    falls_after: int | None = None
    leaves_after: int | None = None

    async def read(self, stream: str, partition: int, fields: Sequence[Field]) -> tuple[int, list[bytes | None]]:
        held, values = await super().read(stream, partition, fields)
        if self.falls_after is not None:
            self.falls_after -= 1
            held -= self.falls_after < 0
        if self.leaves_after is not None:
            self.leaves_after -= 1
            if self.leaves_after < 0:
                raise Unavailable("gone")
        return held, values


@pytest.fixture
async def store(store_url: str, namespace: str) -> AsyncIterator[Troubled]:
    async with Redis.from_url(store_url) as redis:
        yield Troubled(redis, namespace)


def opened(columns: Columns) -> int:
    return int(columns.rows(ALL).of("opened").count.sum())


@pytest.mark.parametrize("reads", [1, 2, 3])
async def test_a_reading_that_breaks_off_leaves_the_copy_as_it_was(store: Troubled, reads: int) -> None:
    columns, writer = Columns(), Writer(store)
    copy = ShardCopy(store, columns, SHARD)
    await writer.write(flow("opened", NOW_MS))
    await copy.load()
    await writer.write(together(flow("opened", NOW_MS), flow("opened", NOW_MS - 1)))

    store.leaves_after = reads
    with pytest.raises(Unavailable):
        await copy.load()
    assert (opened(columns), copy.next) == (1, 1)

    store.leaves_after = None
    await copy.load()
    assert (opened(columns), copy.next) == (2, 2)


@pytest.mark.parametrize("reads", [1, 2, 3])
async def test_a_store_that_goes_back_while_it_is_read_is_no_state(store: Troubled, reads: int) -> None:
    columns = Columns()
    copy = ShardCopy(store, columns, SHARD)
    await Writer(store).write(flow("opened", NOW_MS))

    store.falls_after = reads
    with pytest.raises(WentBack):
        await copy.load()

    assert (opened(columns), copy.next) == (0, -1)


async def test_a_refresh_that_finds_an_older_state_says_so(store: Troubled) -> None:
    copy = ShardCopy(store, Columns(), SHARD)
    await Writer(store).write(flow("opened", NOW_MS))
    await copy.load()

    with pytest.raises(WentBack):
        await copy.refresh([META, b"a0:0"], ends=5)


async def test_the_columns_change_only_while_they_are_held(store: Troubled, monkeypatch: pytest.MonkeyPatch) -> None:
    columns, writer = Columns(), Writer(store)
    copy = ShardCopy(store, columns, SHARD)
    changes: list[tuple[str, bool]] = []

    def watched(name: str, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any) -> Any:
            changes.append((name, columns.unchanged.locked()))
            return change(*args)

        return changed

    for owner, name in ((columns, "reset"), (columns, "replace"), (columns, "keep_from"), (columns.labels, "codes")):
        monkeypatch.setattr(owner, name, watched(name, getattr(owner, name)))

    await writer.write(flow("opened", NOW_MS))
    await copy.load()
    await copy.refresh([META, cells_field(ALL, 0, 0)], ends=1)

    assert {name for name, _ in changes} == {"reset", "replace", "keep_from", "codes"}
    assert all(held for _, held in changes)
    assert not columns.unchanged.locked()


class Meanwhile(StateStore):
    """A store in which something happens just before one of the reads."""

    reads = 0
    before: int | None = None
    happens: Callable[[], Awaitable[None]] | None = None

    async def read(self, stream: str, partition: int, fields: Sequence[Field]) -> tuple[int, list[bytes | None]]:
        self.reads += 1
        if self.happens and self.reads == self.before:
            happens, self.happens = self.happens, None
            await happens()
        return await super().read(stream, partition, fields)


@pytest.mark.parametrize("before", range(2, 10))
async def test_cells_that_are_folded_while_they_are_read_are_counted_once(
    store_url: str, namespace: str, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.board.shard_copy.FIELDS_PER_READ", 5)
    monkeypatch.setattr("services.board.shard_copy.BLOCKS_PER_READ", 2)
    # Of the long row of buckets that there may be, which most reads would be for.
    monkeypatch.setattr(
        "services.board.shard_copy.oldest_kept", lambda grain, watermark: watermark // GRAIN_MS[grain]
    )
    async with Redis.from_url(store_url) as redis:
        calm, store, columns = StateStore(redis, namespace), Meanwhile(redis, namespace), Columns()
        processed = Processed(calm, SHARD)
        for number in range(20):
            await processed.add(flow("opened", NOW_MS, values=dims(f"queue {number}")), NOW_MS)

        async def fold() -> None:
            await processed.add({}, NOW_MS + HOUR_MS * 6)

        store.before, store.happens = before, fold
        await ShardCopy(store, columns, SHARD).load()

    assert store.reads >= before
    assert [int(columns.rows(grain).of("opened").count.sum()) for grain in (ALL, HOUR, MINUTE)] == [20, 20, 20]


async def test_what_is_planned_for_days_ahead_is_read(store_url: str, namespace: str) -> None:
    planned = "plan.on_queue.offline"
    async with Redis.from_url(store_url) as redis:
        store, columns = StateStore(redis, namespace), Columns()
        await Processed(store, SHARD).add(level(planned, NOW_MS + 7 * DAY_MS, NOW_MS + 8 * DAY_MS), NOW_MS)

        await ShardCopy(store, columns, SHARD).load()

    assert columns.rows(MINUTE).of(planned).count.tolist() == [1, -1]


async def test_an_instant_beyond_all_plans_makes_the_board_read_no_more(store_url: str, namespace: str) -> None:
    async with Redis.from_url(store_url) as redis:
        store, columns = Meanwhile(redis, namespace), Columns()
        await Processed(store, SHARD).add(flow("opened", NOW_MS + 4000 * 365 * DAY_MS), NOW_MS)
        store.reads = 0

        await ShardCopy(store, columns, SHARD).load()

    assert store.reads < 30


async def test_many_dimension_sets_keep_their_meaning_through_a_refresh(store_url: str, namespace: str) -> None:
    async with Redis.from_url(store_url) as redis:
        store, columns, fresh = StateStore(redis, namespace), Columns(), Columns()
        processed, copy = Processed(store, SHARD), ShardCopy(store, columns, SHARD)
        for number in range(300):
            await processed.add(flow("opened", NOW_MS, values=dims(agent=f"agent {number}")), NOW_MS)
        await copy.load()
        for number in range(300, 600):
            await processed.add(flow("opened", NOW_MS, values=dims(agent=f"agent {number}")), NOW_MS)
        minute = NOW_MS // GRAIN_MS[MINUTE]
        await copy.refresh([META, *(cells_field(MINUTE, minute, code) for code in range(601))], processed.next)
        await copy.load()
        await ShardCopy(store, fresh, SHARD).load()

    for each in (columns, fresh):
        found = {key[0]: count for key, count, _ in each.summed(each.rows(MINUTE).of("opened"), ("agent",))}
        assert found == {f"agent {number}": 1 for number in range(600)}
    assert columns.labels.size == fresh.labels.size


async def test_a_state_of_another_layout_is_not_read(store_url: str, namespace: str) -> None:
    async with Redis.from_url(store_url) as redis:
        store, columns = StateStore(redis, namespace), Columns()
        await store.write(*SHARD, began=0, ends=1, changes={META: pack_meta(Meta(layout=1, dims=3)), b"D0": b"?"})

        with pytest.raises(Unavailable, match=rf"tickets\[0\]: .* the layout 1, this board reads {LAYOUT};"):
            await ShardCopy(store, columns, SHARD).load()
