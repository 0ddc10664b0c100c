"""Shards in Redis, behind the fence.

A write compares the hash's `next` with the offset that the writer started from and then sets everything in one single
`HSET`. So whatever Redis comes back with, after a crash, a torn file, a failover or a restore, is the exact state at
an earlier `next`, and the log does the rest (docs/adr/0002).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import (
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from services.adapters.state_layout import (
    META,
    NEXT,
    REDO,
    Change,
    Field,
    changes_channel,
    pack_change,
    pack_redo,
    shard_key,
    unpack_redo,
)
from services.errors import Fenced, Unavailable

FIELDS_PER_COMMAND = 3000
"""Lua's unpack() has a limit near 8,000 values."""

# What a store answers that is full, failing over, or has no replica that keeps up: all of it passes.
_PASSING = (ClusterDownError, OutOfMemoryError, ReadOnlyError, TryAgainError)
_PASSING_CODES = (
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
)

_FENCE = """
local held = redis.call('HGET', KEYS[1], 'next') or '0'
if held ~= ARGV[1] then return held end
"""
_WRITE = _FENCE + "redis.call('HSET', KEYS[1], 'next', ARGV[2], unpack(ARGV, 3)) return ''"
_DROP = _FENCE + "redis.call('HDEL', KEYS[1], unpack(ARGV, 2)) return ''"


class StateStore:
    """The shards of one namespace in one Redis."""

    def __init__(self, redis: Redis, namespace: str) -> None:
        self._redis = redis
        self._namespace = namespace
        self._write = redis.register_script(_WRITE)
        self._drop = redis.register_script(_DROP)

    async def read(self, stream: str, partition: int, fields: Sequence[Field]) -> tuple[int, list[bytes | None]]:
        """The values of ``fields`` and the `next` that they belong to, in one look.

        Raises:
            Unavailable: Redis does not answer, or says that it cannot.
        """
        key = shard_key(self._namespace, stream, partition)
        values = await self._answer(lambda: self._redis.hmget(key, [NEXT, REDO, *fields]))
        overlay = unpack_redo(values[1])
        if overlay:
            values[2:] = [overlay.get(name, value) for name, value in zip(fields, values[2:], strict=True)]
        return int(values[0] or 0), values[2:]

    async def write(
        self, stream: str, partition: int, *, began: int, ends: int, changes: Mapping[Field, bytes]
    ) -> None:
        """Set ``changes`` and `next` = ``ends`` at once, if `next` still is ``began``; then announce it.

        A write that is too large for one command leaves its rest in `redo`, in the same command; the rest then
        follows in pieces that anybody may repeat.

        Raises:
            Fenced: `next` is another: somebody else has gone on, or the store went back. Nothing was written.
            Unavailable: Redis does not answer. Whether it wrote is unknown; `next` will tell.
        """
        rest = iter(changes.items())
        first = dict(islice(rest, FIELDS_PER_COMMAND))
        overflow = dict(rest)
        if overflow:
            first[REDO] = pack_redo(overflow)
        await self._fenced(stream, partition, began, ends, first)
        if overflow:
            await self.finish(stream, partition, ends, overflow)
        await self._announce((stream, partition, began, ends, list(changes)))

    async def finish(self, stream: str, partition: int, at: int, overflow: Mapping[Field, bytes]) -> None:
        """Carry out what `redo` holds, and clear it. Safe to repeat while `next` is ``at``."""
        rest = iter(overflow.items())
        while piece := dict(islice(rest, FIELDS_PER_COMMAND)):
            await self._fenced(stream, partition, at, at, piece)
        await self.drop(stream, partition, at, [REDO])

    async def recover(self, stream: str, partition: int) -> None:
        """Finish a large write that its writer did not live to finish."""
        key = shard_key(self._namespace, stream, partition)
        held, redo = await self._answer(lambda: self._redis.hmget(key, [NEXT, REDO]))
        if overflow := unpack_redo(redo):
            await self.finish(stream, partition, int(held), overflow)

    async def drop(self, stream: str, partition: int, at: int, fields: Sequence[Field]) -> None:
        """Delete fields that are nothing at `next` = ``at``: empty, or of buckets that are no longer kept.

        Raises:
            Fenced: `next` is another. Nothing was deleted.
        """
        key = shard_key(self._namespace, stream, partition)
        for begin in range(0, len(fields), FIELDS_PER_COMMAND):
            piece = fields[begin : begin + FIELDS_PER_COMMAND]
            arguments: list[str | bytes] = [str(at), *piece]
            held = await self._answer(partial(self._drop, keys=[key], args=arguments))
            _check(held, stream, partition, at)

    async def nexts(self, shards: Sequence[tuple[str, int]]) -> list[tuple[int, bytes | None]]:
        """`next` and packed meta of many shards, each pair in one look."""

        async def ask() -> list[list[bytes | None]]:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for stream, partition in shards:
                    pipeline.hmget(shard_key(self._namespace, stream, partition), [NEXT, META])
                return await pipeline.execute()

        return [(int(held or 0), meta) for held, meta in await self._answer(ask)]

    async def _fenced(
        self, stream: str, partition: int, began: int, ends: int, fields: Mapping[Field, bytes]
    ) -> None:
        key = shard_key(self._namespace, stream, partition)
        pairs = [part for pair in fields.items() for part in pair]
        held = await self._answer(lambda: self._write(keys=[key], args=[str(began), str(ends), *pairs]))
        _check(held, stream, partition, began)

    async def _announce(self, change: Change) -> None:
        channel = changes_channel(self._namespace)
        await self._answer(lambda: self._redis.publish(channel, pack_change(change)))

    async def _answer(self, ask: Callable[[], Awaitable[Any]]) -> Any:  # redis-py's types do not tell sync from async
        try:
            return await ask()
        except ResponseError as error:
            if isinstance(error, _PASSING) or str(error).startswith(_PASSING_CODES):
                raise Unavailable(f"the store refuses for now: {error}") from error
            raise
        except (RedisError, OSError) as error:
            raise Unavailable(f"the store does not answer: {error}") from error


def _check(held: bytes, stream: str, partition: int, began: int) -> None:
    if held:
        raise Fenced(
            f"{stream}[{partition}]: the store is at {int(held)}, this write began at {began}: nothing was written"
        )
