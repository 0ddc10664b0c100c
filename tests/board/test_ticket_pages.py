"""`/api/v1/tickets` over a real store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from schemas.codec import Fact, pack_facts
from schemas.topics import TICKETS
from services.adapters.entities import KEYS_ARE, Entities, partition_of
from services.adapters.state_layout import entity_field
from services.adapters.state_store import StateStore
from services.board import tickets
from services.board.app import Board, open_board
from services.board.hours import Search
from services.board.tickets import Cursor, TicketLists, cursor_text
from services.board.wanted import Choice, list_question
from services.config import Settings
from services.core.rules import Rules
from services.core.tally import MINUTE_MS
from services.core.timeline import absorb
from tests.board.stored import PARTITIONS, store_state
from tests.core.stories import answer, at, created, customer, of, promise, rules, sla, solved

WITHIN_S = 10.0
NOW = at("12:00")
RULES = rules(sla(promise({"first_response": 3600, "resolution": 7200})))


def tickets_of(number: int, *facts: Fact) -> list[Fact]:
    """A ticket of acme's Zendesk."""
    return [replace(fact, entity=f"acme/zendesk/{number}") for fact in of(str(number), *facts)]


FACTS = [
    *tickets_of(1, created("09:00", queue="a"), answer("09:30"), customer("11:05")),
    *tickets_of(2, created("10:00", queue="a"), answer("10:20", "A2")),
    *tickets_of(3, created("10:10", queue="b"), answer("10:20"), solved("10:40", agent_id="A1")),
    *tickets_of(4, created("11:10", queue="b")),
    *[replace(fact, entity="acme/zendesk/a%2Fb") for fact in of("a/b", created("11:30"), answer("11:40"))],
]


@asynccontextmanager
async def board_over(url: str, namespace: str, its: Rules) -> AsyncIterator[Board]:
    settings = Settings(redis_url=url, namespace=namespace, partitions=PARTITIONS, board_port=0)
    async with open_board(settings, its.policy, lambda: NOW) as board, asyncio.timeout(WITHIN_S):
        while not board.follower.reading.loaded:
            await board.follower.changed.wait()
            board.follower.changed.clear()
        yield board


