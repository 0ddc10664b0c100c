"""Some cells, column by column. A column is put together when it is first asked for."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from services.adapters.state_layout import measure_code
from services.core.tally import MEASURES

Numbers = NDArray[np.int64]
Narrow = NDArray[np.signedinteger[Any]]

BUCKET, DIMS, MEASURE, STEP, COUNT, SUM = range(6)


class Rows:
    """Some cells."""

    def __init__(self, size: int, read: Callable[[int], Numbers]) -> None:
        """``read`` is asked for a column by its place (BUCKET ... SUM), once for each."""
        self._size = size
        self._read = read
        self._columns: dict[int, Numbers] = {}

    @property
    def bucket(self) -> Numbers:
        return self.column(BUCKET)

    @property
    def dims(self) -> Numbers:
        return self.column(DIMS)

    @property
    def measure(self) -> Numbers:
        return self.column(MEASURE)

    @property
    def step(self) -> Numbers:
        return self.column(STEP)

    @property
    def count(self) -> Numbers:
        return self.column(COUNT)

    @property
    def total(self) -> Numbers:
        return self.column(SUM)

    def first_bucket(self) -> int | None:
        """The earliest of their buckets; None of no cells."""
        return int(self.bucket.min()) if len(self) else None

    def column(self, place: int) -> Numbers:
        """One column; not to be written to."""
        known = self._columns.get(place)
        if known is None:
            known = self._columns[place] = self._read(place)
        return known

    def where(self, chosen: NDArray[np.bool_]) -> "Rows":
        """Those that ``chosen`` is true for."""
        places = np.flatnonzero(chosen)
        return Rows(len(places), lambda place: self.column(place).take(places))

    def of(self, *measures: str) -> "Rows":
        """Those of some measures."""
        wanted = np.zeros(len(MEASURES), dtype=np.bool_)
        wanted[[measure_code(measure) for measure in measures]] = True
        return self.where(wanted[self.measure])

    def between(self, first: int, end: int) -> "Rows":
        """Those in the buckets from ``first`` up to, and without, ``end``."""
        return self.where((self.bucket >= first) & (self.bucket < end))

    def __add__(self, other: "Rows") -> "Rows":
        if not len(self) or not len(other):
            return self if len(self) else other
        return Rows(len(self) + len(other), lambda place: np.concatenate((self.column(place), other.column(place))))

    def __neg__(self) -> "Rows":
        """What takes these away."""
        return Rows(len(self), lambda place: -self.column(place) if place in (COUNT, SUM) else self.column(place))

    def __len__(self) -> int:
        return self._size


class Sorted(NamedTuple):
    """Cells of neighbouring buckets; those of one measure stand together."""

    columns: Sequence[Narrow]
    """BUCKET ... SUM."""
    begins: Sequence[int]
    """Where each measure's cells begin, and where the last one's end: by measure code."""
    order: NDArray[np.intp] | None
    """Where in the columns the cells are, if they are not in order there themselves."""
    base: int
    """To be added to what stands as bucket."""
    first: int
    end: int
    """All buckets lie from ``first`` up to, and without, ``end``."""


class _Piece(NamedTuple):
    """Some cells of one table."""

    table: Sorted
    places: slice | NDArray[np.intp]
    size: int

    @classmethod
    def of(cls, table: Sorted, begin: int, end: int) -> Self:
        """Those from ``begin`` up to ``end`` in the table's order."""
        places = slice(begin, end) if table.order is None else table.order[begin:end]
        return cls(table, places, end - begin)

    def column(self, place: int) -> Numbers:
        values = self.table.columns[place][self.places]
        return values + np.int64(self.table.base) if place == BUCKET else values.astype(np.int64, copy=False)

    def between(self, first: int, end: int) -> "_Piece":
        if first <= self.table.first and self.table.end <= end:
            return self
        buckets = self.column(BUCKET)
        found = np.flatnonzero((buckets >= first) & (buckets < end))
        places = found + self.places.start if isinstance(self.places, slice) else self.places[found]
        return _Piece(self.table, places, len(found))


class TableRows(Rows):
    """All cells of some tables; choosing among them by measure and by bucket touches no others."""

    def __init__(self, tables: Sequence[Sorted]) -> None:
        self._tables = tables
        self._chosen: dict[tuple[str, ...], _Pieces] = {}
        super().__init__(sum(table.begins[-1] - table.begins[0] for table in tables), self._whole)

    def of(self, *measures: str) -> "Rows":
        if measures not in self._chosen:
            self._chosen[measures] = self._of(measures)
        return self._chosen[measures]

    def _of(self, measures: Sequence[str]) -> "_Pieces":
        runs = _runs(sorted(measure_code(measure) for measure in set(measures)))
        return _Pieces(
            [
                _Piece.of(table, begin, end)
                for table in self._tables
                for begin, end in ((table.begins[first], table.begins[last + 1]) for first, last in runs)
                if begin != end
            ]
        )

    def between(self, first: int, end: int) -> "Rows":
        return self._all().between(first, end)

    def _whole(self, place: int) -> Numbers:
        return self._all().column(place)

    def _all(self) -> "_Pieces":
        return _Pieces([_Piece.of(table, table.begins[0], table.begins[-1]) for table in self._tables])


class _Pieces(Rows):
    """Cells of some measures, piece by piece."""

    def __init__(self, pieces: Sequence[_Piece]) -> None:
        self._pieces = pieces
        super().__init__(sum(piece.size for piece in pieces), self._joined)

    def between(self, first: int, end: int) -> "Rows":
        near = [piece for piece in self._pieces if piece.table.first < end and first < piece.table.end]
        return _Pieces([piece for piece in (piece.between(first, end) for piece in near) if piece.size])

    def first_bucket(self) -> int | None:
        first: int | None = None
        for piece in sorted(self._pieces, key=lambda piece: piece.table.first):
            if first is not None and piece.table.first >= first:
                break
            earliest = int(piece.column(BUCKET).min())
            first = earliest if first is None else min(first, earliest)
        return first

    def __add__(self, other: Rows) -> Rows:
        if isinstance(other, _Pieces):
            return _Pieces([*self._pieces, *other._pieces])
        return super().__add__(other)

    def _joined(self, place: int) -> Numbers:
        if len(self._pieces) < 2:
            return self._pieces[0].column(place) if self._pieces else _NOTHING
        column = np.concatenate([piece.table.columns[place][piece.places] for piece in self._pieces], dtype=np.int64)
        if place == BUCKET:
            bases, sizes = zip(*((piece.table.base, piece.size) for piece in self._pieces), strict=True)
            column += np.repeat(bases, sizes)
        return column


_NOTHING: Final[Numbers] = np.empty(0, dtype=np.int64)
NO_ROWS: Final = Rows(0, lambda _: _NOTHING)


def _runs(codes: Iterable[int]) -> list[tuple[int, int]]:
    """The first and the last of each run of neighbouring numbers."""
    runs: list[tuple[int, int]] = []
    for code in codes:
        if runs and runs[-1][1] == code - 1:
            runs[-1] = runs[-1][0], code
        else:
            runs.append((code, code))
    return runs


def begins_of(measures: Narrow) -> list[int]:
    """Where each measure's cells begin in a sorted column of measure codes, and where the last one's end."""
    places: list[int] = np.searchsorted(measures, np.arange(len(MEASURES) + 1)).tolist()
    return places
