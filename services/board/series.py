"""What stands between figures and Prometheus series: label texts with a limit, and counters that do not fall."""

import hashlib
from collections.abc import Iterable

import numpy as np

from services.board.columns import Columns, Key, Numbers, Rows, summed_by

NONE = "none"
OTHER = "__other__"
MOST_VALUES = 100
"""Per label; what is beyond goes to OTHER. Every board folds the same ones: the last in the alphabet."""
LONGEST_TEXT = 64
DIGEST_SIZE = 8
"""How much of a long value's hash tells it from others that begin alike."""

Shown = tuple[str, ...]
"""Label values as they are shown."""


class LabelTexts:
    """How values of dimensions are shown in labels."""

    def __init__(self, most_values: int = MOST_VALUES) -> None:
        self._most = most_values
        self._folded: set[tuple[tuple[str, ...], Key]] = set()
        self._texts: dict[str, tuple[int, dict[str | None, str]]] = {}

    @property
    def dropped(self) -> int:
        """How many series there would have been beyond the limit."""
        return len(self._folded)

    def shown(self, columns: Columns, dimensions: tuple[str, ...], key: Key) -> Shown:
        """The label values of one group."""
        texts = tuple(self._text(columns, name)[value] for name, value in zip(dimensions, key, strict=True))
        if OTHER in texts:
            self._folded.add((dimensions, key))
        return texts

    def summed(self, columns: Columns, rows: Rows, column: Numbers, dimensions: tuple[str, ...]) -> dict[Shown, int]:
        """Sums of a column of ``rows``, for the label values that they touch."""
        sums: dict[Shown, int] = {}
        if not len(rows):
            return sums
        grouping = columns.labels.grouping(dimensions)
        group = grouping.group_of[rows.dims]
        by_group = summed_by(group, column, len(grouping.keys))
        for number in np.unique(group).tolist():
            shown = self.shown(columns, dimensions, grouping.keys[number])
            sums[shown] = sums.get(shown, 0) + int(by_group[number])
        return sums

    def _text(self, columns: Columns, dimension: str) -> dict[str | None, str]:
        values = columns.labels.grouping((dimension,)).keys
        count, texts = self._texts.get(dimension, (-1, {}))
        if count != len(values):
            texts = _limited((value for (value,) in values), self._most)
            self._texts[dimension] = len(values), texts
        return texts


def _limited(values: Iterable[str | None], most: int) -> dict[str | None, str]:
    texts = {value: NONE if value is None else _text(value) for value in values}
    kept = set(sorted(set(texts.values()))[:most])
    return {value: text if text in kept else OTHER for value, text in texts.items()}


def _text(value: str) -> str:
    """``value`` as a label: cut where it is too long, and never what another value or a word of ours is shown as."""
    if len(value) > LONGEST_TEXT:
        digest = hashlib.sha256(value.encode()).hexdigest()[:DIGEST_SIZE]
        return f"{value[: LONGEST_TEXT - DIGEST_SIZE - 1]}~{digest}"
    return value + "_" if value.rstrip("_") in (NONE, OTHER.rstrip("_")) else value


class Guard:
    """All-time counts are what they are now; a late event can take something back. Prometheus reads any fall as a
    restart from zero, so a series that fell holds its highest value until it is passed.

    State made under another policy is another count: there the fall is meant.
    """

    def __init__(self) -> None:
        self.regressions = 0
        """How often a series fell."""
        self._epoch: frozenset[str] = frozenset()
        self._last: dict[Shown, int] = {}
        self._highest: dict[Shown, int] = {}

    def enter(self, epoch: frozenset[str]) -> None:
        """Forget everything when the state is another one; an empty store says nothing about that."""
        if epoch and epoch != self._epoch:
            self._epoch = epoch
            self._last.clear()
            self._highest.clear()

    def held(self, series: Shown, value: int) -> int:
        """``value``, or the highest that the series has shown."""
        if value < self._last.get(series, value):
            self.regressions += 1
        self._last[series] = value
        highest = self._highest[series] = max(value, self._highest.get(series, value))
        return highest

    def all_held(self, family: str, sums: dict[Shown, int]) -> dict[Shown, int]:
        """``sums`` of one family, held; series that vanished stay."""
        names = {shown: (family, *shown) for shown in sums}
        for series in [series for series in self._highest if series[0] == family]:
            names.setdefault(series[1:], series)
        return {shown: self.held(series, sums.get(shown, 0)) for shown, series in names.items()}
