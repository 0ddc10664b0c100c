"""Simulated time: what is due next, and the journal of what happened."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any

from schemas.codec import Millis, instant

Fields = dict[str, Any]
"""A canonical event as plain fields; `schemas.events.EVENT` makes it a model."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that nothing else depends on."""

    at: Millis
    kind: str
    fields: Fields


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

    def enter(self, happening: Happening) -> None:
        """Let ``happening`` be told when it is due; what is past already is not."""
        if happening.at >= self.now:
            self.at(happening.at, partial(self.tell, happening.kind, **happening.fields))

    def tell(self, kind: str, /, **fields: Any) -> None:
        """Write down an event that happens now. The same run gives it the same id."""
        self._told += 1
        name = blake2b(f"{self._name}/{self._told}".encode(), digest_size=16).hexdigest()
        # As a UUID of version 4 reads.
        event_id = f"{name[:8]}-{name[8:12]}-4{name[13:16]}-{'89ab'[int(name[16], 16) % 4]}{name[17:20]}-{name[20:]}"
        self._journal.append({"event_id": event_id, "type": kind, "occurred_at": instant(self.now)} | fields)

    def run(self, until: Millis) -> Iterator[Fields]:
        """Whatever happens up to and including ``until``; another call goes on from there."""
        while self._due and self._due[0][0] <= until:
            self.now, _, act = heapq.heappop(self._due)
            act()
            if self._journal:
                journal, self._journal = self._journal, []
                yield from journal
        self.now = max(self.now, until)
