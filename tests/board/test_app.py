"""The board's addresses, over a real store."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import httpx
import pytest
from redis.asyncio import Redis

from schemas.policy import Policy
from services.adapters.namespaces import Live, Namespaces
from services.adapters.state_layout import Meta, changes_channel, pack_meta, shard_key
from services.adapters.state_store import StateStore
from services.board import app
from services.board.app import Board, main, open_board
from services.board.feed import Feed
from services.board.wall import Freshness, Waiting, Wall
from services.config import Settings
from services.core.tally import MINUTE_MS, Tallies
from services.errors import Misconfigured
from tests import processes
from tests.board.written import NOW_MS, Writer, flow, level, stands, together

WITHIN_S = 10.0
TALLIES: Tallies = together(
    level("backlog.open", NOW_MS - MINUTE_MS),
    flow("opened", NOW_MS - MINUTE_MS),
    stands("waiting", NOW_MS - MINUTE_MS),
)


def settings(url: str, namespace: str) -> Settings:
    return Settings(redis_url=url, namespace=namespace, partitions=2, board_port=0)


@pytest.fixture
async def redis_store(store_url: str, namespace: str) -> AsyncIterator[StateStore]:
    async with Redis.from_url(store_url) as redis:
        yield StateStore(redis, namespace)


@pytest.fixture
def writer(redis_store: StateStore) -> Writer:
    return Writer(redis_store)


@asynccontextmanager
async def loaded_board(settings: Settings) -> AsyncIterator[Board]:
    async with open_board(settings, Policy(), lambda: NOW_MS) as board, asyncio.timeout(WITHIN_S):
        while not board.follower.reading.loaded:
            await board.follower.changed.wait()
            board.follower.changed.clear()
        yield board


@asynccontextmanager
async def asking(board: Board) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=board.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://board") as client:
        yield client


@pytest.fixture
async def client(store_url: str, namespace: str, writer: Writer) -> AsyncIterator[httpx.AsyncClient]:
    await writer.write(TALLIES)
    async with loaded_board(settings(store_url, namespace)) as board, asking(board) as client:
        yield client


async def test_the_wall_as_json(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/wall")

    assert answer.status_code == 200
    page = answer.json()
    assert page["at"] == "2026-03-02T10:00:00Z"
    assert page["freshness"]["state"] == "live"
    assert page["waiting"] == {"count": 1, "longest_since": "2026-03-02T09:59:00Z"}
    assert page["backlog"]["queues"][0]["queue"] == "billing"
    assert set(page) == {"at", "freshness", "waiting", "first_response", "backlog", "sla", "deadlines", "agents"}


@pytest.mark.parametrize(
    "path", ["/", "/static/index.html", "/api/v1/wall", "/api/v1/kpis", "/metrics", "/healthz", "/nowhere"]
)
async def test_every_answer_has_the_safe_headers(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] in ("no-store", "no-cache")


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/wall", "/api/v1/kpis", "/api/v1/catalogue", "/api/v1/stream", "/metrics", "/healthz"]
)
async def test_head_is_answered_and_nothing_can_be_written(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.head(path)).status_code == 200
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await client.request(method, path)).status_code == 405


async def test_metrics_in_the_format_that_is_asked_for(client: httpx.AsyncClient) -> None:
    text = await client.get("/metrics")
    open_text = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert text.headers["content-type"].startswith("text/plain")
    assert 'deskpulse_tickets_opened_total{queue="billing"} 1.0' in text.text
    assert open_text.headers["content-type"].startswith("application/openmetrics-text")
    assert open_text.text.endswith("# EOF\n")


async def test_two_boards_over_one_store_show_the_same(store_url: str, namespace: str, writer: Writer) -> None:
    async with AsyncExitStack() as stack:
        early = await stack.enter_async_context(loaded_board(settings(store_url, namespace)))
        await writer.add(TALLIES)
        await writer.add(level("backlog.new", NOW_MS - MINUTE_MS))
        late = await stack.enter_async_context(loaded_board(settings(store_url, namespace)))
        async with asyncio.timeout(WITHIN_S):
            while early.wall().backlog.total != 2:
                await early.follower.changed.wait()
                early.follower.changed.clear()

        assert early.exposition.text("")[0].decode() == late.exposition.text("")[0].decode()
        assert early.wall().model_dump(exclude={"freshness"}) == late.wall().model_dump(exclude={"freshness"})


async def test_a_board_without_a_store_answers_that_it_knows_nothing(namespace: str) -> None:
    nowhere = settings("redis://127.0.0.1:1/0", namespace)
    async with open_board(nowhere, Policy(), lambda: NOW_MS) as board, asking(board) as client:
        wall = (await client.get("/api/v1/wall")).json()
        metrics = (await client.get("/metrics")).text
        health = await client.get("/healthz")

    assert wall["freshness"]["state"] == "unknown"
    assert wall["waiting"]["count"] is None
    assert "deskpulse_exporter_redis_up 0.0" in metrics
    assert "deskpulse_tickets_open" not in metrics
    assert health.status_code == 200


async def test_health_composes_no_wall_and_is_an_answer_whatever_the_figures_are(
    store_url: str, namespace: str, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Wall:
        raise ArithmeticError

    await writer.write(TALLIES, watermark=10**18)  # an instant that no calendar has
    monkeypatch.setattr(app, "wall", broken)
    async with loaded_board(settings(store_url, namespace)) as board, asking(board) as client:
        health = await client.get("/healthz")

    assert health.status_code == 200
    assert health.json() == {
        "status": "ok",
        "figures": "live",
        "namespace": namespace,
        "policy": "same",
        "sentence": "Live: the newest event is 0 s old.",
    }


async def test_state_under_another_policy_is_told_everywhere(
    store_url: str, namespace: str, redis_store: StateStore
) -> None:
    await Writer(redis_store, policy="theirs").write(TALLIES)
    async with loaded_board(settings(store_url, namespace)) as board, asking(board) as client:
        health = (await client.get("/healthz")).json()
        wall = (await client.get("/api/v1/wall")).json()
        metrics = (await client.get("/metrics")).text

    assert (health["status"], health["policy"]) == ("ok", "another")
    assert "under another policy than this board's" in wall["freshness"]["sentence"]
    assert "deskpulse_exporter_policy_mismatch 1.0" in metrics


async def test_what_is_switched_to_is_shown_once_it_is_read(store_url: str, namespace: str, writer: Writer) -> None:
    other, policy = f"{namespace}-b", Policy(default_priority="high")
    await writer.write(TALLIES)
    async with (
        loaded_board(settings(store_url, namespace)) as board,
        Redis.from_url(store_url) as redis,
        asking(board) as client,
    ):
        store, namespaces = StateStore(redis, other), Namespaces(redis)
        theirs = Writer(store, policy=policy.fingerprint())
        await theirs.write(together(TALLIES, level("backlog.new", NOW_MS - MINUTE_MS)))
        await namespaces.keep_policy(other, policy, 2)
        await redis.hset(shard_key(other, "tickets", 1), "meta", pack_meta(Meta(layout=99)))  # cannot be read yet

        await namespaces.point(namespace, Live(other, policy, NOW_MS))
        await until_followed(redis, other)
        assert (await client.get("/api/v1/wall")).json()["backlog"]["total"] == 1
        assert (await client.get("/healthz")).json()["namespace"] == namespace

        await redis.delete(shard_key(other, "tickets", 1))
        while (await client.get("/healthz")).json()["namespace"] != other:
            assert (await client.get("/api/v1/wall")).json()["backlog"]["total"] in (1, 2)
            await asyncio.sleep(0)
        assert (await client.get("/api/v1/wall")).json()["backlog"]["total"] == 2
        assert (await client.get("/healthz")).json()["policy"] == "same"

        await namespaces.point(namespace, Live(namespace, None, NOW_MS + 1))
        while (await client.get("/healthz")).json()["namespace"] != namespace:
            await board.follower.changed.wait()
        assert (await client.get("/api/v1/wall")).json()["backlog"]["total"] == 1


async def until_followed(redis: Redis, namespace: str) -> None:
    """Return once somebody listens to the changes of a namespace."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            [(_, listening)] = await redis.pubsub_numsub(changes_channel(namespace))
            if listening:
                return
            await asyncio.sleep(0.01)


