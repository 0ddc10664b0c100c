"""`/api/v1/whatif` over a real store with two states in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from schemas.codec import Fact
from schemas.policy import Policy
from services.adapters.namespaces import Namespaces
from services.adapters.state_layout import Meta, pack_meta, shard_key
from services.adapters.state_store import StateStore
from services.board import other_states, whatif_tickets
from services.board.answer import Refusal
from services.board.app import Board, open_board
from services.board.tickets import cursor_text
from services.board.whatif_answer import WhatIf
from services.board.whatif_tickets import Cursor
from services.config import Settings
from services.core.rules import Rules
from services.core.tally import HOUR_MS
from tests.board.stored import PARTITIONS, store_state
from tests.core.stories import answer, at, created, customer, of, promise, rules, sla, solved

WITHIN_S = 10.0
NOW = at("12:00")
LIVE = rules(sla(promise({"first_response": 3600, "resolution": 7200}, id="now")))
STRICT = rules(sla(promise({"first_response": 900, "resolution": 7200}, id="then")))


def tickets_of(number: int, *facts: Fact) -> list[Fact]:
    """A ticket of acme's Zendesk."""
    return [replace(fact, entity=f"acme/zendesk/{number}") for fact in of(str(number), *facts)]


FACTS = [
    *tickets_of(1, created("09:00", queue="a"), answer("09:30"), customer("11:05")),
    *tickets_of(2, created("10:00", queue="a"), answer("10:10")),
    *tickets_of(3, created("10:10", queue="b"), answer("10:40"), solved("10:50", agent_id="A1")),
    *tickets_of(4, created("11:20", queue="b")),
    *tickets_of(5, created("09:00"), answer("09:30")),
]


@dataclass
class Stored:
    """A store with the live state, and what another one is put into."""

    redis: Redis
    url: str
    namespace: str

    @property
    def other(self) -> str:
        return f"{self.namespace}-b"

    async def keep(self, facts: list[Fact], its: Rules, namespace: str | None = None, watermark: int = NOW) -> None:
        name = namespace or self.other
        await store_state(StateStore(self.redis, name), facts, its, watermark)
        assert await Namespaces(self.redis).keep_policy(name, its.policy, PARTITIONS)


@pytest.fixture
async def stored(store_url: str, namespace: str) -> AsyncIterator[Stored]:
    async with Redis.from_url(store_url) as redis:
        its = Stored(redis, store_url, namespace)
        await its.keep(FACTS, LIVE, namespace)
        yield its


