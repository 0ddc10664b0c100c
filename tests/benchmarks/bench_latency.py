"""From delivery to wall: how long until the board's stream shows what a signed delivery changed.

`python -m tests.benchmarks.bench_latency` starts gateway, processor and board as processes, posts signed Zendesk
deliveries at a steady rate and reads `/api/v1/stream`. Every delivery opens a ticket in one of a few queues, in
turn; it is on the wall when the stream first says that its queue has that many open tickets. The clock starts
before the request is sent. The board pushes at most four walls a second, so a part of what is measured is waiting
for the next one.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from services.adapters import local
from services.adapters.child import Child
from services.config import PREFIX
from services.simulator.zendesk_shape import Zendesk, signed_headers
from tests import servers
from tests.benchmarks import machine
from tests.kafka import node

TENANT, SECRET = "bench", "bench-secret"
QUEUES = 20
_WARM = "warm-up"
_READY_S = 60.0
_ARRIVAL_S = 15.0


@contextmanager
def system(neighbours: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The three programs on those neighbours; the addresses of gateway and board."""
    ports = {name: local.free_port() for name in ("gateway", "processor", "board")}
    environment = {
        **neighbours,
        "WEBHOOK_SECRETS": f"zendesk/{TENANT}={SECRET}",
        "PRIVACY_KEY": "bench",
        "POLICY": str(Path("services/simulator/policy.yaml")),
        **{f"{name.upper()}_PORT": str(port) for name, port in ports.items()},
    }
    settings = {PREFIX + name: value for name, value in environment.items()}
    with ExitStack() as stack:
        for name in ports:
            child = Child(name, [sys.executable, "-m", "services", name], settings=settings)
            stack.callback(child.stop)
        yield f"http://127.0.0.1:{ports['gateway']}", f"http://127.0.0.1:{ports['board']}"


def delivery(queue: str) -> tuple[bytes, dict[str, str]]:
    """A ticket that is opened now, as Zendesk tells it."""
    now = datetime.now(UTC)
    fact = {
        "type": "ticket.created",
        "event_id": str(uuid.uuid4()),
        "ticket_id": str(uuid.uuid4().int % 10**9),
        "occurred_at": now,
        "actor": "customer",
        "requester_id": str(uuid.uuid4().int % 10**6),
        "queue": queue,
        "channel": "email",
        "priority": "normal",
        "category": "billing",
    }
    body = Zendesk().body(fact)
    assert body is not None
    return body, signed_headers(body, SECRET.encode(), now)


class Deliveries:
    """What was sent when, and when the wall showed it."""

    def __init__(self, gateway: str, http: aiohttp.ClientSession) -> None:
        self._address = f"{gateway}/webhooks/zendesk/{TENANT}"
        self._http = http
        self._waiting: dict[str, list[float]] = {}
        """By queue: when each delivery was sent that is not on the wall yet."""
        self._shown: dict[str, int] = {}
        self.acknowledged_s: list[float] = []
        self.on_wall_s: list[float] = []
        self.refused = 0
        self.all_shown = asyncio.Event()

    @property
    def missing(self) -> int:
        """Deliveries that the wall has not shown."""
        return sum(map(len, self._waiting.values()))

    async def send(self, queue: str) -> None:
        body, headers = delivery(queue)
        sent_s = time.monotonic()
        self.all_shown.clear()
        self._waiting.setdefault(queue, []).append(sent_s)
        async with self._http.post(self._address, data=body, headers=headers) as answer:
            if answer.status != 200:
                self._waiting[queue].remove(sent_s)
                self.refused += 1
                return
        self.acknowledged_s.append(time.monotonic() - sent_s)

    async def watch(self, board: str) -> None:
        """Read walls until cancelled."""
        async with self._http.get(f"{board}/api/v1/stream", timeout=aiohttp.ClientTimeout(total=None)) as answer:
            async for wall in _walls(answer):
                now_s = time.monotonic()
                for queue in wall["backlog"]["queues"]:
                    self._show(queue["queue"], queue["open"], now_s)

    def _show(self, queue: str, count: int, now_s: float) -> None:
        waiting = self._waiting.get(queue, [])
        news = count - self._shown.get(queue, 0)
        self._shown[queue] = count
        for sent_s in waiting[:news]:
            if queue != _WARM:
                self.on_wall_s.append(now_s - sent_s)
        del waiting[:news]
        if not self.missing:
            self.all_shown.set()