@pytest.fixture
async def client(store_url: str, namespace: str) -> AsyncIterator[httpx.AsyncClient]:
    async with Redis.from_url(store_url) as redis:
        await store_state(StateStore(redis, namespace), FACTS, RULES, NOW)
        async with board_over(store_url, namespace, RULES) as board:
            transport = httpx.ASGITransport(app=board.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://board") as client:
                yield client


async def page(client: httpx.AsyncClient, query: str) -> Any:
    answered = await client.get(f"/api/v1/tickets?{query}")
    assert answered.status_code == 200, answered.text
    return answered.json()


async def pages(client: httpx.AsyncClient, query: str) -> list[Any]:
    """A list from its first page to its last."""
    found = [await page(client, query)]
    while found[-1]["next"] is not None:
        assert len(found) < 50, "the pages do not end"
        found.append(await page(client, f"{query}&cursor={found[-1]['next']}"))
    return found


def keys(listed: Any) -> list[str]:
    return [row["ticket"] for row in listed["tickets"]]


async def test_the_tickets_behind_a_figure_newest_first(client: httpx.AsyncClient) -> None:
    listed = await page(client, "kpi=first_response_seconds&window=24h")

    assert listed["total"] == 4
    assert keys(listed) == ["acme/zendesk/a%2Fb", "acme/zendesk/3", "acme/zendesk/2", "acme/zendesk/1"]
    assert listed["tickets"][2] == {
        "ticket": "acme/zendesk/2",
        "at": "2026-03-02T10:20:00Z",
        "measure": "first_response",
        "means": "first response, after a wait of",
        "count": 1,
        "value": 1200.0,
        "unit": "seconds",
        "cut": {"queue": "a", "agent": "A2"},
        "clock": None,
        "explain": "/api/v1/tickets/acme/zendesk/2",
    }
    assert (listed["from"], listed["to"]) == ("2026-03-01T12:01:00Z", "2026-03-02T12:01:00Z")
    assert (listed["next"], listed["listed_from"]) == (None, None)
    assert listed["freshness"]["state"] == "live"


async def test_the_list_and_the_figure_agree(client: httpx.AsyncClient) -> None:
    for query in ("window=1h", "window=24h", "window=24h&queue=a", "window=24h&queue=b&queue=", "window=2h&agent=A1"):
        listed = await page(client, f"kpi=first_response_seconds&{query}")
        answered = await client.get(f"/api/v1/kpis?kpi=first_response_seconds&{query}")

        figure = answered.json()["windows"][0]["groups"][0]["kpis"]["first_response_seconds"]["current"]
        assert figure["count"] == listed["total"] == len(listed["tickets"]), query
        assert answered.json()["windows"][0]["from"] == listed["from"]


async def test_page_after_page_tells_each_row_once(client: httpx.AsyncClient) -> None:
    whole = await page(client, "measure=opened,first_response&window=24h")

    found = await pages(client, "measure=opened,first_response&window=24h&limit=2")

    assert [row for each in found for row in each["tickets"]] == whole["tickets"]
    assert [len(each["tickets"]) for each in found] == [2, 2, 2, 2, 1]
    assert whole["total"] == 9


async def test_an_hour_with_very_many_tickets_comes_in_pieces(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tickets, "MOST_TICKETS", 1)
    monkeypatch.setattr(tickets, "MEASURED_AT_ONCE", 1)

    found = await pages(client, "measure=opened&window=24h")

    assert all(len(each["tickets"]) <= 1 for each in found)
    assert sorted(key for each in found for key in keys(each)) == sorted(
        f"acme/zendesk/{name}" for name in ("1", "2", "3", "4", "a%2Fb")
    )


async def test_a_ticket_that_changed_is_measured_again(store_url: str, namespace: str) -> None:
    async with Redis.from_url(store_url) as redis:
        store = StateStore(redis, namespace)
        known = Entities(store, PARTITIONS)
        asked = list_question([("measure", "first_response")], RULES.policy)
        await store_state(store, FACTS, RULES, NOW)
        lists = TicketLists(known, RULES)
        hour = at("09:00") // (60 * MINUTE_MS)
        found = Search(Choice(asked.wanted, {}, lambda dims, moment: True, NOW), [hour], 1, None, None)

        async def took() -> list[float]:
            page = await lists.page(found, Cursor(NOW, hour), 10)
            return [row.tally[1] / MINUTE_MS for row in page.rows]

        assert await took() == await took() == [30]
        shard = "tickets", partition_of("acme/zendesk/1", PARTITIONS)
        began, _ = await store.read(*shard, [])
        earlier = tickets_of(1, answer("09:20"))
        timeline = absorb(await known.timeline(TICKETS, "acme/zendesk/1"), earlier)
        changes = {entity_field("acme/zendesk/1"): pack_facts(timeline)}
        await store.write(*shard, began=began, ends=began + 1, changes=changes)
        assert await took() == [20]


async def test_the_next_page_is_of_the_same_window(client: httpx.AsyncClient) -> None:
    then = Cursor(now=at("10:30"), hour=at("10:00") // (60 * MINUTE_MS))

    listed = await page(client, f"measure=opened&window=24h&cursor={cursor_text(then)}")

    assert listed["at"] == "2026-03-02T10:30:00Z"
    assert keys(listed) == ["acme/zendesk/3", "acme/zendesk/2", "acme/zendesk/1"]


async def test_what_stands_comes_in_the_order_in_which_it_matters(client: httpx.AsyncClient) -> None:
    assert keys(await page(client, "state=waiting")) == ["acme/zendesk/1", "acme/zendesk/4"]
    assert keys(await page(client, "state=open")) == [
        *("acme/zendesk/1", "acme/zendesk/2", "acme/zendesk/4", "acme/zendesk/a%2Fb")
    ]
    overdue = await page(client, "state=overdue")
    assert [(row["ticket"], row["measure"]) for row in overdue["tickets"]] == [
        ("acme/zendesk/1", "overdue.resolution"),
    ]
    at_risk = await page(client, "state=at_risk")
    assert [(row["ticket"], row["measure"], row["at"]) for row in at_risk["tickets"]] == [
        ("acme/zendesk/2", "due.resolution", "2026-03-02T12:00:00Z"),
        ("acme/zendesk/4", "due.first_response", "2026-03-02T12:10:00Z"),
    ]
    assert (at_risk["from"], at_risk["total"]) == (None, 2)
    assert keys(await page(client, "kpi=sla_at_risk_resolution")) == ["acme/zendesk/1", "acme/zendesk/2"]


async def test_a_row_of_a_clock_says_what_the_ticket_itself_says(client: httpx.AsyncClient) -> None:
    running = await page(client, "state=running")
    overdue = await page(client, "state=overdue")

    assert [row["clock"] for row in running["tickets"]] == [
        of_clock("resolution", 7200, used_s=7200, due_at="2026-03-02T12:00:00Z", at_risk=True),
        of_clock("first_response", 3600, used_s=3000, due_at="2026-03-02T12:10:00Z", at_risk=True),
        of_clock("resolution", 7200, used_s=3000, due_at="2026-03-02T13:10:00Z"),
        of_clock("resolution", 7200, used_s=1800, due_at="2026-03-02T13:30:00Z"),
    ]
    assert [row["clock"] for row in overdue["tickets"]] == [
        of_clock("resolution", 7200, used_s=10800, due_at="2026-03-02T11:00:00Z", state="breached")
    ]
    for row in (*running["tickets"], *overdue["tickets"]):
        explained = (await client.get(row["explain"])).json()["clocks"]
        [same] = [clock for clock in explained if clock["metric"] == row["clock"]["metric"]]
        assert same["state"] == row["clock"]["state"]


def of_clock(
    metric: str, target_s: float, *, used_s: float, due_at: str, at_risk: bool = False, state: str = "running"
) -> dict[str, object]:
    policy = RULES.policy.sla.policies[0].id
    left_s = target_s - used_s
    return {
        "metric": metric,
        "policy": policy,
        "target_s": target_s,
        "used_s": used_s,
        "left_s": left_s,
        "due_at": due_at,
        "at_risk": at_risk,
        "state": state,
    }


async def test_deadlines_are_in_order_over_hours_and_pages_however_many_tickets_an_hour_has(
    store_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tickets, "MOST_TICKETS", 2)
    opened = ["11:40", "10:20", "11:10", "10:50", "11:50", "10:10", "11:20", "11:00", "11:30"]
    facts = [fact for n, clock in enumerate(opened) for fact in tickets_of(n, created(clock))]
    async with Redis.from_url(store_url) as redis:
        await store_state(StateStore(redis, namespace), facts, RULES, NOW)
        async with board_over(store_url, namespace, RULES) as board:
            transport = httpx.ASGITransport(app=board.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://board") as client:
                found = await pages(client, "kpi=sla_at_risk_resolution&state=running&limit=2")

    due = [row["at"] for each in found for row in each["tickets"]]
    assert len(due) == found[0]["total"] == len(opened)
    assert due == sorted(due)


async def test_a_ticket_by_its_key(client: httpx.AsyncClient) -> None:
    listed = await page(client, "kpi=first_response_seconds")
    for row in listed["tickets"]:
        answered = await client.get(row["explain"])
        assert answered.status_code == 200
        assert answered.json()["ticket"] == row["ticket"]

    its = (await client.get("/api/v1/tickets/acme/zendesk/1")).json()
    assert its["state"]["waiting_since"] == "2026-03-02T11:05:00Z"
    assert [clock["metric"] for clock in its["clocks"]] == ["first_response", "resolution"]
    assert {each["measure"] for theme in its["adds"] for each in theme["adds"]} >= {"waiting", "first_response"}


async def test_a_slash_in_an_id_needs_no_escape(client: httpx.AsyncClient) -> None:
    for address in ("acme/zendesk/a/b", "acme/zendesk/a%252Fb", "acme/zendesk/a%2Fb"):
        answered = await client.get(f"/api/v1/tickets/{address}")
        assert answered.json()["ticket"] == "acme/zendesk/a%2Fb", address


async def test_a_ticket_as_it_was_known_earlier(client: httpx.AsyncClient) -> None:
    its = (await client.get("/api/v1/tickets/acme/zendesk/1?at=2026-03-02T09:10:00Z")).json()

    assert [event["type"] for event in its["timeline"]] == ["ticket.created"]
    assert its["as_of"] == "2026-03-02T09:10:00Z"
    assert (await client.get("/api/v1/tickets/acme/zendesk/1?at=2026-03-02T08:00:00Z")).status_code == 404


async def test_a_ticket_that_is_not_known_says_what_a_key_is(client: httpx.AsyncClient) -> None:
    answered = await client.get("/api/v1/tickets/99")

    assert answered.status_code == 404
    assert answered.json()["detail"] == f"no ticket '99' is known; {KEYS_ARE} (%252F in an address)"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "say what is asked for"),
        ("kpi=waitng", "there is no KPI 'waitng'"),
        ("measure=opened&window=1x", "there is no window '1x'"),
        ("measure=opened&cursor=nonsense", "cursor is none that an earlier page gave"),
        ("measure=opened&cursor=7b7d", "cursor is none that an earlier page gave"),
    ],
)
async def test_what_is_unclear_is_422(client: httpx.AsyncClient, query: str, sentence: str) -> None:
    answered = await client.get(f"/api/v1/tickets?{query}")

    assert answered.status_code == 422
    assert answered.json()["detail"].startswith(sentence)


