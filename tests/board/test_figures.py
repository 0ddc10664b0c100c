"""Figures from columns equal plain loops over the tallies that the columns were made from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import Millis
from services.board import figures
from services.board.columns import Columns
from services.core.tally import DAY, DAY_MS, HOUR, HOUR_MS, KEPT_MS, MINUTE, MINUTE_MS, Tallies, step_of, value_of
from tests.board.written import NOW_MS, columns_of, dims, flow, level, stands, together

WATERMARK = NOW_MS + 25 * MINUTE_MS + 59_999
QUEUES = (None, "billing", "shipping")

an_instant = st.one_of(
    st.integers(NOW_MS - 2 * HOUR_MS, WATERMARK),
    st.integers(NOW_MS - 2 * DAY_MS, WATERMARK),
    st.integers(NOW_MS - 90 * DAY_MS, WATERMARK),
    # About where minutes end and where hours end.
    st.integers(WATERMARK - KEPT_MS[MINUTE] - 2 * HOUR_MS, WATERMARK - KEPT_MS[MINUTE] + 2 * HOUR_MS),
    st.integers(WATERMARK - KEPT_MS[HOUR] - 2 * DAY_MS, WATERMARK - KEPT_MS[HOUR] + 2 * DAY_MS),
)
a_place = st.builds(dims, st.sampled_from(QUEUES), st.sampled_from([None, "ann", "bob"]))


@st.composite
def some_tallies(draw: st.DrawFn) -> Tallies:
    parts: list[Tallies] = []
    for _ in range(draw(st.integers(0, 8))):
        begins, ends = sorted((draw(an_instant), draw(an_instant)))
        parts.append(level("backlog.open", begins, draw(st.sampled_from([ends, None])), draw(a_place)))
    for _ in range(draw(st.integers(0, 8))):
        took = draw(st.integers(0, 10 * HOUR_MS))
        parts.append(flow("first_response", draw(an_instant), took, step_of(took), draw(a_place)))
    waits = st.builds(stands, st.just("waiting"), an_instant, a_place, st.integers(1, 3))
    return together(*parts, *draw(st.lists(waits, max_size=6)))


some_shards = st.lists(some_tallies(), min_size=1, max_size=3)


def trimmed(shards: list[Tallies]) -> Columns:
    return columns_of(*shards, watermark=WATERMARK)


def entries(shards: list[Tallies], measure: str) -> list[tuple[Millis, str | None, int, int, int]]:
    """(instant, queue, step, count, sum) of one measure."""
    return [
        (at, values[0], step, count, total)
        for tallies in shards
        for (name, at, values, step), (count, total) in tallies.items()
        if name == measure
    ]


@given(some_shards, an_instant)
def test_level_is_what_all_earlier_events_left(shards: list[Tallies], at: Millis) -> None:
    columns = trimmed(shards)
    edge = figures.cut(columns, at)

    found = figures.total_level(columns, at, "backlog.open")

    assert found == sum(count for when, *_, count, _ in entries(shards, "backlog.open") if when < edge)


@given(some_shards, an_instant, an_instant)
def test_integral_is_level_times_time(shards: list[Tallies], one: Millis, other: Millis) -> None:
    columns = trimmed(shards)
    begins, ends = sorted((figures.cut(columns, one), figures.cut(columns, other)))

    found = figures.integral(columns, begins, ends, "backlog.open")

    changes = entries(shards, "backlog.open")
    assert found == sum(count * (ends - max(at, begins)) for at, _, _, count, _ in changes if at < ends)


@given(some_shards, an_instant, an_instant)
def test_flows_of_a_window_are_those_that_happened_in_it(shards: list[Tallies], one: Millis, other: Millis) -> None:
    columns = trimmed(shards)
    begins, ends = sorted((figures.cut(columns, one), figures.cut(columns, other)))

    rows = figures.in_window(columns, one if one < other else other, max(one, other), "first_response")

    inside = [entry for entry in entries(shards, "first_response") if begins <= entry[0] < ends]
    assert int(rows.count.sum()) == sum(count for *_, count, _ in inside)
    assert int(rows.total.sum()) == sum(total for *_, total in inside)
    queues = {entry[1] for entry in inside}
    by_queue = {key[0]: (count, total) for key, count, total in columns.summed(rows, ("queue",)) if count}
    assert by_queue == {
        q: (sum(e[3] for e in inside if e[1] == q), sum(e[4] for e in inside if e[1] == q)) for q in queues
    }


@given(some_shards)
def test_levels_at_even_steps_are_the_levels_there(shards: list[Tallies]) -> None:
    columns = trimmed(shards)
    step = 15 * MINUTE_MS
    begins = NOW_MS - DAY_MS

    found = figures.levels_at(columns, begins, step, 97, "queue", "backlog.open")

    changes = entries(shards, "backlog.open")
    for queue in QUEUES:
        levels = found.get(queue, np.zeros(97, dtype=np.int64)).tolist()
        assert levels == [
            sum(count for at, where, _, count, _ in changes if where == queue and at < begins + k * step)
            for k in range(97)
        ]


@given(some_shards, an_instant)
def test_standing_instants_are_counted_up_to_an_instant(shards: list[Tallies], at: Millis) -> None:
    columns = trimmed(shards)

    rows, instants = figures.standing_until(columns, at, "waiting")

    past = [(when, count) for when, _, _, count, _ in entries(shards, "waiting") if when <= at]
    assert int(rows.count.sum()) == sum(count for _, count in past)
    assert figures.oldest(instants) == min((when for when, _ in past), default=None)


@given(some_shards, an_instant, an_instant)
def test_spans_tile_their_window(shards: list[Tallies], one: Millis, other: Millis) -> None:
    columns = trimmed(shards)
    begins, ends = sorted((one, other))

    tiles = figures.spans(columns, begins, ends)

    size = {MINUTE: MINUTE_MS, HOUR: HOUR_MS, DAY: DAY_MS}
    edges = [figures.cut(columns, begins)]
    for tile in tiles:
        assert tile.first * size[tile.grain] == edges[-1]
        assert edges[-1] >= WATERMARK - KEPT_MS[tile.grain]
        edges.append(tile.end * size[tile.grain])
    assert edges[-1] == figures.cut(columns, ends) or not tiles
    assert len(tiles) <= 5


@pytest.mark.parametrize("p", [0.5, 0.9])
def test_percentiles_come_from_the_steps(p: float) -> None:
    shards = [flow("first_response", NOW_MS - s * 1000, s * 1000, step_of(s * 1000)) for s in range(1, 1001)]

    given_ = figures.sketch(
        figures.in_window(columns_of(together(*shards)), NOW_MS - DAY_MS, NOW_MS, "first_response")
    )

    assert given_.count == 1000
    assert given_.percentile_s(p) == pytest.approx(1000 * p, rel=0.012)


def test_nothing_has_no_percentile() -> None:
    nothing = figures.sketch(figures.in_window(Columns(), NOW_MS - DAY_MS, NOW_MS, "first_response"))

    assert nothing.count == 0
    assert nothing.percentile_s(0.5) is None


def test_a_sketch_adds_up_what_falls_into_a_step() -> None:
    twice = together(*[flow("first_response", NOW_MS - n, 5000, step_of(5000)) for n in (1, 2)])

    found = figures.sketch(figures.in_window(columns_of(twice), NOW_MS - HOUR_MS, NOW_MS, "first_response"))

    assert found.steps == {step_of(5000): 2}
    assert found.percentile_s(0.5) == value_of(step_of(5000)) / 1000


@pytest.mark.parametrize(
    ("first", "known"),
    [
        pytest.param(NOW_MS - 90_000, NOW_MS - 120_000, id="minutes tell the minute"),
        pytest.param(NOW_MS - 10 * DAY_MS - 1, NOW_MS - 10 * DAY_MS - HOUR_MS, id="hours tell the hour"),
        pytest.param(NOW_MS - 90 * DAY_MS, (NOW_MS - 90 * DAY_MS) // DAY_MS * DAY_MS, id="days tell the day"),
    ],
)
def test_the_first_event_is_known_as_finely_as_it_is_kept(first: Millis, known: Millis) -> None:
    shards = together(level("backlog.open", first), level("backlog.open", NOW_MS - 60_000))

    assert figures.known_since(trimmed([shards]), "backlog.open") == known