async def test_a_board_that_starts_shows_at_once_what_is_live(store_url: str, namespace: str, writer: Writer) -> None:
    async with Redis.from_url(store_url) as redis:
        await Namespaces(redis).point(f"{namespace}-named", Live(namespace, None, NOW_MS))
    await writer.write(TALLIES)
    async with loaded_board(settings(store_url, f"{namespace}-named")) as board:
        assert board.shown.state.namespace == namespace
        assert board.wall().backlog.total == 1


def page(count: int) -> Wall:
    return Wall(
        at="2026-03-02T10:00:00Z",
        freshness=Freshness(state="live", sentence="Live."),
        waiting=Waiting(count=count),
    )


async def test_a_change_is_pushed_to_everybody_and_the_end_ends_all() -> None:
    changed, counts = asyncio.Event(), iter(range(100))
    feed = Feed(lambda: page(next(counts)), changed)
    async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
        running = group.create_task(feed.run())
        one, other = feed.walls(), feed.walls()
        await anext(one), await anext(other)

        changed.set()
        pushed = await asyncio.gather(anext(one), anext(other))
        assert pushed[0] == pushed[1]

        ending = asyncio.gather(anext(one, "the end"), anext(other, "the end"))
        running.cancel()
        await feed.stop()
        assert set(await ending) == {"the end"}


