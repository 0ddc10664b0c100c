"""A gateway without a broker: the real app over a log that is a list, with a clock that stands still."""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from services.adapters.event_log import Record
from services.config import Settings
from services.errors import Unavailable
from services.gateway.app import build_app
from tests.adapters.helpdesks.samples import Sample

NOW = datetime(2026, 3, 10, 9, 12, 6, tzinfo=UTC)
TOKEN = "events-token"
SECRETS = "zendesk/acme=test-secret, chatwoot/acme=test-secret\nfreshdesk/acme=test-secret,zendesk/other=other-secret"


class ListLog:
    """An event log in memory, that can be taken away."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.connected = True

    @property
    def inflight_bytes(self) -> int:
        return 0

    async def append(self, records: Sequence[Record]) -> None:
        if not self.connected:
            raise Unavailable("nobody there")
        self.records += records

    def events(self) -> list[dict[str, Any]]:
        """Everything but dead letters, as JSON objects."""
        return [json.loads(each.value) for each in self.records if each.topic.name != "deskpulse.dead-letters"]

    def dead_letters(self) -> list[Record]:
        return [each for each in self.records if each.topic.name == "deskpulse.dead-letters"]


def settings(**more: Any) -> Settings:
    known = {
        "webhook_secrets": SecretStr(SECRETS),
        "events_token": SecretStr(TOKEN),
        "privacy_key": SecretStr("privacy-key"),
    }
    return Settings(**{**known, **more})


@contextlib.asynccontextmanager
async def client(log: ListLog, now: datetime = NOW, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(settings(**more), log, lambda: now)
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        yield http


async def deliver(http: httpx.AsyncClient, sample: Sample, tenant: str = "acme", **more: Any) -> httpx.Response:
    request = {"content": sample.body, "headers": dict(sample.headers), **more}
    return await http.post(f"/webhooks/{sample.vendor}/{tenant}", **request)


async def metric(http: httpx.AsyncClient, sample: str) -> float:
    """The value of one sample of /metrics, such as `name{label="x"}`; 0 where there is none."""
    text = (await http.get("/metrics")).text
    return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(sample + " ")), 0.0)
