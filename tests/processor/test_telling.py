"""Entities that tell each other through the log: whatever comes when, and however often, the cells are the same."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, cast

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from schemas import topics
from schemas.codec import Fact, decode, is_derived
from schemas.policy import Policy
from services.adapters.event_log import EventLog
from services.adapters.event_log import Record as Outgoing
from services.adapters.metrics import ProcessorMetrics
from services.adapters.state_store import StateStore
from services.core.rules import Rules
from services.core.tally import Cells
from services.errors import Unavailable, Unstorable
from services.processor.origin import StateOrigin
from services.processor.shard import Shard
from services.processor.telling import Telling, told_record
from tests.recount import merged, recounted_together
from tests.state import cells_in
from tests.traffic import record

BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
PARTITIONS = 3
COURSES = 40
ORIGIN = StateOrigin("a", PARTITIONS, "here")
ELSEWHERE = StateOrigin("b", PARTITIONS, "here")


@cache
def rules() -> Rules:
    return Rules(Policy())


class Hash:
    """A store that keeps what is written. Now and then the worker dies, before a write or after it, or the store
    comes back as it was some writes ago."""

    def __init__(self, chance: Random, deaths: float) -> None:
        self.next = 0
        self.fields: dict[bytes, bytes] = {}
        self._chance = chance
        self._deaths = deaths
        self._older: tuple[int, dict[bytes, bytes]] = 0, {}

    async def recover(self, *_: object) -> None:
        pass

    async def read(self, _: str, __: int, fields: Sequence[bytes]) -> tuple[int, list[bytes | None]]:
        return self.next, [self.fields.get(name) for name in fields]

    async def write(self, *_: object, began: int, ends: int, changes: Mapping[bytes, bytes], **_turn: object) -> None:
        assert began == self.next
        self._perhaps_die()
        self.fields |= changes
        self.next = ends
        self._perhaps_die()

    async def drop(self, *arguments: Any, turn: int) -> None:
        for name in arguments[-1]:
            self.fields.pop(name, None)

    def _perhaps_die(self) -> None:
        if self._chance.random() < 0.2:
            self._older = self.next, dict(self.fields)
        if self._chance.random() < self._deaths:
            if self._chance.random() < 0.3:
                self.next, self.fields = self._older[0], dict(self._older[1])
            raise Unavailable("as if the worker was killed here")


class Works:
    """Every shard of three streams, and the logs that they read; ``chance`` decides what goes on when."""

    def __init__(self, chance: Random, deaths: float) -> None:
        self.places = [(topic, number) for topic in topics.MEASURED for number in range(PARTITIONS)]
        self.logs: dict[tuple[topics.Topic, int], list[Any]] = {place: [] for place in self.places}
        self.hashes = {place: Hash(chance, deaths) for place in self.places}
        self._shards: dict[tuple[topics.Topic, int], Shard] = {}
        self._waiting: list[Fact] = []
        self._chance = chance

    def append(self, topic: topics.Topic, key: str, value: bytes, headers: Any = ()) -> None:
        number = sum(key.encode()) % PARTITIONS
        log = self.logs[topic, number]
        log.append(record(len(log), value, topic, number, headers))

    async def tell(self, facts: Sequence[Fact]) -> None:
        """Some of it arrives at once, some later, some twice: in whatever order."""
        self._waiting += facts
        self._waiting += [fact for fact in facts if self._chance.random() < 0.3]
        self._chance.shuffle(self._waiting)
        self._deliver(self._chance.randint(0, len(self._waiting)))

    def _deliver(self, count: int) -> None:
        for fact in self._waiting[:count]:
            told = told_record(fact, ORIGIN.state)
            self.append(told.topic, told.key or "", told.value, told.headers)
        del self._waiting[:count]

    async def run(self) -> None:
        """Until nobody has anything to read, and nothing is on its way."""
        while True:
            behind = [place for place in self.places if self.hashes[place].next < len(self.logs[place])]
            if behind:
                await self._absorb(self._chance.choice(behind))
            elif self._waiting:
                self._deliver(self._chance.randint(1, len(self._waiting)))
            else:
                return

    async def _absorb(self, place: tuple[topics.Topic, int]) -> None:
        topic, number = place
        shard = self._shards.pop(place, None)  # put back if it lives
        if shard is None:
            store = cast(StateStore, self.hashes[place])
            shard = Shard(store, topic.stream, number, rules(), ORIGIN, self.tell)
            await shard.load()
        begin = shard.next
        batch = self.logs[place][begin : begin + self._chance.randint(1, 12)]
        try:
            await shard.absorb(batch, self._chance.choice([2, 100]))
        except Unavailable:
            return
        self._shards[place] = shard

    def cells(self) -> Cells:
        return merged(cells_in(one.fields) for one in self.hashes.values())


REQUESTERS, TICKETS = ("r1", "r2", None), ("t1", "t2", "t3", "t4")
KINDS: dict[str, dict[str, Sequence[Any]]] = {
    "ticket.created": {
        "requester_id": REQUESTERS,
        "category": ("bill", "bug"),
        "channel": ("voice", "email"),
        "created_by": ("customer", "customer", "agent"),
    },
    "ticket.replied": {"author": ("customer", "agent", "bot", "bot"), "public": (True,)},
    "ticket.status_changed": {"status": ("open", "pending", "solved", "solved")},
    "ticket.merged": {"into_ticket_id": TICKETS},
    "ticket.escalated": {"from_tier": ("bot",)},
    "ticket.snapshot": {"requester_id": REQUESTERS, "status": ("open", "solved")},
    "ticket.deleted": {},
    "survey.answered": {"kind": ("nps", "nps", "csat"), "score": (1, 5), "requester_id": REQUESTERS},
    "agent.state_changed": {
        "agent_id": ("A1", "A2"),
        "state": ("busy", "busy", "wrap_up", "available", "offline"),
    },
    "helpcenter.viewed": {"visit_id": ("v1", "v2"), "article_id": ("a1", "a2"), "requester_id": REQUESTERS},
}
OFTEN = ("ticket.created", "ticket.replied", "ticket.status_changed", "agent.state_changed", "helpcenter.viewed")
NEED_OTHERS = {"came_back.0", "automated", "visits_asked", "answered", "nps"}
"""Measures that an entity has because another told it something."""


def an_event(chance: Random) -> dict[str, Any]:
    """Whatever may happen to four tickets, two agents and two visits in a day."""
    kind = chance.choice([*KINDS, *OFTEN, *OFTEN])
    event = {"type": kind} | {name: chance.choice(values) for name, values in KINDS[kind].items()}
    if not kind.startswith(("helpcenter", "survey")) or chance.random() < 0.5:
        event["ticket_id"] = chance.choice(TICKETS)
    at = BEGIN + timedelta(minutes=15 * chance.randint(0, 100))
    return {name: value for name, value in event.items() if value is not None} | {"occurred_at": at.isoformat()}


def sent(events: Sequence[dict[str, Any]]) -> list[bytes]:
    """The events as records, each with an id of its own."""
    return [json.dumps(event | {"event_id": str(number)}).encode() for number, event in enumerate(events)]


@pytest.mark.parametrize("deaths", [0, 0.3])
def test_any_order_repeats_batches_and_deaths_give_the_cells_of_all_at_once(deaths: float) -> None:
    met: set[str] = set()
    for seed in range(COURSES):
        chance = Random(seed)
        values = sent([an_event(chance) for _ in range(chance.randint(1, 60))])
        works = Works(chance, deaths)
        arrivals = values + [value for value in values if chance.random() < 0.3]
        chance.shuffle(arrivals)
        for value in arrivals:
            fact = decode(value)
            works.append(fact.topic, fact.entity, value)

        asyncio.run(works.run())

        expected = merged(recounted_together(map(decode, values), rules()).values())
        assert works.cells() == expected, f"seed {seed}"
        met |= {measure for _, _, _, measure, _ in expected}
    assert met >= NEED_OTHERS


def test_what_was_told_for_another_state_is_passed_over() -> None:
    course: list[dict[str, Any]] = [
        {"type": "ticket.created", "requester_id": "r1"},
        {"type": "ticket.replied", "author": "bot", "public": True},
        {"type": "ticket.status_changed", "status": "solved"},
    ]
    values = sent(
        [
            event | {"ticket_id": "t1", "occurred_at": (BEGIN + timedelta(hours=number)).isoformat()}
            for number, event in enumerate(course)
        ]
    )
    works = Works(Random(1), 0)
    for value in values:
        works.append(topics.TICKETS, "t1", value)
    asyncio.run(works.run())
    expected = merged(recounted_together(map(decode, values), rules()).values())
    assert any(measure == "automated" for _, _, _, measure, _ in expected), "only the requester adds it"

    story = next(decode(one.value) for log in works.logs.values() for one in log if is_derived(one.value))
    taken_back = told_record(msgspec.structs.replace(story, version=1000, ticket_story=None), ELSEWHERE.state)
    works.append(taken_back.topic, taken_back.key or "", taken_back.value, taken_back.headers)
    asyncio.run(works.run())

    assert works.cells() == expected


class NarrowLog:
    """Takes nothing for one entity."""

    def __init__(self, too_large: str) -> None:
        self.kept: list[Outgoing] = []
        self._too_large = too_large

    async def append(self, records: Sequence[Outgoing]) -> None:
        if any(one.key == self._too_large for one in records):
            raise Unstorable("too large")
        self.kept += records


async def test_what_is_too_large_for_its_topic_is_left_out_and_counted() -> None:
    registry = CollectorRegistry()
    log = NarrowLog("r2")
    tell = Telling(cast(EventLog, log), b"here/a", ProcessorMetrics(registry, "deskpulse"))

    await tell([Fact(0, "requester.ticket_told", f"t{n}", f"r{n}", 0) for n in range(4)])

    assert [one.key for one in log.kept] == ["r0", "r1", "r3"]
    place = {"topic": topics.REQUESTERS.name}
    assert registry.get_sample_value("deskpulse_stream_untold_total", place) == 1
    assert registry.get_sample_value("deskpulse_stream_told_total", place) == 3


async def test_a_batch_whose_news_cannot_be_told_is_not_written() -> None:
    async def away(_: Sequence[Fact]) -> None:
        raise Unavailable("the log is away")

    store = Hash(Random(1), 0)
    shard = Shard(cast(StateStore, store), "tickets", 0, rules(), ORIGIN, away)
    value = sent([{"type": "ticket.created", "ticket_id": "t1", "requester_id": "r1"} | {"occurred_at": str(BEGIN)}])

    with pytest.raises(Unavailable):
        await shard.absorb([record(0, value[0])])

    assert (store.next, store.fields) == (0, {})
