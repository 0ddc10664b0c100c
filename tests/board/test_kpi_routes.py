"""The addresses of the KPI answers, over columns in memory."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from schemas.policy import Policy
from services.board.answer import Answer, Entry, Refusal
from services.board.columns import Columns
from services.board.freshness import Reading
from services.board.kpi_routes import kpi_routes
from services.core.catalogue import catalogue
from services.core.rules import Rules
from services.core.tally import HOUR_MS, MINUTE_MS
from tests.board.test_evaluation import PLANNED, QUEUE, scored
from tests.board.written import NOW_MS, columns_of, dims, flow, level, stands, together

EVERYTHING = together(
    PLANNED,
    QUEUE,
    *(scored(kind, 5, 3) for kind in ("csat", "nps", "ces", "review")),
    flow("opened", NOW_MS - 90 * MINUTE_MS, values=dims("a")),
    flow("opened", NOW_MS - MINUTE_MS, values=dims("a")),
    flow("solved", NOW_MS - MINUTE_MS),
    level("backlog.open", NOW_MS - HOUR_MS),
    stands("opened_at.open", NOW_MS - HOUR_MS),
    stands("waiting", NOW_MS - HOUR_MS),
    stands("at_risk_from.resolution", NOW_MS - 5000),
    stands("due.resolution", NOW_MS + HOUR_MS),
)


@dataclass
class Held:
    """Columns, and how far they can be believed."""

    columns: Columns
    reading: Reading


LIVE = Reading(NOW_MS, answering=True, tickets_at=NOW_MS, agents_at=NOW_MS)


@pytest.fixture
def held() -> Held:
    return Held(columns_of(EVERYTHING), LIVE)


@pytest.fixture
async def client(held: Held) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(kpi_routes(held, Rules(Policy()), lambda: NOW_MS))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://board") as client:
        yield client


@pytest.mark.parametrize("query", ["", "window=15m,1h,today,24h,7d,28d,rolling,all", "by=queue,agent", "by=article"])
async def test_every_kpi_is_of_the_form_that_is_documented(client: httpx.AsyncClient, query: str) -> None:
    response = await client.get(f"/api/v1/kpis?{query}")

    assert response.status_code == 200
    read = Answer.model_validate_json(response.content)
    assert read.freshness.state == "live"
    for window in read.windows:
        for group in window.groups:
            assert list(group.kpis) == list(catalogue(Policy()))


async def test_the_query_is_understood(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/kpis?window=1h&by=queue&kpi=tickets_opened&queue=a&queue=&limit=5")

    [window] = response.json()["windows"]
    assert window["groups"] == [
        {
            "key": {"queue": "a"},
            "kpis": {"tickets_opened": {"current": {"value": 1}, "previous": {"value": 1}, "change": {"value": 0.0}}},
        }
    ]


async def test_while_an_answer_is_made_others_have_their_turn_and_the_columns_stay(
    client: httpx.AsyncClient, held: Held
) -> None:
    asking = asyncio.create_task(client.get("/api/v1/kpis"))
    turns = 0
    while not asking.done():
        turns += held.columns.unchanged.locked()
        await asyncio.sleep(0)

    assert asking.result().status_code == 200
    assert turns >= len(catalogue(Policy()))
    assert not held.columns.unchanged.locked()


async def test_head_is_answered(client: httpx.AsyncClient) -> None:
    assert (await client.head("/api/v1/kpis")).status_code == 200
    assert (await client.head("/api/v1/catalogue")).status_code == 200


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        pytest.param("kpi=csatt", "there is no KPI 'csatt'; perhaps csat", id="KPI"),
        pytest.param("windw=1h", "there is no parameter 'windw'", id="parameter"),
        pytest.param("at=2030-01-01T00:00:00Z", "at lies in the future", id="the future"),
    ],
)
async def test_what_is_unclear_is_refused_in_a_sentence(client: httpx.AsyncClient, query: str, sentence: str) -> None:
    response = await client.get(f"/api/v1/kpis?{query}")

    assert response.status_code == 422
    assert sentence in Refusal.model_validate_json(response.content).detail


async def test_before_anything_was_read_there_are_no_figures(client: httpx.AsyncClient, held: Held) -> None:
    held.reading = Reading()

    response = await client.get("/api/v1/kpis")

    assert response.status_code == 503
    refusal = Refusal.model_validate_json(response.content)
    assert refusal.detail == "Unknown: nothing has been read from the store yet."
    assert refusal.freshness is not None
    assert refusal.freshness.state == "unknown"


async def test_without_the_store_the_figures_stand_still_and_say_so(client: httpx.AsyncClient, held: Held) -> None:
    held.reading = Reading(NOW_MS - HOUR_MS, answering=False, tickets_at=NOW_MS - HOUR_MS)

    read = Answer.model_validate_json((await client.get("/api/v1/kpis?window=1h&kpi=tickets_opened")).content)

    assert read.freshness.state == "stale"
    assert read.freshness.age_s == 3600
    assert read.at.isoformat() == "2026-03-02T09:00:00+00:00"


async def test_the_catalogue_says_what_each_kpi_is(client: httpx.AsyncClient) -> None:
    entries = [Entry.model_validate(entry) for entry in (await client.get("/api/v1/catalogue")).json()]

    assert [entry.name for entry in entries] == list(catalogue(Policy()))
    [reopen] = [entry for entry in entries if entry.name == "reopen_rate"]
    assert reopen.formula == "reopened_tickets / solved"
    assert reopen.headline == "value"


async def test_the_openapi_document_names_every_parameter(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    [answered] = [document["paths"]["/api/v1/kpis"]["get"]]
    names = [parameter["name"] for parameter in answered["parameters"]]
    assert names[:6] == ["window", "by", "kpi", "theme", "at", "limit"]
    assert {"queue", "agent", "article"} <= set(names)
    assert answered["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Answer")
    assert {"422", "503"} <= set(answered["responses"])


async def test_each_headline_is_among_the_figures(client: httpx.AsyncClient) -> None:
    entries = (await client.get("/api/v1/catalogue")).json()
    [window] = (await client.get("/api/v1/kpis?window=1h")).json()["windows"]

    for entry in entries:
        assert entry["headline"] in window["groups"][0]["kpis"][entry["name"]]["current"]
