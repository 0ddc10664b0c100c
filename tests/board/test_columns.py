"""Columns hold what was put in last, whatever was put in before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.adapters.cell_blocks import Block, loose_block
from services.adapters.state_layout import measure_code, pack_dims, unpack_dims_columns
from services.board.columns import Columns, Numbers, Rows
from services.board.labels import Labels
from services.core.tally import ALL, DIMENSIONS, MEASURES, MINUTE, Cells, Dims
from tests.board.written import SHARD, dims

NONE_KNOWN: Numbers = np.empty(0, dtype=np.int64)
OPENED = measure_code("opened")
Slots = dict[tuple[str, int, int], list[int]]

some_slots = st.dictionaries(
    st.tuples(st.sampled_from([MINUTE, ALL]), st.integers(0, 3), st.integers(0, 2)),
    st.lists(st.integers(1, 9), max_size=4).map(lambda counts: [n for c in counts for n in (OPENED, c, c, c * 10)]),
)


def held(columns: Columns, grain: str) -> list[tuple[int, int, int]]:
    rows = columns.rows(grain).of("opened")
    return sorted(zip(rows.bucket.tolist(), rows.dims.tolist(), rows.count.tolist(), strict=True))


def expected(slots: Slots, grain: str) -> list[tuple[int, int, int]]:
    return sorted((b, d, n) for (g, b, d), packed in slots.items() if g == grain for n in packed[2::4])


@given(st.lists(some_slots, max_size=8))
def test_a_slot_holds_what_was_put_in_last(changes: list[Slots]) -> None:
    columns, model = Columns(), Slots()
    for change in changes:
        columns.replace(SHARD, change)
        model |= change

    for grain in (MINUTE, ALL):
        assert held(columns, grain) == expected(model, grain)


def test_slots_that_grow_and_shrink_for_long_are_swept_out() -> None:
    columns, model = Columns(), Slots()
    for turn in range(400):
        change = {(MINUTE, turn % 7, d): [OPENED, 0, turn, 0] * (1 + (turn + d) % 40) for d in range(3)}
        columns.replace(SHARD, change)
        model |= change

    assert held(columns, MINUTE) == expected(model, MINUTE)
    assert len(columns.rows(MINUTE)) < 5_000


def test_old_buckets_of_one_shard_are_forgotten_and_no_others() -> None:
    columns = Columns()
    for shard in (SHARD, ("tickets", 1)):
        columns.replace(shard, {(MINUTE, bucket, 0): [OPENED, 0, 1, 0] for bucket in range(5)})

    columns.keep_from(SHARD, {MINUTE: 3})

    assert [bucket for bucket, *_ in held(columns, MINUTE)] == [0, 1, 2, 3, 3, 4, 4]


def test_a_reset_drops_what_is_no_longer_there() -> None:
    columns = Columns()
    columns.replace(SHARD, {(MINUTE, 1, 0): [OPENED, 0, 1, 0], (ALL, 0, 0): [OPENED, 0, 1, 0]})

    columns.reset(SHARD, {(MINUTE, 2, 0): [OPENED, 0, 5, 0]})

    assert held(columns, MINUTE) == [(2, 0, 5)]
    assert held(columns, ALL) == []


def test_dimension_sets_fall_into_the_groups_that_are_asked_for() -> None:
    columns = Columns()
    for number, values in enumerate([dims("billing", "ann"), dims("billing", "bob"), dims(None)]):
        columns.replace(SHARD, {(ALL, 0, columns.labels.code(values)): [OPENED, 0, number + 1, 0]})

    sums = {key: count for key, count, _ in columns.summed(columns.rows(ALL), ("queue",))}

    assert sums == {("billing",): 3, (None,): 3}


def block(*cells: tuple[int, int, int]) -> Block:
    """Tickets opened: (bucket counted in the span, dimension set, how many)."""
    return loose_block((bucket, code, (OPENED, 0, count, 0)) for bucket, code, count in cells)


def test_blocks_and_what_lies_beside_them_add_up() -> None:
    columns = Columns()
    columns.replace(SHARD, {(MINUTE, 61, 0): [OPENED, 0, 1, 0]}, {(MINUTE, 1): block((1, 0, 5), (2, 1, 7))})
    columns.replace(("tickets", 1), {}, {(MINUTE, 1): block((1, 0, 20))})

    assert held(columns, MINUTE) == [(61, 0, 1), (61, 0, 5), (61, 0, 20), (62, 1, 7)]

    columns.replace(SHARD, {(MINUTE, 61, 0): []}, {(MINUTE, 1): block((1, 0, 6), (2, 1, 7))})
    assert held(columns, MINUTE) == [(61, 0, 6), (61, 0, 20), (62, 1, 7)]


def test_a_reset_drops_the_blocks_of_the_shard_and_of_no_other() -> None:
    columns = Columns()
    for shard in (SHARD, ("tickets", 1)):
        columns.replace(shard, {}, {(MINUTE, 1): block((0, 0, 5)), (MINUTE, 2): block((0, 0, 6))})

    columns.reset(SHARD, {}, {(MINUTE, 2): block((3, 0, 9))})

    assert held(columns, MINUTE) == [(60, 0, 5), (120, 0, 6), (123, 0, 9)]


def test_of_a_block_the_buckets_that_are_kept_stay() -> None:
    columns = Columns()
    for shard in (SHARD, ("tickets", 1)):
        columns.replace(shard, {}, {(MINUTE, n): block((0, 0, 1), (30, 0, 2)) for n in (1, 2)})

    columns.keep_from(SHARD, {MINUTE: 121})
    assert held(columns, MINUTE) == [(60, 0, 1), (90, 0, 2), (120, 0, 1), (150, 0, 2), (150, 0, 2)]

    columns.keep_from(("tickets", 1), {MINUTE: 150})
    assert held(columns, MINUTE) == [(150, 0, 2), (150, 0, 2)]


MEASURED = st.sampled_from(["opened", "solved", "first_response"])
lines = st.tuples(st.integers(0, 200), st.integers(0, 4), MEASURED, st.integers(0, 3), st.integers(-5, 5))


@given(
    st.lists(lines, max_size=30),
    st.lists(lines, max_size=10),
    st.lists(MEASURED, min_size=1, max_size=2),
    st.integers(-10, 210),
    st.integers(0, 130),
)
def test_rows_of_measures_between_buckets_are_those_that_a_search_finds(
    sealed: list[tuple[int, int, str, int, int]],
    loose: list[tuple[int, int, str, int, int]],
    measures: list[str],
    first: int,
    length: int,
) -> None:
    columns = Columns()
    spans: dict[tuple[str, int], list[tuple[int, int, list[int]]]] = {}
    for bucket, code, measure, step, count in sealed:
        packed = [measure_code(measure), step, count, 10 * count]
        spans.setdefault((MINUTE, bucket // 60), []).append((bucket % 60, code, packed))
    slots: dict[tuple[str, int, int], list[int]] = {}
    for bucket, code, measure, step, count in loose:
        slots.setdefault((MINUTE, bucket, code), []).extend([measure_code(measure), step, count, 10 * count])
    columns.replace(SHARD, slots, {span: loose_block(groups) for span, groups in spans.items()})

    every, end = columns.rows(MINUTE), first + length
    wanted = sorted(line for line in sealed + loose if line[2] in measures and first <= line[0] < end)

    assert len(every) == len(sealed + loose)
    for rows in (
        every.of(*measures).between(first, end),
        every.between(first, end).of(*measures),
        every.where((every.bucket >= first) & (every.bucket < end)).of(*measures),
        every.of(measures[0]).between(first, end) + every.of(*set(measures[1:]) - {measures[0]}).between(first, end),
    ):
        assert lines_of(rows) == wanted
        assert rows.total.tolist() == (10 * rows.count).tolist()
        assert sorted((-rows).count.tolist()) == sorted((-rows.count).tolist())


def lines_of(rows: Rows) -> list[tuple[int, int, str, int, int]]:
    names = [list(MEASURES)[code] for code in rows.measure.tolist()]
    found = (rows.bucket.tolist(), rows.dims.tolist(), names, rows.step.tolist(), rows.count.tolist())
    return sorted(zip(*found, strict=True))


values = st.sampled_from([None, "", "a", "b", "c"])


@given(
    st.lists(st.lists(st.tuples(*[values] * len(DIMENSIONS)), max_size=5), max_size=5),
    st.lists(st.sampled_from(DIMENSIONS), unique=True, max_size=3),
    st.booleans(),
)
def test_every_set_of_a_chunk_falls_into_the_group_of_its_values(
    chunks: list[list[Dims]], dimensions: list[str], asked_before: bool
) -> None:
    labels, codes = Labels(), list[int]()
    for chunk in chunks:
        codes += labels.codes(unpack_dims_columns(pack_dims(chunk) if chunk else b""), NONE_KNOWN).tolist()
        if asked_before:
            labels.grouping(tuple(dimensions))

    grouping = labels.grouping(tuple(dimensions))

    found = [grouping.keys[group] for group in grouping.group_of[codes].tolist()] if codes else []
    places = [DIMENSIONS.index(name) for name in dimensions]
    assert found == [tuple(dims[place] for place in places) for chunk in chunks for dims in chunk]
    assert len(set(grouping.keys)) == len(grouping.keys)


def test_a_chunk_that_grew_keeps_its_numbers_and_another_gets_new_ones() -> None:
    labels, sets = Labels(), [dims("billing"), dims("orders"), dims("returns")]

    first = labels.codes(unpack_dims_columns(pack_dims(sets[:2])), NONE_KNOWN)
    grown = labels.codes(unpack_dims_columns(pack_dims(sets)), first)
    other = labels.codes(unpack_dims_columns(pack_dims([sets[1], sets[0]])), first)

    assert (first.tolist(), grown.tolist(), other.tolist()) == ([0, 1], [0, 1, 2], [3, 4])


def test_many_values_in_a_cut_are_grouped_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = Labels()
    for number in range(300):
        labels.code(dims(f"queue {number % 70}", f"agent {number % 90}"))
    few = labels.grouping(("queue", "agent"))

    monkeypatch.setattr("services.board.labels._SPARSE", 0)
    labels._groupings.clear()
    many = labels.grouping(("queue", "agent"))

    assert [few.keys[g] for g in few.group_of] == [many.keys[g] for g in many.group_of]


@given(st.dictionaries(st.tuples(st.sampled_from("mhdan"), lines), st.integers(1, 9), max_size=30))
def test_cells_need_no_store_to_become_columns(found: dict[tuple[str, tuple[int, int, str, int, int]], int]) -> None:
    cells: Cells = {}
    for (grain, (bucket, queue, measure, step, _)), count in found.items():
        cells[grain, bucket, dims(f"queue {queue}"), measure, step] = (count, 10 * count)

    columns = Columns.of(cells)

    for grain in "mhdan":
        rows = columns.rows(grain)
        keys = columns.labels.grouping(DIMENSIONS)
        again = {
            (grain, bucket, keys.keys[keys.group_of[code]], list(MEASURES)[measure], step): (count, total)
            for bucket, code, measure, step, count, total in zip(*map(rows.column, range(6)), strict=True)
        }
        assert again == {cell: tally for cell, tally in cells.items() if cell[0] == grain}
