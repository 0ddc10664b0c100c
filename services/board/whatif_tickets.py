"""The tickets that are breached under one policy alone, page by page: the newest hours first, their tickets by name.

Which hours to look at, the cells of both states say. A page ends when it is full, or has looked at as many tickets as
a page may; so no request costs more than that, however large the window is.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from schemas.codec import Fact, Millis
from schemas.topics import TICKETS
from services.adapters.entities import Entities
from services.board.asking import Question
from services.board.columns import Columns
from services.board.hours import search
from services.board.tickets import HOURS_AT_ONCE, MOST_TICKETS
from services.board.wanted import ListQuestion, Wanted
from services.board.windows import Window
from services.core.rules import Rules
from services.core.tally import CLOCKS, HOUR_MS
from services.core.whatif import Difference, Scope, differences, outcomes

AT_ONCE = 250
"""How many tickets are read and measured at once."""
_BREACHES = Wanted(
    flows=frozenset(f"sla_breached.{clock}" for clock in CLOCKS), passed=frozenset(f"due.{clock}" for clock in CLOCKS)
)


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page begins."""

    now: Millis
    """Of the first page: the window is the same on all."""
    hour: int
    after: str = ""
    """The last ticket of that hour that was looked at."""


@dataclass(frozen=True)
class Side:
    """Where the tickets of a state are, and under what they are measured."""

    entities: Entities
    rules: Rules


@dataclass(frozen=True)
class Page:
    """Some differences, the newest first, and where the next ones begin."""

    rows: Sequence[Difference]
    next: Cursor | None
    """None: there are no more."""


def hours_of(columns: Sequence[Columns], question: Question, its: Window, rules: Rules, now: Millis) -> list[int]:
    """The hours in which any of some states has a breach, the newest first."""
    asked = ListQuestion(question, _BREACHES, 0, None)
    return sorted({hour for each in columns for hour in search(asked, each, rules, now, its).hours}, reverse=True)


async def page(sides: tuple[Side, Side], hours: Sequence[int], scope: Scope, start: Cursor, limit: int) -> Page:
    """Some more than ``limit`` rows at most, from ``start`` on: a ticket's are not torn apart.

    Raises:
        Unavailable: the store does not answer.
    """
    rows: list[Difference] = []
    looked_at = 0
    place = start
    async for hour, keys in _pieces(sides, [hour for hour in hours if hour <= start.hour], start):
        if len(rows) >= limit or looked_at >= MOST_TICKETS:
            return Page(_sorted(rows), place)
        looked_at += len(keys)
        for key, found in (await _differing(sides, keys, scope)).items():
            if len(rows) >= limit:
                return Page(_sorted(rows), place)
            rows += [each for each in found if each.at // HOUR_MS == hour]
            place = Cursor(start.now, hour, key)
    return Page(_sorted(rows), None)


def _sorted(rows: Sequence[Difference]) -> list[Difference]:
    return sorted(rows, key=lambda row: (-row.at, row.ticket))


async def _pieces(
    sides: tuple[Side, Side], hours: Sequence[int], start: Cursor
) -> AsyncIterator[tuple[int, list[str]]]:
    for begin in range(0, len(hours), HOURS_AT_ONCE):
        some = hours[begin : begin + HOURS_AT_ONCE]
        lists = [await side.entities.tickets_of(some) for side in sides]
        for hour in some:
            keys = sorted({key for by_hour in lists for key in by_hour[hour]})
            left = [key for key in keys if hour != start.hour or key > start.after]
            for first in range(0, len(left), AT_ONCE):
                yield hour, left[first : first + AT_ONCE]


async def _differing(sides: tuple[Side, Side], keys: Sequence[str], scope: Scope) -> Mapping[str, list[Difference]]:
    ours, theirs = [await side.entities.timelines(TICKETS, keys) for side in sides]
    # Measuring takes its time; others are served meanwhile.
    return await asyncio.to_thread(_compared, sides, keys, ours, theirs, scope)


def _compared(
    sides: tuple[Side, Side],
    keys: Sequence[str],
    ours: Mapping[str, list[Fact]],
    theirs: Mapping[str, list[Fact]],
    scope: Scope,
) -> dict[str, list[Difference]]:
    one, other = (side.rules for side in sides)
    return {
        key: list(
            differences(
                key,
                outcomes(ours.get(key, ()), one, scope.now),
                outcomes(theirs.get(key, ()), other, scope.now),
                scope,
            )
        )
        for key in keys
    }