@asynccontextmanager
async def showing(stored: Stored) -> AsyncIterator[tuple[Board, httpx.AsyncClient]]:
    settings = Settings(redis_url=stored.url, namespace=stored.namespace, partitions=PARTITIONS, board_port=0)
    async with open_board(settings, LIVE.policy, lambda: NOW) as board, asyncio.timeout(WITHIN_S):
        await board.follower.loaded.wait()
        transport = httpx.ASGITransport(app=board.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://board") as client:
            yield board, client


@pytest.fixture
async def client(stored: Stored) -> AsyncIterator[httpx.AsyncClient]:
    """Of a board beside whose state there is that of a stricter policy, made of the same events."""
    await stored.keep(FACTS, STRICT)
    async with showing(stored) as (_, client):
        yield client


async def asked(client: httpx.AsyncClient, stored: Stored, query: str = "") -> Any:
    answered = await client.get(f"/api/v1/whatif?namespace={stored.other}&{query}")
    assert answered.status_code == 200, answered.text
    WhatIf.model_validate_json(answered.content)
    return answered.json()


async def pages(client: httpx.AsyncClient, stored: Stored, query: str) -> list[Any]:
    found = [await asked(client, stored, query)]
    while found[-1]["next"] is not None:
        assert len(found) < 50, "the pages do not end"
        found.append(await asked(client, stored, f"{query}&cursor={found[-1]['next']}"))
    return found


def names(document: Any) -> list[str]:
    return [row["ticket"].rpartition("/")[2] for row in document["tickets"]]


def breached(document: Any) -> int:
    """How many first responses are late under the other policy."""
    return sum(each["against"]["breached"] for each in document["clocks"] if each["clock"] == "first_response")


NOTHING = {"attainment": None, "met": 0, "breached": 0, "running": 0, "at_risk": 0, "overdue": 0, "paused": 0}


async def test_promises_under_both_policies(client: httpx.AsyncClient, stored: Stored) -> None:
    document = await asked(client, stored)

    first, resolution = document["clocks"]
    assert (first["clock"], resolution["clock"]) == ("first_response", "resolution")
    assert first["policy"] == NOTHING | {"attainment": 1, "met": 4, "running": 1}
    assert first["against"] == NOTHING | {"attainment": 0.2, "met": 1, "breached": 4, "overdue": 1}
    assert {each["queue"]: each["against"]["breached"] for each in first["queues"]} == {"a": 1, "b": 2, None: 1}
    assert resolution["policy"] == resolution["against"]
    total = {name: first["against"][name] + resolution["against"][name] for name in ("met", "breached", "overdue")}
    assert total.items() <= document["in_all"]["against"].items()
    assert document["window"] == "28d"
    assert document["against"]["namespace"] == stored.other
    assert document["against"]["fingerprint"] == STRICT.policy.fingerprint()
    assert document["policy"]["fingerprint"] == LIVE.policy.fingerprint()


async def test_the_figures_of_both_sides_are_those_of_the_kpis(client: httpx.AsyncClient, stored: Stored) -> None:
    for query in ("window=28d", "window=2h", "window=today", "window=all&queue=b&queue="):
        document = await asked(client, stored, query)
        answered = await client.get(f"/api/v1/kpis?kpi=sla_attainment_first_response&{query}")

        figures = answered.json()["windows"][0]["groups"][0]["kpis"]["sla_attainment_first_response"]["current"]
        ours = next(each["policy"] for each in document["clocks"] if each["clock"] == "first_response")
        assert (ours["met"], ours["attainment"]) == (figures["numerator"], figures["value"]), query
        assert document["from"] == answered.json()["windows"][0]["from"]
        alone = [row["breached_under"] for row in document["tickets"]]
        grown = document["in_all"]["against"]["breached"] - document["in_all"]["policy"]["breached"]
        assert grown == alone.count("against") - alone.count("policy") > 0, query


async def test_the_tickets_that_differ_newest_breach_first(client: httpx.AsyncClient, stored: Stored) -> None:
    document = await asked(client, stored)

    assert names(document) == ["4", "3", "1", "5"]
    assert document["tickets"][1] == {
        "ticket": "acme/zendesk/3",
        "clock": "first_response",
        "started_at": "2026-03-02T10:10:00Z",
        "at": "2026-03-02T10:25:00Z",
        "breached_under": "against",
        "policy": {"state": "met", "at": "2026-03-02T10:40:00Z", "policy": "now", "target_seconds": 3600},
        "against": {"state": "breached", "at": "2026-03-02T10:25:00Z", "policy": "then", "target_seconds": 900},
        "explain": "/api/v1/tickets/acme/zendesk/3",
    }
    assert (await client.get(document["tickets"][1]["explain"])).status_code == 200
    assert names(await asked(client, stored, "queue=b")) == ["4", "3"]
    assert names(await asked(client, stored, "window=1h")) == ["4"]


async def test_page_after_page_tells_each_ticket_once(client: httpx.AsyncClient, stored: Stored) -> None:
    found = await pages(client, stored, "limit=1")

    assert [name for each in found for name in names(each)] == ["4", "3", "1", "5"]
    assert {each["at"] for each in found} == {"2026-03-02T12:00:00Z"}
    assert (await asked(client, stored, "limit=0"))["tickets"] is None


async def test_a_page_looks_at_no_more_tickets_than_it_may(
    client: httpx.AsyncClient, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whatif_tickets, "MOST_TICKETS", 1)
    monkeypatch.setattr(whatif_tickets, "AT_ONCE", 1)

    found = await pages(client, stored, "limit=50")

    assert [name for each in found for name in names(each)] == ["4", "3", "1", "5"]
    assert max(len(each["tickets"]) for each in found) == 1


async def test_a_policy_against_itself_differs_in_nothing(stored: Stored) -> None:
    await stored.keep(FACTS, LIVE)
    async with showing(stored) as (_, client):
        document = await asked(client, stored)

    assert document["tickets"] == []
    assert document["in_all"]["policy"] == document["in_all"]["against"]
    assert document["in_all"]["policy"]["met"] == 5
    assert document["against"]["comparable"] is True
    assert document["against"]["sentence"] == f"Comparable: {stored.other} has counted the same events."


async def test_a_state_that_is_half_built_says_so(stored: Stored) -> None:
    await stored.keep(FACTS[:3], STRICT, watermark=NOW - HOUR_MS)
    for partition in range(PARTITIONS):
        await stored.redis.hset(shard_key(stored.namespace, "tickets", partition), "next", 5000)
    async with showing(stored) as (_, client):
        document = await asked(client, stored)

    against = document["against"]
    assert against["comparable"] is False
    assert against["records_behind"] == PARTITIONS * (5000 - 2)
    assert 0 < against["counted"] < 0.01
    assert against["seconds_behind"] == 3600
    assert against["sentence"].startswith(f"Not comparable yet: {stored.other} has counted 0 % of the events, 9,996")


async def test_a_state_whose_log_begins_later_is_compared_where_it_knows_something(stored: Stored) -> None:
    await stored.keep([fact for fact in FACTS if fact.at >= at("10:00")], STRICT)
    async with showing(stored) as (_, client):
        whole, recent = await asked(client, stored), await asked(client, stored, "window=1h")

    assert whole["against"]["comparable"] is False
    assert "knows nothing before 2026-03-02 10:00 UTC" in whole["against"]["sentence"]
    assert recent["against"]["comparable"] is True


async def test_a_namespace_that_nobody_built_is_not_there(client: httpx.AsyncClient, stored: Stored) -> None:
    answered = await client.get("/api/v1/whatif?namespace=nowhere")

    assert answered.status_code == 404
    detail = Refusal.model_validate_json(answered.content).detail
    assert "no state is kept under the namespace 'nowhere'" in detail
    assert stored.other in detail
    assert "`deskpulse replay --policy other.yaml --namespace nowhere`" in detail


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("by=queue", "there is no parameter 'by'"),
        ("window=1h,7d", "one window at a time"),
        ("window=2w", "there is no window '2w'"),
        ("limit=501", "limit=501 is no number from 1 to 500"),
        ("cursor=nonsense", "cursor is none that an earlier page gave"),
        (f"cursor={cursor_text(Cursor(10**18, 0))}", "cursor is none that an earlier page gave"),
    ],
)
async def test_what_is_unclear_is_refused_in_a_sentence(client: httpx.AsyncClient, query: str, sentence: str) -> None:
    answered = await client.get(f"/api/v1/whatif?{query}")

    assert answered.status_code == 422
    assert sentence in Refusal.model_validate_json(answered.content).detail


