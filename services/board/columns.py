"""Cells as columns: any window and any cut is one grouped sum.

What is over comes in blocks and is kept sorted by measure. What may still change any second is kept in *slots*: what
one field of the store holds, the cells of one shard, grain, bucket and dimension set. Both add up, so a cell may
stand in more than one row, and a row may take away what another tells.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Self

import numpy as np

from schemas.codec import Millis
from services.adapters.cell_blocks import BUCKETS_PER_BLOCK, NO_CELLS, Block, loose_block
from services.adapters.state_layout import measure_code
from services.board.labels import Key, Labels
from services.board.rows import NO_ROWS, Numbers, Rows, TableRows
from services.board.tables import Loose, Packed, Sealed, Shard
from services.core.tally import DAY, GRAIN_MS, HOUR, MINUTE, NOW, Cells

__all__ = ["NO_ROWS", "Columns", "Key", "Numbers", "Packed", "Rows", "Shard", "Slot", "Span", "summed_by"]

Slot = tuple[str, int, int]
"""(grain, bucket, code of the dimension set in `Labels`)"""
Span = tuple[str, int]
"""(grain, number): the buckets of one block."""

_COARSER: Final = {MINUTE: GRAIN_MS[HOUR], HOUR: GRAIN_MS[DAY], DAY: GRAIN_MS[DAY]}
_NO_BLOCKS: Final[Mapping[Span, Block]] = {}


class Columns:
    """The cells of all shards. Figures read it; only the follower changes it."""

    def __init__(self) -> None:
        self.unchanged = asyncio.Lock()
        """Held by who changes them, `labels` too, and by who gives others a turn amid reading."""
        self.labels = Labels()
        self._loose: dict[str, Loose] = defaultdict(Loose)
        self._sealed: dict[str, dict[int, Sealed]] = defaultdict(dict)
        self._owners: dict[Shard, int] = {}
        self._oldest: dict[Shard, Mapping[str, int]] = {}
        self._rows: dict[str, Rows] = {}
        """What was last asked for, as long as it is not changed."""

    @classmethod
    def of(cls, cells: Cells) -> Self:
        """Columns that hold some cells, all of them kept."""
        columns = cls()
        slots: dict[Slot, list[int]] = defaultdict(list)
        for (grain, bucket, dims, measure, step), tally in cells.items():
            slots[grain, bucket, columns.labels.code(dims)] += (measure_code(measure), step, *tally)
        spans: dict[Span, list[tuple[int, int, Sequence[int]]]] = defaultdict(list)
        for (grain, bucket, code), packed in slots.items():
            if grain != NOW:
                number, place = divmod(bucket, BUCKETS_PER_BLOCK[grain])
                spans[grain, number].append((place, code, packed))
        standing = {slot: packed for slot, packed in slots.items() if slot[0] == NOW}
        columns.replace(("", 0), standing, {span: loose_block(groups) for span, groups in spans.items()})
        return columns

    def rows(self, grain: str) -> Rows:
        """All cells of one grain; a view that the next change of the columns may change."""
        known = self._rows.get(grain)
        if known is None:
            tables = [sealed.table() for _, sealed in sorted(self._sealed[grain].items())]
            known = self._rows[grain] = TableRows([*tables, self._loose[grain].table()])
        return known

    def replace(self, shard: Shard, slots: Mapping[Slot, Packed], blocks: Mapping[Span, Block] = _NO_BLOCKS) -> None:
        """Put new cells into some slots and spans of a shard; what is empty empties them.

        Args:
            blocks: Their codes are those of `labels`.
        """
        self._rows.clear()
        for grain in {grain for grain, _, _ in slots}:
            theirs = ((b, dims, packed) for (g, b, dims), packed in slots.items() if g == grain)
            self._loose[grain].replace(shard, theirs)
        owner = self._owners.setdefault(shard, len(self._owners))
        for (grain, number), block in blocks.items():
            sealed = self._sealed[grain].get(number)
            if sealed is None:
                size = BUCKETS_PER_BLOCK[grain]
                sealed = self._sealed[grain][number] = Sealed(number * size, size)
            sealed.put(owner, block)

    def reset(self, shard: Shard, slots: Mapping[Slot, Packed], blocks: Mapping[Span, Block] = _NO_BLOCKS) -> None:
        """Replace all that is known of a shard."""
        self._oldest.pop(shard, None)
        for table in self._loose.values():
            table.forget(shard)
        held = [(grain, number) for grain, spans in self._sealed.items() for number in spans]
        self.replace(shard, slots, dict.fromkeys(held, NO_CELLS) | dict(blocks))

    def keep_from(self, shard: Shard, oldest: Mapping[str, int]) -> None:
        """Forget a shard's buckets before the oldest that are kept, by grain."""
        if self._oldest.get(shard) == oldest:
            return
        self._rows.clear()
        self._oldest[shard] = dict(oldest)
        for grain, bucket in oldest.items():
            self._loose[grain].forget(shard, bucket)
            spans = self._sealed[grain]
            for number in [number for number, sealed in spans.items() if sealed.first < bucket]:
                if shard in self._owners and not spans[number].forget(self._owners[shard], bucket):
                    del spans[number]

    def settle(self) -> None:
        """Sort what has come in now, so that nobody who asks for figures waits for it."""
        for grain in [*self._sealed, *self._loose]:
            self.rows(grain)

    def kept_since(self, grain: str) -> Millis:
        """From when on every shard has its buckets of ``grain``: a border of the next coarser grain too."""
        size, coarser = GRAIN_MS[grain], _COARSER[grain]
        oldest = max((held[grain] for held in self._oldest.values()), default=0)
        return -(-max(oldest, 0) * size // coarser) * coarser

    def summed(self, rows: Rows, dimensions: tuple[str, ...]) -> Iterator[tuple[Key, int, int]]:
        """(values, count, sum) for every group that ``rows`` touch."""
        grouping = self.labels.grouping(dimensions)
        group = grouping.group_of[rows.dims] if len(rows) else rows.dims
        counts, totals = (summed_by(group, column, len(grouping.keys)) for column in (rows.count, rows.total))
        touched = np.zeros(len(grouping.keys), dtype=np.bool_)
        touched[group] = True
        for number in np.flatnonzero(touched).tolist():
            yield grouping.keys[number], int(counts[number]), int(totals[number])

    def groups(self, rows: Rows, dimension: str) -> tuple[list[str | None], Numbers]:
        """The values of one dimension, and for each row the place of its value among them."""
        grouping = self.labels.grouping((dimension,))
        return [key[0] for key in grouping.keys], grouping.group_of[rows.dims] if len(rows) else rows.dims


def summed_by(group: Numbers, column: Numbers, size: int) -> Numbers:
    """Sums of ``column`` for the groups 0 to ``size`` - 1. Integers all the way: floats would not be exact."""
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, group, column)
    return sums
