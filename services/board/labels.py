"""Dimension sets and their small numbers, as columns: which group a set falls into is looked up for all at once."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.adapters.state_layout import DimsColumn
from services.core.tally import DIMENSIONS, Dims

Numbers = NDArray[np.int64]
Key = tuple[str | None, ...]
"""The values of the dimensions that were asked for."""

_SPARSE: Final = 1 << 22
"""Of so many pairs of values, few are in use: sorting is then cheaper than a table of all."""


class Grouping:
    """Which group each dimension set falls into when only some dimensions are asked for."""

    def __init__(self, dimensions: tuple[str, ...]) -> None:
        self.keys: list[Key] = []
        self.group_of: Numbers = np.empty(0, dtype=np.int64)
        """By the dimension set's code."""
        self.dimensions = dimensions
        self._numbers: dict[Key, int] = {}

    def take_in(self, sets: "Labels") -> None:
        """Group the dimension sets that are new."""
        places = [DIMENSIONS.index(name) for name in self.dimensions]
        columns = [sets.places(place)[len(self.group_of) :] for place in places]
        example, group = _distinct(
            columns, [sets.different(place) for place in places], sets.size - len(self.group_of)
        )
        values = [sets.values_of(place, column[example]) for place, column in zip(places, columns, strict=True)]
        keys: list[Key] = list(zip(*values, strict=True)) if values else [()] * len(example)
        numbers = [self._numbers.setdefault(key, len(self._numbers)) for key in keys]
        self.keys += list(self._numbers)[len(self.keys) :]
        self.group_of = np.concatenate((self.group_of, np.array(numbers, dtype=np.int64)[group]))


class Labels:
    """Dimension sets and their small numbers, for all shards. They are never forgotten.

    One set may have several numbers: those of different shards are not compared.
    """

    def __init__(self) -> None:
        self.size = 0
        """How many numbers are given."""
        self._places: NDArray[np.int32] = np.zeros((len(DIMENSIONS), 1024), dtype=np.int32)
        """For each dimension a line: the place of each set's value among the dimension's values."""
        self._values: list[dict[str | None, int]] = [{} for _ in DIMENSIONS]
        self._codes: dict[Dims, int] = {}
        self._groupings: dict[tuple[str, ...], Grouping] = {}

    def code(self, dims: Dims) -> int:
        """The number of a dimension set."""
        code = self._codes.get(dims)
        if code is None:
            columns = np.array([[self._place(at, value)] for at, value in enumerate(dims)], dtype=np.int32)
            code = self._codes[dims] = int(self._append(columns)[0])
        return code

    def codes(self, columns: Sequence[DimsColumn], known: Numbers) -> Numbers:
        """The numbers of a chunk of dimension sets.

        Args:
            known: Those of its first sets, if they are what they were when last asked for.
        """
        fresh = self._translated(columns)
        if len(known) <= fresh.shape[1] and np.array_equal(self._places[:, known], fresh[:, : len(known)]):
            return np.concatenate((known, self._append(fresh[:, len(known) :])))
        return self._append(fresh)

    def grouping(self, dimensions: tuple[str, ...]) -> Grouping:
        """All dimension sets, by the values of ``dimensions``."""
        known = self._groupings.get(dimensions)
        if known is None:
            known = self._groupings[dimensions] = Grouping(dimensions)
        if len(known.group_of) != self.size:
            known.take_in(self)
        return known

    def places(self, dimension: int) -> NDArray[np.int32]:
        """For each number, the place of its value among those of a dimension."""
        column: NDArray[np.int32] = self._places[dimension, : self.size]
        return column

    def different(self, dimension: int) -> int:
        """How many values a dimension has."""
        return len(self._values[dimension])

    def values_of(self, dimension: int, places: NDArray[np.int32]) -> list[str | None]:
        """The values at some places."""
        values = list(self._values[dimension])
        return [values[place] for place in places.tolist()]

    def _translated(self, columns: Sequence[DimsColumn]) -> NDArray[np.int32]:
        lines = [
            np.array([self._place(at, value) for value in values], dtype=np.int32)[np.frombuffer(places, np.uint8)]
            for at, (values, places) in enumerate(columns)
        ]
        return np.array(lines, dtype=np.int32).reshape(len(DIMENSIONS), -1)

    def _place(self, dimension: int, value: str | None) -> int:
        values = self._values[dimension]
        return values.setdefault(value, len(values))

    def _append(self, columns: NDArray[np.int32]) -> Numbers:
        begins, self.size = self.size, self.size + columns.shape[1]
        if self.size > self._places.shape[1]:
            grown = np.zeros((len(DIMENSIONS), 2 * self.size), dtype=np.int32)
            grown[:, :begins] = self._places[:, :begins]
            self._places = grown
        self._places[:, begins : self.size] = columns
        return np.arange(begins, self.size)


def _distinct(columns: Sequence[NDArray[np.int32]], sizes: Sequence[int], length: int) -> tuple[Numbers, Numbers]:
    """Of the lines that ``columns`` make: one place of each different line, and for every line the number of it.

    Args:
        sizes: How many values each column may have.
    """
    number, different = np.zeros(length, dtype=np.int64), 1 if length else 0
    for column, size in zip(columns, sizes, strict=True):
        number = number * size + column
        number, different = _numbered(number, different * size)
    example = np.zeros(different, dtype=np.int64)
    example[number] = np.arange(length)
    return example, number


def _numbered(values: Numbers, limit: int) -> tuple[Numbers, int]:
    """Small numbers in place of values from 0 to ``limit`` - 1, and how many there are."""
    if limit > _SPARSE:
        found, place = np.unique(values, return_inverse=True)
        return place, len(found)
    used = np.zeros(limit, dtype=np.bool_)
    used[values] = True
    return (np.cumsum(used) - 1)[values], int(used.sum())
