"""Where the cells of one grain are kept in memory: what may change any second, and what is over."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from services.adapters.cell_blocks import Block
from services.board.rows import BUCKET, DIMS, MEASURE, Narrow, Numbers, Sorted, begins_of

Shard = tuple[str, int]
"""(stream, partition)"""
Packed = Sequence[int]
"""Flat, as in the store: measure code, step, count, sum, and so on."""

_WIDTH: Final = 6
_NO_MEASURE: Final = -1
_FEWEST_SWEPT: Final = 1024
_EVER: Final = 1 << 62


@dataclass
class Loose:
    """Cells in slots, each of which is replaced whole.

    Rows that a replacement leaves unused hold zeros until they are swept out.
    """

    values: Numbers = field(default_factory=lambda: np.zeros((_WIDTH, 1024), dtype=np.int64))
    used: int = 0
    unused: int = 0
    """Rows below ``used`` that hold nothing."""
    slots: dict[Shard, dict[int, dict[int, slice]]] = field(default_factory=dict)
    """Where the rows of a slot are: by shard, bucket and dimension set."""
    _table: Sorted | None = None

    def table(self) -> Sorted:
        """All cells, until the next change."""
        if self._table is None:
            measures = self.values[MEASURE, : self.used].astype(np.int16)
            order = np.argsort(measures, kind="stable")  # of narrow integers it is a radix sort
            self._table = Sorted(list(self.values), begins_of(measures[order]), order, 0, -_EVER, _EVER)
        return self._table

    def replace(self, shard: Shard, slots: Iterable[tuple[int, int, Packed]]) -> None:
        """Put new cells into the slots (bucket, dimension set)."""
        self._table = None
        held = self.slots.setdefault(shard, {})
        fresh: list[tuple[int, int, Packed]] = []
        for bucket, dims, packed in slots:
            place = held.get(bucket, {}).get(dims)
            if place is not None and place.stop - place.start == len(packed) // 4:
                self.values[MEASURE:, place] = np.array(packed, dtype=np.int64).reshape(-1, 4).T
                continue
            if place is not None:
                self._clear(place)
                del held[bucket][dims]
            if packed:
                fresh.append((bucket, dims, packed))
        self._append(held, fresh)

    def forget(self, shard: Shard, below: int | None = None) -> None:
        """Drop a shard's buckets before ``below``, or all of them."""
        held = self.slots.get(shard, {})
        for bucket in [b for b in held if below is None or b < below]:
            for place in held.pop(bucket).values():
                self._clear(place)

    def _append(self, held: dict[int, dict[int, slice]], fresh: list[tuple[int, int, Packed]]) -> None:
        numbers = [n for _, _, packed in fresh for n in packed]
        need = len(numbers) // 4
        if not need:
            return
        self._make_room(need)
        block = self.values[:, self.used : self.used + need]
        sizes = [len(packed) // 4 for _, _, packed in fresh]
        block[BUCKET] = np.repeat([bucket for bucket, _, _ in fresh], sizes)
        block[DIMS] = np.repeat([dims for _, dims, _ in fresh], sizes)
        block[MEASURE:] = np.array(numbers, dtype=np.int64).reshape(-1, 4).T
        for (bucket, dims, _), size in zip(fresh, sizes, strict=True):
            held.setdefault(bucket, {})[dims] = slice(self.used, self.used + size)
            self.used += size

    def _clear(self, place: slice) -> None:
        self._table = None
        self.values[:, place] = 0
        self.values[MEASURE, place] = _NO_MEASURE
        self.unused += place.stop - place.start

    def _make_room(self, need: int) -> None:
        capacity = self.values.shape[1]
        if self.unused > _FEWEST_SWEPT and self.unused * 2 > self.used:
            self._sweep()
        if self.used + need > capacity:
            grown = np.zeros((_WIDTH, max(2 * capacity, self.used + need)), dtype=np.int64)
            grown[:, : self.used] = self.values[:, : self.used]
            self.values = grown

    def _sweep(self) -> None:
        """Close the gaps. Slots keep their order, so each stays in one piece."""
        alive = self.values[MEASURE, : self.used] != _NO_MEASURE
        moved = np.concatenate(([0], np.cumsum(alive))).tolist()
        kept = self.values[:, : self.used][:, alive]
        self.values[:, : kept.shape[1]] = kept
        self.used, self.unused = kept.shape[1], 0
        for buckets in self.slots.values():
            for places in buckets.values():
                for dims, place in places.items():
                    places[dims] = slice(moved[place.start], moved[place.stop])


class Sealed:
    """The blocks of one span, of all shards: sorted by measure, in integers as narrow as they came."""

    def __init__(self, first: int, size: int) -> None:
        """``first`` of the ``size`` buckets of the span."""
        self.first = first
        self.end = first + size
        self._columns: list[Narrow] = [np.empty(0, dtype=np.int8)] * _WIDTH
        self._owners: Narrow = np.empty(0, dtype=np.int16)
        """For each row, the number of the shard that it is of."""
        self._awaited: dict[int, Block] = {}
        """What is to replace the rows of its owner."""
        self._table: Sorted | None = None

    def put(self, owner: int, block: Block) -> None:
        """Replace what was there of ``owner``; the block's codes are those of `Labels`."""
        self._awaited[owner] = block

    def table(self) -> Sorted:
        """All cells."""
        if self._awaited:
            self._take_in()
        if self._table is None:
            begins = begins_of(self._columns[MEASURE])
            self._table = Sorted(self._columns, begins, None, self.first, self.first, self.end)
        return self._table

    def forget(self, owner: int, below: int) -> bool:
        """Drop an owner's buckets before ``below``; whether anything at all is left."""
        self.table()
        return self._keep((self._owners != owner) | (self._columns[BUCKET] >= below - self.first))

    def _take_in(self) -> None:
        awaited, self._awaited = self._awaited, {}
        self._keep(~np.isin(self._owners, list(awaited)))
        blocks = {owner: block for owner, block in awaited.items() if len(block.counts)}
        if not blocks:
            return
        owners = [np.full(len(block.counts), owner, dtype=np.int16) for owner, block in blocks.items()]
        columns = [
            np.concatenate([self._columns[p], *(block[p] for block in blocks.values())]) for p in range(_WIDTH)
        ]
        order = np.argsort(columns[MEASURE], kind="stable")
        self._columns = [column[order] for column in columns]
        self._owners = np.concatenate([self._owners, *owners])[order]
        self._table = None

    def _keep(self, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bool:
        if not chosen.all():
            self._columns = [column[chosen] for column in self._columns]
            self._owners = self._owners[chosen]
            self._table = None
        return len(self._owners) > 0
