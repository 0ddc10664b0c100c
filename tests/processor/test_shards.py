"""Whose partition it is, and what of it is read: with a real store, and a log that is told what to say."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from schemas import topics
from services.adapters.event_log import EventLog, Record
from services.adapters.log_reader import LogReader
from services.adapters.metrics import ProcessorMetrics
from services.adapters.state_store import StateStore
from services.errors import Halted
from services.processor.origin import StateOrigin
from services.processor.shards import Shards
from services.processor.watchdog import NO_PROGRESS_S, Progress
from tests.traffic import about, log_of, record, rules, simulated

TICKETS = TP(topics.TICKETS.name, 0)
FIRST, OTHER = StateOrigin("a", 1), StateOrigin("b", 1, "b")
VALUES = about(topics.TICKETS, simulated(days=0.1))[:20]


class ScriptedLog:
    """A log that begins at 0, says what it has, and is another one when it is told to be."""

    def __init__(self) -> None:
        self.records: list[Any] = log_of(VALUES)
        self.halts: Halted | None = None
        self.checked: list[tuple[str, ...]] = []
        self.kept: list[Record] = []

    async def earliest(self, topic: str, partition: int) -> int:
        return 0

    async def first_from(self, topic: str, partition: int, offset: int) -> Any:
        return next((one for one in self.records if one.offset >= offset), None)

    async def check(self, topic: str, partition: int, next_offset: int, *taken_in: str) -> None:
        self.checked.append(taken_in)
        if self.halts is not None:
            raise self.halts

    async def append(self, records: list[Record]) -> None:
        self.kept += records


@pytest.fixture
def log() -> ScriptedLog:
    return ScriptedLog()


@pytest.fixture
async def shards(redis_url: str, namespace: str, log: ScriptedLog) -> AsyncIterator[Shards]:
    async with Redis.from_url(redis_url) as redis:
        yield Shards(
            StateStore(redis, namespace),
            cast(LogReader, log),
            cast(EventLog, log),
            rules(),
            FIRST,
            ProcessorMetrics(CollectorRegistry(), "deskpulse"),
            1000,
        )


async def test_what_is_assigned_is_read_from_the_stores_next(shards: Shards, log: ScriptedLog) -> None:
    assert await shards.assign([TICKETS]) == {TICKETS: 0}
    assert await shards.absorb(TICKETS, log.records[:5]) is None

    assert await shards.assign([TICKETS]) == {TICKETS: 5}
    assert shards.positions() == {TICKETS: 5}


async def test_a_batch_of_a_partition_that_was_taken_away_is_not_taken_back(shards: Shards, log: ScriptedLog) -> None:
    await shards.assign([TICKETS])
    shards.forget([TICKETS])

    assert await shards.absorb(TICKETS, log.records[:5]) is None
    assert shards.positions() == {}
    assert shards.unattended() == set()


async def test_a_gap_is_read_again_unless_the_log_itself_has_it(shards: Shards, log: ScriptedLog) -> None:
    await shards.assign([TICKETS])
    await shards.absorb(TICKETS, log.records[:5])

    assert await shards.absorb(TICKETS, log.records[7:9]) == 5, "5 and 6 are there, and were not handed over"
    del log.records[5:7]  # as if a transaction's marker had stood there
    assert await shards.absorb(TICKETS, log.records[5:7]) is None
    assert shards.positions() == {TICKETS: 9}


async def test_records_that_come_again_must_be_the_same(shards: Shards, log: ScriptedLog) -> None:
    await shards.assign([TICKETS])
    await shards.absorb(TICKETS, log.records[:5])

    shards.recognise(TICKETS, log.records[3:8])
    assert await shards.absorb(TICKETS, log.records[3:8]) is None
    assert shards.halted == {}
    exchanged = [record(offset, VALUES[-1]) for offset in range(6, 12)]
    shards.recognise(TICKETS, exchanged)
    assert await shards.absorb(TICKETS, exchanged) is None

    assert "another record stands there" in str(shards.halted[TICKETS])
    assert shards.positions() == {}


async def test_a_log_that_turns_out_to_be_another_halts_and_the_next_assignment_looks_again(
    shards: Shards, log: ScriptedLog
) -> None:
    await shards.assign([TICKETS])
    await shards.absorb(TICKETS, log.records[:5])
    await shards.inspect()
    await shards.absorb(TICKETS, log.records[5:8])
    log.halts = Halted("another log")
    await shards.inspect()

    assert list(shards.halted) == [TICKETS]
    before, now = log.checked[-1]
    assert (before.partition(":")[0], now.partition(":")[0]) == ("4", "7"), "the older one tells, however far it came"
    assert await shards.absorb(TICKETS, log.records[8:]) is None
    log.halts = None
    assert await shards.assign([TICKETS]) == {TICKETS: 8}
    assert shards.halted == {}


async def test_who_makes_another_state_reads_on_where_that_one_is_and_leaves_the_first_alone(
    shards: Shards, log: ScriptedLog, redis_url: str, namespace: str
) -> None:
    await shards.assign([TICKETS])
    await shards.absorb(TICKETS, log.records[:5])
    async with Redis.from_url(redis_url) as redis:
        first, other = StateStore(redis, namespace), StateStore(redis, f"{namespace}-b")

        assert await shards.become(other, rules(), OTHER) == {TICKETS: 0}
        assert await shards.absorb(TICKETS, log.records[5:7]) == 0, "it lacks those before"
        assert await shards.absorb(TICKETS, log.records[:7]) is None
        assert [held for held, _ in await first.nexts([("tickets", 0)])] == [5]
        assert [held for held, _ in await other.nexts([("tickets", 0)])] == [7]

        assert await shards.become(first, rules(), FIRST) == {TICKETS: 5}


async def test_a_partition_that_is_halted_for_one_state_need_not_be_for_another(
    shards: Shards, log: ScriptedLog, redis_url: str, namespace: str
) -> None:
    await shards.assign([TICKETS])
    await shards.absorb(TICKETS, log.records[:5])
    log.halts = Halted("another log")
    await shards.inspect()
    assert list(shards.halted) == [TICKETS]
    log.halts = None
    async with Redis.from_url(redis_url) as redis:
        await shards.become(StateStore(redis, f"{namespace}-b"), rules(), OTHER)

        assert shards.halted == {}
        assert shards.positions() == {TICKETS: 0}


async def test_what_is_being_loaded_when_another_state_is_to_be_made_is_loaded_from_that_one(
    shards: Shards, log: ScriptedLog, redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, told = asyncio.Event(), asyncio.Event()

    async def at_last(topic: str, partition: int) -> int:
        monkeypatch.undo()
        looking.set()
        await told.wait()
        return 0

    async with Redis.from_url(redis_url) as redis:
        monkeypatch.setattr(log, "earliest", at_last)
        loading = asyncio.create_task(shards.assign([TICKETS]))
        await looking.wait()
        await shards.become(StateStore(redis, f"{namespace}-b"), rules(), OTHER)
        told.set()
        await loading
        await shards.absorb(TICKETS, log.records[:5])

        assert [held for held, _ in await StateStore(redis, namespace).nexts([("tickets", 0)])] == [0]


async def test_a_record_that_is_no_event_becomes_a_dead_letter(shards: Shards, log: ScriptedLog) -> None:
    await shards.assign([TICKETS])

    await shards.absorb(TICKETS, [record(0, b"{")])

    (letter,) = log.kept
    assert letter.topic is topics.DEAD_LETTERS
    assert letter.value == b"{"
    assert dict(letter.headers)["offset"] == b"0"


@pytest.mark.parametrize(
    ("nexts", "ends", "unattended", "stuck"),
    [
        pytest.param({TICKETS: 5}, {TICKETS: 5}, [], [], id="nothing to read"),
        pytest.param({TICKETS: 5}, {TICKETS: 9}, [], [TICKETS], id="events wait and nothing moves"),
        pytest.param({}, {}, [TICKETS], [TICKETS], id="assigned, and neither read nor halted"),
    ],
)
def test_only_what_waits_without_moving_is_stuck(
    nexts: dict[TP, int], ends: dict[TP, int], unattended: list[TP], stuck: list[TP]
) -> None:
    progress = Progress()

    assert progress.stuck(nexts, ends, unattended, 0) == []
    assert progress.stuck(nexts, ends, unattended, NO_PROGRESS_S) == []
    assert progress.stuck(nexts, ends, unattended, NO_PROGRESS_S + 1) == stuck
