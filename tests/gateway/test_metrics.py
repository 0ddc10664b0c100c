import asyncio
import shutil
import subprocess

import pytest

from tests.adapters.helpdesks.samples import SAMPLES
from tests.gateway.doubles import ListLog, client, deliver, metric


async def scraped(accept: str = "text/plain") -> str:
    async with client(ListLog()) as http:
        for each in SAMPLES:
            await deliver(http, each)
        await http.post("/webhooks/x-42/y", content=b"{}")
        return (await http.get("/metrics", headers={"Accept": accept})).text


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
async def test_promtool_finds_nothing_to_say() -> None:
    command = ["promtool", "check", "metrics"]
    checked = await asyncio.to_thread(subprocess.run, command, input=await scraped(), text=True, capture_output=True)

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


async def test_every_known_label_is_there_before_the_first_event() -> None:
    async with client(ListLog()) as http:
        text = (await http.get("/metrics")).text

    for source in ("zendesk", "chatwoot", "freshdesk", "events", "other"):
        assert f'deskpulse_gateway_requests_total{{source="{source}"}} 0.0' in text
    assert 'deskpulse_gateway_produce_failures_total{topic="deskpulse.tickets"} 0.0' in text


async def test_a_source_is_one_of_a_short_list_and_never_free_text() -> None:
    text = await scraped()

    assert "x-42" not in text
    assert 'deskpulse_gateway_rejected_total{reason="unknown_source",source="other"} 1.0' in text


async def test_the_newest_authentic_delivery_is_an_instant() -> None:
    zendesk = next(each for each in SAMPLES if each.vendor == "zendesk")
    name = 'deskpulse_webhook_last_received_timestamp_seconds{source="zendesk"}'
    async with client(ListLog(), zendesk.sent_at) as http:
        await deliver(http, zendesk, content=b"forged")
        assert await metric(http, name) == 0
        await deliver(http, zendesk)
        assert await metric(http, name) == zendesk.sent_at.timestamp()