async def test_an_unchanged_wall_is_not_pushed_again_at_once() -> None:
    changed, looked_at = asyncio.Event(), asyncio.Queue[int]()

    def compose() -> Wall:
        looked_at.put_nowait(1)
        return page(1)

    feed = Feed(compose, changed)
    async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
        running = group.create_task(feed.run())
        walls = feed.walls()
        await anext(walls)
        changed.set()
        await anext(walls)

        third = asyncio.ensure_future(anext(walls))
        changed.set()
        for _ in range(3):
            await looked_at.get()
        assert not third.done()
        running.cancel()
        await feed.stop()
        with pytest.raises(StopAsyncIteration):
            await third


@contextmanager
def board_process(url: str, namespace: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    program = (
        "from services.board.app import main; from services.config import Settings; "
        f"main(Settings(redis_url={url!r}, namespace={namespace!r}, partitions=2, board_port={port}))"
    )
    with subprocess.Popen([sys.executable, "-W", "error", "-c", program], stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_write_is_on_the_stream_and_a_signal_ends_it_all(
    store_url: str, namespace: str, writer: Writer, number: signal.Signals
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with board_process(store_url, namespace, port) as process:
        assert await asyncio.to_thread(processes.eventually, lambda: answers(port))
        address = f"http://127.0.0.1:{port}/api/v1/stream"
        async with httpx.AsyncClient(timeout=WITHIN_S) as client, client.stream("GET", address) as answer:
            lines = answer.aiter_lines()
            assert total(await next_wall(lines)) is None

            await writer.write(TALLIES)
            while total(await next_wall(lines)) != 1:
                pass

            process.send_signal(number)
            async for _ in lines:
                pass
        assert await asyncio.to_thread(process.wait, WITHIN_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


async def next_wall(lines: AsyncIterator[str]) -> Wall:
    async for line in lines:
        if line.startswith("data: "):
            return Wall.model_validate_json(line.removeprefix("data: "), by_alias=True)
    raise AssertionError("the stream ended")


def total(wall: Wall) -> int | None:
    return wall.backlog.total


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=rf"port {port} .* in use.*DESKPULSE_BOARD_PORT"):
            main(Settings(board_port=port))


async def test_a_kpi_of_the_store(client: httpx.AsyncClient) -> None:
    answer = await client.get(
        "/api/v1/kpis", params={"window": "15m", "by": "queue", "kpi": "tickets_opened,waiting"}
    )

    assert answer.status_code == 200
    assert answer.json()["freshness"]["state"] == "live"
    [group] = answer.json()["windows"][0]["groups"]
    assert group["key"] == {"queue": "billing"}
    assert group["kpis"]["tickets_opened"]["current"] == {"value": 1}
    assert group["kpis"]["waiting"]["current"]["value"] == 1
