from services.core.timeline import absorb
from tests.core.stories import (
    answer,
    assigned,
    becomes,
    created,
    customer,
    escalated,
    merged,
    note,
    prioritised,
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
