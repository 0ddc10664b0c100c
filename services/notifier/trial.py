"""One test message to one endpoint, and what came back, for the person who connects it."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from services.adapters.signal_endpoints import Endpoint
from services.errors import Misconfigured
from services.notifier.message import TEST, Signal, body_of, headers_of
from services.notifier.posting import Answer, open_poster

_SHOWN = 300
"""Characters of an answer."""


def try_endpoint(endpoints: Sequence[Endpoint], name: str, say: Callable[[str], None]) -> bool:
    """Send one message of type `deskpulse.test`; whether the endpoint took it.

    Raises:
        Misconfigured: no endpoint is called so.
    """
    endpoint = next((each for each in endpoints if each.name == name), None)
    if endpoint is None:
        raise Misconfigured(
            f"no endpoint is called {name!r}; there are: {', '.join(each.name for each in endpoints)}"
        )
    answer = asyncio.run(_sent(endpoint))
    say(f"{name} at {endpoint.where}: {answer.detail} after {answer.took_s * 1000:.0f} ms{_VERDICTS[answer.verdict]}")
    if answer.body:
        say(f"it said: {_shown(answer.body)}")
    return answer.verdict == "delivered"


_VERDICTS = {
    "delivered": "; a signal would be delivered",
    "again": "; a signal would be tried again later",
    "gone": "; a signal would become a dead letter, and the endpoint wants to be taken out of the file",
    "refused": "; a signal would become a dead letter",
}


async def _sent(endpoint: Endpoint) -> Answer:
    now = time.time()
    at = datetime.fromtimestamp(int(now), UTC)
    told = {"message": "deskpulse reaches this endpoint"}
    signal = Signal(
        type=TEST,
        signal_id=f"test_{secrets.token_hex(16)}",
        occurred_at=at,
        announced_at=at,
        ticket="",
        whole=msgspec.Raw(msgspec.json.encode(told)),
    )
    body = body_of(signal, endpoint)
    async with open_poster(endpoint) as poster:
        return await poster.post(body, headers_of(signal.signal_id, int(now), body, endpoint.secrets))


def _shown(body: str) -> str:
    """Its beginning, on one line."""
    line = " ".join("".join(char if char.isprintable() else " " for char in body).split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
