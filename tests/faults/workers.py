"""Real processors as processes, and the log that they read."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas import topics
from schemas.codec import NO_EVENT, Fact, decode, is_derived
from services.adapters.entities import partition_of
from services.adapters.event_log import ensure_topics
from services.adapters.local import free_port
from services.adapters.log_reader import Record
from services.adapters.policy_file import load_policy
from services.config import Settings
from services.core.rules import Rules
from services.core.tally import Cells
from services.processor.origin import StateOrigin
from services.processor.telling import told_for
from tests.recount import merged, recounted_together, still_kept, watermark_of
from tests.servers import Broker
from tests.state import cells_in, differences, next_of, stored_fields, unequal, unlisted
from tests.traffic import POLICY_FILE

PARTITIONS = 4

Place = tuple[str, int]
"""(stream, partition)"""
Log = dict[Place, list[Record]]


@dataclass(frozen=True)
class Plant:
    """A broker, a store and a namespace in it."""

    broker: Broker
    redis_url: str
    redis: Any
    namespace: str
    policy: Path = POLICY_FILE

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
            policy=self.policy,
        )

    @property
    def state(self) -> bytes:
        """What marks the told records that are meant for this plant's state."""
        return StateOrigin(load_policy(self.policy).fingerprint(), PARTITIONS, self.namespace).state

    @property
    def rules(self) -> Rules:
        return rules_of(self.policy)

    async def make_topics(self) -> None:
        await ensure_topics(self.settings)


@cache
def rules_of(policy: Path) -> Rules:
    return Rules(load_policy(policy))


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
    return fact.topic, fact.entity


async def applied(plant: Plant, count: int, deadline_s: float = 120) -> Log:
    """Every record of the measured topics, once ``count`` of them came from helpdesks, all of them are in the store,
    and no entity has any news for another."""
    partitions = [TopicPartition(topic.name, p) for topic in topics.MEASURED for p in range(PARTITIONS)]
    streams = {topic.name: topic.stream for topic in topics.MEASURED}
    log: Log = {(streams[tp.topic], tp.partition): [] for tp in partitions}
    consumer = AIOKafkaConsumer(bootstrap_servers=plant.broker.brokers, enable_auto_commit=False)

    async def at_rest() -> bool:
        nexts = {place: next_of(plant.redis, plant.namespace, *place) for place in log}
        # Looked at after the nexts: whoever has told something has not yet moved its own. The embedded broker does
        # not say where a log ends; so nothing has come for a while.
        news = await consumer.getmany(timeout_ms=1000)
        for tp, records in news.items():
            log[streams[tp.topic], tp.partition] += records
        done = originals_in(log) >= count
        return done and not news and all(nexts[place] == len(records) for place, records in log.items())

    async with consumer:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        try:
            await until(at_rest, deadline_s)
        except TimeoutError:
            nexts = {place: next_of(plant.redis, plant.namespace, *place) for place in log}
            behind = {place: (nexts[place], len(records)) for place, records in log.items()}
            raise AssertionError(f"not at rest after {deadline_s} s, {originals_in(log)}/{count}: {behind}") from None
    return log


def originals_in(log: Log) -> int:
    return sum(not is_derived(record.value or b"") for records in log.values() for record in records)


def wrong_cells(plant: Plant, log: Log) -> list[str]:
    """Where any shard differs, to the bit, from a recount of its partition, or from one of all that helpdesks sent,
    or where its lists lack a ticket."""
    together: dict[Place, list[Cells]] = {place: [] for place in log}
    for (stream, key), cells in recounted_together(sent_by_helpdesks(log), plant.rules).items():
        together[stream, partition_of(key, PARTITIONS)].append(cells)
    wrong = []
    for place, records in log.items():
        facts = usable_facts(plant, records)
        fields = stored_fields(plant.redis, plant.namespace, *place)
        stored = cells_in(fields)
        found = differences(stored, facts, plant.rules) + unlisted(fields, facts, plant.rules)
        found += unequal(stored, still_kept(merged(together[place]), watermark_of(facts)))
        wrong += [f"{place}: {difference}" for difference in found]
    return wrong


def usable_facts(plant: Plant, records: Sequence[Record]) -> list[Fact]:
    """What ``plant`` takes in of ``records``."""
    found, state = [], plant.state
    for record in records:
        value = record.value or b""
        try:
            fact = decode(value, record.timestamp)
        except NO_EVENT:
            continue
        if not is_derived(value) or told_for(record, state):
            found.append(fact)
    return found


def sent_by_helpdesks(log: Log) -> list[Fact]:
    """The facts of the log that no entity told another."""
    sent = [record for records in log.values() for record in records if not is_derived(record.value or b"")]
    return [decode(record.value or b"", record.timestamp) for record in sent]


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
