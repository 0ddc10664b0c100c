"""A shard: one partition's state, in memory and in the store.

`absorb` takes the partition's next records, in order: facts join their timelines, `measure` says what each touched
entity now adds to the cells and tells others. The difference goes to the store in one fenced write, together with the
offset of the next record; what others have to know goes to the log before that, so that whoever goes on after a crash
tells it again. What is not in memory is fetched by name.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec

from schemas.codec import NO_EVENT, Fact, Millis, decode, is_derived, pack_facts, unpack_facts
from schemas.topics import AGENTS, TICKETS
from services.adapters.log_reader import Record, another_log, fingerprint
from services.adapters.state_layout import (
    LAYOUT,
    META,
    Field,
    Meta,
    entity_field,
    pack_meta,
    unpack_meta,
)
from services.adapters.state_store import StateStore
from services.core.exchange import Entity
from services.core.measure import told
from services.core.presence import Presence, look_back, too_late
from services.core.rules import Rules
from services.core.tally import HOUR_MS, MEASURES, Kind, Tallies, add
from services.errors import Halted
from services.processor.kept_cells import CodedTallies, KeptCells
from services.processor.kept_dims import KeptDims
from services.processor.kept_hours import KeptHours
from services.processor.telling import told_for

RECORDS_PER_WRITE = 500
"""So many that a write seldom needs more than one command."""
HOT_ENTITIES = 100_000
"""How many entities a worker keeps in memory; some 8 KiB each for a ticket of ten events."""
GROUPS_PER_ENTITY = 3
"""How many groups of cells stay in memory for each entity that does."""


Tell = Callable[[Sequence[Fact]], Awaitable[None]]
"""Appends to the log what entities have to know of others; returns when it is there."""


@dataclass(frozen=True)
class Unusable:
    """A record that is no event."""

    record: Record
    sentence: str


@dataclass(frozen=True)
class StateOrigin:
    """What a state is made from besides the log; a state made from anything else is not taken over."""

    policy: str
    partitions: int
    namespace: str = ""

    @property
    def state(self) -> bytes:
        """Whose told records are taken in: those of another state were made under other rules."""
        return f"{self.namespace}/{self.policy}".encode()


@dataclass(slots=True)
class _Change:
    """What a batch of facts comes to."""

    cells: CodedTallies
    hours: dict[int, set[str]]
    """The entities that add something else now at an instant of an hour."""
    news: list[Fact]
    """For others."""
    fields: dict[Field, bytes]
    """Timelines, packed."""


class Shard:
    """Owned by the one worker that reads the partition; any other's writes are refused by the fence."""

    def __init__(
        self, store: StateStore, stream: str, partition: int, rules: Rules, origin: StateOrigin, tell: Tell
    ) -> None:
        self.stream = stream
        self.partition = partition
        self.next = 0
        self.meta = Meta(layout=LAYOUT, policy=origin.policy, partitions=origin.partitions)
        self.untouched = True
        """Nothing was ever written."""
        self.inspected = ""
        """Fingerprint of a record taken in, of when the log was last looked at."""
        self._store = store
        self._rules = rules
        self._origin = origin
        self._tell = tell
        self._entities: dict[str, Entity] = {}
        self._dims = KeptDims()
        self._cells = KeptCells(self._fetch)
        self._hours = KeptHours(self._fetch)

    async def load(self) -> None:
        """Take over what the store holds.

        Raises:
            Halted: the state is laid out otherwise, was made under another policy, or from a topic with another
                number of partitions.
            Unavailable: the store does not answer.
        """
        await self._store.recover(self.stream, self.partition)
        self.next, (packed,) = await self._store.read(self.stream, self.partition, [META])
        if packed is None:
            return
        self.untouched = False
        self.meta = unpack_meta(packed)
        self._check_origin()
        await self._dims.load(self._fetch, self.meta.dims)

    def _check_origin(self) -> None:
        place = f"{self.stream}[{self.partition}]"
        if self.meta.layout != LAYOUT:
            raise Halted(
                f"{place}: this state has the layout {self.meta.layout}, this version of deskpulse reads and writes "
                f"{LAYOUT}. Set DESKPULSE_NAMESPACE to a new name to rebuild the state from the log."
            )
        if self.meta.policy != self._origin.policy:
            raise Halted(
                f"{place}: this state was made under the policy {self.meta.policy}, the settings say "
                f"{self._origin.policy}: mixing them would make figures that neither means. Put the old policy back, "
                "or set DESKPULSE_NAMESPACE to a new name to rebuild the state under the new one."
            )
        if self.meta.partitions != self._origin.partitions:
            raise Halted(
                f"{place}: this state was made from {self.meta.partitions} partitions, the topic has "
                f"{self._origin.partitions}: tickets would be parted. Set DESKPULSE_NAMESPACE to a new name to "
                "rebuild the state."
            )

    def recognise(self, records: Iterable[Record]) -> None:
        """Look at records that come again.

        Raises:
            Halted: the last one taken in is another now.
        """
        offset = int(self.meta.last.partition(":")[0] or -1)
        for record in records:
            if record.offset == offset and fingerprint(record) != self.meta.last:
                raise another_log(f"{record.topic}[{self.partition}]", offset, ends=False)

    async def absorb(self, records: Sequence[Record], hot_entities: int = HOT_ENTITIES) -> list[Unusable]:
        """Apply the partition's next records, of which the first is at `next`, or the next that there is.

        Args:
            hot_entities: How many entities may stay in memory.

        Returns:
            The records that are no events: they have no effect but to be counted.

        Raises:
            Fenced, Unavailable: what is in memory may be ahead of the store now: forget this shard. Unavailable is
                also what `tell` raises: then nothing was written.
        """
        unusable: list[Unusable] = []
        for begin in range(0, len(records), RECORDS_PER_WRITE):
            unusable += await self._absorb(records[begin : begin + RECORDS_PER_WRITE])
            self._cool(hot_entities)
        return unusable

    async def _absorb(self, records: Sequence[Record]) -> list[Unusable]:
        watermark_before, dims_before = self.meta.watermark, len(self._dims)
        arrivals, unusable = self._sort(records)
        await self._recall(arrivals)
        change = self._remeasure(arrivals)
        changes: dict[Field, bytes] = {META: b""}  # its place is in the first command of a large write
        changes |= change.fields
        _, kept = await asyncio.gather(self._tell_others(change.news), self._keep(change, watermark_before))
        changes |= kept | self._dims.fields(dims_before)
        ends = records[-1].offset + 1
        self.meta = msgspec.structs.replace(
            self.meta,
            last=fingerprint(records[-1]),
            dims=len(self._dims),
            unusable=self.meta.unusable + len(unusable),
        )
        changes[META] = pack_meta(self.meta)
        await self._store.write(self.stream, self.partition, began=self.next, ends=ends, changes=changes)
        self.next, self.untouched = ends, False
        if nothing := [*self._cells.take_dropped(), *self._hours.take_dropped()]:
            await self._store.drop(self.stream, self.partition, ends, nothing)
        return unusable

    def _sort(self, records: Iterable[Record]) -> tuple[dict[str, list[Fact]], list[Unusable]]:
        """The facts of ``records`` by entity; those that come too late are counted and left out."""
        arrivals: dict[str, list[Fact]] = {}
        unusable = []
        watermark, late = self.meta.watermark, self.meta.late
        for record in records:
            value = record.value or b""
            if is_derived(value) and not told_for(record, self._origin.state):
                continue
            try:
                fact = decode(value, record.timestamp if record.timestamp >= 0 else None)
            except NO_EVENT as error:
                unusable.append(Unusable(record, str(error)))
                continue
            if too_late(fact, watermark):
                late += 1
                continue
            watermark = max(watermark, fact.at)
            arrivals.setdefault(fact.entity, []).append(fact)
        self.meta = msgspec.structs.replace(self.meta, watermark=watermark, late=late)
        return arrivals, unusable

    async def _recall(self, entities: Iterable[str]) -> None:
        """Bring the entities into memory that are not there."""
        missing = [entity for entity in entities if entity not in self._entities]
        for entity, packed in zip(missing, await self._fetch([entity_field(e) for e in missing]), strict=True):
            timeline = unpack_facts(packed) if packed else []
            kind = Presence if self.stream == AGENTS.stream else Entity
            self._entities[entity] = kind(timeline, told(timeline, self._rules))

    def _remeasure(self, arrivals: Mapping[str, list[Fact]]) -> _Change:
        """Let the facts join their timelines."""
        change = _Change({}, {}, [], {})
        for entity, facts in arrivals.items():
            held = self._entities.pop(entity)  # put back below as the most recently used
            self._entities[entity] = held
            timeline = held.timeline
            taken = held.take_in(facts, self._rules, retried=True)
            if held.timeline is not timeline:
                change.news += taken.news
                self._add(change, entity, taken.tallies)
                if isinstance(held, Presence):
                    held.settle(look_back(self.meta.watermark), self._rules)
                change.fields[entity_field(entity)] = pack_facts(held.timeline)
        return change

    def _add(self, change: _Change, entity: str, added: Tallies) -> None:
        ahead = self.meta.ahead
        for (name, at, dims, step), (count, total) in added.items():
            add(change.cells, (name, at, self._dims.code(dims), step), count, total)
            if at > ahead and MEASURES[name] is not Kind.STANDING:
                ahead = at
        if ahead != self.meta.ahead:
            self.meta = msgspec.structs.replace(self.meta, ahead=ahead)
        if self.stream == TICKETS.stream:
            for hour in {at // HOUR_MS for _, at, _, _ in added}:
                change.hours.setdefault(hour, set()).add(entity)

    async def _tell_others(self, news: Sequence[Fact]) -> None:
        if news:
            await self._tell(news)

    async def _keep(self, change: _Change, watermark_before: Millis) -> dict[Field, bytes]:
        """What the change makes of the cells and of the lists, packed."""
        watermark = self.meta.watermark
        fields = await self._cells.apply(change.cells, watermark_before, watermark, self._dims.coarse)
        if self.stream == TICKETS.stream:
            fields |= await self._hours.apply(change.hours, watermark_before, watermark)
        return fields

    async def _fetch(self, fields: Sequence[Field]) -> list[bytes | None]:
        if not fields:
            return []
        _, values = await self._store.read(self.stream, self.partition, fields)
        return values

    def _cool(self, hot_entities: int) -> None:
        for entity in list(islice(self._entities, max(0, len(self._entities) - hot_entities))):
            del self._entities[entity]
        self._cells.cool(GROUPS_PER_ENTITY * hot_entities)
        self._hours.cool()
