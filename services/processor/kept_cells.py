"""The cells of a shard as its store keeps them: grouped into fields, with an index for each bucket; what is over is
folded into blocks (`services.processor.folding`), and later changes of it lie beside the block as groups again."""

from collections.abc import Callable, Collection, Mapping
from itertools import islice

from schemas.codec import Millis
from services.adapters.cell_blocks import BUCKETS_PER_BLOCK, block_field
from services.adapters.state_layout import (
    NOW_INDEX,
    Fetch,
    Field,
    Group,
    GroupCells,
    cells_field,
    flat_cells,
    index_field,
    pack_cells,
    pack_numbers,
    unpack_cells,
    unpack_numbers,
)
from services.core.agent import PLAN_AHEAD_DAYS
from services.core.tally import ALL, DAY_MS, GRAIN_MS, HOUR_MS, KEPT_MS, NOW, Tally, add, oldest_kept, parts
from services.processor.folding import Span, buckets_of, due, folded

_SWEPT_AGAIN_MS: Millis = 2 * HOUR_MS
"""A sweep that its worker did not live to finish is repeated after a load."""
_AHEAD_MS: Millis = (PLAN_AHEAD_DAYS + 1) * DAY_MS
"""Plans lie no farther ahead of the newest event, whose own day comes on top."""

_Bucket = tuple[str, int]

CodedTallies = dict[tuple[str, Millis, int, int], Tally]
"""Tallies whose dimension sets are told by their codes: (measure, instant, code, step) -> tally."""


