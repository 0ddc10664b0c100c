"""A block gives back the cells that went in, in as few bytes as they need."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.adapters.cell_blocks import (
    NO_CELLS,
    Block,
    block_field,
    loose_block,
    merged,
    pack_block,
    parse_block_field,
    unpack_block,
)
from services.adapters.state_layout import cells_field, index_field, measure_code

INT64 = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.one_of(st.integers(-2, 2), st.sampled_from([127, 128, -128, -129, 2**31 - 1, 2**31, -(2**31)]), INT64)
OPENED = measure_code("opened")

lines = st.lists(st.tuples(*[NUMBERS] * 6), max_size=20)


def block_of(cells: Sequence[tuple[int, ...]]) -> Block:
    columns = list(zip(*cells, strict=True)) or [()] * 6
    return merged([loose_block((b, c, (m, s, n, t)) for b, c, m, s, n, t in zip(*columns, strict=True))])


def cells_of(block: Block) -> list[tuple[int, ...]]:
    return [tuple(cell) for cell in zip(*(column.tolist() for column in block), strict=True)]


@given(lines)
def test_cells_of_any_size_come_back(cells: list[tuple[int, ...]]) -> None:
    different = {cell[:4]: cell for cell in cells if cell[4] or cell[5]}
    block = block_of(list(different.values()))

    again = unpack_block(pack_block(block))

    assert sorted(cells_of(again)) == sorted(different.values())


@given(st.lists(st.lists(st.tuples(*[st.integers(0, 1)] * 4, st.integers(-1, 1), st.integers(-1, 1)), max_size=9)))
def test_cells_of_several_blocks_add_up_and_what_comes_to_nothing_goes(parts: list[list[tuple[int, ...]]]) -> None:
    sums: dict[tuple[int, ...], tuple[int, int]] = {}
    for *cell, count, total in (line for part in parts for line in part):
        was = sums.get(tuple(cell), (0, 0))
        sums[tuple(cell)] = was[0] + count, was[1] + total

    block = merged([NO_CELLS, *(block_of(part) for part in parts)])

    expected = {(*cell, *tally) for cell, tally in sums.items() if tally != (0, 0)}
    assert len(cells_of(block)) == len(expected)
    assert set(cells_of(block)) == expected


def test_ordinary_cells_take_few_bytes() -> None:
    cells = [(n % 6, 30_000 + n, n % 90, 400, 1, 86_400_000) for n in range(1, 1001)]

    assert len(pack_block(block_of(cells))) <= 1000 * (1 + 2 + 1 + 2 + 1 + 4) + 100


def test_no_cells_are_no_bytes() -> None:
    assert pack_block(NO_CELLS) == b""
    assert cells_of(unpack_block(None)) == cells_of(unpack_block(b"")) == []


def test_the_name_of_a_block_is_told_from_every_other() -> None:
    assert parse_block_field(block_field("h", 82_000)) == ("h", 82_000)
    others = [
        cells_field("h", 5, 1),
        index_field("h", 5),
        b"n",
        b"meta",
        b"redo",
        b"next",
        b"ebh5",
        b"D7",
        b"t5",
        b"b",
    ]
    assert [name for name in others if parse_block_field(name)] == []
