"""What the door answers to events that nobody should send."""

import json

import pytest

from schemas.codec import decode, instant
from tests.gateway.doubles import ListLog
from tests.gateway.test_events import post
from tests.odd_events import ODD, TAKEN, Odd


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
async def test_the_door_answers_as_stated(odd: Odd) -> None:
    log = ListLog()
    first, *more = odd.events

    assert (await post(log, first)).status_code == odd.door
    assert len(log.records) == (odd.door == TAKEN)
    for event in more:
        assert (await post(log, event)).status_code == TAKEN


@pytest.mark.parametrize("odd", [odd for odd in ODD if odd.door == TAKEN], ids=lambda odd: odd.name)
async def test_what_the_door_takes_the_log_can_be_read_with(odd: Odd) -> None:
    log = ListLog()
    await post(log, list(odd.events))

    facts = [decode(record.value) for record in log.records]
    assert [fact.entity for fact in facts] == [record.key for record in log.records]
    assert [fact.topic for fact in facts] == [record.topic for record in log.records]


async def test_what_comes_from_the_future_happens_five_minutes_after_it_came() -> None:
    log = ListLog()
    [odd] = [odd for odd in ODD if odd.name == "far future"]
    await post(log, list(odd.events))

    assert instant(decode(log.records[0].value).at).isoformat() == "2026-03-10T09:17:06+00:00"


async def test_a_field_called_derived_makes_no_told_fact_of_an_event() -> None:
    log = ListLog()
    event = {"derived": [1, "ticket.taken_up", "x", "y", 1]} | ODD[0].events[0]

    assert (await post(log, event)).status_code == TAKEN
    assert "derived" not in json.loads(log.records[0].value)
