"""The tickets behind a figure, page by page: the hours that have something, and of their tickets what was asked for.

A page looks at the tickets of whole hours until it is full, or has looked at as many as a page may: so no request
costs more than that, however large the window is. Of an hour with very many it looks at pieces, each in order by
itself; but what stands is in order throughout, so that the first row is the next deadline, and its hours are whole.
"""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import msgspec

from schemas.codec import Fact, Millis
from schemas.topics import REQUESTERS, TICKETS
from services.adapters.entities import Entities
from services.board import clocks
from services.board.asking import Unclear
from services.board.clocks import ClockNow
from services.board.hours import Search
from services.board.wanted import Choice
from services.core.explanation.counted import through_requester
from services.core.measure import measure, version_of
from services.core.rules import Rules
from services.core.tally import Entry, Tallies, Tally
from services.core.ticket import replay

MEASURED_AT_ONCE = 500
MOST_TICKETS = 2500
"""How many a page looks at before it ends, full or not; and the largest piece of an hour of what happened."""
HOURS_AT_ONCE = 12
MOST_KNOWN = 5000
"""How many measured tickets stay in memory, some 10 KiB each."""

Place = tuple[Millis, str, str, int, tuple[str, ...]]
"""Where a row stands in its piece: (instant, ticket, measure, step, dims)"""


