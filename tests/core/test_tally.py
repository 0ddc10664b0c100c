"""Cells are a group, and the sketch keeps its word."""

from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.codec import Millis
from services.core.tally import (
    ALL,
    DAY,
    DAY_MS,
    GRAIN_MS,
    HISTOGRAM_EDGES_MS,
    HOUR,
    HOUR_MS,
    KEPT_MS,
    MEASURES,
    MINUTE,
    NOTHING_TOLD,
    NOW,
    Cells,
    Dims,
    Entry,
    Kind,
    Tallies,
    Tally,
    add,
    difference,
    oldest_kept,
    spread,
    step_of,
    value_of,
)
from tests.core.stories import at
from tests.recount import merged

CENTURY_MS = 100 * 366 * DAY_MS
DIMS: Dims = ("billing", "email", None, None, None, None, "night", "A1", "fixed", None)

some_entry = st.tuples(
    st.sampled_from(sorted(MEASURES)),
    st.one_of(st.integers(0, 3 * HOUR_MS), st.integers(0, 2**42)),
    st.sampled_from([DIMS, NOTHING_TOLD, ("sales", *DIMS[1:])]),
    st.integers(0, 3),
)


@st.composite
def some_tallies(draw: st.DrawFn) -> Tallies:
    """Only what flows has a sum."""
    tallies: Tallies = {}
    for entry in draw(st.sets(some_entry, max_size=8)):
        total = draw(st.integers(-10_000, 10_000)) if MEASURES[entry[0]] is Kind.FLOW else 0
        tallies[entry] = (draw(st.sampled_from([-2, -1, 1, 2])), total)
    return tallies


def cells_of(*parts: Mapping[Entry, Tally]) -> Cells:
    cells: Cells = {}
    for part in parts:
        spread(part, cells)
    return cells


@settings(max_examples=30, deadline=None)
@given(st.lists(some_tallies(), max_size=4).flatmap(lambda parts: st.tuples(st.just(parts), st.permutations(parts))))
def test_any_order_of_additions_gives_the_same_cells(orders: tuple[list[Tallies], list[Tallies]]) -> None:
    told, otherwise = orders

    assert cells_of(*told) == cells_of(*otherwise)
    assert merged(cells_of(part) for part in otherwise) == cells_of(*told)


@settings(max_examples=30, deadline=None)
@given(some_tallies(), some_tallies(), some_tallies())
def test_a_difference_takes_away_exactly_what_was_added(beside: Tallies, before: Tallies, after: Tallies) -> None:
    assert cells_of(beside, before, difference(before, after)) == cells_of(beside, after)
    assert cells_of(before, difference(before, {})) == {}
    assert difference(before, before) == {}


def test_what_comes_to_nothing_goes_away() -> None:
    tallies: dict[str, Tally] = {}

    add(tallies, "a", 1, 5)
    add(tallies, "a", -1, 0)
    assert tallies == {"a": (0, 5)}

    add(tallies, "a", 0, -5)
    assert tallies == {}