async def test_the_live_state_is_not_compared_with_itself(client: httpx.AsyncClient, stored: Stored) -> None:
    answered = await client.get(f"/api/v1/whatif?namespace={stored.namespace}")

    assert answered.status_code == 422
    assert f"{stored.namespace} is live" in answered.json()["detail"]


async def test_another_state_is_followed_while_somebody_asks(stored: Stored) -> None:
    await stored.keep(FACTS, STRICT)
    async with showing(stored) as (board, client):
        await asked(client, stored, "limit=0")
        loop = asyncio.get_running_loop()
        board.others.close_unused(loop.time() + other_states.UNUSED_S / 2)
        assert board.others.open == [stored.other]
        assert await listeners(stored) == 1

        board.others.close_unused(loop.time() + other_states.UNUSED_S)
        assert board.others.open == []
        while await listeners(stored):  # noqa: ASYNC110 - who leaves a channel is told to nobody
            await asyncio.sleep(0)

        assert breached(await asked(client, stored, "limit=0")) == 4
        assert board.others.open == [stored.other]


async def listeners(stored: Stored) -> int:
    [(_, count)] = await stored.redis.pubsub_numsub(f"dp:{stored.other}:changes")
    return int(count)


async def test_no_more_states_are_followed_than_there_is_room_for(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_states, "MOST", 2)
    for name in ("x", "y", "z"):
        await stored.keep(FACTS[:2], STRICT, f"{stored.namespace}-{name}")
    async with showing(stored) as (board, client):
        for name in ("x", "y", "x", "z"):
            query = f"namespace={stored.namespace}-{name}&limit=0"
            assert (await client.get(f"/api/v1/whatif?{query}")).status_code == 200

        assert board.others.open == [f"{stored.namespace}-x", f"{stored.namespace}-z"]


