"""Each ticket in order, and nobody behind somebody else's failure."""

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.outstanding import Delivery, Outstanding
from tests.notifier.receiving import delivery

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 4)),
        st.tuples(st.just("take"), st.integers(0, 4)),
        st.tuples(st.just("finish"), st.integers(0, 4)),
        st.tuples(st.just("put back"), st.integers(0, 4)),
        st.tuples(st.just("hasten"), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 9)),
    ),
    max_size=100,
)


@given(STEPS)
def test_a_ticket_has_one_on_its_way_and_they_go_in_order(steps: list[tuple[str, int]]) -> None:
    outstanding, now, added = Outstanding(), 0.0, 0
    waiting: dict[str, list[Delivery]] = {}
    taken: list[Delivery] = []
    for step, number in steps:
        if step == "add":
            one = delivery(ticket=f"t{number}", offset=added)
            added += 1
            waiting.setdefault(one.signal.ticket, []).append(one)
            outstanding.add(one, now)
        elif step == "take" and (one_due := outstanding.take_due(now)) is not None:
            assert waiting[one_due.signal.ticket][0] is one_due
            assert one_due not in taken
            taken.append(one_due)
        elif step == "finish" and taken:
            one = taken.pop(number % len(taken))
            waiting[one.signal.ticket].remove(one)
            outstanding.finish(one, now)
        elif step == "put back" and taken:
            outstanding.put_back(taken.pop(number % len(taken)), now + number)
        elif step == "hasten":
            outstanding.hasten(now)
            due_at = outstanding.next_due_at()
            assert due_at is None or due_at <= now
        elif step == "wait":
            now += number
        assert len(outstanding) == sum(map(len, waiting.values()))

    while (one_due := outstanding.take_due(now + 100)) is not None:
        taken.append(one_due)
    heads = {line[0].offset for line in waiting.values() if line}
    assert {one.offset for one in taken} == heads, "of every ticket the first, and no other"


def test_the_longest_due_goes_first() -> None:
    outstanding = Outstanding()
    late, early = delivery(ticket="late"), delivery(ticket="early")
    outstanding.add(late, 0)
    outstanding.add(early, 0)
    for one, due_at in ((late, 9.0), (early, 5.0)):
        assert outstanding.take_due(0) is one
        outstanding.put_back(one, due_at)

    assert outstanding.next_due_at() == 5
    assert outstanding.take_due(4.9) is None
    assert [outstanding.take_due(10), outstanding.take_due(10)] == [early, late]
