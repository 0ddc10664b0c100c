"""The board: state in, wall, API and /metrics out. It writes nothing anywhere."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import time_ns

import uvloop
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.codec import Millis
from schemas.policy import Policy
from services.adapters.entities import Entities
from services.adapters.namespaces import Live, LiveState
from services.adapters.policy_file import load_policy
from services.adapters.serving import listening, serve
from services.adapters.state_store import StateStore
from services.adapters.whereabouts import Whereabouts
from services.board.composition import Meaning, wall
from services.board.deadlines import Lookout
from services.board.exposition import Exposition, KpiCollector
from services.board.feed import Feed
from services.board.following import Follower, all_shards
from services.board.freshness import state_of
from services.board.kpi_routes import kpi_routes
from services.board.other_states import OtherStates, State
from services.board.ticket_pages import ticket_pages
from services.board.wall import Wall
from services.board.whatif_routes import whatif_routes
from services.config import Settings
from services.core.rules import Rules

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
ANSWER_WITHIN_S = 3
READS = ["GET", "HEAD"]
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def main(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        Misconfigured: the port is in use, or the policy file is wrong.
    """
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    policy = load_policy(settings.policy)
    listener = listening(settings.board_host, settings.board_port, "DESKPULSE_BOARD_PORT")
    with listener:
        async with open_board(settings, policy, now_ms) as board:
            await serve(board.app, listener, before_stop=board.feed.stop)


def now_ms() -> Millis:
    """Our clock."""
    return time_ns() // 1_000_000


class Showing:
    """A follower of one state, and what shows its figures."""

    def __init__(
        self,
        follower: Follower,
        entities: Entities,
        state: LiveState,
        now: Callable[[], Millis],
        feed: Feed,
        others: OtherStates,
    ) -> None:
        self.follower = follower
        self.state = state
        self._now = now
        policy, rules = state.policy, Rules(state.policy)
        self._meaning = Meaning.of(policy)
        self.kpis = kpi_routes(follower, rules, now)
        self.tickets = ticket_pages(follower, entities, rules, now)
        self.whatif = whatif_routes(State(state.namespace, rules, follower, entities), others, now)
        self.feed = feed
        self.lookout = Lookout(entities, rules, follower.columns, now, follower.changed)
        follower.hear = self.lookout.hear
        self.exposition = Exposition(KpiCollector(follower, now, policy))
        self.app = build_app(self)

    def wall(self) -> Wall:
        """The wall as of now."""
        reading, now = self.follower.reading, self._now()
        soon = self.lookout.shown(reading.figures_at(now))
        return wall(self.follower.columns, reading, now, self._meaning, soon)

    async def run(self) -> None:
        """Follow the state until cancelled."""
        async with _beside(self.follower.run):
            await self.follower.loaded.wait()
            await self.lookout.run()

    def health(self) -> dict[str, str]:
        """How the reading goes, without composing a wall."""
        reading = self.follower.reading
        state, sentence = state_of(reading, self._now())
        policy = "another" if reading.other_policy else "same"
        return {
            "status": "ok",
            "figures": state,
            "namespace": self.state.namespace,
            "policy": policy,
            "sentence": sentence,
        }


