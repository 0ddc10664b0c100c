"""Events per second and processor seconds per million events: the floor, our processor, and stock Faust.

`python -m tests.benchmarks.bench_throughput` produces one log to a fresh Apache Kafka and lets each of the three read
it from the beginning, one after the other, each as one process. Starting up and joining the group is left out: each
is measured from its first events on.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis

from services.adapters.child import Child
from services.adapters.local import free_port
from services.adapters.state_layout import NEXT, shard_key
from services.config import PREFIX, Settings
from tests import servers
from tests.benchmarks import machine, traffic
from tests.kafka import node

POLICY = Path("services/simulator/policy.yaml")
_DEADLINE_S = 1800
_LOOK_S = 0.02
_STILL_S = 2.0


@dataclass(frozen=True)
class Measured:
    """One contestant's run."""

    name: str
    events: int
    wall_s: float
    cpu_s: float
    store_cpu_s: float | None = None

    @property
    def rate(self) -> float:
        return self.events / self.wall_s

    @property
    def cpu_per_million_s(self) -> float:
        return 1e6 * self.cpu_s / self.events


@dataclass(frozen=True)
class Store:
    """A store of a contestant's own."""

    url: str
    pid: int

    @property
    def cpu_s(self) -> float:
        return machine.cpu_s(self.pid)


@contextmanager
def store() -> Iterator[Store]:
    """The machine's Redis, or else the embedded Valkey; empty, without persistence."""
    with servers.valkey() if servers.redis_missing() else servers.redis() as url:
        with Redis.from_url(url) as client:
            pid = int(client.info("server")["process_id"])
        yield Store(url, pid)


def floor(settings: Settings, events: int) -> Measured:
    """Fetch and decode, nothing else."""
    arguments = [settings.kafka_brokers, str(settings.partitions), str(events)]
    return _reported("floor: aiokafka fetch and decode", ["tests.benchmarks.floor", *arguments])


def stock_faust(settings: Settings, events: int, *, decode_only: bool = False) -> Measured:
    """An ordinary Faust app, an event at a time; reads the beginning of each partition."""
    kept = {"kafka_brokers", "kafka_group", "partitions", "redis_url", "policy"}
    with store() as redis:
        settings = settings.model_copy(
            update={"redis_url": redis.url, "kafka_group": f"{settings.kafka_group}-stock-{decode_only:d}"}
        )
        arguments = [settings.model_dump_json(include=kept), str(events), *(["decode-only"] if decode_only else [])]
        return _reported(
            "stock Faust, decode only" if decode_only else "stock Faust, the same KPIs",
            ["tests.benchmarks.stock_faust", *arguments],
            store_cpu_s=None if decode_only else lambda: redis.cpu_s,
        )


def _reported(name: str, module: Sequence[str], store_cpu_s: Callable[[], float] | None = None) -> Measured:
    """Run a module that prints its own measurement."""
    lines: list[str] = []
    child = Child(name, [sys.executable, "-m", *module], on_line=lines.append)
    try:
        child.process.wait(_DEADLINE_S)
        used_s = store_cpu_s() if store_cpu_s is not None else None
    finally:
        child.stop()
    reports = [line for line in lines if line.startswith('{"events"')]
    if not reports:
        raise SystemExit(child.last_words())
    return Measured(name, **json.loads(reports[-1]), store_cpu_s=used_s)


def processor(settings: Settings, ends: traffic.Ends) -> Measured:
    """The real processor, until all events are in its store, and all that entities told each other."""
    keys = [shard_key(settings.namespace, stream, partition) for stream, partition in ends]
    wanted = sum(ends.values())
    with store() as redis, Redis.from_url(redis.url) as client:

        def applied() -> int:
            with client.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.hget(key, NEXT.decode())
                return sum(int(held or 0) for held in pipeline.execute())

        environment = {
            PREFIX + "KAFKA_BROKERS": settings.kafka_brokers,
            PREFIX + "KAFKA_GROUP": settings.kafka_group,
            PREFIX + "PARTITIONS": str(settings.partitions),
            PREFIX + "REDIS_URL": redis.url,
            PREFIX + "POLICY": str(settings.policy),
            PREFIX + "PROCESSOR_PORT": str(free_port()),
        }
        child = Child("processor", [sys.executable, "-m", "services", "processor"], settings=environment)
        try:
            first = _wait_for(applied, 1, child)
            began_s, cpu_began_s, store_began_s = time.monotonic(), machine.cpu_s(child.pid), redis.cpu_s
            _wait_for(applied, wanted, child)
            rested_s, told = _rested(applied, child)
            print(f"{told - wanted:,} records told", flush=True)
            return Measured(
                "deskpulse processor",
                wanted - first,
                rested_s - began_s,
                machine.cpu_s(child.pid) - cpu_began_s,
                redis.cpu_s - store_began_s,
            )
        finally:
            child.stop()


def _wait_for(applied: Callable[[], int], wanted: int, child: Child) -> int:
    deadline = time.monotonic() + _DEADLINE_S
    while (now := applied()) < wanted:
        if child.exit_code is not None or time.monotonic() > deadline:
            raise SystemExit(f"{now} of {wanted} events are applied: {child.last_words()}")
        time.sleep(_LOOK_S)
    return now


def _rested(applied: Callable[[], int], child: Child) -> tuple[float, int]:
    """When the store last moved before it stood still, and where it stands."""
    moved_s, stands = time.monotonic(), applied()
    while time.monotonic() - moved_s < _STILL_S:
        time.sleep(_LOOK_S)
        if (now := applied()) != stands:
            moved_s, stands = time.monotonic(), now
        if child.exit_code is not None:
            raise SystemExit(child.last_words())
    return moved_s, stands


def table(runs: Sequence[Measured]) -> str:
    """One line a contestant; ratios are of events a second."""
    base, stock = runs[0], runs[-1]
    lines = [
        "| | events | events/s | CPU s per million | store CPU s per million | of the floor | times stock Faust |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        store_cpu = "-" if run.store_cpu_s is None else f"{1e6 * run.store_cpu_s / run.events:.1f}"
        lines.append(
            f"| {run.name} | {run.events:,} | {run.rate:,.0f} | {run.cpu_per_million_s:.1f} | {store_cpu} "
            f"| {run.rate / base.rate:.3f} | {run.rate / stock.rate:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, and print a table for each round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--stock-events", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", nargs="*", choices=["floor", "processor", "faust", "stock"])
    asked = parser.parse_args()
    if reason := node.missing():
        raise SystemExit(reason)
    print(machine.description(), flush=True)
    with TemporaryDirectory() as folder, node.running_kafka() as kafka:
        settings = Settings(kafka_brokers=kafka.brokers, policy=POLICY, replication=1)
        ends = traffic.produce(settings, asked.events, Path(folder))
        total = sum(ends.values())
        print(f"log: {total:,} events on {len(ends)} partitions, {traffic.FAULTS / 2:.0%} repeated, as many late")
        for number in range(1, asked.rounds + 1):
            ours = settings.model_copy(update={"kafka_group": f"bench-{number}"})
            contestants = {
                "floor": partial(floor, ours, total),
                "processor": partial(processor, ours, ends),
                "faust": partial(stock_faust, ours, asked.stock_events, decode_only=True),
                "stock": partial(stock_faust, ours, asked.stock_events),
            }
            runs = [contestant() for name, contestant in contestants.items() if not asked.only or name in asked.only]
            print(f"\nround {number}\n{table(runs)}", flush=True)


if __name__ == "__main__":
    main()
