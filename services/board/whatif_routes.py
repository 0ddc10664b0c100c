"""`/api/v1/whatif`, and the page that shows it: what another policy makes of the same events."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from schemas.codec import Millis
from schemas.policy import Policy
from services.board import figures
from services.board.answer import Refusal
from services.board.answers import Steps
from services.board.asking import Question, Unclear, limit_of, question
from services.board.cuts import Filters
from services.board.freshness import freshness
from services.board.gap import gap, told
from services.board.kpi_routes import PARAMETERS, json_answer, made, parameter
from services.board.other_states import OtherStates, State, UnknownNamespace
from services.board.tickets import cursor_of, cursor_text
from services.board.whatif import counted_in, edges, scope_of, shared_window
from services.board.whatif_answer import WhatIf
from services.board.whatif_tickets import Cursor, Page, Side, hours_of, page
from services.board.windows import Window
from services.core.report import Figures, rfc3339
from services.core.tally import DAY, DIMENSIONS
from services.core.whatif import Counted, Difference, compared, difference_figures
from services.errors import Unavailable

DEFAULT_NAMESPACE, DEFAULT_WINDOW = "whatif", "28d"
DEFAULT_LIMIT, HIGHEST_LIMIT = 50, 500
WORDS = ("namespace", "window", "limit", "cursor")
_PAGE = Path(__file__).parent / "static" / "whatif.html"
_ASK_AGAIN = {"Retry-After": "1"}


@dataclass(frozen=True)
class Asked:
    """What a request asks."""

    namespace: str
    shared: Question
    """Window and filters, as for figures."""
    limit: int
    cursor: Cursor | None


def asked_of(words: Iterable[tuple[str, str]], policy: Policy) -> Asked:
    """What a request asks.

    Raises:
        Unclear: a name or a value is not known.
    """
    words = list(words)
    if unknown := [name for name, _ in words if name not in (*WORDS, *DIMENSIONS)]:
        raise Unclear(f"there is no parameter {unknown[0]!r}; known: {', '.join((*WORDS, *DIMENSIONS))}")
    own = {name: value for name, value in words if value and name in WORDS}
    window = [("window", own.get("window", DEFAULT_WINDOW))]
    shared = question([*window, *(pair for pair in words if pair[0] in DIMENSIONS)], policy)
    if len(shared.windows) != 1:
        raise Unclear("policies are compared over one window at a time")
    limit = own.get("limit", str(DEFAULT_LIMIT))
    return Asked(
        own.get("namespace", DEFAULT_NAMESPACE),
        shared,
        0 if limit == "0" else limit_of(limit, HIGHEST_LIMIT),
        None if "cursor" not in own else cursor_of(own["cursor"], Cursor),
    )


def whatif_routes(live: State, others: OtherStates, now: Callable[[], Millis]) -> APIRouter:
    """`/api/v1/whatif` and `/whatif`."""
    routes = APIRouter()

    @routes.head("/api/v1/whatif", include_in_schema=False)
    @routes.get(
        "/api/v1/whatif",
        operation_id="whatif",
        response_model=WhatIf,
        responses={code: {"model": Refusal} for code in (404, 422, 503)},
        openapi_extra={"parameters": _PARAMETERS},
    )
    async def whatif(request: Request) -> Response:
        """Promises under the live policy and under that of another namespace, which `deskpulse replay` has built from
        the same log: attainment by clock and queue, and the tickets that are breached under one of them alone."""
        reading = live.follower.reading
        try:
            asked = asked_of(request.query_params.multi_items(), live.rules.policy)
            if asked.namespace == live.namespace:
                raise Unclear(f"{asked.namespace} is live: name another namespace to compare it with")
            if not reading.loaded:
                raise Unavailable(freshness(reading, now()).sentence)
            if asked.cursor is not None and not 0 < asked.cursor.now <= now():
                raise Unclear("cursor is none that an earlier page gave; leave it out to begin anew")
            other = await others.of(asked.namespace)
            at = reading.figures_at(now()) if asked.cursor is None else asked.cursor.now
            document = await _document(live, other, asked, at, now())
        except Unclear as unclear:
            return json_answer({"detail": str(unclear)}, 422)
        except UnknownNamespace as unknown:
            return json_answer({"detail": str(unknown)}, 404)
        except Unavailable as away:
            answer = json_answer({"detail": str(away)}, 503)
            answer.headers.update(_ASK_AGAIN)
            return answer
        return json_answer(document)

    @routes.api_route("/whatif", methods=["GET", "HEAD"], include_in_schema=False)
    async def whatif_page() -> Response:
        return FileResponse(_PAGE)

    return routes


async def _document(live: State, other: State, asked: Asked, at: Millis, now: Millis) -> Figures:
    ours, theirs = live.follower.columns, other.follower.columns
    filters = asked.shared.filters
    async with ours.unchanged, theirs.unchanged:
        its = shared_window(asked.shared.windows[0], ours, theirs, live.rules, at)
        both = await made(_counted(live, other, its, filters, at))
        hours = hours_of((ours, theirs), asked.shared, its, live.rules, at)
        sides = _sides(live, other, its, now)
        listed_from = max(ours.kept_since(DAY), theirs.kept_since(DAY))
    found = Page([], None)
    if asked.limit and hours:
        start = asked.cursor or Cursor(at, hours[0])
        readers = Side(live.entities, live.rules), Side(other.entities, other.rules)
        found = await page(readers, hours, scope_of(its, filters, live.rules, at), start, asked.limit)
    begins = min(stretch.current.begins for stretch in its.stretches)
    return {
        "at": rfc3339(at),
        **edges(its),
        "filters": {name: list(values) for name, values in filters.items()},
        **sides,
        **compared(*both),
        "tickets": [_row(each) for each in found.rows] if asked.limit else None,
        "listed_from": rfc3339(listed_from) if begins < listed_from else None,
        "next": None if found.next is None else cursor_text(found.next),
    }


def _counted(live: State, other: State, its: Window, filters: Filters, at: Millis) -> Steps[tuple[Counted, Counted]]:
    # The live policy says for both which local day a queue has: one window, two policies.
    ours = yield from counted_in(live.follower.columns, live.rules, its, filters, at)
    theirs = yield from counted_in(other.follower.columns, live.rules, its, filters, at)
    return ours, theirs


def _sides(live: State, other: State, its: Window, now: Millis) -> Figures:
    missing = gap(live.follower.reached, other.follower.reached)
    since = [figures.known_since(each.follower.columns, "opened") for each in (live, other)]
    comparable, sentence = told(other.namespace, missing, its, since[1], since[0])
    return {
        "policy": _side(live, since[0], now),
        "against": {
            **_side(other, since[1], now),
            "comparable": comparable,
            "records_behind": missing.records,
            "counted": missing.share,
            "seconds_behind": missing.behind_ms / 1000,
            "sentence": sentence,
        },
    }


def _side(state: State, since: Millis | None, now: Millis) -> Figures:
    return {
        "namespace": state.namespace,
        "fingerprint": state.rules.policy.fingerprint(),
        "known_since": rfc3339(since),
        "freshness": freshness(state.follower.reading, now).model_dump(mode="json"),
    }


def _row(difference: Difference) -> Figures:
    return {
        **difference_figures(difference),
        "explain": f"/api/v1/tickets/{quote(difference.ticket, safe='/')}",
    }


_PARAMETERS = [
    parameter(
        "namespace",
        "The state to compare with, as `deskpulse replay --namespace` has built it.",
        {"type": "string", "default": DEFAULT_NAMESPACE},
    ),
    parameter("window", "One, as for `/api/v1/kpis`.", {"type": "string", "default": DEFAULT_WINDOW}),
    parameter(
        "limit",
        "How many tickets; a ticket's rows are not torn apart. 0: only the figures.",
        {"type": "integer", "minimum": 0, "maximum": HIGHEST_LIMIT, "default": DEFAULT_LIMIT},
    ),
    parameter("cursor", "What `next` of the page before said; all else as there.", {"type": "string"}),
    *(each for each in PARAMETERS if each["name"] in DIMENSIONS),
]
