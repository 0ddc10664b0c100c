"""Cells as columns: any window and any cut is one grouped sum.

A *slot* is what one field of the store holds: the cells of one shard, grain, bucket and dimension set. It is replaced
whole. Rows that a replacement leaves unused hold zeros, which change no sum, until they are swept out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.codec import Millis
from services.adapters.state_layout import measure_code
from services.core.tally import DAY, DIMENSIONS, GRAIN_MS, HOUR, MEASURES, MINUTE, Dims

Numbers = NDArray[np.int64]
Shard = tuple[str, int]
"""(stream, partition)"""
Slot = tuple[str, int, int]
"""(grain, bucket, code of the dimension set in `Labels`)"""
Packed = Sequence[int]
"""Flat, as in the store: measure code, step, count, sum, and so on."""
Key = tuple[str | None, ...]
"""The values of the dimensions that were asked for."""

BUCKET, DIMS, MEASURE, STEP, COUNT, SUM = range(6)
_WIDTH: Final = 6
_NO_MEASURE: Final = -1
_COARSER = {MINUTE: GRAIN_MS[HOUR], HOUR: GRAIN_MS[DAY], DAY: GRAIN_MS[DAY]}


class Grouping:
    """Which group each dimension set falls into when only some dimensions are asked for."""

    def __init__(self, dimensions: tuple[str, ...]) -> None:
        self.keys: list[Key] = []
        self.group_of: Numbers = np.empty(0, dtype=np.int64)
        """By the dimension set's code."""
        self._places = [DIMENSIONS.index(name) for name in dimensions]
        self._numbers: dict[Key, int] = {}

    def take_in(self, sets: Sequence[Dims]) -> None:
        """Group the dimension sets that are new."""
        numbers = self._numbers
        keys = [tuple(dims[place] for place in self._places) for dims in sets[len(self.group_of) :]]
        fresh = [numbers.setdefault(key, len(numbers)) for key in keys]
        self.group_of = np.concatenate((self.group_of, np.array(fresh, dtype=np.int64)))
        self.keys += list(numbers)[len(self.keys) :]


class Labels:
    """Dimension sets and their small numbers, the same for all shards. They are never forgotten."""

    def __init__(self) -> None:
        self._sets: list[Dims] = []
        self._codes: dict[Dims, int] = {}
        self._groupings: dict[tuple[str, ...], Grouping] = {}

    def code(self, dims: Dims) -> int:
        """The number of a dimension set; a new one where it was not seen before."""
        code = self._codes.setdefault(dims, len(self._sets))
        if code == len(self._sets):
            self._sets.append(dims)
        return code

    def grouping(self, dimensions: tuple[str, ...]) -> Grouping:
        """All dimension sets, by the values of ``dimensions``."""
        known = self._groupings.get(dimensions)
        if known is None:
            known = self._groupings[dimensions] = Grouping(dimensions)
        if len(known.group_of) != len(self._sets):
            known.take_in(self._sets)
        return known


@dataclass(frozen=True)
class Rows:
    """Some cells, column by column."""

    values: Numbers
    """One line per column: see BUCKET ... SUM."""

    @cached_property
    def bucket(self) -> Numbers:
        return self._column(BUCKET)

    @cached_property
    def dims(self) -> Numbers:
        return self._column(DIMS)

    @cached_property
    def measure(self) -> Numbers:
        return self._column(MEASURE)

    @cached_property
    def step(self) -> Numbers:
        return self._column(STEP)

    @cached_property
    def count(self) -> Numbers:
        return self._column(COUNT)

    @cached_property
    def total(self) -> Numbers:
        return self._column(SUM)

    def where(self, chosen: NDArray[np.bool_]) -> "Rows":
        """Those that ``chosen`` is true for."""
        return Rows(self.values[:, np.flatnonzero(chosen)])

    def of(self, *measures: str) -> "Rows":
        """Those of some measures."""
        wanted = np.zeros(len(MEASURES) + 1, dtype=np.bool_)  # the last one is for _NO_MEASURE
        wanted[[measure_code(measure) for measure in measures]] = True
        return self.where(wanted[self.measure])

    def between(self, first: int, end: int) -> "Rows":
        """Those in the buckets from ``first`` up to, and without, ``end``."""
        return self.where((self.bucket >= first) & (self.bucket < end))

    def __add__(self, other: "Rows") -> "Rows":
        return Rows(np.concatenate((self.values, other.values), axis=1))

    def __len__(self) -> int:
        return int(self.values.shape[1])

    def _column(self, place: int) -> Numbers:
        column: Numbers = self.values[place]
        return column


NO_ROWS = Rows(np.empty((_WIDTH, 0), dtype=np.int64))


@dataclass
class _Table:
    """The cells of one grain."""

    values: Numbers = field(default_factory=lambda: np.zeros((_WIDTH, 1024), dtype=np.int64))
    used: int = 0
    unused: int = 0
    """Rows below ``used`` that hold nothing."""
    slots: dict[Shard, dict[int, dict[int, slice]]] = field(default_factory=dict)
    """Where the rows of a slot are: by shard, bucket and dimension set."""

    def replace(self, shard: Shard, slots: Iterable[tuple[int, int, Packed]]) -> None:
        """Put new cells into the slots (bucket, dimension set)."""
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
        self.values[:, place] = 0
        self.values[MEASURE, place] = _NO_MEASURE
        self.unused += place.stop - place.start

    def _make_room(self, need: int) -> None:
        capacity = self.values.shape[1]
        if self.unused > 1024 and self.unused * 2 > self.used:
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


class Columns:
    """The cells of all shards. Figures read it; only the follower changes it."""

    def __init__(self) -> None:
        self.labels = Labels()
        self._tables: dict[str, _Table] = {}
        self._oldest: dict[Shard, Mapping[str, int]] = {}

    def rows(self, grain: str) -> Rows:
        """All cells of one grain; a view that the next change of the columns may change."""
        table = self._tables.get(grain)
        return Rows(table.values[:, : table.used]) if table else NO_ROWS

    def replace(self, shard: Shard, slots: Mapping[Slot, Packed]) -> None:
        """Put new cells into some slots of a shard; an empty list empties the slot."""
        for grain in {grain for grain, _, _ in slots}:
            table = self._tables.setdefault(grain, _Table())
            table.replace(shard, ((b, dims, packed) for (g, b, dims), packed in slots.items() if g == grain))

    def reset(self, shard: Shard, slots: Mapping[Slot, Packed]) -> None:
        """Replace all that is known of a shard."""
        for table in self._tables.values():
            table.forget(shard)
        self.replace(shard, slots)

    def keep_from(self, shard: Shard, oldest: Mapping[str, int]) -> None:
        """Forget a shard's buckets before the oldest that are kept, by grain."""
        if self._oldest.get(shard) == oldest:
            return
        self._oldest[shard] = dict(oldest)
        for grain, bucket in oldest.items():
            if table := self._tables.get(grain):
                table.forget(shard, bucket)

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
        for number in np.unique(group).tolist():
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
