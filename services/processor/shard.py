"""A shard: one partition's state, in memory and in the store.

`absorb` takes the partition's next records, in order: facts join their timelines, `measure` says what each touched
entity now adds to the cells, and the difference goes to the store in one fenced write, together with the offset of
the next record. What is not in memory is fetched by name.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec

from schemas.codec import Fact, Millis, decode, pack_facts, unpack_facts
from services.adapters.log_reader import Record, fingerprint
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
from services.core.timeline import absorb, event_time
from services.errors import Halted
from services.processor.kept_cells import CodedTallies, KeptCells

RECORDS_PER_WRITE = 250
"""So many that a write seldom needs more than one command."""
HOT_ENTITIES = 200_000
AGENT_LOOK_BACK_DAYS = 2
"""An agent's event that comes later than this after its day is counted, and changes nothing."""

UNUSABLE = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)


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

    async def absorb(self, records: Sequence[Record]) -> list[Unusable]:
        """Apply the partition's next records, of which the first is at `next`, or the next that there is.

        Returns:
            The records that are no events: they have no effect but to be counted.

        Raises:
            Fenced, Unavailable: what is in memory may be ahead of the store now: forget this shard.
        """
        unusable: list[Unusable] = []
        for begin in range(0, len(records), RECORDS_PER_WRITE):
            unusable += await self._absorb(records[begin : begin + RECORDS_PER_WRITE])
        return unusable

    async def _absorb(self, records: Sequence[Record]) -> list[Unusable]:
        watermark_before, dims_before = self.meta.watermark, len(self._dims)
        arrivals, unusable = self._sort(records)
        await self._recall(arrivals)
        changes: dict[Field, bytes] = {}
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
        self._cool()
        return unusable

    def _sort(self, records: Iterable[Record]) -> tuple[dict[str, list[Fact]], list[Unusable]]:
        """The facts of ``records`` by entity; those that come too late are counted and left out."""
        arrivals: dict[str, list[Fact]] = {}
        unusable = []
        watermark, late = self.meta.watermark, self.meta.late
        for record in records:
            try:
                fact = decode(record.value or b"")
            except UNUSABLE as error:
                unusable.append(Unusable(record, str(error)))
                continue
            if fact.type == "agent.state_changed" and fact.at < look_back(watermark):
                late += 1
                continue
            watermark = max(watermark, event_time(fact))
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

    def _cool(self) -> None:
        for entity in list(islice(self._entities, max(0, len(self._entities) - HOT_ENTITIES))):
            del self._entities[entity]


def look_back(watermark: Millis) -> Millis:
    """The instant before which an agent's timeline is settled."""
    return (watermark // DAY_MS - AGENT_LOOK_BACK_DAYS) * DAY_MS
