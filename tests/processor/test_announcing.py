"""Signals on their way from a real store to a topic that does what it is told: each gets there once, whenever the
worker is killed, whoever goes on."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import pytest
from aiokafka.structs import ConsumerRecord
from prometheus_client import CollectorRegistry
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from schemas import topics
from schemas.codec import Fact, Millis, instant
from schemas.signals import Signal, decode_signal
from services.adapters import state_layout as layout
from services.adapters.event_log import EventLog, Record
from services.adapters.log_reader import LogReader
from services.adapters.metrics import ProcessorMetrics
from services.adapters.state_store import StateStore
from services.config import Settings
from services.core.tally import HOUR_MS, MINUTE_MS
from services.errors import Fenced, Unavailable
from services.processor.announcing import Announcing, Herald
from services.processor.origin import StateOrigin
from services.processor.shard import Shard
from services.processor.signalling import KEPT_MS
from tests.core.stories import promise, rules, sla
from tests.traffic import LOGGED_AT

RULES = rules(sla(promise({"first_response": 3600})))
ORIGIN = StateOrigin("a", 8, "main")
OPENED: Millis = LOGGED_AT
AT_RISK: Millis = OPENED + 48 * MINUTE_MS
BREACHED: Millis = OPENED + HOUR_MS + 1


class Killed(BaseException):
    """The worker dies here."""


class Topic:
    """`deskpulse.signals`, one partition of it."""

    inflight_bytes = 0

    def __init__(self, now: Callable[[], Millis]) -> None:
        self.records: list[Any] = []
        self.trouble: BaseException | None = None
        self.taken_in_spite_of_trouble = 0
        self._now = now

    async def append(self, records: Sequence[Record]) -> None:
        trouble, self.trouble = self.trouble, None
        for one in records[: self.taken_in_spite_of_trouble if trouble else None]:
            assert (one.topic, one.key) == (topics.SIGNALS, json.loads(one.value)["ticket"])
            place = (topics.SIGNALS.name, 0, len(self.records), self._now(), 0)
            self.records.append(ConsumerRecord(*place, None, one.value, None, 0, len(one.value), ()))
        if trouble is not None:
            raise trouble

    async def since(self, topic: str, partition: int, at: int) -> list[Any]:
        assert (topic, partition) == (topics.SIGNALS.name, 0)
        return [one for one in self.records if one.timestamp >= at]

    @property
    def signals(self) -> list[Signal]:
        return [decode_signal(one.value) for one in self.records]

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(signal.ticket, signal.type) for signal in self.signals]


class Bench:
    """A store, a topic and a clock; shards of one partition."""

    def __init__(self, redis: Redis, url: str, namespace: str) -> None:
        self.sync: Any = SyncRedis.from_url(url)  # its types do not tell bytes from text
        self.store = StateStore(redis, namespace)
        self.now: Millis = OPENED
        self.topic = Topic(lambda: self.now)
        self.key = layout.shard_key(namespace, "tickets", 0)
        self.registry = CollectorRegistry()
        self._metrics = ProcessorMetrics(self.registry, "deskpulse")
        self._offset = 0

    def herald(self) -> Herald:
        log, reader = cast(EventLog, self.topic), cast(LogReader, self.topic)
        return Herald(log, reader, self._metrics, Settings(), lambda: self.now)

    async def shard(self, *, announces: bool = True, beside: bool = False) -> Shard:
        async def tell(_: Sequence[Fact]) -> None:
            """Nobody is told anything here."""

        origin = replace(ORIGIN, beside=beside)
        one = Shard(self.store, "tickets", 0, RULES, origin, tell, self.herald() if announces else None)
        await one.load()
        return one

    async def live(self, *tickets: str) -> Shard:
        """A shard that is live with these tickets, opened just now."""
        one = await self.shard()
        await one.look(at_end=True)
        await one.absorb([self.opened(ticket) for ticket in tickets])
        return one

    def record(self, fields: dict[str, Any]) -> Any:
        fields = {"event_id": str(self._offset), "occurred_at": instant(self.now).isoformat()} | fields
        value = json.dumps(fields).encode()
        self._offset += 1
        place = (topics.TICKETS.name, 0, self._offset - 1, self.now, 0)
        return ConsumerRecord(*place, None, value, None, 0, len(value), ())

    def opened(self, ticket: str) -> Any:
        return self.record({"type": "ticket.created", "ticket_id": ticket, "priority": "normal"})

    def answered(self, ticket: str) -> Any:
        fields = {"type": "ticket.replied", "author": "agent", "public": True, "agent_id": "A1"}
        return self.record(fields | {"ticket_id": ticket})

    async def somebody_goes_on(self) -> Shard:
        """Another worker, once the last one cannot be sending any more."""
        self.now += self.herald().hold_ms
        one = await self.shard()
        await one.look(at_end=True)
        return one

    @property
    def outbox(self) -> list[str]:
        state = layout.unpack_signals(self.sync.hget(self.key, layout.SIGNALS))
        return [unsent.signal_id for unsent in state.outbox]


@pytest.fixture
async def bench(redis_url: str, namespace: str) -> AsyncIterator[Bench]:
    async with Redis.from_url(redis_url) as redis:
        one = Bench(redis, redis_url, namespace)
        yield one
        one.sync.close()


def announcing(shard: Shard) -> Announcing:
    assert shard.announcing is not None
    return shard.announcing


async def test_time_alone_brings_a_signal_and_the_outbox_is_cleared_with_the_next_write(bench: Bench) -> None:
    one = await bench.live("T1", "T2")
    await one.look(at_end=True)
    assert bench.topic.told == []

    bench.now = AT_RISK
    await one.look(at_end=True)
    assert bench.topic.told == [("T1", "sla.at_risk"), ("T2", "sla.at_risk")]
    assert len(bench.outbox) == 2
    await one.look(at_end=True)

    assert bench.outbox == []
    assert len(bench.topic.records) == 2
    assert bench.registry.get_sample_value("deskpulse_signals_total", {"type": "sla.at_risk"}) == 2
    assert bench.registry.get_sample_value("deskpulse_signal_delay_seconds_count") == 2


async def test_nothing_is_told_by_a_shard_that_is_behind(bench: Bench) -> None:
    one = await bench.live("T1")

    bench.now = BREACHED + HOUR_MS
    await one.look(at_end=False)
    assert bench.topic.told == []
    await one.look(at_end=True)
    assert bench.topic.told == [("T1", "sla.at_risk"), ("T1", "sla.breached")]


async def test_an_event_brings_its_signals_with_it(bench: Bench) -> None:
    one = await bench.live("T1")
    bench.now = BREACHED

    await one.absorb([bench.answered("T1")])
    await one.look(at_end=False)

    assert bench.topic.told == [("T1", "sla.at_risk"), ("T1", "sla.breached"), ("T1", "sla.met_late")]
    assert {signal.agent_id for signal in bench.topic.signals} == {None}, "nobody's, though somebody answered"


async def write_not(*_: object, **__: object) -> None:
    raise Killed


@pytest.mark.parametrize("by", ["time", "an event"])
@pytest.mark.parametrize(
    "step", ["before the write", "before it is sent", "when some are sent", "before it is cleared"]
)
async def test_a_kill_between_any_two_steps_neither_loses_a_signal_nor_repeats_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str, by: str
) -> None:
    victim = await bench.live("T1", "T2")
    bench.now = BREACHED
    events = [bench.answered("T1"), bench.answered("T2")] if by == "an event" else []

    async def work(shard: Shard) -> None:
        if not any(shard.next > event.offset for event in events):
            await shard.absorb(events)
        await shard.look(at_end=True)

    with monkeypatch.context() as killed:
        match step:
            case "before the write":
                killed.setattr(bench.store, "write", write_not)
            case "before it is sent":
                bench.topic.trouble = Killed()
            case "when some are sent":
                bench.topic.trouble, bench.topic.taken_in_spite_of_trouble = Killed(), 3
            case "before it is cleared":
                bench.topic.trouble, bench.topic.taken_in_spite_of_trouble = Killed(), 100
        with pytest.raises(Killed):
            await work(victim)
    bench.now += bench.herald().hold_ms
    heir = await bench.shard()
    await work(heir)
    await heir.look(at_end=True)

    types = ["sla.at_risk", "sla.breached", *(["sla.met_late"] if events else [])]
    assert sorted(bench.topic.told) == [(ticket, type_) for ticket in ("T1", "T2") for type_ in types]
    assert len({signal.signal_id for signal in bench.topic.signals}) == len(bench.topic.signals)
    assert bench.outbox == []
    with pytest.raises(Fenced):
        await work(victim)


async def test_an_outbox_is_left_alone_until_its_writer_cannot_be_sending_any_more(bench: Bench) -> None:
    victim = await bench.live("T1")
    bench.now, bench.topic.trouble = AT_RISK, Killed()
    with pytest.raises(Killed):
        await victim.look(at_end=True)

    heir = await bench.shard()
    bench.now = AT_RISK + bench.herald().hold_ms - 1
    await heir.look(at_end=True)
    assert bench.topic.told == []
    bench.now += 1
    await heir.look(at_end=True)
    assert bench.topic.told == [("T1", "sla.at_risk")]


async def test_of_two_who_stand_at_one_offset_only_one_announces(bench: Bench) -> None:
    one = await bench.live("T1")
    other = await bench.shard()
    await other.look(at_end=True)
    bench.now = AT_RISK

    await one.look(at_end=True)
    with pytest.raises(Fenced, match=r"turn \d+"):
        await other.look(at_end=True)
    with pytest.raises(Fenced, match="dropped"):
        await other.look(at_end=True)

    assert bench.topic.told == [("T1", "sla.at_risk")]
    await bench.somebody_goes_on()
    assert bench.topic.told == [("T1", "sla.at_risk")]


async def test_who_stopped_between_write_and_sending_for_long_makes_sure_first(bench: Bench) -> None:
    one = await bench.live("T1")
    bench.now = AT_RISK
    announcing(one)._herald.patience_s = -1.0  # as if it had slept

    await one.look(at_end=True)
    assert bench.topic.told == []
    assert announcing(one).unsure
    announcing(one)._herald.patience_s = 5.0
    bench.now += bench.herald().hold_ms
    await one.look(at_end=True)

    assert bench.topic.told == [("T1", "sla.at_risk")]


@pytest.mark.parametrize("taken", [0, 1, 2])
async def test_a_log_that_did_not_answer_is_looked_into_before_anything_is_sent_again(
    bench: Bench, taken: int
) -> None:
    one = await bench.live("T1", "T2")
    bench.now = AT_RISK
    bench.topic.trouble, bench.topic.taken_in_spite_of_trouble = Unavailable("no answer"), taken
    await one.look(at_end=True)
    assert len(bench.topic.records) == taken

    bench.now = BREACHED
    bench.topic.inflight_bytes = 1  # the producer goes on trying
    await one.absorb([bench.answered("T1")])
    await one.look(at_end=True)
    assert len(bench.topic.records) == taken
    bench.topic.inflight_bytes = 0
    await one.look(at_end=True)

    expected = [("T1", "sla.at_risk"), ("T1", "sla.breached"), ("T1", "sla.met_late"), ("T2", "sla.at_risk")]
    assert sorted(bench.topic.told) == [*expected, ("T2", "sla.breached")]


async def test_a_store_set_back_does_not_announce_again(bench: Bench) -> None:
    one = await bench.live("T1")
    older = bench.sync.dump(bench.key)
    bench.now = AT_RISK
    await one.look(at_end=True)

    bench.sync.restore(bench.key, 0, older, replace=True)
    bench.now = BREACHED
    with pytest.raises(Fenced):
        await one.look(at_end=True)
    await bench.somebody_goes_on()

    assert bench.topic.told == [("T1", "sla.at_risk"), ("T1", "sla.breached")]


async def test_what_was_announced_of_a_ticket_is_read_with_it(bench: Bench) -> None:
    one = await bench.live("T1")
    bench.now = BREACHED
    await one.look(at_end=True)

    await one.absorb([bench.opened("T2")], hot_entities=0)
    await one.absorb([bench.answered("T1")], hot_entities=0)

    assert announcing(one).signalling._known == {}, "nor kept without it"
    assert bench.topic.told == [("T1", "sla.at_risk"), ("T1", "sla.breached"), ("T1", "sla.met_late")]


async def test_many_at_once_come_in_pieces(bench: Bench) -> None:
    tickets = [f"T{number:03}" for number in range(450)]
    one = await bench.live(*tickets)
    bench.now = BREACHED

    await one.look(at_end=True)

    assert sorted(bench.topic.told) == [(t, type_) for t in tickets for type_ in ("sla.at_risk", "sla.breached")]
    assert bench.outbox != tickets


async def test_who_is_killed_between_the_pieces_leaves_the_rest_to_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = [f"T{number:03}" for number in range(450)]
    victim = await bench.live(*tickets)
    await victim.look(at_end=True)
    bench.now = BREACHED + HOUR_MS
    with monkeypatch.context() as killed:
        write = bench.store.write
        written: list[object] = []

        async def dies_later(*place: Any, **changes: Any) -> None:
            if written:
                raise Killed
            written.append(place)
            await write(*place, **changes)

        killed.setattr(bench.store, "write", dies_later)
        with pytest.raises(Killed):
            await victim.look(at_end=True)
    assert 0 < len(bench.topic.records) < 900

    await bench.somebody_goes_on()

    assert sorted(bench.topic.told) == [(t, type_) for t in tickets for type_ in ("sla.at_risk", "sla.breached")]


async def test_whoever_goes_on_is_silent_until_the_instant_at_which_the_first_one_was_live(bench: Bench) -> None:
    first = await bench.shard()
    await first.absorb([bench.opened("T1")])
    bench.sync.hdel(bench.key, layout.SIGNALS)  # as if it had come long after it was logged
    quiet = await bench.shard()
    bench.now = AT_RISK - 1
    await quiet.look(at_end=True)

    bench.now = AT_RISK + 1
    heir = await bench.shard()
    await heir.look(at_end=True)

    assert bench.topic.told == [("T1", "sla.at_risk")]


async def test_nothing_is_announced_where_that_is_not_wanted_and_nothing_of_then_when_it_is_again(
    bench: Bench,
) -> None:
    one = await bench.live("T1", "T2")
    assert bench.sync.hget(bench.key, layout.SIGNALS)
    bench.now = BREACHED
    silent = await bench.shard(announces=False)
    await silent.absorb([bench.answered("T1")])
    await silent.look(at_end=True)
    assert not bench.sync.hget(bench.key, layout.SIGNALS)

    again = await bench.somebody_goes_on()
    await again.look(at_end=True)

    assert one.next < again.next
    assert bench.topic.told == []


async def test_who_gives_the_partition_up_says_how_far_time_has_come(bench: Bench) -> None:
    one = await bench.live("T1")
    bench.now = AT_RISK - 10_000
    await one.look(at_end=True)
    bench.now += 5_000
    await one.look(at_end=True)
    await one.close()

    state = layout.unpack_signals(bench.sync.hget(bench.key, layout.SIGNALS))
    assert (state.until, state.swept) == (bench.now, bench.now)


async def test_a_quiet_shard_says_every_minute_how_far_time_has_come(bench: Bench) -> None:
    one = await bench.live("T1")
    await one.look(at_end=True)
    kept = [layout.unpack_signals(bench.sync.hget(bench.key, layout.SIGNALS)).swept]
    for _ in range(4):
        bench.now += KEPT_MS // 2
        await one.look(at_end=True)
        kept.append(layout.unpack_signals(bench.sync.hget(bench.key, layout.SIGNALS)).swept)

    assert [after - before for before, after in pairwise(kept)] == [0, KEPT_MS, 0, KEPT_MS]


async def test_a_replay_beside_leaves_alone_what_is_to_be_announced(bench: Bench) -> None:
    one = await bench.live("T1")
    bench.now, bench.topic.trouble = AT_RISK, Unavailable("no answer")
    await one.look(at_end=True)
    waiting = bench.outbox

    replaying = await bench.shard(announces=False, beside=True)
    await replaying.absorb([bench.opened("T2")])

    assert len(waiting) == 1
    assert bench.outbox == waiting


async def test_who_takes_long_over_many_stops_before_another_can_have_gone_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.processor.announcing.RECORDS_PER_APPEND", 1)
    one = await bench.live("T1", "T2")
    bench.now = AT_RISK
    append = bench.topic.append

    async def slowly(records: Sequence[Record]) -> None:
        await append(records)
        bench.now += bench.herald().hold_ms

    monkeypatch.setattr(bench.topic, "append", slowly)
    await one.look(at_end=True)
    assert len(bench.topic.records) == 1

    monkeypatch.setattr(bench.topic, "append", append)
    await bench.somebody_goes_on()
    assert sorted(bench.topic.told) == [("T1", "sla.at_risk"), ("T2", "sla.at_risk")]


async def test_who_gave_the_partition_up_does_nothing_more(bench: Bench) -> None:
    one = await bench.live("T1")
    await one.close()
    bench.now = AT_RISK

    with pytest.raises(Fenced):
        await one.look(at_end=True)
    with pytest.raises(Fenced):
        await one.absorb([bench.answered("T1")])

    assert bench.topic.told == []
