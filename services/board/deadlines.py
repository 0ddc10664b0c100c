"""Which tickets' promises break next, and which broke a moment ago: for the wall, whoever looks.

Cells say when and how many, but not which tickets. So the open clocks of the tickets in the next hours are kept in
memory: an hour's tickets are read once, when the wall has come to need that hour, and after that only those that a
write has changed, once a second and as long as somebody looks. What time alone changes is read from nowhere.
"""

import asyncio
import logging
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import attrgetter
from time import monotonic
from typing import NamedTuple

from schemas.codec import Fact, Millis
from schemas.topics import TICKETS
from services.adapters.cancellation import heed_cancellation
from services.adapters.entities import Entities
from services.adapters.state_layout import Field, entity_of
from services.board import figures
from services.board.columns import Columns
from services.core.rules import Rules
from services.core.sla import Clock
from services.core.tally import CLOCKS, HOUR_MS, MINUTE_MS
from services.core.ticket import replay
from services.errors import Unavailable

log = logging.getLogger(__name__)

MOST_SHOWN = 6
MOST_BROKEN = 2
"""How many of them at most are broken already: the others can still be saved."""
RECENTLY_MS: Millis = 10 * MINUTE_MS
"""How long a broken one is shown."""
LOOK_S = 1.0
IDLE_AFTER_S = 30.0
MEASURED_AT_ONCE = 500
MOST_CHANGED = 10_000
"""More than these are not read one by one: the hours are read anew."""


class Running(NamedTuple):
    """A clock that runs."""

    at: Millis
    """The last instant at which it holds; of a broken one, when it broke."""
    ticket: str
    metric: str
    policy: str
    queue: str | None
    due_at: Millis
    risky_from: Millis
    broken: bool

    def at_risk(self, now: Millis) -> bool:
        return not self.broken and self.risky_from <= now <= self.at

    def overdue(self, now: Millis) -> bool:
        return self.broken or self.at < now


_at = attrgetter("at")


