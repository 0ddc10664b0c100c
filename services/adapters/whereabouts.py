"""Follows the pointer that says which namespace is live, and lets others see who has followed it."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from services.adapters.cancellation import heed_cancellation
from services.adapters.namespaces import Live, Namespaces, Pointer, Programs, presence_channel, switched_channel
from services.errors import Unavailable

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often we look at the pointer, beside being told."""
MOVING_LOOK_S = 0.1
_PAUSE_S = 1.0

Move = Callable[[Live | None], Awaitable[str]]


class Whereabouts:
    """One program's: with which namespace it is, and whether it should be with another."""

    def __init__(self, redis: Redis, named: str, programs: Programs, move: Move) -> None:
        """``move`` goes where it is told, and returns the namespace that the program is with then. It is cancelled
        when something else is live before it is there, and called again when a neighbour was away."""
        self._redis = redis
        self._namespaces = Namespaces(redis)
        self._named = named
        self._programs: Programs = programs
        self._move = move
        self._moving: asyncio.Task[str] | None = None
        self._goal: Pointer | None = None
        self._at: str | None = None
        self._away = False

    async def run(self) -> None:
        """Run until cancelled: move where the pointer says, at first and whenever it says something else."""
        try:
            while True:
                try:
                    async with self._redis.pubsub() as pubsub:
                        await self._follow(pubsub)
                except (Unavailable, RedisError, OSError) as error:
                    if not self._away:
                        log.warning("what is live cannot be read", extra={"reason": str(error)})
                    self._away = True
                    await asyncio.sleep(_PAUSE_S * random.uniform(0.5, 1))  # noqa: S311 - spreads load
        finally:
            await self._stop_moving()

    async def _follow(self, pubsub: PubSub) -> None:
        await pubsub.subscribe(switched_channel(self._named))
        counted: str | None = None
        while True:
            heed_cancellation()
            await self._look()
            if self._arrived() and self._at != counted:
                await self._be_counted(pubsub, counted)
                counted = self._at
            waited_s = LOOK_S if self._arrived() else MOVING_LOOK_S
            await pubsub.get_message(ignore_subscribe_messages=True, timeout=waited_s)

    async def _look(self) -> None:
        pointer = await self._namespaces.pointer(self._named)
        self._away = False
        if self._moving is not None and pointer == self._goal:
            return
        live = None if pointer is None else await self._namespaces.resolved(pointer)
        await self._stop_moving()
        self._goal, self._moving = pointer, asyncio.ensure_future(self._move(live))

    def _arrived(self) -> bool:
        """Whether the last move is over. What it raised is raised once, and it is then made again."""
        if self._moving is None or not self._moving.done():
            return False
        try:
            self._at = self._moving.result()
        except BaseException:
            self._moving = None
            raise
        return True

    async def _be_counted(self, pubsub: PubSub, before: str | None) -> None:
        """First there, then here no more, so that we are never missed."""
        assert self._at is not None
        await pubsub.subscribe(presence_channel(self._named, self._programs, self._at))
        if before is not None:
            await pubsub.unsubscribe(presence_channel(self._named, self._programs, before))

    async def _stop_moving(self) -> None:
        moving, self._moving = self._moving, None
        if moving is not None and not moving.done():
            moving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await moving
