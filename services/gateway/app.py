"""The gateway: helpdesk deliveries and posted events in, acknowledged records out. It keeps no state."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import uvloop
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry

from services.adapters.event_log import EventLog, ensure_topics, open_event_log
from services.adapters.helpdesks.vendors import VENDORS
from services.adapters.metrics import GatewayMetrics
from services.adapters.serving import exposed, listening, serve
from services.config import Settings
from services.errors import BadSignature, NoEvent, Rejected, Unavailable, UnknownSource, Unstorable
from services.gateway.bodies import Gone, TooLarge, TooSlow
from services.gateway.intake import Intake

log = logging.getLogger(__name__)
RETRY_AFTER_S = "5"


def _utc_now() -> datetime:
    return datetime.now(UTC)


def build_app(settings: Settings, event_log: EventLog, now: Callable[[], datetime] = _utc_now) -> FastAPI:
    """The gateway's HTTP over ``event_log``; ``now`` is the clock.

    Raises:
        Misconfigured: the webhook secrets cannot be read.
    """
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry, tuple(VENDORS))
    metrics.watch(lambda: event_log.inflight_bytes, lambda: event_log.connected)
    intake = Intake(settings, event_log, metrics, now)
    app = FastAPI(title="deskpulse gateway", docs_url=None, redoc_url=None, redirect_slashes=False)
    _answer_errors(app)

    @app.post("/webhooks/{vendor}/{tenant}")
    async def deliver(vendor: str, tenant: str, request: Request) -> dict[str, Any]:
        """A helpdesk's delivery, as the helpdesk sends it."""
        return await intake.delivered(vendor, tenant, request)

    @app.post("/events")
    async def post_events(request: Request) -> dict[str, Any]:
        """Canonical events, one or a list, or CloudEvents 1.0 of them."""
        return await intake.posted(request)

    @app.get("/metrics")
    async def show_metrics(request: Request) -> Response:
        return exposed(registry, request)

    @app.get("/healthz")
    async def show_health() -> dict[str, str]:
        """That we run; whether a broker answers is told beside it, since a restart of ours would not help."""
        return {"status": "ok", "broker": "up" if event_log.connected else "away"}

    return app


def _answer_errors(app: FastAPI) -> None:
    """What each error is answered with. What vendors see of a refusal is constant."""

    def answer(status: int, text: str | None = None, **headers: str) -> Callable[[Request, Exception], Response]:
        def handler(request: Request, error: Exception) -> Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return JSONResponse({"error": text or str(error)}, status, named)

        return handler

    def answer_faults(request: Request, error: Exception) -> Response:
        faults = error.faults if isinstance(error, NoEvent) else []
        return JSONResponse({"error": "no event was taken", "faults": faults}, 422)

    app.add_exception_handler(BadSignature, answer(401, "unauthorized", www_authenticate="Bearer"))
    app.add_exception_handler(UnknownSource, answer(404, "not found"))
    app.add_exception_handler(TooLarge, answer(413, connection="close"))
    app.add_exception_handler(Unstorable, answer(413))
    app.add_exception_handler(TooSlow, answer(408, connection="close"))
    app.add_exception_handler(Gone, answer(400, connection="close"))
    app.add_exception_handler(NoEvent, answer_faults)
    app.add_exception_handler(Rejected, answer(400))
    app.add_exception_handler(Unavailable, answer(503, "try again", retry_after=RETRY_AFTER_S))


def main(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        Misconfigured: a port, a secret or the topics are not as they should be.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings))


async def _run(settings: Settings) -> None:
    listener = listening(settings.gateway_host, settings.gateway_port, "DESKPULSE_GATEWAY_PORT")
    with contextlib.closing(listener):
        try:
            await ensure_topics(settings)
        except Unavailable as error:
            log.warning("gateway starts without a broker and answers 503", extra={"reason": str(error)})
        async with open_event_log(settings) as event_log:
            await serve(build_app(settings, event_log), listener)
