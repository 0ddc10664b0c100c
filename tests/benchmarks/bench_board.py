"""How fast the board starts and answers on weeks of a busy centre, and what they weigh in Redis.

`python -m tests.benchmarks.bench_board [--days 28] [--tickets-per-day 10000]` simulates every day apart, lets each
entity's tallies and timeline be written as the processor writes them (an entity at a time, when it had its last
event: so most of its cells come late), to a redis-server of its own, and reads them with the board's own reader in a
process of its own.
"""

import argparse
import asyncio
import multiprocessing
import resource
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import combinations, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiokafka.partitioner import murmur2
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from schemas.codec import Millis, decode, millis, pack_facts
from schemas.topics import MEASURED
from services.adapters.policy_file import load_policy
from services.adapters.state_layout import entity_field, shard_key
from services.adapters.state_store import StateStore
from services.board import figures
from services.board.answers import answer
from services.board.asking import Question
from services.board.columns import Columns, Shard
from services.board.following import Follower, all_shards
from services.core.exchange import Entity, exchanged
from services.core.rules import Rules
from services.core.tally import DIMENSIONS, UNSOLVED, Tallies, add
from services.simulator.to_file import write_events
from tests import servers
from tests.benchmarks import machine
from tests.processed import Processed

POLICY_FILE = Path("services/simulator/policy.yaml")
PARTITIONS = 8
UNTIL = datetime(2026, 3, 3, tzinfo=UTC)
NAMESPACE = "bench"
ENTITIES_PER_WRITE = 50
"""About as many as a write of the processor touches."""
WINDOWS = ("15m", "1h", "24h", "7d", "28d")
KPIS = (
    *("tickets_opened", "first_response_seconds", "reopen_rate", "first_contact_resolution_7d"),
    *("backlog", "occupancy", "csat", "shrinkage_internal"),
)
CUT_BY = DIMENSIONS[: DIMENSIONS.index("agent") + 1]
CUTS = [(), *combinations(CUT_BY, 1), *combinations(CUT_BY, 2)]
REPEATS = 3
_PREFIXES = {b"e": "timelines", b"b": "blocks", b"D": "dimension sets", b"n": "what stands now"}


def simulated_day(day: int, tickets_per_day: int, rules: Rules) -> dict[Shard, list[tuple[Millis, str, Entity]]]:
    """What the centre did on the day that ends ``day`` days before the last, by shard."""
    until = UNTIL - timedelta(days=day)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.ndjson"
        write_events(path, days=1, until=until, seed=day, tickets_per_day=tickets_per_day)
        with path.open("rb") as lines:
            facts = [decode(line) for line in lines]
    shards = defaultdict(list)
    for (stream, key), entity in exchanged(facts, rules).items():
        name = f"{key}/{day}"  # every day has its own: simulated days repeat their ids
        partition = (murmur2(name.encode()) & 0x7FFFFFFF) % PARTITIONS
        shards[stream, partition].append((entity.timeline[-1].at, name, entity))
    return shards


async def fill(url: str, days: int, tickets_per_day: int, rules: Rules) -> int:
    """Write all days, oldest first; how many tickets there were."""
    tickets = 0
    async with Redis.from_url(url) as redis:
        store = StateStore(redis, NAMESPACE)
        written = {shard: Processed(store, shard) for shard in all_shards(PARTITIONS)}
        for day in reversed(range(days)):
            for shard, entities in simulated_day(day, tickets_per_day, rules).items():
                tickets += len(entities) if shard[0] == "tickets" else 0
                rest = iter(sorted(entities, key=lambda each: each[0]))
                while piece := list(islice(rest, ENTITIES_PER_WRITE)):
                    tallies: Tallies = {}
                    for _, _, entity in piece:
                        for entry, tally in entity.told.tallies.items():
                            add(tallies, entry, *tally)
                    timelines = {entity_field(key): pack_facts(entity.timeline) for _, key, entity in piece}
                    await written[shard].add(tallies, piece[-1][0], timelines)
    return tickets


@dataclass(frozen=True)
class Read:
    """What the board's process measured of itself."""

    starts_s: list[float]
    cpu_s: list[float]
    """Processor seconds of the same starts."""
    answers_ms: dict[str, list[float]]
    rows: dict[str, int]
    memory_mib: float
    first_ms: float
    open_tickets: int


