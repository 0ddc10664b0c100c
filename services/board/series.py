"""What stands between figures and Prometheus series: label texts with a limit, and counters that do not fall."""

import hashlib
from collections.abc import Iterable, Mapping
from operator import lt
from typing import NamedTuple

import numpy as np

from services.board.columns import Columns, Key, Numbers, Rows, summed_by

NONE = "none"
OTHER = "__other__"
MOST_VALUES = 50
"""Per label; what is beyond goes to OTHER. Every board folds the same ones: the last in the alphabet."""
LONGEST_TEXT = 64
DIGEST_SIZE = 8
"""How much of a long value's hash tells it from others that begin alike."""

Shown = tuple[str, ...]
"""Label values as they are shown."""
Held = tuple[int, ...]
"""The numbers of one label set: one of a counter, all buckets and the sum of a histogram."""


class Places(NamedTuple):
    """Label sets, and where among them each dimension set is shown."""

    shown: list[Shown]
    of: Numbers
    """By the dimension set's code."""


class LabelTexts:
    """How values of dimensions are shown in labels."""

    def __init__(self, most_values: int = MOST_VALUES) -> None:
        self._most = most_values
        self._folded: set[tuple[tuple[str, ...], Key]] = set()
        self._texts: dict[str, tuple[int, dict[str | None, str]]] = {}
        self._places: dict[tuple[str, ...], Places] = {}

    @property
    def dropped(self) -> int:
        """How many label sets there would have been beyond the limit."""
        return len(self._folded)

    def places(self, columns: Columns, dimensions: tuple[str, ...]) -> Places:
        """Where the dimension sets of ``columns`` are shown when only some dimensions are labels."""
        grouping = columns.labels.grouping(dimensions)
        places = self._places.get(dimensions)
        if places is None or len(places.of) != len(grouping.group_of):  # dimension sets are never forgotten
            texts = [self._text(columns, name) for name in dimensions]
            shown = [self._shown(dimensions, key, texts) for key in grouping.keys]
            numbers = {text: number for number, text in enumerate(dict.fromkeys(shown))}
            of_group = np.array([numbers[text] for text in shown], dtype=np.int64)
            places = self._places[dimensions] = Places(list(numbers), of_group[grouping.group_of])
        return places

    def summed(self, columns: Columns, rows: Rows, column: Numbers, dimensions: tuple[str, ...]) -> dict[Shown, int]:
        """Sums of a column of ``rows``, for the label values that they touch."""
        if not len(rows):
            return {}
        shown, of = self.places(columns, dimensions)
        place = of[rows.dims]
        sums = summed_by(place, column, len(shown))
        return {shown[number]: int(sums[number]) for number in np.unique(place).tolist()}

    def _shown(self, dimensions: tuple[str, ...], key: Key, texts: Iterable[Mapping[str | None, str]]) -> Shown:
        shown = tuple(of[value] for of, value in zip(texts, key, strict=True))
        if OTHER in shown:
            self._folded.add((dimensions, key))
        return shown

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
    restart from zero, so a number that fell holds its highest value until it is passed.

    State made under another policy is another count: there the fall is meant.
    """

    def __init__(self) -> None:
        self.regressions = 0
        """How often a number of a label set fell."""
        self._epoch: frozenset[str] = frozenset()
        self._last: dict[str, dict[Shown, Held]] = {}
        self._highest: dict[str, dict[Shown, Held]] = {}

    def enter(self, epoch: frozenset[str]) -> None:
        """Forget everything when the state is another one; an empty store says nothing about that."""
        if epoch and epoch != self._epoch:
            self._epoch = epoch
            self._last.clear()
            self._highest.clear()

    def held(self, family: str, found: Mapping[Shown, Held]) -> Mapping[Shown, Held]:
        """The highest of each number of ``family`` that was ever found; label sets that vanished stay."""
        last, highest = self._last.setdefault(family, {}), self._highest.setdefault(family, {})
        gone = {shown: (0,) * len(highest[shown]) for shown in highest.keys() - found.keys()}
        for shown, numbers in (*found.items(), *gone.items()):
            before = last.get(shown)
            if numbers == before:
                continue
            last[shown] = numbers
            if before is None:
                highest[shown] = numbers
            else:
                self.regressions += any(map(lt, numbers, before))
                highest[shown] = tuple(map(max, numbers, highest[shown]))
        return highest
