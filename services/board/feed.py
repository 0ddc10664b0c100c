"""The wall, pushed: one composition for everybody who looks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from services.board.wall import Wall

log = logging.getLogger(__name__)

PAUSE_S = 0.25
"""At most four walls a second."""
LOOK_S = 1.0
"""How often figures that depend on the present are looked at, when no event comes."""
SILENCE_S = 5.0
"""At least one wall in this time."""
_OF_ITSELF = {"at": True, "freshness": {"read_at", "age_s", "sentence"}}
"""What differs between two walls that say the same."""


class Feed:
    """Composes a wall when something changed, for as long as somebody looks."""

    def __init__(self, compose: Callable[[], Wall], changed: asyncio.Event) -> None:
        self._compose = compose
        self._changed = changed
        self._looking = 0
        self._text = ""
        self._number = 0
        self._news = asyncio.Condition()
        self._stopped = False

    async def run(self) -> None:
        """Push until cancelled. A change is pushed at once; further ones wait for the pause to end."""
        clock = asyncio.get_running_loop()
        shown: dict[str, object] = {}
        pushed_at = 0.0
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            if not self._looking:
                continue
            wall = self._compose()
            content = wall.model_dump(exclude=_OF_ITSELF)  # type: ignore[arg-type]
            if content == shown and clock.time() - pushed_at < SILENCE_S - LOOK_S:
                continue
            shown, pushed_at = content, clock.time()
            await self._push(wall.model_dump_json())
            await asyncio.sleep(PAUSE_S)

    async def walls(self) -> AsyncIterator[str]:
        """The wall as JSON, now and whenever it changes, until `stop`."""
        self._looking += 1
        try:
            number = self._number
            yield self._compose().model_dump_json()
            while not self._stopped:
                async with self._news:
                    while self._number == number and not self._stopped:
                        await self._news.wait()
                    number, text = self._number, self._text
                if not self._stopped:
                    yield text
        finally:
            self._looking -= 1

    async def stop(self) -> None:
        """End every stream: a server that stops waits for them."""
        async with self._news:
            self._stopped = True
            self._news.notify_all()

    async def _push(self, text: str) -> None:
        async with self._news:
            self._text = text
            self._number += 1
            self._news.notify_all()
