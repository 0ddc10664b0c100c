"""Shards in Redis, behind the fence.

A write compares the hash's `next` with the offset that the writer started from, and its `signal_turn` likewise, and
then sets everything in one single `HSET`. So whatever Redis comes back with, after a crash, a torn file, a failover
or a restore, is the exact state at an earlier `next`, and the log does the rest (docs/adr/0002).
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

from services.adapters.cancellation import heeded
from services.adapters.state_layout import (
    META,
    NEXT,
    REDO,
    TURN,
    Change,
    Field,
    changes_channel,
    pack_change,
    pack_redo,
    shard_key,
    unpack_redo,
)
from services.config import Settings
from services.errors import Fenced, Unavailable

_ANSWER_WITHIN_S = 5
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
local held = redis.call('HMGET', KEYS[1], 'next', 'signal_turn')
local next, turn = held[1] or '0', held[2] or '0'
if next ~= ARGV[1] or turn ~= ARGV[2] then return {next, turn} end
"""
_WRITE = _FENCE + "redis.call('HSET', KEYS[1], 'next', ARGV[3], unpack(ARGV, 4)) return {}"
_DROP = _FENCE + "redis.call('HDEL', KEYS[1], unpack(ARGV, 3)) return {}"


def command_redis(settings: Settings) -> Redis:
    """A connection for a command at which somebody sits waiting."""
    limit = _ANSWER_WITHIN_S
    return Redis.from_url(settings.redis_url, socket_timeout=limit, socket_connect_timeout=limit)


class StateStore:
    """The shards of one namespace in one Redis."""

    def __init__(self, redis: Redis, namespace: str) -> None:
        self._redis = redis
        self._namespace = namespace
        self._write = redis.register_script(_WRITE)
        self._drop = redis.register_script(_DROP)

    def beside(self, namespace: str) -> "StateStore":
        """The same store under another namespace."""
        return StateStore(self._redis, namespace)

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
        self,
        stream: str,
        partition: int,
        *,
        began: int,
        ends: int,
        changes: Mapping[Field, bytes],
        turn: int = 0,
        next_turn: int | None = None,
    ) -> None:
        """Set ``changes`` and `next` = ``ends`` at once, if `next` still is ``began``; then announce it.

        A write that is too large for one command leaves its rest in `redo`, in the same command; the rest then
        follows in pieces that anybody may repeat.

        Args:
            turn: What `signal_turn` still has to be.
            next_turn: What it is set to; left out, it stays. A write that does not move `next` raises it, so that of
                two writers who stand at one offset only the first is let through. It changes no figure, and is not
                announced.

        Raises:
            Fenced: `next` or the turn is another: somebody else has gone on, or the store went back. Nothing was
                written.
            Unavailable: Redis does not answer. Whether it wrote is unknown; `next` will tell.
        """
        rest = iter(changes.items())
        first = dict(islice(rest, FIELDS_PER_COMMAND))
        overflow = dict(rest)
        if overflow:
            first[REDO] = pack_redo(overflow)
        if next_turn is not None:
            first[TURN] = b"%d" % next_turn
        await self._fenced(stream, partition, began, ends, first, turn=turn)
        if overflow:
            await self.finish(stream, partition, ends, overflow, turn if next_turn is None else next_turn)
        if ends != began:
            await self._announce((stream, partition, began, ends, list(changes)))

    async def finish(
        self, stream: str, partition: int, at: int, overflow: Mapping[Field, bytes], turn: int = 0
    ) -> None:
        """Carry out what `redo` holds, and clear it. Safe to repeat while `next` and the turn stay."""
        rest = iter(overflow.items())
        while piece := dict(islice(rest, FIELDS_PER_COMMAND)):
            await self._fenced(stream, partition, at, at, piece, turn=turn)
        await self.drop(stream, partition, at, [REDO], turn=turn)

    async def recover(self, stream: str, partition: int) -> None:
        """Finish a large write that its writer did not live to finish."""
        key = shard_key(self._namespace, stream, partition)
        held, turn, redo = await self._answer(lambda: self._redis.hmget(key, [NEXT, TURN, REDO]))
        if overflow := unpack_redo(redo):
            await self.finish(stream, partition, int(held), overflow, int(turn or 0))

    async def drop(self, stream: str, partition: int, at: int, fields: Sequence[Field], *, turn: int = 0) -> None:
        """Delete fields that are nothing at `next` = ``at``: empty, or of buckets that are no longer kept.

        Raises:
            Fenced: `next` or the turn is another. Nothing was deleted.
        """
        key = shard_key(self._namespace, stream, partition)
        for begin in range(0, len(fields), FIELDS_PER_COMMAND):
            piece = fields[begin : begin + FIELDS_PER_COMMAND]
            arguments: list[str | bytes] = [str(at), str(turn), *piece]
            held = await self._answer(partial(self._drop, keys=[key], args=arguments))
            _check(held, stream, partition, at, turn)

    async def nexts(self, shards: Sequence[tuple[str, int]]) -> list[tuple[int, bytes | None]]:
        """`next` and packed meta of many shards, each pair in one look."""

        async def ask() -> list[list[bytes | None]]:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for stream, partition in shards:
                    pipeline.hmget(shard_key(self._namespace, stream, partition), [NEXT, META])
                return await pipeline.execute()

        return [(int(held or 0), meta) for held, meta in await self._answer(ask)]

    async def _fenced(
        self, stream: str, partition: int, began: int, ends: int, fields: Mapping[Field, bytes], *, turn: int = 0
    ) -> None:
        key = shard_key(self._namespace, stream, partition)
        pairs = [part for pair in fields.items() for part in pair]
        arguments: list[str | bytes] = [str(began), str(turn), str(ends), *pairs]
        held = await self._answer(lambda: self._write(keys=[key], args=arguments))
        _check(held, stream, partition, began, turn)

    async def _announce(self, change: Change) -> None:
        channel = changes_channel(self._namespace)
        await self._answer(lambda: self._redis.publish(channel, pack_change(change)))

    async def _answer(self, ask: Callable[[], Awaitable[Any]]) -> Any:  # redis-py's types do not tell sync from async
        try:
            return await heeded(ask())
        except ResponseError as error:
            if isinstance(error, _PASSING) or str(error).startswith(_PASSING_CODES):
                raise Unavailable(f"the store refuses for now: {error}") from error
            raise
        except (RedisError, OSError) as error:
            raise Unavailable(f"the store does not answer: {error}") from error


def _check(held: Sequence[bytes], stream: str, partition: int, began: int, turn: int) -> None:
    if held:
        found, turned = map(int, held)
        raise Fenced(
            f"{stream}[{partition}]: the store is at {found} (turn {turned}), this write began at {began} (turn "
            f"{turn}): nothing was written"
        )
