"""Simulated time: what is due next, and the journal of what happened."""

import heapq
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any
from uuid import UUID

from schemas.codec import Millis, instant

Fields = dict[str, Any]
"""A canonical event as plain fields; `schemas.events.EVENT` makes it a model."""


class Agenda:
    """Acts in order of time; acts of the same time in the order in which they were entered."""

    def __init__(self, name: str, start: Millis) -> None:
        self.now = start
        self._name = name
        self._due: list[tuple[Millis, int, Callable[[], None]]] = []
        self._entered = 0
        self._told = 0
        self._journal: list[Fields] = []

    def at(self, when: Millis, act: Callable[[], None]) -> None:
        """Let ``act`` happen at ``when``."""
        self._entered += 1
        heapq.heappush(self._due, (when, self._entered, act))

    def after(self, delay: Millis, act: Callable[[], None]) -> None:
        """Let ``act`` happen ``delay`` from now."""
        self.at(self.now + delay, act)

    def tell(self, kind: str, /, **fields: Any) -> None:
        """Write down an event that happens now. The same run gives it the same id."""
        self._told += 1
        digest = blake2b(f"{self._name}/{self._told}".encode(), digest_size=16).digest()
        self._journal.append(
            {"event_id": str(UUID(bytes=digest, version=4)), "type": kind, "occurred_at": instant(self.now)} | fields
        )

    def run(self, until: Millis) -> Iterator[Fields]:
        """Whatever happens up to and including ``until``; another call goes on from there."""
        while self._due and self._due[0][0] <= until:
            self.now, _, act = heapq.heappop(self._due)
            act()
            if self._journal:
                journal, self._journal = self._journal, []
                yield from journal
        self.now = max(self.now, until)
