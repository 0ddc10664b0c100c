"""What notifier tests share: signals, endpoints, and a real server that stands for somebody's endpoint."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from aiokafka import TopicPartition

from services.adapters.signal_endpoints import Endpoint
from services.notifier.message import Signal, read_signal
from services.notifier.outstanding import Delivery

KEY = b"a key of thirty-two bytes, no more"[:32]
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def signal_json(number: int = 0, *, ticket: str = "acme/zendesk/17", **more: Any) -> bytes:
    """A signal as the processor writes it."""
    told = {
        "type": "sla.breached",
        "signal_id": f"sig_{number:032x}",
        "occurred_at": "2026-03-10T09:00:00Z",
        "announced_at": "2026-03-10T09:00:00.120Z",
        "ticket": ticket,
        "tenant": "acme",
        "source": "zendesk",
        "ticket_id": ticket.rpartition("/")[2],
        "metric": "first_response",
        "clock_started_at": "2026-03-10T08:00:00Z",
        "policy": "gold",
        "target_s": 3600,
        "due_at": "2026-03-10T09:00:00Z",
        "status": "open",
        "queue": "billing",
        "channel": "email",
        "priority": "high",
        "agent_id": "a-7",
        "namespace": "main",
    }
    return json.dumps(told | more).encode()


def signal(number: int = 0, **more: Any) -> Signal:
    return read_signal(signal_json(number, **more))


def delivery(ticket: str = "acme/zendesk/17", offset: int = 0, *, logged_at_s: float = 0, **more: Any) -> Delivery:
    place = TopicPartition("deskpulse.signals", 0)
    return Delivery(signal(offset, ticket=ticket, **more), place, offset, logged_at_s)


def endpoint(url: str = "http://127.0.0.1:9/", **changes: Any) -> Endpoint:
    """One whose retries do not take long."""
    values: dict[str, Any] = {
        "name": "pager",
        "url": url,
        "secrets": (KEY,),
        "types": None,
        "match": {},
        "format": "standard",
        "timezone": ZoneInfo("UTC"),
        "timeout_s": 5.0,
        "give_up_after_s": 3600.0,
        "first_retry_s": 0.01,
        "longest_retry_s": 0.05,
        "in_flight": 8,
        "pending": 256,
    }
    return Endpoint(**(values | changes))


@dataclass(frozen=True)
class Got:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def number(self) -> int:
        """Of the signal, as `signal_json` counts them."""
        return int(self.id.removeprefix("sig_"), 16)

    @property
    def told(self) -> Any:
        return json.loads(self.body)


Answers = Callable[[Got], Awaitable[web.StreamResponse | int] | web.StreamResponse | int]
"""What an endpoint answers: a status, or more."""


@dataclass
class Receiver:
    """Somebody's endpoint. `answers` may be changed while it runs."""

    url: str = ""
    answers: Answers = lambda got: 200
    got: list[Got] = field(default_factory=list)
    """Every request, from when all of it was there."""
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def numbers(self) -> list[int]:
        return [each.number for each in self.got]

    async def until(self, enough: Callable[[], bool], deadline_s: float = 20) -> None:
        """Return once ``enough()``, looked at whenever a request comes."""
        async with asyncio.timeout(deadline_s), self._came:
            await self._came.wait_for(enough)

    async def until_got(self, count: int, deadline_s: float = 20) -> None:
        """Return once ``count`` requests have come."""
        await self.until(lambda: len(self.got) >= count, deadline_s)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        got = Got(request.path_qs, headers, await request.read())
        self.got.append(got)
        async with self._came:
            self._came.notify_all()
        answer = self.answers(got)
        if isinstance(answer, Awaitable) and not isinstance(answer, web.StreamResponse):
            answer = await answer
        return web.Response(status=answer) if isinstance(answer, int) else answer


@asynccontextmanager
async def receiving(answers: Answers = lambda got: 200) -> AsyncIterator[Receiver]:
    """An endpoint on a loopback port."""
    receiver = Receiver(answers=answers)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver._answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def saying(said: bytes, *, stays: bool = False) -> AsyncIterator[str]:
    """The URL of a server that answers each request with these bytes and closes, or ``stays`` until others do."""
    ended: list[asyncio.Event] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(event := asyncio.Event())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)
            await writer.drain()
            if stays:
                await reader.read()
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()
        event.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await asyncio.gather(*(event.wait() for event in ended))


async def eventually(condition: Callable[[], bool], deadline_s: float = 20) -> None:
    """Return once ``condition()`` is true; TimeoutError when it does not come true."""
    async with asyncio.timeout(deadline_s):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)