class KeptCells:
    """Reads by name what it does not have, applies a change, and says which fields it changed."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._groups: dict[Group, GroupCells] = {}
        self._indexes: dict[_Bucket, set[int]] = {}
        self._standing: set[int] | None = None
        """The buckets of grain NOW that hold something."""
        self._dropped: set[Field] = set()
        self._swept_to: dict[str, int] = {}

    async def apply(
        self, change: CodedTallies, watermark_before: Millis, watermark: Millis, coarse: Callable[[int], int]
    ) -> dict[Field, bytes]:
        """Add ``change``; what changed, packed. Buckets that ``watermark`` no longer keeps are left out.

        Args:
            coarse: The code of the dimension set for grain ALL.
        """
        kept = {grain: oldest_kept(grain, watermark) for grain in GRAIN_MS}
        kept |= {ALL: 0, NOW: 0}
        groups: dict[Group, GroupCells] = {}
        for grain, bucket, code, measure, step, count, total in parts(change, coarse):
            if bucket >= kept[grain]:
                group = groups.get((grain, bucket, code))
                if group is None:
                    group = groups[grain, bucket, code] = {}
                add(group, (measure, step), count, total)
        groups = {group: cells for group, cells in groups.items() if cells}
        await self._recall(groups)
        fields = self._add(groups)
        fields |= await self._folded(due(watermark_before, watermark))
        await self._sweep(kept, watermark_before)
        return fields

    def take_dropped(self) -> list[Field]:
        """The fields that are nothing any more since this was last asked."""
        dropped, self._dropped = sorted(self._dropped), set()
        return dropped

    def _add(self, groups: dict[Group, GroupCells]) -> dict[Field, bytes]:
        fields: dict[Field, bytes] = {}
        reindexed: set[_Bucket] = set()
        for group, change in groups.items():
            cells = self._groups.pop(group)  # put back as the most recently used
            self._groups[group] = cells
            for key, (count, total) in change.items():
                add(cells, key, count, total)
            name = cells_field(*group)
            fields[name] = pack_cells(cells)
            grain, bucket, code = group
            index = self._indexes[grain, bucket]
            if bool(cells) != (code in index):
                index.symmetric_difference_update({code})
                reindexed.add((grain, bucket))
            self._note(name, empty=not cells)
        for grain, bucket in reindexed:
            fields |= self._reindexed(grain, bucket)
        return fields

    def _reindexed(self, grain: str, bucket: int) -> dict[Field, bytes]:
        index, name = self._indexes[grain, bucket], index_field(grain, bucket)
        self._note(name, empty=not index)
        fields = {name: pack_numbers(index)}
        if grain == NOW and self._standing is not None and bool(index) != (bucket in self._standing):
            self._standing.symmetric_difference_update({bucket})
            fields[NOW_INDEX] = pack_numbers(self._standing)
        return fields

    def _note(self, name: Field, *, empty: bool) -> None:
        if empty:
            self._dropped.add(name)
        else:
            self._dropped.discard(name)

    async def _recall(self, groups: Collection[Group]) -> None:
        """Bring the groups and the indexes of their buckets into memory. A group that its index does not name is
        empty, and need not be asked for: most are new."""
        missing = [group for group in groups if group not in self._groups]
        await self._recall_indexes({group[:2] for group in groups})
        held = [group for group in missing if group[2] in self._indexes[group[:2]]]
        values = await self._fetch([cells_field(*group) for group in held])
        self._groups |= {group: {} for group in missing}
        self._groups |= {group: unpack_cells(value) for group, value in zip(held, values, strict=True)}

    async def _recall_indexes(self, buckets: Collection[_Bucket]) -> None:
        missing = [bucket for bucket in buckets if bucket not in self._indexes]
        names = [index_field(*bucket) for bucket in missing]
        if self._standing is None:
            names.append(NOW_INDEX)
        values = await self._fetch(names)
        for bucket, value in zip(missing, values, strict=False):
            self._indexes[bucket] = set(unpack_numbers(value))
        if self._standing is None:
            self._standing = set(unpack_numbers(values[-1]))

    async def _folded(self, spans: Collection[Span]) -> dict[Field, bytes]:
        """Empty the groups of ``spans`` into their blocks: both in one write, or neither."""
        await self._recall_indexes([(span[0], bucket) for span in spans for bucket in buckets_of(span)])
        groups: dict[Span, list[Group]] = {}
        for span in spans:
            for bucket in buckets_of(span):
                if codes := self._indexes[span[0], bucket]:
                    groups.setdefault(span, []).extend((span[0], bucket, code) for code in codes)
        blocks = [block_field(*span) for span in groups]
        away = [group for found in groups.values() for group in found if group not in self._groups]
        values = await self._fetch([*blocks, *(cells_field(*group) for group in away)])
        numbers = dict(zip(away, map(unpack_numbers, values[len(blocks) :]), strict=True))
        fields: dict[Field, bytes] = {}
        for (span, found), name, block in zip(groups.items(), blocks, values, strict=False):
            first = buckets_of(span).start
            loose = [(group[1] - first, group[2], self._numbers(group, numbers)) for group in found]
            fields[name] = folded(block, loose)
            self._note(name, empty=not fields[name])
            fields |= self._emptied(found)
        return fields

    def _numbers(self, group: Group, fetched: Mapping[Group, list[int]]) -> list[int]:
        cells = self._groups.get(group)
        return fetched[group] if cells is None else flat_cells(cells)

    def _emptied(self, groups: Collection[Group]) -> dict[Field, bytes]:
        for group in groups:
            self._groups.pop(group, None)
        buckets = {group[:2] for group in groups}
        for bucket in buckets:
            self._indexes[bucket] = set()
        names = [*(cells_field(*group) for group in groups), *(index_field(*bucket) for bucket in buckets)]
        self._dropped.update(names)
        return dict.fromkeys(names, b"")

    async def _sweep(self, kept: dict[str, int], watermark_before: Millis) -> None:
        """Note for dropping what has come to its age since the last sweep."""
        if watermark_before <= 0:
            return
        buckets: list[_Bucket] = []
        for grain, size in GRAIN_MS.items():
            begin = self._swept_to.get(grain, oldest_kept(grain, watermark_before - _SWEPT_AGAIN_MS))
            # In a jump ahead in time, no more buckets can hold anything than were kept before it, or were planned.
            end = min(kept[grain], begin + (KEPT_MS[grain] + _AHEAD_MS) // size)
            buckets += [(grain, bucket) for bucket in range(begin, end)]
            length = BUCKETS_PER_BLOCK[grain]
            self._dropped.update(block_field(grain, span) for span in range(begin // length, end // length))
            self._swept_to[grain] = max(kept[grain], begin)
        for (grain, bucket), value in zip(
            buckets, await self._fetch([index_field(*b) for b in buckets]), strict=True
        ):
            codes = unpack_numbers(value)
            self._indexes.pop((grain, bucket), None)
            for code in codes:
                self._groups.pop((grain, bucket, code), None)
                self._dropped.add(cells_field(grain, bucket, code))
            if codes:
                self._dropped.add(index_field(grain, bucket))

    def cool(self, hot_groups: int) -> None:
        """Keep no more than the most recently used groups in memory."""
        for group in list(islice(self._groups, max(0, len(self._groups) - hot_groups))):
            del self._groups[group]
        if len(self._indexes) > hot_groups:
            self._indexes.clear()
