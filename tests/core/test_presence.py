"""Telling the end of an agent's day comes to what telling all of it would."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Fact
from services.core.measure import measure
from services.core.presence import Presence
from services.core.tally import Tallies, add
from services.core.timeline import absorb
from tests.core.histories import agent_histories
from tests.core.stories import at, presence, rules

DEFAULTS = rules()


def streamed(agent: Presence, pieces: Sequence[Sequence[Fact]]) -> Tallies:
    """What an agent's facts add up to, piece by piece."""
    total: Tallies = {}
    for piece in pieces:
        for entry, (count, sum_ms) in agent.take_in(piece, DEFAULTS).tallies.items():
            add(total, entry, count, sum_ms)
    return total


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(agent_histories(most=14), st.lists(st.integers(0, 20), max_size=6), st.randoms(use_true_random=False))
def test_any_pieces_in_any_order_add_up_to_the_whole(facts: list[Fact], cuts: list[int], chance: Random) -> None:
    arrived = sorted(facts, key=lambda fact: fact.at)
    if chance.random() < 0.5:
        chance.shuffle(arrived)
    pieces = [arrived[begin:end] for begin, end in pairwise([0, *sorted(cuts), len(arrived)])]

    agent = Presence(long=3)

    assert streamed(agent, pieces) == measure(absorb([], facts), DEFAULTS)
    assert agent.timeline == absorb([], facts)


def test_only_the_end_of_a_long_day_is_told_again() -> None:
    day = [presence("busy" if minute % 2 else "available", at("08:00") + 60_000 * minute) for minute in range(120)]
    agent = Presence()

    assert streamed(agent, [[fact] for fact in day]) == measure(day, DEFAULTS)
    assert len({since for _, since, _, _ in agent.told.tallies}) < 60


def test_who_is_told_of_a_contact_does_not_depend_on_it() -> None:
    day = [presence("busy", at("08:00") + 600_000 * n, f"T{n}") for n in range(9)]
    agent = Presence(long=2)

    told = [fact for each in day for fact in agent.take_in([each], DEFAULTS).news]

    assert [fact.ticket_id for fact in told] == [f"T{n}" for n in range(9)]
