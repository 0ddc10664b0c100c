import pytest

from schemas.codec import Fact
from services.core.timeline import AHEAD_MS, absorb, event_time
from tests.core.stories import (
    answer,
    assigned,
    at,
    becomes,
    created,
    customer,
    escalated,
    merged,
    note,
    prioritised,
    told,
)


def test_events_at_one_instant_have_a_fixed_order() -> None:
    """created, assigned, priority_changed, escalated, replied, status_changed, merged (convention 1)."""
    in_order = [
        created("09:00"),
        assigned("09:00"),
        prioritised("high", "09:00"),
        escalated("09:00"),
        customer("09:00"),
        becomes("open", "09:00"),
        merged("09:00"),
    ]

    assert absorb([], reversed(in_order)) == in_order


def test_then_the_event_id_decides() -> None:
    first, second = answer("09:00", event_id="e10"), note("09:00", event_id="e9")

    assert absorb([], [second, first]) == [first, second]


def test_the_time_goes_before_the_kind() -> None:
    early, late = merged("09:00"), created("09:00:01")

    assert absorb([], [late, early]) == [early, late]


def test_a_repeated_event_is_the_same_event_and_the_first_delivery_wins() -> None:
    first, again = becomes("open", "09:00", event_id="e1"), becomes("pending", "09:30", event_id="e1")
    known = absorb([], [first])

    assert absorb(known, [again, first]) is known
    assert absorb([], [first, again]) == [first]


def test_the_given_timeline_is_left_as_it_is() -> None:
    known = [created("09:00")]

    later = absorb(known, [answer("08:00"), answer("10:00")])

    assert known == [created("09:00")]
    assert later == [answer("08:00"), created("09:00"), answer("10:00")]


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        pytest.param(told("ticket.created", "09:00", received_at=at("09:00:01")), at("09:00"), id="as it came"),
        pytest.param(told("ticket.created", "09:00", received_at=at("12:00")), at("09:00"), id="late: its own time"),
        pytest.param(
            told("ticket.created", "Fri 09:00", received_at=at("09:00")),
            at("09:00") + AHEAD_MS,
            id="a clock that runs ahead is believed for five minutes",
        ),
    ],
)
def test_what_an_event_tells_of_the_time(fact: Fact, expected: int) -> None:
    assert event_time(fact) == expected
