"""How cells fall into groups: the values of the dimensions that are asked for, of what the filters let through."""

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from services.board.columns import Columns
from services.board.figures import Value
from services.board.labels import Key
from services.board.rows import Numbers

Filters = Mapping[str, Collection[Value]]
"""By dimension, the values that are let through; None is what nobody told."""
NONE_OF_THESE = -1


class Cut:
    """Groups of dimension sets. Number -1 is for what no filter lets through."""

    def __init__(self, columns: Columns, by: tuple[str, ...], filters: Filters) -> None:
        grouping = columns.labels.grouping(by)
        self.by = by
        self.keys: list[Key] = grouping.keys if by else [()]
        """The group of each number."""
        self.number: Numbers = _only(columns, grouping.group_of, filters)
        """The group of each dimension set, by its code."""
        self.whole = not by and not filters
        """Nothing is asked of dimension sets: there is one group of all."""

    def within(self, columns: Columns, dimension: str, values: Collection[Value]) -> Numbers:
        """`number`, of sets with one of these values of a dimension."""
        return _only(columns, self.number, {dimension: values})

    def parents(self, finer: "Cut") -> Numbers:
        """For each group of a cut by more dimensions, which begins with ours, the group here."""
        places = {key: place for place, key in enumerate(self.keys)}
        found = [places.get(key[: len(self.by)], NONE_OF_THESE) for key in finer.keys]
        return np.array(found, dtype=np.int64)


def _only(columns: Columns, number: Numbers, filters: Filters) -> Numbers:
    for dimension, values in filters.items():
        grouping = columns.labels.grouping((dimension,))
        number = np.where(_one_of(grouping.keys, values)[grouping.group_of], number, NONE_OF_THESE)
    return number


def _one_of(keys: Iterable[Key], values: Collection[Value]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([key[0] in values for key in keys], dtype=np.bool_)
