"""Workers are killed at the moment of deadlines: each signal is there once, none is lost, none comes too early."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import topics
from schemas.codec import Millis, millis
from schemas.signals import Signal, decode_signal
from services.adapters.state_layout import SIGNALS, shard_key, unpack_signals
from services.core.measure import told
from services.core.timeline import absorb, by_name
from tests.faults.workers import PARTITIONS, Log, Plant, applied, crew, produce, sent_by_helpdesks, until, wrong_cells

TARGET_MS = 20_000
KILLS = 4
AROUND_MS = 6000
STEP_MS = 250
TICKETS = 60
"""Whose deadlines lie around one kill."""
SEED = 5
POLICY = f"""
sla:
  at_risk_ratio: 0.9
  policies:
    - id: quick
      hours: calendar
      targets:
        any: {{first_response: {TARGET_MS // 1000}}}
"""


class Told(NamedTuple):
    """Which line of which ticket a signal tells of."""

    ticket: str
    metric: str
    type: str


@pytest.fixture
def quick(plant: Plant, tmp_path: Path) -> Plant:
    """Promises of some seconds."""
    policy = tmp_path / "quick.yaml"
    policy.write_text(POLICY)
    return replace(plant, policy=policy)


def event(type_: str, ticket: str, at: Millis, **fields: object) -> bytes:
    occurred_at = datetime.fromtimestamp(at / 1000, UTC).isoformat()
    about = {"type": type_, "event_id": f"{type_}/{ticket}", "ticket_id": ticket, "occurred_at": occurred_at}
    return json.dumps(about | fields).encode()


def opened(ticket: str, due_at: Millis) -> bytes:
    return event("ticket.created", ticket, due_at - TARGET_MS, created_by="customer", queue="billing")


def answered(ticket: str, at: Millis) -> bytes:
    return event("ticket.replied", ticket, at, author="agent", public=True, agent_id="A1")


def now() -> Millis:
    return time.time_ns() // 1_000_000


def live(plant: Plant) -> bool:
    """Whether every partition was live once."""
    keys = [shard_key(plant.namespace, topics.TICKETS.stream, partition) for partition in range(PARTITIONS)]
    return all(unpack_signals(plant.redis.hget(key, SIGNALS)).silent_until for key in keys)


async def signals(plant: Plant) -> list[Signal]:
    """All that there are, in each partition's order."""
    places = [TopicPartition(topics.SIGNALS.name, partition) for partition in range(PARTITIONS)]
    found: list[Signal] = []
    async with AIOKafkaConsumer(bootstrap_servers=plant.broker.brokers, enable_auto_commit=False) as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        while records := await consumer.getmany(*places, timeout_ms=1000):
            found += [decode_signal(record.value) for each in records.values() for record in each]
    return found


def expected(plant: Plant, log: Log, upto: Millis) -> dict[Told, Millis]:
    """What has to be told by ``upto``, and from when on it may be."""
    return {
        Told(ticket, line.metric, f"sla.{line.kind}"): line.at
        for (stream, ticket), facts in by_name(sent_by_helpdesks(log)).items()
        if stream == topics.TICKETS.stream
        for line in told(absorb([], facts), plant.rules).lines
        if line.at <= upto
    }


def of(signal: Signal) -> Told:
    return Told(signal.ticket, signal.metric, signal.type)


def answers(rng: Random, due: dict[str, Millis]) -> Iterator[tuple[Millis, bytes]]:
    """When to send which answer: to some tickets none, to some in time, to some too late."""
    for ticket, due_at in due.items():
        if (choice := rng.random()) < 0.6:
            at = due_at + (rng.randint(100, 3000) if choice < 0.3 else -rng.randint(2500, 4000))
            yield at, answered(ticket, at)


async def sent_on_time(plant: Plant, answers: Sequence[tuple[Millis, bytes]], begin: Millis, end: Millis) -> None:
    """Send each answer of a stretch of time once its instant has come."""
    for since in range(begin, end, STEP_MS):
        upto = since + STEP_MS
        await until(lambda: now() >= upto)  # noqa: B023 - awaited at once
        await produce(plant, [line for at, line in answers if since <= at < upto])


async def test_kills_at_the_moment_of_deadlines_neither_lose_a_signal_nor_repeat_one(
    quick: Plant, tmp_path: Path
) -> None:
    await quick.make_topics()
    rng, count = Random(SEED), 0

    with crew(quick, tmp_path) as hire:
        workers = [hire(), hire()]
        await until(lambda: live(quick))
        for kill in range(KILLS):
            moment = now() + AROUND_MS + 1000
            due = {f"T{kill}-{number}": moment + rng.randint(-1500, 1500) for number in range(TICKETS)}
            later = list(answers(rng, due))
            await produce(quick, [opened(ticket, due_at) for ticket, due_at in due.items()])
            await sent_on_time(quick, later, moment - AROUND_MS, moment)
            workers[kill % 2].kill()
            workers[kill % 2] = hire()
            await sent_on_time(quick, later, moment, moment + AROUND_MS)
            count += len(due) + len(later)
        log = await applied(quick, count)
        wanted = expected(quick, log, now())

        async def all_there() -> bool:
            return {of(signal) for signal in await signals(quick)} >= wanted.keys()

        await until(all_there)
        found = await signals(quick)
        assert [worker.process.poll() for worker in workers] == [None, None], "exit codes of workers that ended"

    assert wrong_cells(quick, log) == []
    assert Counter(map(of, found)) == Counter(wanted.keys())
    assert len({signal.signal_id for signal in found}) == len(found)
    assert {kind for _, _, kind in wanted} == {"sla.at_risk", "sla.breached", "sla.met_late"}
    early = [signal for signal in found if millis(signal.announced_at) < wanted[of(signal)]]
    assert early == []
    print(f"{count} events, {KILLS} kills, {len(found)} signals, {Counter(signal.type for signal in found)}")


@pytest.mark.parametrize("broker", ["embedded"], indirect=True, scope="module")
async def test_a_state_made_anew_announces_nothing_of_what_lies_behind(quick: Plant, tmp_path: Path) -> None:
    await quick.make_topics()
    begin = now()
    past = {f"P{number}": begin - 1000 * number for number in range(200)}
    ahead = {f"A{number}": begin + 45_000 for number in range(5)}
    lines = [opened(ticket, due_at) for ticket, due_at in {**past, **ahead}.items()]
    await produce(quick, lines)

    with crew(quick, tmp_path) as hire:
        hire()
        await until(lambda: live(quick))
        first_live = now()
        log = await applied(quick, len(lines))
        assert await signals(quick) == []
        coming = {one for one, at in expected(quick, log, begin + 45_001).items() if at > first_live}
        assert {one.ticket for one in coming} == ahead.keys()

        async def all_there() -> bool:
            return {of(signal) for signal in await signals(quick)} >= coming

        await until(all_there, 90)
        assert sorted(map(of, await signals(quick))) == sorted(coming)
