"""Cancellations that get lost on their way."""

import asyncio

import pytest

from services.adapters.cancellation import heed_cancellation, heeded


async def deaf() -> str:
    """Goes on when it is cancelled, as `asyncio.wait_for` may."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "sent"
    return "never"


async def test_what_was_answered_to_somebody_cancelled_is_not_gone_on_with() -> None:
    task = asyncio.create_task(heeded(deaf()))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_is_being_cancelled_may_still_clear_up() -> None:
    async def clears_up() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            cleared.append(await heeded(asyncio.sleep(0, "clear")))
        return "never"

    cleared: list[str] = []
    task = asyncio.create_task(clears_up())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleared == ["clear"]


async def test_a_loop_ends_at_its_next_turn() -> None:
    async def loops() -> None:
        while True:
            heed_cancellation()
            await deaf()

    task = asyncio.create_task(loops())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nobody_is_cancelled_unasked() -> None:
    heed_cancellation()
    assert await heeded(asyncio.sleep(0, "answer")) == "answer"
