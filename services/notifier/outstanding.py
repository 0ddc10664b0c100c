"""What of one endpoint is still to be delivered: each ticket's signals in order, the others whenever they are due."""

import heapq
from collections import deque
from dataclasses import dataclass, field
from itertools import count

from aiokafka import TopicPartition

from services.notifier.message import Signal


@dataclass(eq=False)
class Delivery:
    """One signal on its way to one endpoint."""

    signal: Signal
    place: TopicPartition
    offset: int
    logged_at_s: float
    """When the log took it, in seconds since 1970."""
    attempts: int = 0
    not_before: float = 0.0
    """The endpoint asked not to be sent it earlier."""


@dataclass
class Outstanding:
    """Deliveries that are not done with. Instants are the caller's, of a clock that never goes back."""

    _tickets: dict[str, deque[Delivery]] = field(default_factory=dict)
    """Only the first of each is ever due."""
    _due: list[tuple[float, int, Delivery]] = field(default_factory=list)
    _turn: "count[int]" = field(default_factory=count)
    _size: int = 0

    def __len__(self) -> int:
        return self._size

    def add(self, delivery: Delivery, now: float) -> None:
        """Take it in behind what its ticket has already."""
        line = self._tickets.setdefault(delivery.signal.ticket, deque())
        line.append(delivery)
        self._size += 1
        if len(line) == 1:
            self._plan(delivery, now)

    def take_due(self, now: float) -> Delivery | None:
        """The one that has been due for longest. Its ticket waits until it is put back or done with."""
        if self._due and self._due[0][0] <= now:
            return heapq.heappop(self._due)[2]
        return None

    def next_due_at(self) -> float | None:
        """When the next one is due; None when nothing waits for an instant."""
        return self._due[0][0] if self._due else None

    def put_back(self, delivery: Delivery, due_at: float) -> None:
        """Try it again then."""
        self._plan(delivery, due_at)

    def finish(self, delivery: Delivery, now: float) -> None:
        """It is done with; the next of its ticket may go."""
        ticket = delivery.signal.ticket
        line = self._tickets[ticket]
        line.popleft()
        self._size -= 1
        if line:
            self._plan(line[0], now)
        else:
            del self._tickets[ticket]

    def hasten(self, now: float) -> None:
        """Whatever waits for a later attempt is due now, in the order in which it was planned, unless the endpoint
        asked for that wait."""
        self._due = [(min(at, max(now, one.not_before)), turn, one) for at, turn, one in self._due]
        heapq.heapify(self._due)

    def _plan(self, delivery: Delivery, due_at: float) -> None:
        heapq.heappush(self._due, (due_at, next(self._turn), delivery))
