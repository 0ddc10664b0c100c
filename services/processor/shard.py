"""A shard: one partition's state, in memory and in the store.

`absorb` takes the partition's next records, in order: facts join their timelines, `measure` says what each touched
entity now adds to the cells, and the difference goes to the store in one fenced write, together with the offset of
the next record. What is not in memory is fetched by name.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec

from schemas.codec import NO_EVENT, Fact, Millis, decode, pack_facts, unpack_facts
from services.adapters.log_reader import Record, another_log, fingerprint
from services.adapters.state_layout import (
    META,
    Field,
    Meta,
    dims_field,
    entity_field,
    pack_dims,
    pack_meta,
    unpack_dims,
    unpack_meta,
)
from services.adapters.state_store import StateStore
from services.core.agent import settled
from services.core.measure import measure
from services.core.rules import Rules
from services.core.tally import DAY_MS, Dims, Tallies, add, difference
from services.core.timeline import absorb
from services.errors import Halted
from services.processor.kept_cells import CodedTallies, KeptCells

RECORDS_PER_WRITE = 750
"""So many that a write seldom needs more than one command."""
HOT_ENTITIES = 100_000
"""How many entities a worker keeps in memory; some 8 KiB each for a ticket of ten events."""
GROUPS_PER_ENTITY = 3
"""How many groups of cells stay in memory for each entity that does."""
AGENT_LOOK_BACK_DAYS = 2
"""An agent's event that comes later than this after its day is counted, and changes nothing."""


@dataclass(slots=True)
class Entity:
    """A timeline, and what it adds to the cells now."""

    timeline: list[Fact]
    tallies: Tallies


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


class Shard:
    """Owned by the one worker that reads the partition; any other's writes are refused by the fence."""

    def __init__(self, store: StateStore, stream: str, partition: int, rules: Rules, origin: StateOrigin) -> None:
        self.stream = stream
        self.partition = partition
        self.next = 0
        self.meta = Meta(policy=origin.policy, partitions=origin.partitions)
        self.untouched = True
        """Nothing was ever written."""
        self.inspected = ""
        """Fingerprint of a record taken in, of when the log was last looked at."""
        self._store = store
        self._rules = rules
        self._origin = origin
        self._entities: dict[str, Entity] = {}
        self._dims: dict[Dims, int] = {}
        self._cells = KeptCells(self._fetch)

    async def load(self) -> None:
        """Take over what the store holds.

        Raises:
            Halted: the state was made under another policy, or from a topic with another number of partitions.
            Unavailable: the store does not answer.
        """
        await self._store.recover(self.stream, self.partition)
        self.next, (packed,) = await self._store.read(self.stream, self.partition, [META])
        if packed is None:
            return
        self.untouched = False
        self.meta = unpack_meta(packed)
        self._check_origin()
        fields = [dims_field(code) for code in range(self.meta.dims)]
        for code, value in enumerate(await self._fetch(fields)):
            if value is not None:
                self._dims[unpack_dims(value)] = code

    def _check_origin(self) -> None:
        place = f"{self.stream}[{self.partition}]"
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
            Fenced, Unavailable: what is in memory may be ahead of the store now: forget this shard.
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
        changes: dict[Field, bytes] = {META: b""}  # its place is in the first command of a large write
        change = self._remeasure(arrivals, changes)
        changes |= await self._cells.apply(change, watermark_before, self.meta.watermark)
        for dims, code in list(self._dims.items())[dims_before:]:
            changes[dims_field(code)] = pack_dims(dims)
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
        if nothing := self._cells.take_dropped():
            await self._store.drop(self.stream, self.partition, ends, nothing)
        return unusable

    def _sort(self, records: Iterable[Record]) -> tuple[dict[str, list[Fact]], list[Unusable]]:
        """The facts of ``records`` by entity; those that come too late are counted and left out."""
        arrivals: dict[str, list[Fact]] = {}
        unusable = []
        watermark, late = self.meta.watermark, self.meta.late
        for record in records:
            try:
                fact = decode(record.value or b"")
            except NO_EVENT as error:
                unusable.append(Unusable(record, str(error)))
                continue
            if fact.type == "agent.state_changed" and fact.at < look_back(watermark):
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
            self._entities[entity] = Entity(timeline, measure(timeline, self._rules))

    def _remeasure(self, arrivals: Mapping[str, list[Fact]], changes: dict[Field, bytes]) -> CodedTallies:
        """Let the facts join their timelines; what they add, and in ``changes`` the timelines."""
        added: CodedTallies = {}
        for entity, facts in arrivals.items():
            held = self._entities.pop(entity)  # put back below as the most recently used
            timeline = absorb(held.timeline, facts)
            if timeline is not held.timeline:
                tallies = measure(timeline, self._rules)
                for (name, at, dims, step), (count, total) in difference(held.tallies, tallies).items():
                    add(added, (name, at, self._code(dims), step), count, total)
                held = self._settled(Entity(timeline, tallies))
                changes[entity_field(entity)] = pack_facts(held.timeline)
            self._entities[entity] = held
        return added

    def _settled(self, entity: Entity) -> Entity:
        if entity.timeline[0].type != "agent.state_changed":
            return entity
        timeline = settled(entity.timeline, look_back(self.meta.watermark))
        return entity if len(timeline) == len(entity.timeline) else Entity(timeline, measure(timeline, self._rules))

    def _code(self, dims: Dims) -> int:
        """The number that stands for a dimension set in this shard."""
        code = self._dims.get(dims)
        if code is None:
            code = self._dims[dims] = len(self._dims)
        return code

    async def _fetch(self, fields: Sequence[Field]) -> list[bytes | None]:
        if not fields:
            return []
        _, values = await self._store.read(self.stream, self.partition, fields)
        return values

    def _cool(self, hot_entities: int) -> None:
        for entity in list(islice(self._entities, max(0, len(self._entities) - hot_entities))):
            del self._entities[entity]
        self._cells.cool(GROUPS_PER_ENTITY * hot_entities)


def look_back(watermark: Millis) -> Millis:
    """The instant before which an agent's timeline is settled."""
    return (watermark // DAY_MS - AGENT_LOOK_BACK_DAYS) * DAY_MS
