"""Cells for tests: as columns, and as the processor would leave them in the store."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from schemas.codec import Millis
from schemas.policy import Policy
from services.adapters.state_layout import (
    DIMS_PER_FIELD,
    LAYOUT,
    META,
    NOW_INDEX,
    Field,
    GroupCells,
    Meta,
    cells_field,
    dims_field,
    index_field,
    measure_code,
    pack_cells,
    pack_dims,
    pack_meta,
    pack_numbers,
)
from services.adapters.state_store import StateStore
from services.board.columns import Columns, Shard
from services.core.tally import GRAIN_MS, NOW, Cells, Dims, Tallies, difference, dims_of, oldest_kept, spread

POLICY = Policy().fingerprint()
NOW_MS: Millis = 1_772_445_600_000  # 2026-03-02T10:00:00Z
SHARD: Shard = ("tickets", 0)


def dims(queue: str | None = "billing", agent: str | None = None, channel: str | None = "email") -> Dims:
    return dims_of((queue, channel, "normal", None, None, None, None), agent)


def cells_of(tallies: Tallies) -> Cells:
    cells: Cells = {}
    spread(tallies, cells)
    return cells


def columns_of(*shards: Tallies, watermark: Millis | None = None) -> Columns:
    """Columns that hold the tallies, each in a shard of its own; trimmed as with that watermark."""
    columns = Columns()
    for number, tallies in enumerate(shards):
        put(columns, ("tickets", number), tallies)
        if watermark is not None:
            columns.keep_from(("tickets", number), {g: oldest_kept(g, watermark) for g in GRAIN_MS})
    return columns


def put(columns: Columns, shard: Shard, tallies: Tallies) -> None:
    groups: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for (grain, bucket, values, measure, step), (count, total) in cells_of(tallies).items():
        group = groups[grain, bucket, columns.labels.code(values)]
        group += [measure_code(measure), step, count, total]
    columns.reset(shard, groups)


class Writer:
    """Writes one shard as the processor does: what changed, behind the fence, announced."""

    def __init__(self, store: StateStore, shard: Shard = SHARD, policy: str = POLICY) -> None:
        self.next = 0
        self.tallies: Tallies = {}
        self._store = store
        self._shard = shard
        self._policy = policy
        self._codes: dict[Dims, int] = {}
        self._held: dict[Field, bytes] = {}

    async def write(self, tallies: Tallies, watermark: Millis = NOW_MS, *, announced: bool = True) -> None:
        """Make the shard hold ``tallies`` and nothing else."""
        wanted = self._fields(tallies, watermark)
        gone = {name: b"" for name in self._held if name not in wanted}
        changes = {name: value for name, value in (gone | wanted).items() if self._held.get(name, b"") != value}
        began, self.next = self.next, self.next + 1
        if announced:
            await self._store.write(*self._shard, began=began, ends=self.next, changes=changes)
        else:
            await self._store._fenced(*self._shard, began, self.next, changes)
        self._held, self.tallies = wanted, tallies

    async def add(self, tallies: Tallies, watermark: Millis = NOW_MS) -> None:
        """Let the shard hold ``tallies`` besides."""
        await self.write(difference({e: (-c, -s) for e, (c, s) in tallies.items()}, self.tallies), watermark)

    def _fields(self, tallies: Tallies, watermark: Millis) -> dict[Field, bytes]:
        groups: dict[tuple[str, int, int], GroupCells] = defaultdict(dict)
        for (grain, bucket, values, measure, step), tally in cells_of(tallies).items():
            code = self._codes.setdefault(values, len(self._codes))
            groups[grain, bucket, code][measure, step] = tally
        meta = Meta(
            layout=LAYOUT, policy=self._policy, last=str(self.next), watermark=watermark, dims=len(self._codes)
        )
        return {
            META: pack_meta(meta),
            **_chunks(list(self._codes)),
            **{cells_field(*group): pack_cells(cells) for group, cells in groups.items()},
            **_indexes(groups),
        }


def _chunks(sets: Sequence[Dims]) -> Mapping[Field, bytes]:
    begins = range(0, len(sets), DIMS_PER_FIELD)
    return {dims_field(chunk): pack_dims(sets[begin : begin + DIMS_PER_FIELD]) for chunk, begin in enumerate(begins)}


def _indexes(groups: Iterable[tuple[str, int, int]]) -> Mapping[Field, bytes]:
    codes: dict[tuple[str, int], set[int]] = defaultdict(set)
    for grain, bucket, code in groups:
        codes[grain, bucket].add(code)
    standing = [bucket for grain, bucket in codes if grain == NOW]
    return {
        NOW_INDEX: pack_numbers(standing),
        **{index_field(*bucket): pack_numbers(held) for bucket, held in codes.items()},
    }


def level(measure: str, begins: Millis, ends: Millis | None = None, values: Dims | None = None) -> Tallies:
    """Something that stands from one instant to another, or until now."""
    where = values or dims()
    tallies: Tallies = {(measure, begins, where, 0): (1, 0)}
    if ends is not None:
        tallies[measure, ends, where, 0] = (-1, 0)
    return tallies


def flow(measure: str, at: Millis, duration_ms: Millis = 0, step: int = 0, values: Dims | None = None) -> Tallies:
    """Something that happened, or took so long."""
    return {(measure, at, values or dims(), step): (1, duration_ms)}


def stands(measure: str, at: Millis, values: Dims | None = None, count: int = 1) -> Tallies:
    """An instant that waits to be looked at."""
    return {(measure, at, values or dims(), 0): (count, 0)}


def together(*parts: Tallies) -> Tallies:
    """Their sum."""
    total: Tallies = {}
    for part in parts:
        for entry, (count, duration) in part.items():
            was = total.get(entry, (0, 0))
            total[entry] = was[0] + count, was[1] + duration
    return {entry: tally for entry, tally in total.items() if tally != (0, 0)}