def read(url: str) -> Read:
    """Start the board's reader a few times, then ask it."""
    return asyncio.run(_read(url))


async def _read(url: str) -> Read:
    rules, now = Rules(load_policy(POLICY_FILE)), millis(UNTIL)
    starts_s, cpu_s = list[float](), list[float]()
    for _ in range(REPEATS):
        async with Redis.from_url(url) as redis:
            follower = Follower(redis, NAMESPACE, all_shards(PARTITIONS), lambda: now, "")
            begun, begun_cpu = time.perf_counter(), time.process_time()
            task = asyncio.create_task(follower.run())
            while not follower.reading.loaded:
                await follower.changed.wait()
                follower.changed.clear()
            starts_s.append(time.perf_counter() - begun)
            cpu_s.append(time.process_time() - begun_cpu)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    columns = follower.columns
    first = max(_took_ms(partial(columns.labels.grouping, cut)) for cut in CUTS)
    return Read(
        starts_s=starts_s,
        cpu_s=cpu_s,
        answers_ms={f"{kpi}, {w}": list(_answers(columns, rules, now, kpi, w)) for kpi in KPIS for w in WINDOWS},
        rows={grain: len(columns.rows(grain)) for grain in "mhdan"},
        memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        first_ms=first,
        open_tickets=figures.total_level(columns, now, *(f"backlog.{s}" for s in UNSOLVED)),
    )


def _answers(columns: Columns, rules: Rules, now: Millis, kpi: str, window: str) -> Iterator[float]:
    for cut in CUTS:
        asked = Question(windows=(window,), kpis=(kpi,), by=cut)
        yield min(_took_ms(partial(answer, columns, rules, asked, now)) for _ in range(REPEATS))


def _took_ms(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def weights(url: str) -> dict[str, int]:
    """Bytes in Redis: all in all, and the values by what they are."""
    redis: Any = SyncRedis.from_url(url)
    found: dict[str, int] = defaultdict(int)
    for stream, partition in [(topic.stream, number) for topic in MEASURED for number in range(PARTITIONS)]:
        key = shard_key(NAMESPACE, stream, partition)
        found[f"{stream}: all"] += redis.memory_usage(key, samples=0) or 0
        for name, value in redis.hscan_iter(key, count=5000):
            kind = _PREFIXES.get(name[:1], "groups and indexes")
            found[f"{stream}: {kind}, names and values"] += len(name) + len(value)
            found[f"{stream}: {kind}, fields"] += 1
    redis.close()
    return found


def main() -> None:
    """Measure, and print what was measured."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--days", type=int, default=28)
    asked.add_argument("--tickets-per-day", type=int, default=10_000)
    arguments = asked.parse_args()
    rules = Rules(load_policy(POLICY_FILE))
    print(machine.description())
    with servers.redis() as url:
        tickets = asyncio.run(fill(url, arguments.days, arguments.tickets_per_day, rules))
        report(url, tickets)


def report(url: str, tickets: int) -> None:
    """Read what is written, and print what was measured."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
        found = apart.submit(read, url).result()
    print(f"{tickets} tickets, {found.open_tickets} of them open; rows in memory by grain: {found.rows}")
    starts = (f"{wall:.2f} s ({cpu:.2f} of processor)" for wall, cpu in zip(found.starts_s, found.cpu_s, strict=True))
    print(f"start: {', '.join(starts)}; {found.memory_mib:.0f} MiB at most")
    print(f"first look at a cut: {found.first_ms:.0f} ms at most; after it, over {len(CUTS)} cuts:")
    for name, took in found.answers_ms.items():
        print(f"  {name}: median {statistics.median(took):.1f} ms, slowest {max(took):.1f} ms")
    weighed = weights(url)
    for name, size in sorted(weighed.items()):
        print(f"  {name}: {size:,}")
    stands, fields = (weighed[f"tickets: {_PREFIXES[b'n']}, {what}"] for what in ("names and values", "fields"))
    print(
        f"bytes in Redis per ticket: {weighed['tickets: all'] / tickets:.0f}; an open one takes besides "
        f"{stands / found.open_tickets:.0f} bytes in {fields / found.open_tickets:.1f} fields"
    )


if __name__ == "__main__":
    main()