class Lookout:
    """Keeps the open clocks of the next hours for as long as `run` runs."""

    def __init__(
        self, entities: Entities, rules: Rules, columns: Columns, now: Callable[[], Millis], changed: asyncio.Event
    ) -> None:
        """``changed`` is set whenever there is something else to show."""
        self._entities = entities
        self._rules = rules
        self._columns = columns
        self._now = now
        self._changed = changed
        self._of: _Clocks = {}
        self._ordered: list[Running] = []
        self._hours: set[int] = set()
        """Those whose tickets were all read."""
        self._touched: set[str] = set()
        self._current = False
        self._asked_at = monotonic()

    def hear(self, fields: Collection[Field] | None) -> None:
        """A write changed these fields of tickets; None: anything may have changed."""
        if fields is None:
            self._forget()
        else:
            self._touched.update(key for field in fields if (key := entity_of(field)) is not None)
            if len(self._touched) > MOST_CHANGED:
                self._forget()

    def _forget(self) -> None:
        self._of, self._hours, self._touched = {}, set(), set()

    def shown(self, now: Millis) -> list[Running] | None:
        """The next to break, after those that just have; None while that is not known."""
        self._asked_at = monotonic()
        if not self._current:
            return None
        began = bisect_left(self._ordered, now - RECENTLY_MS, key=_at)
        ahead = bisect_left(self._ordered, now, began, key=_at)
        broken = [its for its in self._ordered[began:ahead] if its.overdue(now)][-MOST_BROKEN:]
        risky = (its for its in islice(self._ordered, ahead, None) if its.at_risk(now))
        return [*broken, *islice(risky, MOST_SHOWN - len(broken))]

    async def run(self) -> None:
        """Look once a second until cancelled. While the store is away, what was known stays."""
        while True:
            heed_cancellation()
            idle = monotonic() - self._asked_at > IDLE_AFTER_S
            if idle:
                self._current = False
            else:
                await self._look_if_it_answers()
            await asyncio.sleep(LOOK_S)

    async def _look_if_it_answers(self) -> None:
        before = self._ordered if self._current else None
        try:
            await self.look(self._now())
        except Unavailable as away:
            log.debug("deadlines not read", extra={"reason": str(away)})
            return
        if self._ordered != before:
            self._changed.set()

    async def look(self, now: Millis) -> None:
        """Read what has changed, and the hours that have come to matter.

        Raises:
            Unavailable: the store does not answer.
        """
        touched, self._touched = self._touched, set()
        of, hours = self._of, self._hours
        try:
            await self._read(touched, of)
            await self._read_hours(now, of, hours)
        except Unavailable:
            self._touched |= touched
            raise
        if of is self._of:  # else something was missed meanwhile, and the next look begins anew
            self._ordered = sorted(chain.from_iterable(of.values()))
            self._current = True

    async def _read_hours(self, now: Millis, of: "_Clocks", hours: set[int]) -> None:
        """Look at hours until all that is at risk is known, or the wall is full."""
        hours -= {hour for hour in hours if hour < (now - RECENTLY_MS) // HOUR_MS}
        total, known = at_risk(self._columns, now), _at_risk(of, now)
        for hour in sorted(_hours_of_clocks(self._columns, now)):
            before = sum(its.at < hour * HOUR_MS for its in known)
            if hour > now // HOUR_MS and (before >= MOST_SHOWN or len(known) >= total):
                break
            if hour not in hours:
                keys = (await self._entities.tickets_of([hour]))[hour]
                await self._read((key for key in keys if key not in of), of)
                hours.add(hour)
                known = _at_risk(of, now)

    async def _read(self, keys: Iterable[str], of: "_Clocks") -> None:
        keys = list(keys)
        for begin in range(0, len(keys), MEASURED_AT_ONCE):
            piece = keys[begin : begin + MEASURED_AT_ONCE]
            timelines = await self._entities.timelines(TICKETS, piece)
            # Replaying takes its time; others are served meanwhile.
            found = await asyncio.to_thread(_of_tickets, timelines, self._rules)
            for key in piece:
                of.pop(key, None)
            of |= {key: clocks for key, clocks in found.items() if clocks}


_Clocks = dict[str, tuple[Running, ...]]
"""By ticket."""


def _at_risk(of: _Clocks, now: Millis) -> list[Running]:
    return [its for its in chain.from_iterable(of.values()) if its.at_risk(now)]


def _of_tickets(timelines: Mapping[str, Sequence[Fact]], rules: Rules) -> _Clocks:
    return {key: tuple(_of_ticket(key, timeline, rules)) for key, timeline in timelines.items()}


def _of_ticket(key: str, timeline: Sequence[Fact], rules: Rules) -> Iterator[Running]:
    ticket = replay(timeline, rules)
    if ticket is None or ticket.deleted or ticket.merged_at is not None:
        return
    for clock in ticket.promises:
        instants = None if clock.target is None or clock.running_since is None else _instants(clock)
        if clock.target is not None and instants is not None:
            at, due_at, risky_from = instants
            broken, queue = clock.breached_at is not None, ticket.now.traits.queue
            yield Running(at, key, clock.metric, clock.target.policy, queue, due_at, risky_from, broken)


def _instants(clock: Clock) -> tuple[Millis, Millis, Millis] | None:
    """(until when it holds or since when it is broken, due, at risk from) of a running clock."""
    if (broken := clock.breached_at) is not None:
        return broken, clock.due_when_breached or broken, broken
    holds, due, risky = clock.holds_until(), clock.due_at(), clock.at_risk_from()
    return None if holds is None or due is None or risky is None else (holds, due, risky)


def _each(kind: str) -> list[str]:
    return [f"{kind}.{clock}" for clock in CLOCKS]


def at_risk(columns: Columns, now: Millis) -> int:
    """How many clocks are at risk, of all."""
    lines, _ = figures.standing_until(columns, now, *_each("at_risk_from"))
    passed, _ = figures.standing_until(columns, now - 1, *_each("due"))
    return int(lines.count.sum()) - int(passed.count.sum())


def _hours_of_clocks(columns: Columns, now: Millis) -> set[int]:
    """In which something breaks from now on, or broke recently."""
    _, instants = figures.standing(columns, *_each("due"), *_each("overdue"))
    return set((instants[instants >= now - RECENTLY_MS] // HOUR_MS).tolist())