def test_a_flow_is_in_its_minute_hour_and_day_and_by_queue_and_channel_in_all_time() -> None:
    moment = at("Tue 10:30:15")

    cells = cells_of({("first_response", moment, DIMS, 7): (1, 900)})

    assert cells == {
        (MINUTE, moment // 60_000, DIMS, "first_response", 7): (1, 900),
        (HOUR, moment // HOUR_MS, DIMS, "first_response", 7): (1, 900),
        (DAY, moment // DAY_MS, DIMS, "first_response", 7): (1, 900),
        (ALL, 0, ("billing", "email", *[None] * 8), "first_response", 7): (1, 900),
    }


def test_a_level_keeps_the_offset_into_its_bucket_and_the_level_now() -> None:
    moment = at("Tue 10:30:15")

    cells = cells_of({("backlog.open", moment, DIMS, 0): (1, 0)})

    assert cells == {
        (MINUTE, moment // 60_000, DIMS, "backlog.open", 0): (1, 15_000),
        (HOUR, moment // HOUR_MS, DIMS, "backlog.open", 0): (1, 30 * 60_000 + 15_000),
        (DAY, moment // DAY_MS, DIMS, "backlog.open", 0): (1, 10 * HOUR_MS + 30 * 60_000 + 15_000),
        (NOW, 0, DIMS, "backlog.open", 0): (1, 0),
    }


def test_what_stands_is_kept_by_hour_and_millisecond_only_while_it_holds() -> None:
    moment = at("Tue 10:30:15") + 7
    waiting: Tallies = {("waiting", moment, DIMS, 0): (1, 0)}

    assert cells_of(waiting) == {(NOW, moment // HOUR_MS, DIMS, "waiting", 30 * 60_000 + 15_007): (1, 0)}
    assert cells_of(waiting, difference(waiting, {})) == {}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10 * HOUR_MS), st.integers(0, 10 * HOUR_MS)), max_size=5), st.data())
def test_a_level_and_its_integral_can_be_read_from_the_cells_of_any_grain(
    spans: list[tuple[Millis, Millis]], data: st.DataObject
) -> None:
    tallies: Tallies = {}
    for span in spans:
        for moment, count in ((min(span), 1), (max(span), -1)):
            add(tallies, ("backlog.open", moment, DIMS, 0), count, 0)
    grain = data.draw(st.sampled_from(sorted(GRAIN_MS)))
    size = GRAIN_MS[grain]
    edge = data.draw(st.integers(0, 12 * HOUR_MS // size)) * size

    before = [
        (bucket * size, tally)
        for (kept, bucket, *_), tally in cells_of(tallies).items()
        if kept == grain and bucket * size < edge
    ]

    # All that happened before `edge`, each change counting from its instant on.
    level = sum(count for _, (count, _) in before)
    area = sum(count * (edge - begin) - offset for begin, (count, offset) in before)
    assert level == sum(min(span) < edge <= max(span) for span in spans if min(span) < max(span))
    assert area == sum(max(0, min(max(span), edge) - min(span)) for span in spans)


def test_a_bucket_is_kept_until_the_watermark_has_left_it_behind() -> None:
    watermark = at("Tue 10:00")

    assert oldest_kept(HOUR, watermark) * HOUR_MS == watermark - KEPT_MS[HOUR]
    assert oldest_kept(HOUR, watermark + HOUR_MS - 1) == oldest_kept(HOUR, watermark)
    assert oldest_kept(HOUR, watermark + HOUR_MS) == oldest_kept(HOUR, watermark) + 1


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.integers(1, CENTURY_MS), st.integers(0, 41).flatmap(lambda bits: st.integers(1, 2**bits))))
@example(1)
@example(2)
@example(CENTURY_MS)
def test_a_duration_read_from_the_sketch_is_within_1_percent(duration_ms: Millis) -> None:
    assert abs(value_of(step_of(duration_ms)) - duration_ms) <= 0.01 * duration_ms


@settings(max_examples=100, deadline=None)
@given(st.integers(0, CENTURY_MS), st.integers(0, CENTURY_MS))
def test_a_longer_duration_is_never_in_an_earlier_step(one: Millis, other: Millis) -> None:
    shorter, longer = sorted((one, other))

    assert step_of(shorter) <= step_of(longer)
    assert value_of(step_of(shorter)) <= value_of(step_of(longer))


def test_every_step_up_to_a_century_is_within_1_percent_at_both_of_its_ends() -> None:
    duration_ms, steps = 1, 0
    while duration_ms <= CENTURY_MS:
        step = step_of(duration_ms)
        last = duration_ms  # of this step: found by doubling, then halving
        width = 1
        while step_of(last + width) == step:
            width *= 2
        while width:
            if step_of(last + width) == step:
                last += width
            width //= 2
        for end in (duration_ms, last):
            assert abs(value_of(step) - end) <= 0.01 * end
        duration_ms, steps = last + 1, steps + 1
    assert steps < 1500


@pytest.mark.parametrize("duration_ms", [0, -1])
def test_nothing_is_a_step_of_its_own(duration_ms: Millis) -> None:
    assert step_of(duration_ms) == 0
    assert value_of(0) == 0.0


@pytest.mark.parametrize("edge_ms", HISTOGRAM_EDGES_MS)
def test_an_edge_of_the_histogram_is_an_edge_of_the_sketch(edge_ms: Millis) -> None:
    assert step_of(edge_ms - 1) <= step_of(edge_ms) < step_of(edge_ms + 1)
    assert value_of(step_of(edge_ms)) <= edge_ms < value_of(step_of(edge_ms + 1))
