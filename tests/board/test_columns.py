"""Columns hold what was put in last, whatever was put in before."""

from hypothesis import given
from hypothesis import strategies as st

from services.adapters.state_layout import measure_code
from services.board.columns import Columns
from services.core.tally import ALL, MINUTE
from tests.board.written import SHARD, dims

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
