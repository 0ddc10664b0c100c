"""What the board reads of one shard: its cells by name, never its entities."""

from collections.abc import Iterable, Sequence
from itertools import islice

from schemas.codec import Millis
from services.adapters.state_layout import (
    META,
    NOW_INDEX,
    Field,
    Meta,
    cells_field,
    dims_field,
    index_field,
    parse_cells_field,
    unpack_dims,
    unpack_meta,
    unpack_numbers,
)
from services.adapters.state_store import StateStore
from services.board.columns import Columns, Packed, Shard, Slot
from services.core.tally import ALL, GRAIN_MS, NOW, oldest_kept

FIELDS_PER_READ = 2000
"""Large enough that the round trips do not count, small enough that Redis serves others in between."""


class WentBack(Exception):
    """The store's `next` fell while we were reading."""


class ShardCopy:
    """One shard's place in the columns: which state it holds, and what its dimension codes mean."""

    def __init__(self, store: StateStore, columns: Columns, shard: Shard) -> None:
        self.next = -1
        """The state that the columns hold, or a mix of it and of later ones: see `services.board.following`."""
        self.meta = Meta()
        self.meta_next = -1
        """The `next` that ``meta`` was read with."""
        self._store = store
        self._columns = columns
        self._shard = shard
        self._dims: dict[int, int] = {}
        """The shard's code of a dimension set -> the columns' code."""

    async def load(self) -> None:
        """Read the shard whole, and only then replace what the columns hold of it.

        Raises:
            Unavailable: the store does not answer; the columns are as before.
            WentBack: try again.
        """
        held, (packed_meta,) = await self._store.read(*self._shard, [META])
        meta = unpack_meta(packed_meta)
        known, self._dims = self._dims, {}
        try:
            await self._learn(range(meta.dims), held)
            groups = [
                (grain, bucket, code)
                for grain, bucket, codes in await self._indexes(meta.watermark, held)
                for code in codes
            ]
            slots = await self._slots(groups, held)
        except BaseException:
            self._dims = known
            raise
        self._columns.reset(self._shard, slots)
        self.next = held
        self.note(held, meta)

    async def refresh(self, fields: Iterable[Field], ends: int) -> None:
        """Read afresh what the writes up to `next` = ``ends`` changed.

        Raises:
            Unavailable: the store does not answer; the columns are as before.
            WentBack: the store is behind ``ends``: load the shard again.
        """
        names = set(fields)
        groups = [group for group in map(parse_cells_field, names) if group and self._kept(group[0], group[1])]
        if META in names:
            held, (packed_meta,) = await self._store.read(*self._shard, [META])
            self.note(held, unpack_meta(packed_meta))
        slots = await self._slots(groups, ends)
        self._columns.replace(self._shard, slots)
        self.next = ends

    def note(self, held: int, meta: Meta) -> None:
        """Take over the watermark, and forget the buckets that it puts out of reach."""
        self.meta, self.meta_next = meta, held
        self._columns.keep_from(self._shard, {grain: oldest_kept(grain, meta.watermark) for grain in GRAIN_MS})

    def distrust(self) -> None:
        """The store was away: whatever `next` it comes back with, it may have come there by another way."""
        self.meta_next = -1

    def _kept(self, grain: str, bucket: int) -> bool:
        return grain not in GRAIN_MS or bucket >= oldest_kept(grain, self.meta.watermark)

    async def _indexes(self, watermark: Millis, held: int) -> list[tuple[str, int, list[int]]]:
        """The buckets that hold cells, and which dimension sets do there."""
        [now_index] = await self._read([NOW_INDEX], held)
        buckets = [(ALL, 0)] + [(NOW, bucket) for bucket in unpack_numbers(now_index)]
        if watermark:
            for grain, size in GRAIN_MS.items():
                # One more than the watermark's own: what came while we read is then not read twice.
                newest = watermark // size + 1
                buckets += [(grain, bucket) for bucket in range(oldest_kept(grain, watermark), newest + 1)]
        values = await self._read([index_field(grain, bucket) for grain, bucket in buckets], held)
        return [(g, b, unpack_numbers(value)) for (g, b), value in zip(buckets, values, strict=True) if value]

    async def _slots(self, groups: Sequence[tuple[str, int, int]], held: int) -> dict[Slot, Packed]:
        await self._learn({code for _, _, code in groups} - self._dims.keys(), held)
        values = await self._read([cells_field(*group) for group in groups], held)
        return {
            (grain, bucket, self._dims[code]): unpack_numbers(value)
            for (grain, bucket, code), value in zip(groups, values, strict=True)
            if code in self._dims
        }

    async def _learn(self, codes: Iterable[int], held: int) -> None:
        codes = list(codes)
        for code, value in zip(codes, await self._read([dims_field(code) for code in codes], held), strict=True):
            if value:
                self._dims[code] = self._columns.labels.code(unpack_dims(value))

    async def _read(self, fields: Sequence[Field], at_least: int) -> list[bytes | None]:
        values: list[bytes | None] = []
        rest = iter(fields)
        while piece := list(islice(rest, FIELDS_PER_READ)):
            held, found = await self._store.read(*self._shard, piece)
            if held < at_least:
                raise WentBack
            values += found
        return values
