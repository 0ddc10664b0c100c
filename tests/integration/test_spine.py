"""From a signed delivery to the wall, through real processes, on both brokers."""

import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from schemas import topics
from tests.integration.running import TOKEN, Running, beside, up
from tests.processes import eventually
from tests.servers import Broker

PAYLOADS = Path("tests/payloads")
SAMPLES = sorted(path for path in PAYLOADS.glob("*/*.json") if not path.name.endswith(".headers.json"))
BEFORE_THE_SAMPLES_WERE_SIGNED = timedelta(days=10_000)


@pytest.fixture(scope="module")
def running(broker: Broker, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with up(
        tmp_path_factory.mktemp("up"),
        "--no-simulator",
        **beside(broker, redis_url, "spine"),
        webhook_secrets=",".join(f"{path.parent.name}/acme=test-secret" for path in SAMPLES),
        signature_tolerance_s=BEFORE_THE_SAMPLES_WERE_SIGNED.total_seconds(),
        requester_ids="plain",
    ) as one:
        yield one


def deliver(running: Running, sample: Path, body: bytes | None = None) -> httpx.Response:
    """Post a recorded delivery as its vendor did, or another body with its headers."""
    headers = json.loads(sample.with_suffix(".headers.json").read_text())["headers"]
    address = f"{running.gateway}/webhooks/{sample.parent.name}/acme"
    return httpx.post(address, content=sample.read_bytes() if body is None else body, headers=headers)


def test_each_sample_is_taken_as_it_is_and_all_are_on_the_wall(running: Running) -> None:
    for sample in SAMPLES:
        assert deliver(running, sample).status_code == 200, sample
    repeated = [deliver(running, sample).status_code for sample in SAMPLES]

    assert repeated == [200] * len(SAMPLES)
    # Freshdesk's ticket is solved by its second sample; Zendesk's and Chatwoot's are open, and answered.
    assert eventually(lambda: running.wall()["backlog"]["total"] == 2)
    queues = {queue["queue"]: queue["open"] for queue in running.wall()["backlog"]["queues"]}
    assert queues == {"360007001": 1, "12": 1}
    assert running.wall()["freshness"]["state"] in ("live", "quiet")


def test_a_posted_event_is_on_the_wall(running: Running) -> None:
    event = {
        "event_id": "posted-1",
        "type": "ticket.created",
        "occurred_at": "2026-03-10T10:00:00Z",
        "ticket_id": "P-1",
        "queue": "posted",
        "channel": "web",
    }
    answer = httpx.post(f"{running.gateway}/events", json=[event], headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 200
    assert eventually(lambda: any(queue["queue"] == "posted" for queue in running.wall()["backlog"]["queues"]))


def test_the_stream_tells_of_a_change_without_being_asked(running: Running) -> None:
    event = {
        "event_id": "posted-2",
        "type": "ticket.created",
        "occurred_at": "2026-03-10T10:00:00Z",
        "ticket_id": "P-2",
        "queue": "streamed",
    }
    with httpx.stream("GET", f"{running.board}/api/v1/stream", timeout=20) as stream:
        httpx.post(f"{running.gateway}/events", json=event, headers={"Authorization": f"Bearer {TOKEN}"})
        told = (json.loads(line[5:]) for line in stream.iter_lines() if line.startswith("data:"))
        assert any(any(q["queue"] == "streamed" for q in wall["backlog"]["queues"]) for wall in told)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"{}", 401, id="another body under an old signature"),
        pytest.param(b"x" * (1024 * 1024 + 1), 413, id="a body over the limit"),
    ],
)
def test_what_is_not_authentic_or_too_large_is_refused(running: Running, body: bytes, status: int) -> None:
    assert deliver(running, SAMPLES[0], body).status_code == status


async def test_an_authentic_delivery_that_we_cannot_use_is_kept_with_its_bytes(
    running: Running, broker: Broker
) -> None:
    body = b'{"freshdesk_webhook": {"ticket_id": 1, "triggered_event": "{moon:full}"}}'
    sample = next(path for path in SAMPLES if path.parent.name == "freshdesk")

    assert deliver(running, sample, body).status_code == 200

    consumer = AIOKafkaConsumer(
        topics.DEAD_LETTERS.name, bootstrap_servers=broker.brokers, auto_offset_reset="earliest"
    )
    async with consumer:
        letter = await consumer.getone()
    headers = {name: value.decode() for name, value in letter.headers}
    assert letter.value == body
    assert headers["reason"] == "unknown_type"
    assert "test-secret" not in str(headers)
    assert "a3BpOnRlc3Qtc2VjcmV0" not in str(headers), "the credential is not kept"


@pytest.mark.parametrize("program", ["gateway", "processor", "board"])
def test_metrics_are_clean(running: Running, program: str) -> None:
    metrics = httpx.get(f"{getattr(running, program)}/metrics").raise_for_status()

    found = subprocess.run(["promtool", "check", "metrics"], input=metrics.content, capture_output=True, check=False)

    assert (found.stdout, found.stderr, found.returncode) == (b"", b"", 0)


def test_without_an_address_everything_is_embedded_and_the_simulator_makes_it_live(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        assert eventually(lambda: running.wall()["freshness"]["state"] == "live", 60)

        wall = running.wall()
        assert wall["backlog"]["total"] > 20
        assert wall["first_response"]["count"] > 300
        assert wall["first_response"]["median_s"] > 0
        assert wall["sla"]["met_24h"] > 300
        assert wall["agents"]["signed_in"] > 0
        assert 0 < wall["agents"]["utilisation_1h"] <= 1
        assert len({queue["queue"] for queue in wall["backlog"]["queues"]}) >= 5
        assert "simulator: sent the last 24 hours" in running.output.read_text()
