"""What is committed of a partition, against a model that keeps every offset."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.progress import MOST_TEXT, Committed, Progress

COURSES = st.lists(st.tuples(st.sampled_from(["read", "finish", "restart"]), st.integers(0, 30)), max_size=120)
LOG = [offset for offset in range(200) if offset % 7 not in (2, 3)]
"""The offsets that there are."""


@given(COURSES, st.booleans())
def test_nothing_is_lost_and_with_the_text_nothing_that_is_committed_as_done_comes_again(
    course: list[tuple[str, int]], kept: bool
) -> None:
    progress, reading = Progress(Committed(0)), iter(LOG)
    open_now: list[int] = []
    seen: set[int] = set()
    done: set[int] = set()
    for step, number in course:
        if step == "read":
            offset = next(reading, None)
            if offset is None:
                break
            if progress.begin(offset):
                assert not kept or offset not in done
                open_now.append(offset)
                seen.add(offset)
            else:
                assert offset in done
        elif step == "finish" and open_now:
            done.add(offset := open_now.pop(number % len(open_now)))
            progress.finish(offset)
        elif step == "restart":
            committed = progress.committed
            assert all(offset in done for offset in seen if offset < committed.offset)
            progress = Progress(committed if kept else Committed(committed.offset))
            reading, open_now = iter([offset for offset in LOG if offset >= committed.offset]), []
            if not kept:
                done = {offset for offset in done if offset < committed.offset}
                seen = set(done)
    assert all(offset in done for offset in seen if offset < progress.committed.offset)


@given(st.sets(st.integers(0, 300), max_size=40), st.integers(0, 300))
def test_after_a_restart_exactly_the_open_ones_are_read_again(still_open: set[int], looked_at: int) -> None:
    before = Progress(Committed(0))
    for offset in range(301):
        assert before.begin(offset)
    for offset in set(range(301)) - still_open:
        before.finish(offset)

    after = Progress(before.committed)
    again = {offset for offset in range(before.committed.offset, 302) if after.begin(offset)}

    assert again == still_open | {301}
    halfway = Progress(before.committed)
    for offset in range(before.committed.offset, min(looked_at, 301)):
        if halfway.begin(offset):
            halfway.finish(offset)
    third = Progress(halfway.committed)
    read = {offset for offset in range(halfway.committed.offset, 301) if third.begin(offset)}
    assert read == {offset for offset in still_open if offset >= looked_at}


def test_a_log_that_begins_anew_is_read_whole() -> None:
    before = Progress(Committed(0))
    for offset in range(10):
        before.begin(offset)
    for offset in range(1, 10):
        before.finish(offset)
    kept = Progress(Committed(5, "10:"))

    assert before.committed == Committed(0, "10:")
    assert [kept.begin(offset) for offset in range(20)] == [True] * 20


def test_of_a_log_that_begins_anew_nothing_is_open_that_was_in_the_one_before() -> None:
    progress = Progress(Committed(50, "5:"))

    progress.begin(0)
    progress.finish(0)

    assert progress.committed == Committed(1)


@pytest.mark.parametrize("text", ["", "somebody else's", "12", "5:1,,2", "5:-1", "x:1", "9" * 40 + ":"])
def test_what_is_no_text_of_ours_says_nothing(text: str) -> None:
    progress = Progress(Committed(3, text))

    assert progress.committed == Committed(3)
    assert progress.begin(3)


def test_a_text_that_brokers_would_refuse_is_left_out() -> None:
    progress = Progress(Committed(0))
    for offset in range(0, 4000 * 10_000, 10_000):
        progress.begin(offset)

    assert progress.committed == Committed(0)


def test_as_many_open_records_as_an_endpoint_may_have_fit_in() -> None:
    progress = Progress(Committed(10**12))
    for step in range(1000):
        progress.begin(10**12 + step * 99)

    assert 0 < len(progress.committed.text) <= MOST_TEXT
