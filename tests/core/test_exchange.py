"""What entities tell each other comes to the same however it travels, and it comes to an end."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codec import Fact, decode, encode_derived, is_derived
from services.core import report
from services.core.exchange import Entity, exchanged
from services.core.requester import stories
from services.core.responses import Response
from services.core.rules import Rules
from services.core.tally import Cells, Tallies, difference, spread
from services.core.timeline import Name, by_name
from tests.core.busy_worlds import busy_worlds
from tests.core.stories import LATER, answer, at, created, customer, merged, of, rules, solved
from tests.core.stories import told as told_fact
from tests.core.worlds import worlds
from tests.recount import merged as summed

QUIET = {
    "fcr": {"windows_days": [1, 2]},
    "automation": {"window_seconds": 6 * 3600},
    "deflection": {"window_seconds": 3600},
    "service_level": {"threshold_seconds": 1800, "short_abandon_seconds": 900},
}
DEFAULTS = rules(QUIET)
POLICIES = [
    DEFAULTS,
    rules(
        QUIET
        | {"fcr": {"windows_days": [1], "repeat_match": "requester", "first_contact": "one_reply"}}
        | {"merge": {"inherit_oldest_wait": False}, "first_response": {"agent_created": "exclude"}}
    ),
]
PARTITIONS = 3
FIRST = "first_response"


class Stream:
    """Entities in partitions, which take in what was sent in any pieces, in any order and again and again. Those who
    let it join die now and then, after they told what it comes to."""

    def __init__(self, known_rules: Rules, chance: Random) -> None:
        self.cells: list[Cells] = [{} for _ in range(PARTITIONS)]
        self.entities: dict[Name, Entity] = {}
        self._rules = known_rules
        self._chance = chance
        self._sent: dict[tuple[str, str, int], Fact] = {}

    @property
    def tallies(self) -> dict[Name, Tallies]:
        """Of the entities that add something."""
        return tallies_of(self.entities)

    def run(self, arrivals: Sequence[Fact]) -> None:
        """Until nothing is on its way any more."""
        waiting, repeats = list(arrivals), len(arrivals)
        while waiting:
            self._chance.shuffle(waiting)
            size = self._chance.randint(1, len(waiting))
            batch, waiting = waiting[:size], waiting[size:]
            if repeats > 0 and self._chance.random() < 0.3:
                again = self._chance.choices(batch, k=min(repeats, 3))
                repeats -= len(again)
                waiting += again
            waiting += self._take_in(batch)

    def _take_in(self, batch: Sequence[Fact]) -> list[Fact]:
        return [fact for name, facts in by_name(batch).items() for fact in self._absorb(name, facts)]

    def _absorb(self, name: Name, facts: list[Fact]) -> list[Fact]:
        entity = self.entities.setdefault(name, Entity())
        deaths = self._chance.choice([0, 0, 0, 1, 2])
        sent = []
        for _ in range(deaths):
            dying = Entity(entity.timeline, entity.told)
            sent += dying.take_in(facts[: self._chance.randint(1, len(facts))], self._rules).news
        before = entity.told.tallies
        sent += entity.take_in(facts, self._rules, retried=deaths > 0).news
        spread(difference(before, entity.told.tallies), self.cells[sum(map(ord, name[1])) % PARTITIONS])
        return [self._logged(fact) for fact in sent]

    def _logged(self, fact: Fact) -> Fact:
        """What a reader of the log gets of it."""
        held = self._sent.setdefault((fact.entity, fact.event_id, fact.version), fact)
        assert held == fact, "two things were told under one version"
        record = encode_derived(fact)
        assert is_derived(record)
        return decode(record)


def tallies_of(entities: Mapping[Name, Entity]) -> dict[Name, Tallies]:
    """Without the entities that add nothing: whoever was told something by mistake."""
    return {name: entity.told.tallies for name, entity in entities.items() if entity.told.tallies}


def telling_of(name: str, stream: Stream) -> list[Name]:
    """Who adds to a measure."""
    return [who for who, tallies in stream.tallies.items() if any(measured == name for measured, *_ in tallies)]


@settings(max_examples=30, deadline=None)
@given(st.one_of(worlds(), busy_worlds()), st.sampled_from(POLICIES), st.integers(0, 2**32))
def test_any_order_repeats_batches_and_partitions_give_the_same_cells(
    facts: list[Fact], known_rules: Rules, seed: int
) -> None:
    stream = Stream(known_rules, Random(seed))
    stream.run(facts)

    entities = exchanged(facts, known_rules)

    assert stream.tallies == tallies_of(entities)
    cells: Cells = {}
    for entity in entities.values():
        spread(entity.told.tallies, cells)
    assert summed(stream.cells) == cells


def test_a_late_event_that_names_another_requester_moves_the_story() -> None:
    """The first to be named counts. R1 asks again; R2 never does."""
    story = [created("09:00"), customer("09:10", requester_id="R1", category="c"), solved("10:00")]
    again = of("T2", created("12:00", requester_id="R1", category="c"))
    late = customer("09:05", requester_id="R2")
    stream = Stream(DEFAULTS, Random(0))

    stream.run([*story, *again])
    assert telling_of("came_back.0", stream) == [("requesters", "R1")]

    stream.run([late])
    assert telling_of("came_back.0", stream) == []
    assert [to for to, _ in stream.entities["tickets", "T1"].told.others] == ["R2"]
    assert stream.tallies == tallies_of(exchanged([*story, *again, late], DEFAULTS))


def test_what_somebody_told_who_died_is_made_good_by_who_takes_in_more_at_once() -> None:
    """In between the story was that of R2. In the end it is as before, and nothing has changed that were news."""
    story = [created("09:00"), customer("09:10", requester_id="R1", category="c"), solved("10:00")]
    again = of("T2", created("12:00", requester_id="R1", category="c"))
    batch = [customer("09:05", requester_id="R2"), customer("09:02", requester_id="R1")]
    stream = Stream(DEFAULTS, Random(0))
    stream.run([*story, *again])
    ticket = stream.entities["tickets", "T1"]

    sent = Entity(ticket.timeline, ticket.told).take_in(batch[:1], DEFAULTS).news
    sent += ticket.take_in(batch, DEFAULTS, retried=True).news
    stream.run(sent)

    assert stream.tallies == tallies_of(exchanged([*story, *again, *batch], DEFAULTS))
    assert telling_of("came_back.0", stream) == [("requesters", "R1")]


def test_what_is_told_is_taken_back_when_the_ticket_is_deleted() -> None:
    asked = of("T2", created("12:00", requester_id="R1"))
    visit = told_fact("helpcenter.viewed", "11:30", entity="visit//v1", ticket_id=None, visit_id="v1", article_id="a")
    stream = Stream(DEFAULTS, Random(0))

    stream.run([*asked, replace(visit, requester_id="R1")])
    assert telling_of("visits_asked", stream) == [("requesters", "R1")]

    stream.run(of("T2", told_fact("ticket.deleted", "13:00")))
    assert telling_of("visits_asked", stream) == []
    assert telling_of("visits_identified", stream) == [("requesters", "visit//v1")]


def test_a_chain_of_merges_hands_the_oldest_wait_on() -> None:
    chain = [
        *of("T1", created("09:00"), merged("10:00", "T2")),
        *of("T2", created("09:30"), merged("10:30", "T3")),
        *of("T3", created("10:15"), answer("11:00")),
    ]

    entities = exchanged(chain, DEFAULTS)

    waits = [total for (name, *_), (_, total) in entities["tickets", "T3"].told.tallies.items() if name == FIRST]
    assert waits == [at("11:00") - at("09:00")]


@pytest.mark.parametrize(
    ("first", "second", "wait_since"),
    [
        pytest.param("a", "b", "09:00", id="the first by id hands on to the second"),
        pytest.param("b", "a", "09:30", id="what comes after by id comes too late"),
    ],
)
def test_of_merges_at_one_instant_the_id_decides_as_in_the_report(first: str, second: str, wait_since: str) -> None:
    known_rules = rules()
    facts = [
        *of("T1", created("09:00"), replace(merged("10:30", "T2"), event_id=first)),
        *of("T2", created("09:30"), replace(merged("10:30", "T3"), event_id=second)),
        *of("T3", created("10:15"), answer("11:00")),
    ]
    facts = [replace(f, event_id=f.event_id.partition("/")[2]) if f.type == "ticket.merged" else f for f in facts]

    entities = exchanged(facts, known_rules)

    waits = [total for (name, *_), (_, total) in entities["tickets", "T3"].told.tallies.items() if name == FIRST]
    assert waits == [at("11:00") - at(wait_since)]
    assert report.known(facts, known_rules, at(LATER)).tickets["T3"].responses.first == Response(
        at(wait_since), at("11:00"), "A1"
    )


def recommended(score: float, when: str, event_id: str, **fields: Any) -> Fact:
    return told_fact("survey.answered", when, event_id=event_id, kind="nps", score=score, requester_id="R1", **fields)


def test_an_answer_with_the_id_of_a_ticket_stands_beside_what_that_ticket_tells() -> None:
    ticket = of("5001", created("09:00", requester_id="R1"))

    asked = exchanged([*ticket, recommended(9, "10:00", "5001", entity="R1", ticket_id=None)], DEFAULTS)
    asked_of_it = exchanged([*ticket, recommended(9, "10:00", "5001", entity="5001")], DEFAULTS)

    for entities in (asked, asked_of_it):
        assert [score for (name, *_, score) in entities["requesters", "R1"].told.tallies if name == "nps"] == [900]
        assert stories(entities["requesters", "R1"].timeline)


def test_answers_to_two_helpdesks_with_one_id_are_two() -> None:
    """Of which the person's last counts, whichever is told first."""
    facts = [
        created("09:00", entity="a/zendesk/1", requester_id="R1"),
        created("09:00", entity="a/freshdesk/1", requester_id="R1"),
        recommended(9, "10:00", "17", entity="a/zendesk/1"),
        recommended(2, "11:00", "17", entity="a/freshdesk/1"),
    ]

    for arrived in (facts, facts[::-1]):
        tallies = exchanged(arrived, DEFAULTS)["requesters", "R1"].told.tallies
        assert [score for (name, *_, score) in tallies if name == "nps"] == [200]


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("minutes", [0, 1], ids=["at one instant", "one after the other"])
def test_a_ring_of_merges_comes_to_an_end(length: int, minutes: int) -> None:
    """And no wait that was told meanwhile goes round for ever: late creations say that nobody waited so long."""
    ring, late = list[Fact](), list[Fact]()
    for number in range(length):
        begin, into = f"09:{10 + number}", f"T{(number + 1) % length}"
        story = [created(begin), customer("09:30"), merged(f"10:{minutes * number:02}", into)]
        ring += of(f"T{number}", *story)
        late += of(f"T{number}", created("09:00", created_by="agent"))

    for seed in range(20):
        stream = Stream(DEFAULTS, Random(seed))
        stream.run(ring)
        stream.run(late)

        whole = exchanged([*ring, *late], DEFAULTS)
        assert {name: entity.told.others for name, entity in stream.entities.items()} == {
            name: entity.told.others for name, entity in whole.items()
        }
        assert stream.tallies == tallies_of(whole)