@dataclass(frozen=True)
class Found:
    """One tally of one ticket."""

    ticket: str
    entry: Entry
    tally: Tally
    clock: ClockNow | None = None
    """Of an entry that a clock adds: that clock; None when it has changed while the page was made."""

    @property
    def place(self) -> Place:
        measure, at, dims, step = self.entry
        return at, self.ticket, measure, step, tuple(value or "" for value in dims)


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page begins."""

    now: Millis
    """Of the first page: the window is the same on all."""
    hour: int
    begins: str = ""
    """The first ticket of the piece."""
    after: Place | None = None
    """The last row that was told of that piece."""
    told: int = 0
    """How many rows came before."""


C = TypeVar("C", bound=msgspec.Struct)


def cursor_text(cursor: msgspec.Struct) -> str:
    """For an address."""
    return urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def cursor_of(text: str, kind: type[C]) -> C:
    """What `cursor_text` made of such a cursor.

    Raises:
        Unclear: it made no such text.
    """
    try:
        return msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=kind)
    except (ValueError, msgspec.MsgspecError):
        raise Unclear("cursor is none that an earlier page gave; leave it out to begin anew") from None


@dataclass(frozen=True)
class Page:
    """Some rows, and where the next ones begin."""

    rows: Sequence[Found]
    next: Cursor | None
    """None: there are no more."""


class TicketLists:
    """Finds tickets by hour."""

    def __init__(self, entities: Entities, rules: Rules) -> None:
        self._entities = entities
        self._rules = rules
        self._known: dict[str, tuple[_Stamp, Tallies]] = {}

    async def page(self, found: Search, start: Cursor, limit: int) -> Page:
        """At most ``limit`` rows from ``start`` on.

        Raises:
            Unavailable: the store does not answer.
        """
        page = await self._page(found, start, limit)
        theirs = {row.ticket for row in page.rows if row.entry[0] in clocks.MEASURES}
        timelines = await self._entities.timelines(TICKETS, theirs) if theirs else {}
        if not timelines:
            return page
        return Page(await asyncio.to_thread(with_clocks, page.rows, timelines, start.now, self._rules), page.next)

    async def _page(self, found: Search, start: Cursor, limit: int) -> Page:
        newest_first = not found.choice.wanted.standing
        rows: list[Found] = []
        looked_at = 0
        async for piece, keys in self._pieces(found.hours, start, newest_first):
            if len(rows) >= limit or looked_at >= MOST_TICKETS:
                return Page(rows, _told(piece, start.told + len(rows)))
            looked_at += len(keys)
            theirs = sorted(await self._rows(keys, found.choice, piece.hour), key=lambda row: row.place)
            theirs = theirs[::-1] if newest_first else theirs
            rest = [row for row in theirs if piece.after is None or _later(row.place, piece.after, newest_first)]
            room = limit - len(rows)
            rows += rest[:room]
            if len(rest) > room:
                after = msgspec.structs.replace(piece, after=rows[-1].place)
                return Page(rows, _told(after, start.told + len(rows)))
            if found.choice.wanted.at_risk and start.told + len(rows) >= found.total:
                break  # the tickets with later deadlines are not at risk yet
        return Page(rows, None)

    async def _pieces(
        self, hours: Sequence[int], start: Cursor, newest_first: bool
    ) -> AsyncIterator[tuple[Cursor, list[str]]]:
        """Tickets to look at, from ``start`` on: where each piece begins, and its tickets."""
        ahead = [hour for hour in hours if (hour <= start.hour if newest_first else hour >= start.hour)]
        for begin in range(0, len(ahead), HOURS_AT_ONCE):
            by_hour = await self._entities.tickets_of(ahead[begin : begin + HOURS_AT_ONCE])
            for hour, keys in by_hour.items():
                began = hour == start.hour
                left = [key for key in keys if not began or key >= start.begins]
                size = MOST_TICKETS if newest_first else max(1, len(left))
                for first in range(0, len(left), size):
                    after = start.after if began and first == 0 else None
                    piece = left[first : first + size]
                    yield Cursor(start.now, hour, piece[0] if newest_first else "", after), piece

    async def _rows(self, keys: Sequence[str], choice: Choice, hour: int) -> list[Found]:
        rows: list[Found] = []
        for begin in range(0, len(keys), MEASURED_AT_ONCE):
            timelines = await self._entities.timelines(TICKETS, keys[begin : begin + MEASURED_AT_ONCE])
            if choice.wanted.through_requesters:
                requesters = await self._entities.timelines(REQUESTERS, _askers(timelines.values()))
                tallies = await asyncio.to_thread(measured, timelines, requesters, self._rules)
            else:
                tallies = await self._measured(timelines)
            rows += chosen(tallies, choice, hour)
        return rows

    async def _measured(self, timelines: Mapping[str, list[Fact]]) -> dict[str, Tallies]:
        """What tickets add by themselves; those that did not change since they were last looked at are known."""
        tallies: dict[str, Tallies] = {}
        for key, timeline in timelines.items():
            known = self._known.pop(key, None)
            if known is not None and known[0] == _stamp(timeline):
                self._known[key] = known  # the most recently used
                tallies[key] = known[1]
        fresh = {key: timeline for key, timeline in timelines.items() if key not in tallies}
        # Measuring takes its time; others are served meanwhile.
        anew = await asyncio.to_thread(measured, fresh, {}, self._rules)
        self._known |= {key: (_stamp(timelines[key]), theirs) for key, theirs in anew.items()}
        for key in list(islice(self._known, max(0, len(self._known) - MOST_KNOWN))):
            del self._known[key]
        return tallies | anew


_Stamp = tuple[int, str]
"""What tells a state of a timeline from every other."""


def _stamp(timeline: Sequence[Fact]) -> _Stamp:
    return version_of(timeline), timeline[-1].event_id


def _askers(timelines: Iterable[list[Fact]]) -> set[str]:
    return {fact.requester_id for timeline in timelines for fact in timeline if fact.requester_id is not None}


def _told(cursor: Cursor, told: int) -> Cursor:
    return msgspec.structs.replace(cursor, told=told)


def _later(place: Place, after: Place, newest_first: bool) -> bool:
    return place < after if newest_first else place > after


def measured(
    timelines: Mapping[str, list[Fact]], requesters: Mapping[str, list[Fact]], rules: Rules
) -> dict[str, Tallies]:
    """What tickets add by themselves, and through their requesters as far as those timelines are at hand."""
    return {key: _tallies(key, timeline, requesters, rules) for key, timeline in timelines.items()}


def _tallies(key: str, timeline: Sequence[Fact], requesters: Mapping[str, list[Fact]], rules: Rules) -> Tallies:
    tallies = measure(timeline, rules)
    if requesters:
        ticket = replay(timeline, rules)
        asked = None if ticket is None else requesters.get(ticket.requester_id or "")
        if asked is not None:
            tallies |= through_requester(key, ticket, asked, rules)
    return tallies


def with_clocks(
    rows: Iterable[Found], timelines: Mapping[str, Sequence[Fact]], at: Millis, rules: Rules
) -> list[Found]:
    """The same rows, those of clocks with the clock as it is at ``at``."""
    return [replace(row, clock=clocks.clock_of(timelines.get(row.ticket, ()), row.entry, at, rules)) for row in rows]


def chosen(tallies: Mapping[str, Tallies], choice: Choice, hour: int) -> list[Found]:
    """The tallies of some tickets in an hour that are wanted."""
    return [Found(key, entry, theirs[entry]) for key, theirs in tallies.items() for entry in choice.of(theirs, hour)]
