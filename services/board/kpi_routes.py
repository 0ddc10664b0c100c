"""The addresses of the KPI answers."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from schemas.codec import Millis
from services.board.answer import Answer, Entry, Refusal
from services.board.answers import Made, Steps, answering
from services.board.asking import DEFAULT_LIMIT, DEFAULT_WINDOW, HIGHEST_LIMIT, WORDS, Unclear, question
from services.board.columns import Columns
from services.board.freshness import Reading, freshness
from services.board.windows import ALL, NAMED, ROLLING
from services.core.catalogue import THEMES, catalogue
from services.core.rules import Rules
from services.core.tally import DIMENSIONS


class Followed(Protocol):
    """Where the cells are, and how far they can be believed."""

    @property
    def columns(self) -> Columns: ...
    @property
    def reading(self) -> Reading: ...


def kpi_routes(followed: Followed, rules: Rules, now: Callable[[], Millis]) -> APIRouter:
    """`/api/v1/kpis` and `/api/v1/catalogue`."""
    routes = APIRouter()

    @routes.head("/api/v1/kpis", include_in_schema=False)
    @routes.get(
        "/api/v1/kpis",
        operation_id="kpis",
        response_model=Answer,
        responses={422: {"model": Refusal}, 503: {"model": Refusal}},
        openapi_extra={"parameters": PARAMETERS},
    )
    async def kpis(request: Request) -> Response:
        """Any KPI, of any window, beside the period before it, cut by up to two dimensions."""
        try:
            asked = question(request.query_params.multi_items(), rules.policy)
            if asked.at is not None and asked.at > now():
                raise Unclear("at lies in the future; figures are told of instants up to now")
        except Unclear as unclear:
            return json_answer({"detail": str(unclear)}, 422)
        async with followed.columns.unchanged:
            age = freshness(followed.reading, now())
            told = age.model_dump(mode="json")
            if not followed.reading.loaded:
                return json_answer({"detail": age.sentence, "freshness": told}, 503)
            figures = await made(answering(followed.columns, rules, asked, followed.reading.figures_at(now())))
        return json_answer(figures | {"freshness": told})

    @routes.head("/api/v1/catalogue", include_in_schema=False)
    @routes.get("/api/v1/catalogue", operation_id="catalogue", response_model=list[Entry])
    async def entries() -> Response:
        """Every KPI under this board's policy: what it asks, and how it is made."""
        return json_answer([entry.model_dump() for entry in catalogue_entries(rules)])

    return routes


async def made(steps: Steps[Made]) -> Made:
    """What some work comes to; others have their turn between its steps."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast(Made, end.value)
        await asyncio.sleep(0)


def catalogue_entries(rules: Rules) -> list[Entry]:
    """The catalogue as it is sent."""
    return [
        Entry(
            name=kpi.name,
            theme=kpi.theme,
            unit=kpi.unit,
            question=kpi.question,
            formula=kpi.formula.text,
            measures=list(kpi.measures),
            headline=kpi.formula.headline,
            edges=kpi.edges,
        )
        for kpi in catalogue(rules.policy).values()
    ]


def json_answer(document: Any, status: int = 200) -> Response:
    """A document as it is sent."""
    return Response(msgspec.json.encode(document), status_code=status, media_type="application/json")


def parameter(name: str, description: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """For OpenAPI: a word of a request, of several values where no schema says otherwise."""
    values = {"type": "array", "items": {"type": "string"}}
    return {"name": name, "in": "query", "description": description, "schema": schema or values, "explode": True}


_DESCRIBED = {
    "window": parameter(
        "window",
        f"{', '.join(NAMED)}, {ROLLING} (the policy's days), {ALL}, or a number with m, h or d. Left out: "
        f"{DEFAULT_WINDOW}. Each comes with the period before it.",
    ),
    "by": parameter("by", f"Cut by one or two of {', '.join(DIMENSIONS)}."),
    "kpi": parameter("kpi", "Names of /api/v1/catalogue; every KPI when neither KPIs nor themes are named."),
    "theme": parameter("theme", f"All KPIs of {', '.join(THEMES)}."),
    "at": parameter(
        "at",
        "Of which instant; now when left out. What stands (who waits, what is at risk) is known of no other.",
        {"type": "string", "format": "date-time"},
    ),
    "limit": parameter(
        "limit",
        "How many groups are told of, those that have most of the first KPI.",
        {"type": "integer", "minimum": 1, "maximum": HIGHEST_LIMIT, "default": DEFAULT_LIMIT},
    ),
}
PARAMETERS = [
    *(_DESCRIBED[word] for word in WORDS),
    *(
        parameter(name, f"Only what has one of these values of {name}; an empty one is what nobody told.")
        for name in DIMENSIONS
    ),
]
"""For OpenAPI; each may be given several times, or (but for a filter) as one list with commas."""