async def test_a_state_that_is_built_anew_is_read_under_its_new_policy(stored: Stored) -> None:
    await stored.keep(FACTS, STRICT)
    async with showing(stored) as (_, client):
        assert breached(await asked(client, stored)) == 4

        await Namespaces(stored.redis).delete(stored.other)
        await stored.keep(FACTS, LIVE)
        document = await asked(client, stored)

    assert document["against"]["fingerprint"] == LIVE.policy.fingerprint()
    assert breached(document) == 0


async def test_a_state_that_was_deleted_is_let_go(stored: Stored) -> None:
    await stored.keep(FACTS, STRICT)
    async with showing(stored) as (board, client):
        await asked(client, stored, "limit=0")
        await Namespaces(stored.redis).delete(stored.other)

        assert (await client.get(f"/api/v1/whatif?namespace={stored.other}")).status_code == 404
        assert board.others.open == []


async def test_a_state_that_cannot_be_read_yet_is_to_be_asked_for_again(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_states, "READ_WITHIN_S", 0.05)
    await stored.keep(FACTS, STRICT)
    await stored.redis.hset(shard_key(stored.other, "tickets", 0), "meta", pack_meta(Meta(layout=99)))
    async with showing(stored) as (_, client):
        answered = await client.get(f"/api/v1/whatif?namespace={stored.other}")

    assert answered.status_code == 503
    assert answered.headers["retry-after"] == "1"
    assert "is being read: ask again in a moment" in answered.json()["detail"]


async def test_without_a_store_there_is_no_answer(namespace: str) -> None:
    settings = Settings(redis_url="redis://127.0.0.1:1/0", namespace=namespace, partitions=PARTITIONS, board_port=0)
    async with open_board(settings, Policy(), lambda: NOW) as board:
        transport = httpx.ASGITransport(app=board.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://board") as client:
            answered = await client.get("/api/v1/whatif")

    assert answered.status_code == 503
    assert "nothing has been read" in answered.json()["detail"]


async def test_the_page_and_the_description_of_the_address(client: httpx.AsyncClient) -> None:
    page = await client.get("/whatif?namespace=whatif")
    document = (await client.get("/api/v1/openapi.json")).json()

    assert page.headers["content-type"].startswith("text/html")
    assert "/static/whatif.js" in page.text
    assert (await client.head("/whatif")).status_code == 200
    assert (await client.head("/api/v1/whatif")).status_code == 404
    described = document["paths"]["/api/v1/whatif"]["get"]
    assert [each["name"] for each in described["parameters"]][:5] == [
        *("namespace", "window", "limit", "cursor"),
        "queue",
    ]
    assert {"404", "422", "503"} <= set(described["responses"])
