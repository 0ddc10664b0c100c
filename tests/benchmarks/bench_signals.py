"""From a deadline to its signal: how long after its instant a breach is on `deskpulse.signals`.

`python -m tests.benchmarks.bench_signals` starts one processor, waits until it is live, and opens tickets whose
deadlines lie some seconds ahead, spread evenly over a stretch of time. What is measured of each signal is the time
from the instant at which it could be told, 1 ms after the last one that holds, to when it was decided
(`announced_at`), and to when the log took it. Beside that the traffic of a busy centre goes through the same worker.
"""

import argparse
import asyncio
import json
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from redis import Redis

from schemas import topics
from schemas.codec import Millis, millis
from schemas.signals import decode_signal
from services.adapters.child import Child
from services.adapters.event_log import ensure_topics
from services.adapters.local import free_port
from services.adapters.state_layout import SIGNALS, shard_key, unpack_signals
from services.config import PREFIX, Settings
from tests.benchmarks import machine
from tests.benchmarks.bench_latency import apache_kafka, embedded
from tests.kafka import node

TARGET_S = 60
LEAD_MS = 5_000
"""How long before the first deadline the tickets are sent."""
PARTITIONS = 4
_LONGEST_S = 60.0
POLICY = f"""
sla:
  at_risk_ratio: 1
  policies:
    - id: bench
      hours: calendar
      targets:
        any: {{first_response: {TARGET_S}}}
"""


@contextmanager
def processor(settings: Settings) -> Iterator[None]:
    """One worker, as it is started in production."""
    values = settings.model_dump(exclude_unset=True) | {"processor_port": free_port()}
    environment = {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()}
    child = Child("processor", [sys.executable, "-m", "services", "processor"], settings=environment)
    try:
        yield
    finally:
        child.stop()


def _event(type_: str, ticket: str, at: Millis, **fields: object) -> tuple[bytes, bytes]:
    about = {"type": type_, "event_id": uuid.uuid4().hex, "ticket_id": ticket}
    about["occurred_at"] = datetime.fromtimestamp(at / 1000, UTC).isoformat()
    return ticket.encode(), json.dumps(about | fields).encode()


async def send(producer: AIOKafkaProducer, events: Sequence[tuple[bytes, bytes]]) -> None:
    await asyncio.gather(
        *[await producer.send(topics.TICKETS.name, value, key) for key, value in events],
    )


async def traffic(producer: AIOKafkaProducer, rate: float) -> None:
    """Tickets that are opened and answered, until cancelled."""
    number = 0
    while True:
        now = time.time_ns() // 1_000_000
        name, number = f"busy-{number}", number + 1
        answer = {"author": "agent", "public": True, "agent_id": f"A{number % 50}"}
        await send(producer, [_event("ticket.created", name, now), _event("ticket.replied", name, now + 1, **answer)])
        await asyncio.sleep(2 / rate)


async def measure(settings: Settings, count: int, stretch_s: float, rate: float) -> list[tuple[float, float]]:
    """Seconds from each deadline to the decision and to the log."""
    await until_live(settings)
    async with (
        AIOKafkaProducer(bootstrap_servers=settings.kafka_brokers, acks="all") as producer,
        AIOKafkaConsumer(bootstrap_servers=settings.kafka_brokers, enable_auto_commit=False) as consumer,
    ):
        places = [TopicPartition(topics.SIGNALS.name, partition) for partition in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        busy = asyncio.create_task(traffic(producer, rate)) if rate else None
        begin = time.time_ns() // 1_000_000 + LEAD_MS
        due = {f"T{n}": begin + round(1000 * stretch_s * n / count) for n in range(count)}
        await send(producer, [_event("ticket.created", name, at - 1000 * TARGET_S) for name, at in due.items()])
        delays: dict[str, tuple[float, float]] = {}
        async with asyncio.timeout(LEAD_MS / 1000 + stretch_s + _LONGEST_S):
            while len(delays) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        signal = decode_signal(record.value)
                        if signal.type == "sla.breached" and (at := due.get(signal.ticket)) is not None:
                            told = millis(signal.announced_at) - at - 1
                            delays[signal.ticket] = told / 1000, (record.timestamp - at - 1) / 1000
        if busy is not None:
            busy.cancel()
        return list(delays.values())


async def until_live(settings: Settings) -> None:
    """Returns once time goes on for every partition."""
    redis = Redis.from_url(settings.redis_url)
    keys = [shard_key(settings.namespace, topics.TICKETS.stream, partition) for partition in range(PARTITIONS)]
    async with asyncio.timeout(_LONGEST_S):
        while True:
            states = [unpack_signals(redis.hget(key, SIGNALS)) for key in keys]  # type: ignore[arg-type]
            if all(state.silent_until for state in states):
                break
            await asyncio.sleep(0.1)
    redis.close()


def row(name: str, delays: Sequence[tuple[float, float]]) -> str:
    """One line of a table, in milliseconds."""
    cells = []
    for values in zip(*delays, strict=True):
        ordered = sorted(values)
        cells += [f"{ordered[int(share * (len(ordered) - 1))] * 1000:.0f}" for share in (0.5, 0.99, 1)]
    return "| " + " | ".join([name, str(len(delays)), *cells]) + " |"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deadlines", type=int, default=500)
    parser.add_argument("--stretch", type=float, default=20, help="seconds over which they are spread")
    parser.add_argument("--rate", type=float, default=200, help="events a second beside them")
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    print(machine.description())
    print(f"{asked.deadlines} deadlines in {asked.stretch:g} s, {asked.rate:g} events/s beside them; milliseconds")
    print("| | signals | decided p50 | p99 | max | in the log p50 | p99 | max |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    stages = {"embedded pair": embedded}
    if node.missing() is None:
        stages["Apache Kafka"] = apache_kafka
    with TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.yaml"
        policy.write_text(POLICY, encoding="utf-8")
        for number in range(1, asked.rounds + 1):
            for name, stage in stages.items():
                with stage() as neighbours:
                    environment = {PREFIX + key: value for key, value in neighbours.items()}
                    own = {PREFIX + "PARTITIONS": str(PARTITIONS), PREFIX + "POLICY": str(policy)}
                    settings = Settings.from_env(environment | own)
                    asyncio.run(ensure_topics(settings))
                    with processor(settings):
                        delays = asyncio.run(measure(settings, asked.deadlines, asked.stretch, asked.rate))
                print(row(f"{name}, round {number}", delays), flush=True)


if __name__ == "__main__":
    main()