class Board:
    """Shows the state that is live. When it is switched, the old figures stand until the new ones are read."""

    def __init__(self, settings: Settings, redis: Redis, configured: Policy, now: Callable[[], Millis]) -> None:
        """``configured`` is the policy of the settings: in force until a switch says otherwise."""
        self._settings = settings
        self._redis = redis
        self._configured = configured
        self._now = now
        self._changed = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self.feed = Feed(self.wall, self._changed)
        self.others = OtherStates(redis, settings.partitions, now)
        self.shown = self._showing(LiveState(settings.namespace, configured))

        async def app(scope: Scope, receive: Receive, send: Send) -> None:  # uvicorn takes no method for an app
            await self.shown.app(scope, receive, send)

        self.app: ASGIApp = app
        """All addresses. A request that has begun ends with the figures that it began with."""

    @property
    def follower(self) -> Follower:
        """Of the state that is shown."""
        return self.shown.follower

    @property
    def exposition(self) -> Exposition:
        return self.shown.exposition

    def wall(self) -> Wall:
        """The wall as of now."""
        return self.shown.wall()

    async def run(self) -> None:
        """Read, and follow what is live, until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await Whereabouts(self._redis, self._settings.namespace, "boards", self._move).run()
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    def _showing(self, state: LiveState) -> Showing:
        shards, fingerprint = all_shards(self._settings.partitions), state.policy.fingerprint()
        follower = Follower(self._redis, state.namespace, shards, self._now, fingerprint, self._changed)
        entities = Entities(StateStore(self._redis, state.namespace), self._settings.partitions)
        return Showing(follower, entities, state, self._now, self.feed, self.others)

    async def _move(self, live: Live | None) -> str:
        assert self._tasks is not None
        state = LiveState.of(self._settings.namespace, self._configured, live)
        if self._reading is None:
            if state != self.shown.state:
                self.shown = self._showing(state)
            self._reading = self._tasks.create_task(self.shown.run())
            state.log_surprises(self._settings.namespace, self._configured)
        elif (state.namespace, state.since) != (self.shown.state.namespace, self.shown.state.since):
            log.info("another state is live: reading it", extra={"namespace": state.namespace})
            await self._exchange(self._showing(state), self._reading)
            state.log_surprises(self._settings.namespace, self._configured)
        return state.namespace

    async def _exchange(self, coming: Showing, before: "asyncio.Task[None]") -> None:
        assert self._tasks is not None
        reading = self._tasks.create_task(coming.run())
        try:
            await coming.follower.loaded.wait()
        except asyncio.CancelledError:
            reading.cancel()
            raise
        self.shown, self._reading = coming, reading
        before.cancel()
        self._changed.set()


@asynccontextmanager
async def open_board(settings: Settings, policy: Policy, now: Callable[[], Millis]) -> AsyncIterator[Board]:
    """A board that follows the store, which may be away at first."""
    redis = Redis.from_url(
        settings.redis_url,
        socket_timeout=ANSWER_WITHIN_S,
        socket_connect_timeout=ANSWER_WITHIN_S,
        retry=Retry(NoBackoff(), 0),  # a reconnect that we do not notice would lose announcements
    )
    async with redis:
        board = Board(settings, redis, policy, now)
        async with _beside(board.run, board.feed.run, board.others.run):
            yield board


@asynccontextmanager
async def _beside(*loops: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run endless loops beside the block. One that fails ends the block with its error."""

    async def forever(loop: Callable[[], Awaitable[None]]) -> None:
        await loop()

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(forever(loop)) for loop in loops]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


def build_app(board: Showing) -> FastAPI:
    """The addresses of the board. All of them only read."""
    app = FastAPI(title="deskpulse board", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    app.add_middleware(ReadOnlyHeaders)

    @app.head("/api/v1/wall", include_in_schema=False)
    @app.get("/api/v1/wall", response_model=Wall, operation_id="wall")
    async def wall_now() -> Response:
        """Everything that the wall shows, as of now."""
        return Response(board.wall().model_dump_json(), media_type="application/json")

    @app.head("/api/v1/stream", include_in_schema=False)
    @app.get("/api/v1/stream", operation_id="stream", response_class=StreamingResponse)
    async def stream(request: Request) -> Response:
        """The same as server-sent events `wall`: at most four a second, at least one every five seconds."""
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        return StreamingResponse(_events(board.feed), media_type="text/event-stream")

    @app.api_route("/metrics", methods=READS, include_in_schema=False)
    async def metrics(request: Request) -> Response:
        body, content_type = board.exposition.text(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    @app.api_route("/healthz", methods=READS, include_in_schema=False)
    async def healthz() -> Response:
        """200 as long as the process answers: without the store it still serves the last figures."""
        return JSONResponse(board.health())

    app.include_router(board.kpis)
    app.include_router(board.tickets)
    app.include_router(board.whatif)

    @app.api_route("/", methods=READS, include_in_schema=False)
    async def page() -> Response:
        return FileResponse(STATIC / "index.html")

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


async def _events(feed: Feed) -> AsyncIterator[str]:
    async for text in feed.walls():
        yield f"event: wall\ndata: {text}\n\n"


class ReadOnlyHeaders:
    """Headers that every answer has: nobody may frame it elsewhere, sniff its type or keep it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, partial(_send, send, fixed=scope["path"].startswith("/static/")))


async def _send(send: Send, message: Message, *, fixed: bool) -> None:
    if message["type"] == "http.response.start":
        headers = MutableHeaders(scope=message)
        headers.update(_HEADERS)
        # A page of another version than its board would be worse than asking each time whether it changed.
        headers["Cache-Control"] = "no-cache" if fixed else "no-store"
    await send(message)
