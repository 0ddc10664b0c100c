"""Figures from columns of cells and a `now`. Pure: the same cells and the same instant give the same figures.

Instants and durations are milliseconds. An edge of a window is cut down to the whole minute, and to the whole hour or
day where minutes or hours are no longer kept. Level at an instant: what every event *before* it left behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.codec import Millis
from services.board.columns import NO_ROWS, Columns, Numbers, Rows, summed_by
from services.core.kpis import sketch_percentile
from services.core.tally import ALL, DAY, DAY_MS, GRAIN_MS, HOUR, HOUR_MS, MINUTE, MINUTE_MS, NOW

GRAINS = (MINUTE, HOUR, DAY)
FOREVER = 1 << 62
"""After every bucket."""
Value = str | None
"""A value of a dimension; None where it was not told."""


@dataclass(frozen=True)
class Span:
    """Neighbouring buckets: from ``first`` up to, and without, ``end``."""

    grain: str
    first: int
    end: int


@dataclass(frozen=True)
class Sketch:
    """Durations by log bucket."""

    steps: dict[int, int]

    @property
    def count(self) -> int:
        return sum(self.steps.values())

    def percentile_s(self, p: float) -> float | None:
        """The ``p`` quantile in seconds, within 1 %; None without values."""
        found = sketch_percentile(self.steps, p)
        return None if found is None else found / 1000


def finest(columns: Columns, at: Millis) -> str:
    """The finest grain that is still kept at ``at``; days where nothing is."""
    return next((grain for grain in GRAINS if columns.kept_since(grain) <= at), DAY)


def cut(columns: Columns, at: Millis) -> Millis:
    """``at``, cut down to a border of the finest grain that is kept there."""
    size = GRAIN_MS[finest(columns, at)]
    return at - at % size


def spans(columns: Columns, begins: Millis, ends: Millis) -> list[Span]:
    """The coarsest buckets that tile the window [begins, ends), finer ones at its edges."""
    at, ends = cut(columns, begins), cut(columns, ends)
    tiles: list[Span] = []
    while at < ends:
        grain = next((g for g in (DAY, HOUR) if at % GRAIN_MS[g] == 0 and at + GRAIN_MS[g] <= ends), MINUTE)
        bucket = at // GRAIN_MS[grain]
        if tiles and tiles[-1].grain == grain:
            tiles[-1] = Span(grain, tiles[-1].first, bucket + 1)
        else:
            tiles.append(Span(grain, bucket, bucket + 1))
        at += GRAIN_MS[grain]
    return tiles


def in_window(columns: Columns, begins: Millis, ends: Millis, *measures: str) -> Rows:
    """The cells of flows or level changes in the window [begins, ends); buckets of several grains."""
    rows = NO_ROWS
    for span in spans(columns, begins, ends):
        rows += columns.rows(span.grain).of(*measures).between(span.first, span.end)
    return rows


def all_time(columns: Columns, *measures: str) -> Rows:
    """The cells of flows since ever."""
    return columns.rows(ALL).of(*measures)


def sketch(rows: Rows) -> Sketch:
    """The durations in ``rows``, which are of one measure."""
    steps, place = np.unique(rows.step, return_inverse=True)
    counts = summed_by(place, rows.count, len(steps))
    return Sketch(dict(zip(steps.tolist(), counts.tolist(), strict=True)))


def level_at(columns: Columns, at: Millis, *measures: str) -> Rows:
    """Cells whose counts sum up to the level at ``at``, in any cut."""
    midnight = -(-at // DAY_MS) * DAY_MS
    later = NO_ROWS
    for span in (*spans(columns, at, midnight), Span(DAY, midnight // DAY_MS, FOREVER)):
        later += columns.rows(span.grain).of(*measures).between(span.first, span.end)
    return columns.rows(NOW).of(*measures) + -later


def total_level(columns: Columns, at: Millis, *measures: str) -> int:
    """The level at ``at`` over everything."""
    return int(level_at(columns, at, *measures).count.sum())


def levels_at(
    columns: Columns, begins: Millis, step: Millis, size: int, dimension: str, *measures: str
) -> dict[Value, Numbers]:
    """The levels at ``begins``, ``begins + step`` ..., by the values of a dimension.

    Args:
        begins: A whole minute that minutes are kept of, as ``step`` is.
    """
    values, present = columns.groups(rows := columns.rows(NOW).of(*measures), dimension)
    latest = summed_by(present, rows.count, len(values))
    changes = columns.rows(MINUTE).of(*measures)
    changes = changes.where(changes.bucket >= begins // MINUTE_MS)
    _, group = columns.groups(changes, dimension)
    place = np.minimum((changes.bucket * MINUTE_MS - begins) // step, size - 1)
    moved = summed_by(group * size + place, changes.count, len(values) * size).reshape(len(values), size)
    # What changed in a step and after it is not yet in the level at its beginning.
    levels = latest[:, None] - np.cumsum(moved[:, ::-1], axis=1)[:, ::-1]
    touched = set(present.tolist()) | set(group.tolist())
    return {values[number]: levels[number] for number in touched}


def integral(columns: Columns, begins: Millis, ends: Millis, *measures: str) -> Millis:
    """Level times time over the window, in milliseconds: the time that agents spent in some states, say.

    Exact: a change cell holds how many changes there were and how far into the bucket they lay.
    """
    _, area = areas(columns, begins, ends, *measures)
    return int(area.sum())


def areas(columns: Columns, begins: Millis, ends: Millis, *measures: str) -> tuple[Rows, Numbers]:
    """Cells, and what each adds to level times time over the window, in any cut."""
    begins, ends = cut(columns, begins), cut(columns, ends)
    held = level_at(columns, begins, *measures)
    together, parts = held, [held.count * (ends - begins)]
    for span in spans(columns, begins, ends):
        rows = columns.rows(span.grain).of(*measures).between(span.first, span.end)
        together += rows
        parts.append(rows.count * (ends - rows.bucket * GRAIN_MS[span.grain]) - rows.total)
    return together, np.concatenate(parts)


def standing(columns: Columns, *measures: str) -> tuple[Rows, Numbers]:
    """Cells of instants that stand now, and those instants."""
    rows = columns.rows(NOW).of(*measures)
    rows = rows.where(rows.count > 0)
    return rows, rows.bucket * HOUR_MS + rows.step


def standing_until(columns: Columns, at: Millis, *measures: str) -> tuple[Rows, Numbers]:
    """Those that are not later than ``at``."""
    rows, instants = standing(columns, *measures)
    past = instants <= at
    return rows.where(past), instants[past]


def oldest(instants: Numbers) -> Millis | None:
    """The first of some instants; None of none."""
    return int(instants.min()) if len(instants) else None


def known_since(columns: Columns, *measures: str) -> Millis | None:
    """When the first of some measures was seen, cut down to the minute or to what is still kept."""
    begins: Millis | None = None
    for grain in (DAY, HOUR, MINUTE):
        rows, size = columns.rows(grain).of(*measures), GRAIN_MS[grain]
        if begins is not None:
            rows = rows.between(begins // size, (begins + _LONGER[grain]) // size)
        if (first := rows.first_bucket()) is not None:
            begins = first * size
    return begins


_LONGER = {DAY: DAY_MS, HOUR: DAY_MS, MINUTE: HOUR_MS}


def merged_levels(levels: Sequence[Numbers], size: int) -> Numbers:
    """Their sum, step by step."""
    return np.sum(levels, axis=0, dtype=np.int64) if levels else np.zeros(size, dtype=np.int64)
