"""`/api/v1/tickets`: from a figure to its tickets, and why a ticket's figures are what they are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from pydantic import Field, TypeAdapter

from schemas.codec import Millis, instant
from services.adapters.entities import KEYS_ARE, Entities
from services.board.asking import Unclear, question
from services.board.clocks import ClockNow
from services.board.explained import stored_explanation
from services.board.following import Follower
from services.board.freshness import freshness
from services.board.hours import search
from services.board.tickets import Cursor, Found, TicketLists, cursor_of, cursor_text
from services.board.wall import Freshness, Part
from services.board.wanted import DEFAULT_LIMIT, HIGHEST_LIMIT, STATES, list_question
from services.core.explanation import Explanation
from services.core.explanation.words import MEANINGS, says, value_of
from services.core.rules import Rules
from services.core.tally import DIMENSIONS
from services.errors import Unavailable

_EXPLANATION = TypeAdapter(Explanation)


class TicketRow(Part):
    """What one ticket has to do with the figure: one of its tallies."""

    ticket: str
    """Its key."""
    at: datetime
    """When it happened; of what stands, since when; of a clock that holds, the last instant at which it does: its
    deadline, or where that falls on closing time, the next opening. The order of the list."""
    measure: str
    means: str
    count: int
    value: float | None
    """Seconds or points, where there is a value beside the count."""
    unit: Literal["seconds", "points"] | None
    cut: dict[str, str]
    """The dimensions that it is counted under; what is not there was not told."""
    clock: ClockNow | None
    """Of a row that an SLA clock adds: that clock at the list's `at`, as the ticket has it; null of other rows, and
    when the ticket changed while the list was made."""
    explain: str
    """Where the whole story is."""


class TicketList(Part):
    """The tickets behind a figure: their counts add up to it."""

    at: datetime
    freshness: Freshness
    begins: datetime | None = Field(alias="from")
    """The window, as in `/api/v1/kpis`; null for what stands now."""
    ends: datetime | None = Field(alias="to")
    measures: list[str]
    total: int
    """The sum of the counts of all rows, as the figures have it."""
    listed_from: datetime | None
    """Some are older than the lists of tickets are kept: those from this instant on are told; null when all are."""
    tickets: list[TicketRow]
    """What happened last comes first; of what stands, the longest or the next deadline."""
    next: str | None
    """Where to go on; null when there are no more."""


def ticket_pages(follower: Follower, entities: Entities, rules: Rules, now: Callable[[], Millis]) -> APIRouter:
    """The addresses that tell of tickets. All of them only read."""
    router = APIRouter()
    lists = TicketLists(entities, rules)

    @router.head("/api/v1/tickets", include_in_schema=False)
    @router.get(
        "/api/v1/tickets",
        operation_id="tickets",
        response_model=TicketList,
        openapi_extra={"parameters": _PARAMETERS},
    )
    async def tickets(request: Request) -> Response:
        """The tickets behind a figure, with the same windows and cuts: what is asked for is a `kpi`, a `measure` or a
        `state`. What stands is in order throughout; what happened is sorted within an hour, of an hour with more than
        2,500 tickets in pieces."""
        reading, clock = follower.reading, now()
        if not reading.loaded:
            raise HTTPException(503, freshness(reading, clock).sentence)
        try:
            asked = list_question(request.query_params.multi_items(), rules.policy)
            cursor = None if asked.cursor is None else cursor_of(asked.cursor, Cursor)
        except Unclear as unclear:
            raise HTTPException(422, str(unclear)) from None
        live = reading.figures_at(clock) if asked.shared.at is None else asked.shared.at
        at = live if cursor is None else cursor.now
        found = search(asked, follower.columns, rules, at)
        start = cursor or Cursor(at, found.hours[0] if found.hours else 0)
        with _answering():
            page = await lists.page(found, start, asked.limit)
        listed = TicketList(
            at=instant(at),
            freshness=freshness(reading, clock),
            begins=None if found.period is None else instant(found.period.begins),
            ends=None if found.period is None else instant(found.period.ends),
            measures=asked.wanted.measures,
            total=found.total,
            listed_from=None if found.listed_from is None else instant(found.listed_from),
            tickets=[_row(each, at) for each in page.rows],
            next=None if page.next is None else cursor_text(page.next),
        )
        return Response(listed.model_dump_json(), media_type="application/json")

    @router.head("/api/v1/tickets/{key:path}", include_in_schema=False)
    @router.get("/api/v1/tickets/{key:path}", operation_id="ticket", response_model=Explanation)
    async def ticket(key: str, at: str | None = None) -> Response:
        """Why a ticket's figures are what they are: its timeline, its clocks, and what it adds to which KPI."""
        try:
            as_of = None if at is None else question([("at", at)], rules.policy).at
        except Unclear as unclear:
            raise HTTPException(422, str(unclear)) from None
        with _answering():
            explained = await stored_explanation(key, entities, rules, as_of, now())
        if explained is None:
            then = "" if at is None else f" at {at}"
            raise HTTPException(404, f"no ticket {key!r} is known{then}; {KEYS_ARE} (%252F in an address)")
        return Response(_EXPLANATION.dump_json(explained), media_type="application/json")

    return router


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except Unavailable as away:
        raise HTTPException(503, str(away)) from None


def _row(found: Found, now: Millis) -> TicketRow:
    measure, at, dims, _ = found.entry
    count, total = found.tally
    return TicketRow(
        ticket=found.ticket,
        at=instant(at),
        measure=measure,
        means=says(measure, at, count, now),
        count=count,
        value=value_of(measure, at, count, total, now),
        unit=MEANINGS[measure].unit,
        clock=found.clock,
        cut={name: value for name, value in zip(DIMENSIONS, dims, strict=True) if value is not None},
        explain=f"/api/v1/tickets/{quote(found.ticket, safe='/')}",
    )


def _parameter(name: str, description: str, *, several: bool = False, **schema: Any) -> dict[str, Any]:
    one = {"type": "string", **schema}
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": "array", "items": one} if several else one,
    }


_PARAMETERS = [
    _parameter("kpi", "A KPI of `/api/v1/kpis`."),
    _parameter("measure", "In place of a KPI, the measures that it is made of.", several=True),
    _parameter("state", "In place of a KPI, what stands now; beside a KPI of clocks, which.", enum=list(STATES)),
    _parameter("window", "As for `/api/v1/kpis`.", default="24h"),
    _parameter("at", "When the window ends; now, when left out.", format="date-time"),
    _parameter("limit", "How many rows.", type="integer", minimum=1, maximum=HIGHEST_LIMIT, default=DEFAULT_LIMIT),
    _parameter("cursor", "What `next` of the page before said; all else as there."),
    *(
        _parameter(name, "Only what is counted under this value; an empty one is what nobody told.", several=True)
        for name in DIMENSIONS
    ),
]
