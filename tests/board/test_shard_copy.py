"""A copy is replaced by a whole reading of one course of the store, or not at all."""

from collections.abc import AsyncIterator, Sequence

import pytest
from redis.asyncio import Redis

from services.adapters.state_layout import META, Field
from services.adapters.state_store import StateStore
from services.board.columns import Columns
from services.board.shard_copy import ShardCopy, WentBack
from services.core.tally import ALL
from services.errors import Unavailable
from tests.board.written import NOW_MS, SHARD, Writer, flow, together


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
