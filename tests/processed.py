"""Tallies written to a store just as the processor writes them: in groups, folded as they age."""

from collections.abc import Mapping, Sequence

from schemas.codec import Millis
from services.adapters.state_layout import LAYOUT, META, Field, Meta, pack_meta
from services.adapters.state_store import StateStore
from services.core.tally import Tallies
from services.processor.kept_cells import KeptCells
from services.processor.kept_dims import KeptDims


class Processed:
    """One shard, as far as it is written."""

    def __init__(self, store: StateStore, shard: tuple[str, int], policy: str = "") -> None:
        self.next = 0
        self.watermark: Millis = 0
        self._ahead: Millis = 0
        self._store = store
        self._shard = shard
        self._policy = policy
        self._dims = KeptDims()
        self._cells = KeptCells(self._fetch)

    async def add(
        self,
        tallies: Tallies,
        watermark: Millis,
        others: Mapping[Field, bytes] | None = None,
        hot_groups: int = 20_000,
    ) -> None:
        """Add ``tallies`` in one write, which also moves the watermark to ``watermark`` if it is the newest, and sets
        ``others`` besides."""
        known, before = len(self._dims), self.watermark
        self.watermark = max(before, watermark)
        self._ahead = max([self._ahead, *(at for _, at, _, _ in tallies)])
        change = {(measure, at, self._dims.code(dims), step): t for (measure, at, dims, step), t in tallies.items()}
        changes = {META: b"", **(others or {})}
        changes |= await self._cells.apply(change, before, self.watermark, self._dims.coarse)
        changes |= self._dims.fields(known)
        changes[META] = pack_meta(
            Meta(
                layout=LAYOUT,
                policy=self._policy,
                watermark=self.watermark,
                ahead=self._ahead,
                dims=len(self._dims),
                last=str(self.next),
            )
        )
        began, self.next = self.next, self.next + 1
        await self._store.write(*self._shard, began=began, ends=self.next, changes=changes)
        if nothing := self._cells.take_dropped():
            await self._store.drop(*self._shard, self.next, nothing)
        self._cells.cool(hot_groups)

    async def _fetch(self, fields: Sequence[Field]) -> list[bytes | None]:
        return (await self._store.read(*self._shard, fields))[1] if fields else []
