"""The notifier: signals in, signed webhooks out. What it has delivered, its consumer groups know."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry

from services.adapters.event_log import EventLog, open_event_log, wait_for_topics
from services.adapters.serving import exposed, listening, serve
from services.adapters.signal_endpoints import Endpoint, load_endpoints
from services.adapters.webhook_metrics import WebhookMetrics
from services.config import Settings
from services.errors import Misconfigured
from services.notifier.courier import Surroundings
from services.notifier.posting import RESULTS, open_poster
from services.notifier.subscription import Subscription

log = logging.getLogger(__name__)

UNEXPECTED = 70
"""Exit code after an exception that nobody expected: the next start goes on where the groups have come to."""
LOOKUPS_AT_ONCE = 4
"""Threads for each endpoint's name lookups: one whose name server is dead holds up no other."""


def endpoints_of(settings: Settings, environ: Mapping[str, str]) -> list[Endpoint]:
    """The endpoints that the settings name.

    Raises:
        Misconfigured: none are, or their file is wrong.
    """
    if settings.signal_endpoints is None:
        raise Misconfigured("DESKPULSE_SIGNAL_ENDPOINTS is not set: it names the file of those who get signals")
    return load_endpoints(settings.signal_endpoints, environ)


def build_app(registry: CollectorRegistry, event_log: EventLog, subscriptions: Sequence[Subscription]) -> FastAPI:
    """What the notifier answers over HTTP."""
    app = FastAPI(title="deskpulse notifier", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/metrics")
    async def show_metrics(request: Request) -> Response:
        return exposed(registry, request)

    @app.get("/healthz")
    async def show_health() -> dict[str, str]:
        """That we run; neither a broker nor an endpoint that is away is mended by a restart of ours."""
        return {"status": "ok", "broker": "up" if event_log.connected else "away"}

    @app.get("/readyz")
    async def show_readiness() -> JSONResponse:
        """Whether every endpoint's signals are read."""
        waiting = [each.endpoint.name for each in subscriptions if not each.joined]
        ready = event_log.connected and not waiting
        return JSONResponse({"status": "ready" if ready else "waiting", "waiting": waiting}, 200 if ready else 503)

    return app


def main(settings: Settings, environ: Mapping[str, str]) -> None:
    """Deliver until SIGINT or SIGTERM.

    Args:
        environ: Where the endpoints' file may say that secrets are.

    Raises:
        Misconfigured: the endpoints, a port or the topics are not as they should be.
    """
    endpoints = endpoints_of(settings, environ)
    # Not uvloop: its name lookups share four threads, whatever is set.
    asyncio.run(_run(settings, endpoints))


async def _run(settings: Settings, endpoints: Sequence[Endpoint]) -> None:
    threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE * (len(endpoints) + 1), "lookup")
    asyncio.get_running_loop().set_default_executor(threads)
    for endpoint in endpoints:
        if endpoint.in_the_clear:
            facts = {"endpoint": endpoint.name, "at": endpoint.where}
            log.warning("signals go over the network in the clear, https would hide them", extra=facts)
    listener = listening(settings.notifier_host, settings.notifier_port, "DESKPULSE_NOTIFIER_PORT")
    with contextlib.closing(listener):
        registry = CollectorRegistry()
        metrics = WebhookMetrics(registry, [each.name for each in endpoints], RESULTS)
        async with (
            open_event_log(settings) as event_log,
            _delivering(settings, endpoints, Surroundings(event_log, metrics)) as subscriptions,
        ):
            await serve(build_app(registry, event_log, subscriptions), listener)


@asynccontextmanager
async def _delivering(
    settings: Settings, endpoints: Sequence[Endpoint], around: Surroundings
) -> AsyncIterator[list[Subscription]]:
    """A subscription for each endpoint, running; all of them are ended at once."""
    async with AsyncExitStack() as stack:
        posters = [await stack.enter_async_context(open_poster(endpoint)) for endpoint in endpoints]
        subscriptions = [
            Subscription(settings, endpoint, poster, around)
            for endpoint, poster in zip(endpoints, posters, strict=True)
        ]
        tasks = [asyncio.create_task(_deliver(settings, each)) for each in subscriptions]
        try:
            yield subscriptions
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _deliver(settings: Settings, subscription: Subscription) -> None:
    try:
        await wait_for_topics(settings)
        await subscription.run()
    except Misconfigured as error:
        log.error("the notifier cannot go on", extra={"reason": str(error)})
        os._exit(1)
    except Exception:
        log.exception("unexpected: the notifier ends, the next goes on where its groups have come to")
        os._exit(UNEXPECTED)
