"""One ASGI app on one port, until it is told to stop."""

import asyncio
import errno
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.errors import Misconfigured

GRACE_S = 10
"""How long a stop waits for requests that were accepted."""
BACKLOG = 2048
HEADERS_S = 10.0
MAX_HEADERS_BYTES = 64 * 1024


def exposed(registry: CollectorRegistry, request: Request) -> Response:
    """What a scrape is answered, in the form that it asks for."""
    encoder, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encoder(registry), media_type=None, headers={"content-type": content_type})


class _Protocol(HttpToolsProtocol):
    """uvicorn waits for ever for headers that come byte by byte, and takes any number of them."""

    _headers_timer: asyncio.TimerHandle | None = None
    _headers_bytes = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._headers_timer is not None:
            self._headers_bytes += len(data)
        super().data_received(data)
        # Measured once the parser has had its say: a body may come in the same piece.
        if self._headers_timer is not None and self._headers_bytes > MAX_HEADERS_BYTES:
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_headers()

    def on_headers_complete(self) -> None:
        self._headers_came()
        super().on_headers_complete()

    def _expect_headers(self) -> None:
        if self._headers_timer is None:
            self._headers_bytes = 0
            self._headers_timer = self.loop.call_later(HEADERS_S, self.transport.close)

    def _headers_came(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None


async def _nothing() -> None:
    """Nothing has to be ended."""


class _Server(uvicorn.Server):
    """uvicorn raises a signal again once it has stopped, which would end us before the rest is closed."""

    def __init__(self, config: uvicorn.Config, before_stop: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._before_stop = before_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._before_stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def reachable(host: str) -> str:
    """Where a client on this machine finds a server that listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def url_of(host: str, port: int) -> str:
    """The address of a server that listens there, as one to connect to."""
    found = reachable(host)
    return f"http://[{found}]:{port}" if ":" in found else f"http://{found}:{port}"


def listening(host: str, port: int, setting: str) -> socket.socket:
    """A socket that listens there.

    Raises:
        Misconfigured: the port is in use or the host is not ours; the message names ``setting``.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Misconfigured(f"{host}: {error.strerror or error}; set {setting.replace('PORT', 'HOST')}") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Misconfigured(f"port {port} on {host} is in use; set {setting} to a free one") from None
        raise Misconfigured(f"port {port} on {host} cannot be opened: {error.strerror}; set {setting}") from None
    return listener


async def serve(app: ASGIApp, listener: socket.socket, before_stop: Callable[[], Awaitable[None]] = _nothing) -> None:
    """Serve ``app`` until SIGINT or SIGTERM; requests that were accepted are answered first.

    ``before_stop`` ends answers that have no end of their own.
    """
    config = uvicorn.Config(
        app,
        loop="none",
        http=_Protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    await _Server(config, before_stop).serve(sockets=[listener])