async def test_a_time_that_is_none_is_422(client: httpx.AsyncClient) -> None:
    answered = await client.get("/api/v1/tickets/acme/zendesk/1?at=yesterday")

    assert answered.status_code == 422
    assert answered.json()["detail"].startswith("at=yesterday is no time")


async def test_without_the_store_it_says_so() -> None:
    settings = Settings(redis_url="redis://127.0.0.1:1/0", partitions=PARTITIONS, board_port=0)
    async with open_board(settings, RULES.policy, lambda: NOW) as board:
        transport = httpx.ASGITransport(app=board.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://board") as client:
            listed = await client.get("/api/v1/tickets?state=open")
            explained = await client.get("/api/v1/tickets/1")

    assert (listed.status_code, explained.status_code) == (503, 503)
    assert listed.json()["detail"] == "Unknown: nothing has been read from the store yet."
    assert explained.json()["detail"].startswith("the store does not answer")


@pytest.mark.parametrize("path", ["/api/v1/tickets?state=open", "/api/v1/tickets/acme/zendesk/1"])
async def test_head_is_answered(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.head(path)).status_code == 200


async def test_the_openapi_document_names_every_parameter(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/v1/openapi.json")).json()

    operation = document["paths"]["/api/v1/tickets"]["get"]
    named = {parameter["name"] for parameter in operation["parameters"]}
    assert {"kpi", "measure", "state", "window", "at", "limit", "cursor", "queue", "article"} <= named
    assert "/api/v1/tickets/{key}" in document["paths"]
