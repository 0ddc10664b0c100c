"""What the board reads of one shard: its cells by name, never its entities."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import numpy as np

from schemas.codec import Millis
from services.adapters.cell_blocks import (
    BUCKETS_PER_BLOCK,
    Block,
    block_field,
    parse_block_field,
    unpack_block,
)
from services.adapters.state_layout import (
    DIMS_PER_FIELD,
    LAYOUT,
    META,
    NOW_INDEX,
    Field,
    Group,
    Meta,
    cells_field,
    dims_field,
    index_field,
    parse_cells_field,
    unpack_dims_columns,
    unpack_meta,
    unpack_numbers,
)
from services.adapters.state_store import StateStore
from services.board.columns import Columns, Numbers, Packed, Shard, Slot, Span
from services.core.tally import ALL, DAY_MS, GRAIN_MS, NOW, oldest_kept
from services.errors import Unavailable

FIELDS_PER_READ = 2000
"""Large enough that the round trips do not count, small enough that Redis serves others in between."""
BLOCKS_PER_READ = 64
FARTHEST_AHEAD_MS: Millis = 9 * DAY_MS
"""How far ahead of the newest event plans may lie: what lies farther is no plan, and is not looked for."""
_NO_CODES: Final[Numbers] = np.empty(0, dtype=np.int64)


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
        self._codes = _NO_CODES
        """The shard's code of a dimension set -> the columns' code."""

    async def load(self) -> None:
        """Read the shard whole, and only then replace what the columns hold of it.

        Raises:
            Unavailable: the store does not answer, or holds what another version wrote; the columns are as before.
            WentBack: try again.
        """
        held, (packed_meta,) = await self._store.read(*self._shard, [META])
        meta = unpack_meta(packed_meta)
        if packed_meta and meta.layout != LAYOUT:
            raise Unavailable(
                f"{self._shard[0]}[{self._shard[1]}]: the state has the layout {meta.layout}, this board reads "
                f"{LAYOUT}; give board and processor the same version and the same DESKPULSE_NAMESPACE"
            )
        await self._learn(meta.dims - 1, held, afresh=True)
        groups = await self._groups(meta, held)
        slots, blocks = await self._cells(groups, _spans(meta), held, meta.watermark)
        async with self._columns.unchanged:
            self._columns.reset(self._shard, slots, blocks)
            self.next = held
            self.note(held, meta)

    async def refresh(self, fields: Iterable[Field], ends: int) -> None:
        """Read afresh what the writes up to `next` = ``ends`` changed.

        Raises:
            Unavailable: the store does not answer; the columns are as before.
            WentBack: the store is behind ``ends``: load the shard again.
        """
        names = set(fields)
        if META in names:
            held, (packed_meta,) = await self._store.read(*self._shard, [META])
            async with self._columns.unchanged:
                self.note(held, unpack_meta(packed_meta))
        watermark = self.meta.watermark
        groups = [group for group in map(parse_cells_field, names) if group and _kept(group[0], group[1], watermark)]
        spans = [span for span in map(parse_block_field, names) if span and _kept(*_last_of(span), watermark)]
        slots, blocks = await self._cells(groups, spans, ends, watermark)
        async with self._columns.unchanged:
            self._columns.replace(self._shard, slots, blocks)
            self.next = ends

    def note(self, held: int, meta: Meta) -> None:
        """Take over the watermark, and forget the buckets that it puts out of reach: the columns change."""
        self.meta, self.meta_next = meta, held
        self._columns.keep_from(self._shard, {grain: oldest_kept(grain, meta.watermark) for grain in GRAIN_MS})

    def distrust(self) -> None:
        """The store was away: whatever `next` it comes back with, it may have come there by another way."""
        self.meta_next = -1

    async def _groups(self, meta: Meta, held: int) -> list[Group]:
        """The fields of cells that there are beside the blocks."""
        [now_index] = await self._read([NOW_INDEX], held)
        buckets = [(ALL, 0)] + [(NOW, bucket) for bucket in unpack_numbers(now_index)]
        for grain, (first, newest) in _reach(meta).items():
            buckets += [(grain, bucket) for bucket in range(first, newest + 1)]
        values = await self._read([index_field(grain, bucket) for grain, bucket in buckets], held)
        return [
            (grain, bucket, code)
            for (grain, bucket), value in zip(buckets, values, strict=True)
            if value
            for code in unpack_numbers(value)
        ]

    async def _cells(
        self, groups: Iterable[Group], spans: Iterable[Span], at_least: int, watermark: Millis
    ) -> tuple[dict[Slot, Packed], dict[Span, Block]]:
        """Read cells, under the columns' codes."""
        loose: list[tuple[Group, bytes | None]] = []
        blocks: dict[Span, Block] = {}
        for wanted, named in _readings(spans, groups):
            names = [*(block_field(*span) for span in wanted), *(cells_field(*group) for group in named)]
            values = await self._look(names, at_least)
            loose += zip(named, values[len(wanted) :], strict=True)
            for span, value in zip(wanted, values, strict=False):
                blocks[span] = _kept_part(span, unpack_block(value), watermark)
        codes = np.array([code for (_, _, code), _ in loose], dtype=np.int64)
        last = max(int(each.max(initial=-1)) for each in (codes, *(block.codes for block in blocks.values())))
        await self._learn(last, at_least)
        ours = self._codes[codes].tolist()
        return (
            {(grain, b, code): unpack_numbers(v) for ((grain, b, _), v), code in zip(loose, ours, strict=True)},
            {span: block._replace(codes=self._codes[block.codes].astype(np.int32)) for span, block in blocks.items()},
        )

    async def _learn(self, last: int, at_least: int, *, afresh: bool = False) -> None:
        """Know what the codes up to ``last`` mean.

        Args:
            afresh: Read also those that are known: they may be of another state.
        """
        if not afresh and last < len(self._codes):
            return
        first = 0 if afresh else len(self._codes) // DIMS_PER_FIELD
        chunks = range(first, last // DIMS_PER_FIELD + 1)
        values = await self._read([dims_field(chunk) for chunk in chunks], at_least)
        learned = [self._codes[: first * DIMS_PER_FIELD]]
        async with self._columns.unchanged:
            for chunk, value in zip(chunks, values, strict=True):
                known = self._codes[chunk * DIMS_PER_FIELD : (chunk + 1) * DIMS_PER_FIELD]
                learned.append(self._columns.labels.codes(unpack_dims_columns(value), known))
        self._codes = np.concatenate(learned)
        if last >= len(self._codes):
            raise WentBack

    async def _read(self, fields: Sequence[Field], at_least: int) -> list[bytes | None]:
        values: list[bytes | None] = []
        rest = iter(fields)
        while piece := list(islice(rest, FIELDS_PER_READ)):
            values += await self._look(piece, at_least)
        return values

    async def _look(self, fields: Sequence[Field], at_least: int) -> list[bytes | None]:
        held, found = await self._store.read(*self._shard, fields)
        if held < at_least:
            raise WentBack
        return found


def _reach(meta: Meta) -> dict[str, tuple[int, int]]:
    """The first and the last bucket that can hold anything, by grain."""
    if not meta.watermark:
        return {}
    newest = max(meta.watermark, min(meta.ahead, meta.watermark + FARTHEST_AHEAD_MS))
    # One more than the newest's own: what came while we read is then not read twice.
    return {grain: (oldest_kept(grain, meta.watermark), newest // size + 1) for grain, size in GRAIN_MS.items()}


def _spans(meta: Meta) -> list[Span]:
    """Every block that there may be."""
    spans = [(ALL, 0)]
    for grain, (first, _) in _reach(meta).items():
        length, newest = BUCKETS_PER_BLOCK[grain], meta.watermark // GRAIN_MS[grain]
        spans += [(grain, number) for number in range(first // length, newest // length + 1)]
    return spans


def _span_of(group: Group) -> Span:
    grain, bucket, _ = group
    return grain, bucket // BUCKETS_PER_BLOCK.get(grain, 1)


def _last_of(span: Span) -> tuple[str, int]:
    grain, number = span
    return grain, (number + 1) * BUCKETS_PER_BLOCK[grain] - 1


def _kept(grain: str, bucket: int, watermark: Millis) -> bool:
    return grain not in GRAIN_MS or bucket >= oldest_kept(grain, watermark)


def _kept_part(span: Span, block: Block, watermark: Millis) -> Block:
    grain, number = span
    first = number * BUCKETS_PER_BLOCK[grain]
    if _kept(grain, first, watermark):
        return block
    return block.where(block.buckets >= oldest_kept(grain, watermark) - first)


def _readings(spans: Iterable[Span], groups: Iterable[Group]) -> Iterator[tuple[list[Span], list[Group]]]:
    """Blocks and groups that are read in one look.

    What a block gains in a fold, the groups beside it lose: so none is parted from them, however many they are.
    """
    beside: dict[Span, list[Group]] = {span: [] for span in spans}
    with_block = set(beside)
    for group in groups:
        beside.setdefault(_span_of(group), []).append(group)
    blocks: list[Span] = []
    together: list[Group] = []
    for span, theirs in beside.items():
        if len(blocks) == BLOCKS_PER_READ or (together and len(together) + len(theirs) > FIELDS_PER_READ):
            yield blocks, together
            blocks, together = [], []
        if span in with_block:
            blocks.append(span)
        together += theirs
    if blocks or together:
        yield blocks, together
