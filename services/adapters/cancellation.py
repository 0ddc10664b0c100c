"""Cancellations that get lost on their way.

redis-py sends within `asyncio.wait_for`, which before Python 3.12 swallows a cancellation that comes in the very
moment in which the sending is over: who was told to end would go on for ever.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def heeded(answer: Awaitable[T]) -> T:
    """What ``answer`` comes to, unless somebody cancelled us meanwhile."""
    asked_before = _asked()
    found = await answer
    if _asked() > asked_before:
        raise asyncio.CancelledError
    return found


def heed_cancellation() -> None:
    """Be cancelled, if somebody ever asked for it: for endless loops around what talks to Redis."""
    if _asked():
        raise asyncio.CancelledError


def _asked() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()