async def _walls(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    text = ""
    async for chunk in answer.content.iter_any():
        text += chunk.decode()
        while "\n\n" in text:
            event, _, text = text.partition("\n\n")
            for line in event.splitlines():
                if line.startswith("data: "):
                    yield json.loads(line[6:])


async def measure(gateway: str, board: str, rate: float, duration_s: float) -> Deliveries:
    """Send ``rate`` deliveries a second once the first one has come through."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        for address in (gateway, board):
            await _answers(http, f"{address}/healthz")
        deliveries = Deliveries(gateway, http)
        watching = asyncio.create_task(deliveries.watch(board))
        await _warmed(deliveries)
        deliveries.acknowledged_s.clear()
        began_s = time.monotonic()
        async with asyncio.TaskGroup() as sending:
            for number in range(int(rate * duration_s)):
                await asyncio.sleep(max(0.0, began_s + number / rate - time.monotonic()))
                sending.create_task(deliveries.send(f"queue-{number % QUEUES:02}"))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(deliveries.all_shown.wait(), _ARRIVAL_S)
        watching.cancel()
        return deliveries


async def _answers(http: aiohttp.ClientSession, address: str) -> None:
    async with asyncio.timeout(_READY_S):
        while True:
            try:
                async with http.get(address) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def _warmed(deliveries: Deliveries) -> None:
    """Returns once a first delivery is on the wall: everything is connected."""
    async with asyncio.timeout(_READY_S):
        while not deliveries.acknowledged_s:
            await deliveries.send(_WARM)
            await asyncio.sleep(0.2)
        await deliveries.all_shown.wait()


def report(name: str, deliveries: Deliveries) -> str:
    """One line of a table."""
    cells = []
    for values in (deliveries.acknowledged_s, deliveries.on_wall_s):
        values.sort()
        cells += [f"{values[int(p * (len(values) - 1))] * 1000:.0f}" for p in (0.5, 0.99, 1)]
    counts = [len(deliveries.on_wall_s), deliveries.refused, deliveries.missing]
    return "| " + " | ".join([name, *map(str, counts), *cells]) + " |"


@contextmanager
def embedded() -> Iterator[dict[str, str]]:
    """The embedded pair, as settings."""
    with local.embedded_pair() as pair:
        yield {
            "KAFKA_BROKERS": pair.kafka_brokers,
            "REDIS_URL": pair.redis_url,
            "EMBEDDED_BROKER": "true",
            "KAFKA_SESSION_TIMEOUT_S": "6",
        }


@contextmanager
def apache_kafka() -> Iterator[dict[str, str]]:
    """Apache Kafka and the machine's Redis, or else the embedded Valkey, as settings."""
    store = servers.valkey if servers.redis_missing() else servers.redis
    with node.running_kafka() as kafka, store() as url:
        yield {"KAFKA_BROKERS": kafka.brokers, "REDIS_URL": url, "REPLICATION": "1"}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=50, help="deliveries a second")
    parser.add_argument("--duration", type=float, default=20, help="seconds")
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    print(machine.description())
    print(f"{asked.rate:g} deliveries a second for {asked.duration:g} s; milliseconds from before the request")
    print("| | on the wall | refused | missing | answer p50 | p99 | max | wall p50 | p99 | max |")
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    stages = {"embedded pair": embedded}
    if node.missing() is None:
        stages["Apache Kafka"] = apache_kafka
    for number in range(1, asked.rounds + 1):
        for name, stage in stages.items():
            with stage() as neighbours, system(neighbours) as (gateway, board):
                deliveries = asyncio.run(measure(gateway, board, asked.rate, asked.duration))
            print(report(f"{name}, round {number}", deliveries), flush=True)


if __name__ == "__main__":
    main()
