"""Real processors as processes, and the log that they read."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas import topics
from schemas.codec import NO_EVENT, Fact, decode
from services.adapters.event_log import ensure_topics
from services.adapters.local import free_port
from services.config import Settings
from services.core.rules import Rules
from tests.servers import Broker
from tests.state import differences, next_of, stored_cells
from tests.traffic import POLICY_FILE

PARTITIONS = 4


@dataclass(frozen=True)
class Plant:
    """A broker, a store and a namespace in it."""

    broker: Broker
    redis_url: str
    redis: Any
    namespace: str

    @property
    def settings(self) -> Settings:
        return Settings(
            kafka_brokers=self.broker.brokers,
            embedded_broker=self.broker.embedded,
            kafka_group=self.namespace,
            kafka_session_timeout_s=6,
            partitions=PARTITIONS,
            redis_url=self.redis_url,
            namespace=self.namespace,
            policy=POLICY_FILE,
        )

    async def make_topics(self) -> None:
        await ensure_topics(self.settings)


class Worker:
    """One `deskpulse processor`."""

    def __init__(self, plant: Plant, log: Path, **changes: object) -> None:
        self.log = log
        self.metrics_port = free_port()
        values = plant.settings.model_dump(exclude_unset=True) | {"processor_port": self.metrics_port} | changes
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DESKPULSE_")}
        environment |= {f"DESKPULSE_{name.upper()}": str(value) for name, value in values.items()}
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services", "processor"], env=environment, stdout=out, stderr=out
            )

    def kill(self) -> None:
        """As a crash would."""
        self.process.kill()
        self.process.wait()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def said(self, text: str) -> bool:
        return text in self.log.read_text(errors="replace")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def crew(plant: Plant, folder: Path) -> Iterator[Callable[..., Worker]]:
    """A function that starts workers; all are ended with the test, and their logs shown if it fails."""
    workers: list[Worker] = []

    def hire(**changes: object) -> Worker:
        workers.append(Worker(plant, folder / f"worker-{len(workers)}.log", **changes))
        return workers[-1]

    try:
        yield hire
    except BaseException:
        for number, worker in enumerate(workers):
            print(f"--- worker {number}, exit code {worker.process.poll()}")
            print(worker.log.read_text(errors="replace")[-3000:])
        raise
    finally:
        for worker in workers:
            worker.close()


async def produce(plant: Plant, lines: Sequence[bytes], *, pause_s: float = 0, chunk: int = 200) -> None:
    """Append canonical events, in order, each under its entity's key."""
    async with AIOKafkaProducer(bootstrap_servers=plant.broker.brokers, acks="all", linger_ms=2) as producer:
        for begin in range(0, len(lines), chunk):
            sent = []
            for line in lines[begin : begin + chunk]:
                topic, key = _address(line)
                sent.append(await producer.send(topic.name, line, key.encode()))
            await asyncio.gather(*sent)
            await asyncio.sleep(pause_s)


def _address(line: bytes) -> tuple[topics.Topic, str]:
    fact = decode(line)
    return (topics.AGENTS if fact.type == "agent.state_changed" else topics.TICKETS), fact.entity


async def read_log(plant: Plant, count: int) -> dict[tuple[str, int], list[bytes]]:
    """Every record of the measured topics, by (stream, partition), once ``count`` of them are there."""
    partitions = [TopicPartition(topic.name, p) for topic in topics.MEASURED for p in range(PARTITIONS)]
    streams = {topic.name: topic.stream for topic in topics.MEASURED}
    read: dict[tuple[str, int], list[bytes]] = {(streams[tp.topic], tp.partition): [] for tp in partitions}
    consumer = AIOKafkaConsumer(bootstrap_servers=plant.broker.brokers, enable_auto_commit=False)
    async with consumer, asyncio.timeout(120):
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        while sum(map(len, read.values())) < count:
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                read[streams[tp.topic], tp.partition] += [record.value or b"" for record in records]
    return read


async def applied(plant: Plant, log: dict[tuple[str, int], list[bytes]], deadline_s: float = 120) -> None:
    """Return once every shard's `next` is at the end of its log."""

    def behind() -> dict[tuple[str, int], tuple[int, int]]:
        nexts = {place: next_of(plant.redis, plant.namespace, *place) for place in log}
        return {place: (nexts[place], len(records)) for place, records in log.items() if nexts[place] < len(records)}

    try:
        await until(lambda: not behind(), deadline_s)
    except TimeoutError:
        raise AssertionError(f"not applied after {deadline_s} s: {behind()}") from None


def wrong_cells(plant: Plant, log: dict[tuple[str, int], list[bytes]], rules: Rules) -> list[str]:
    """Where any shard differs from a recount of its log, to the bit."""
    return [
        f"{place}: {difference}"
        for place, records in log.items()
        for difference in differences(
            stored_cells(plant.redis, plant.namespace, *place), usable_facts(records), rules
        )
    ]


def usable_facts(records: Sequence[bytes]) -> list[Fact]:
    found = []
    for record in records:
        try:
            found.append(decode(record))
        except NO_EVENT:
            continue
    return found


async def until(condition: Callable[[], bool | Awaitable[bool]], deadline_s: float = 60) -> None:
    """Return once ``condition()`` is true.

    Raises:
        TimeoutError: it did not come true in time.
    """
    async with asyncio.timeout(deadline_s):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.05)
