"""Cells as columns of bytes: how buckets that are over lie in the store.

A *block* holds what was known of all cells of some neighbouring buckets (a *span*) when it was last folded, sorted by
measure, bucket, dimension code and step. Six columns follow a short header; each takes the narrowest integers that
hold it, little-endian, from an address that is a multiple of eight; so numpy reads a block without touching its
numbers. Ordinary fields of the same buckets hold what came since: the cells of both add up.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.adapters.state_layout import Field
from services.core.tally import ALL, DAY, HOUR, MINUTE

Numbers = NDArray[np.int64]
Narrow = NDArray[np.signedinteger[Any]]

BUCKETS_PER_BLOCK: Final = {MINUTE: 60, HOUR: 6, DAY: 1, ALL: 1}
"""By grain; those of NOW come and go, and are never folded."""
_PREFIXES: Final = {f"b{grain}".encode() for grain in BUCKETS_PER_BLOCK}
_HEADER: Final = struct.Struct("<q6B2x")
_ALIGNED: Final = 8
_TYPES: Final = {size: np.dtype(f"<i{size}") for size in (1, 2, 4, 8)}
_LIMITS: Final = tuple((size, 1 << (8 * size - 1)) for size in (1, 2, 4))


class Block(NamedTuple):
    """Cells, column by column."""

    buckets: Narrow
    """Counted from the first of the span."""
    codes: Narrow
    """Of the dimension set."""
    measures: Narrow
    steps: Narrow
    counts: Narrow
    totals: Narrow

    def where(self, chosen: NDArray[np.bool_]) -> "Block":
        """Those that ``chosen`` is true for."""
        return Block(*(column[chosen] for column in self))


def block_field(grain: str, span: int) -> Field:
    """Where the buckets from ``span`` times BUCKETS_PER_BLOCK on are folded to."""
    return f"b{grain}{span}".encode()


def parse_block_field(name: Field) -> tuple[str, int] | None:
    """What `block_field` was called with; None for any other field."""
    if name[:2] not in _PREFIXES:
        return None
    return name[1:2].decode(), int(name[2:])


def pack_block(block: Block) -> bytes:
    """The bytes of a block; nothing when there is no cell."""
    if not len(block.counts):
        return b""
    sizes = [_size(column) for column in block]
    parts = [_HEADER.pack(len(block.counts), *sizes)]
    for column, size in zip(block, sizes, strict=True):
        data = column.astype(_TYPES[size]).tobytes()
        parts.append(data + bytes(-len(data) % _ALIGNED))
    return b"".join(parts)


def unpack_block(value: bytes | None) -> Block:
    """What `pack_block` wrote: views of ``value``; empty for an empty or missing field."""
    if not value:
        return NO_CELLS
    length, *sizes = _HEADER.unpack_from(value)
    at, columns = _HEADER.size, []
    for size in sizes:
        columns.append(np.frombuffer(value, _TYPES[size], length, at))
        at += length * size
        at += -at % _ALIGNED
    return Block(*columns)


def loose_block(groups: Iterable[tuple[int, int, Sequence[int]]]) -> Block:
    """Cells of ordinary fields, each with its bucket (counted as in a block), its code and its packed numbers."""
    groups = [group for group in groups if group[2]]
    sizes = [len(packed) // 4 for _, _, packed in groups]
    numbers = np.array([n for *_, packed in groups for n in packed], dtype=np.int64).reshape(-1, 4)
    buckets, codes = (np.repeat(np.array([g[place] for g in groups], dtype=np.int64), sizes) for place in (0, 1))
    return Block(buckets, codes, *numbers.T)


def merged(blocks: Sequence[Block]) -> Block:
    """The sum of some blocks; cells that come to nothing go away."""
    columns = Block(*(np.concatenate(column, dtype=np.int64) for column in zip(*blocks, strict=True)))
    if not len(columns.counts):
        return columns
    order = np.lexsort((columns.steps, columns.codes, columns.buckets, columns.measures))
    columns = Block(*(column[order] for column in columns))
    differs = np.zeros(len(order), dtype=np.bool_)
    differs[0] = True
    for column in columns[:4]:
        differs[1:] |= column[1:] != column[:-1]
    begins = np.flatnonzero(differs)
    sums = Block(
        columns.buckets[begins],
        columns.codes[begins],
        columns.measures[begins],
        columns.steps[begins],
        np.add.reduceat(columns.counts, begins),
        np.add.reduceat(columns.totals, begins),
    )
    return sums.where((sums.counts != 0) | (sums.totals != 0))


def _size(column: Narrow) -> int:
    low, high = int(column.min()), int(column.max())
    return next((size for size, limit in _LIMITS if -limit <= low and high < limit), 8)


NO_CELLS: Final = Block(*[np.empty(0, dtype=np.int64)] * 6)
