"""What events that nobody should send add to the state: what is stated, and nothing else."""

import json
from collections import Counter
from collections.abc import Iterable
from random import Random

import pytest

from schemas import topics
from schemas.codec import NO_EVENT, Fact, decode, is_derived
from services.core.exchange import exchanged
from services.core.presence import too_late
from tests.odd_events import ODD, Odd
from tests.processor.test_shard import Bench, bench
from tests.state import differences, stored_cells
from tests.traffic import LOGGED_AT, log_of, rules, simulated

__all__ = ["bench"]


@pytest.fixture(scope="module")
def usual() -> tuple[bytes, ...]:
    return simulated(days=0.1, tickets_per_day=300)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_odd_events_add_what_is_stated_wherever_they_come(odd: Odd, usual: tuple[bytes, ...]) -> None:
    values = list(usual)
    rng = Random(odd.name)
    for place, value in zip(sorted(rng.sample(range(len(values)), len(odd.events))), _values(odd), strict=True):
        values.insert(place, value)

    facts, unusable = _read(values)

    assert [value == _values(odd)[0] for value in unusable] == [True] * (not odd.usable)
    added = _counts(facts)
    added.subtract(_counts(_read(usual)[0]))
    assert {measure: count for measure, count in added.items() if count} == odd.adds


async def test_nothing_stops_a_shard(bench: Bench, usual: tuple[bytes, ...]) -> None:
    odd = [value for one in ODD for value in _values(_with_a_ticket_of_its_own(one))]
    among = [*usual, *odd, *odd]
    Random(5).shuffle(among)
    values = [*usual, *among]

    for topic in topics.MEASURED:
        mine = [value for value in values if _topic(value) in (topic, None)]
        shard = await bench.shard(topic)
        unusable = await shard.absorb(log_of(mine, topic))

        # What entities tell each other is only read by the state for which it was told.
        expected = {value for value in mine if _topic(value) is None and not is_derived(value)}
        assert {each.record.value for each in unusable} == expected
        assert shard.next == len(mine)
        stored = stored_cells(bench.sync, bench.namespace, topic.stream, 0)
        facts = [fact for fact in _read(mine)[0] if not too_late(fact, LOGGED_AT)]
        assert differences(stored, facts, rules()) == []


def _values(odd: Odd) -> list[bytes]:
    return [json.dumps(event).encode() for event in odd.events]


def _with_a_ticket_of_its_own(odd: Odd) -> Odd:
    name = odd.name.replace(" ", "-").replace(",", "")
    events = tuple(
        event | ({"ticket_id": name} if event.get("ticket_id") == "odd" else {}) | _own_id(event, name)
        for event in odd.events
    )
    return Odd(odd.name, events, odd.door, odd.usable, odd.adds)


def _own_id(event: dict[str, object], name: str) -> dict[str, object]:
    return {"event_id": f"{name}/{event['event_id']}"} if event.get("event_id") else {}


def _read(values: Iterable[bytes]) -> tuple[list[Fact], list[bytes]]:
    facts, unusable = [], []
    for offset, value in enumerate(values):
        try:
            facts.append(decode(value, LOGGED_AT + offset))
        except NO_EVENT:
            unusable.append(value)
    return facts, unusable


def _topic(value: bytes) -> topics.Topic | None:
    facts, _ = _read([value])
    return facts[0].topic if facts else None


def _counts(facts: Iterable[Fact]) -> Counter[str]:
    """How often each measure counts; of a level, how often something entered it."""
    counts: Counter[str] = Counter()
    for entity in exchanged(facts, rules()).values():
        for (measure, *_), (count, _) in entity.told.tallies.items():
            counts[measure] += max(0, count)
    return counts
