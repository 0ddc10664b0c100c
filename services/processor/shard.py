"""A shard: one partition's state, in memory and in the store.

`absorb` takes the partition's next records, in order: facts join their timelines, `measure` says what each touched
entity now adds to the cells and tells others. The difference goes to the store in one fenced write, together with the
offset of the next record; what others have to know goes to the log before that, so that whoever goes on after a crash
tells it again. What is not in memory is fetched by name. `look` does what time alone has made due: it announces.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import msgspec

from schemas.codec import Fact, Millis, pack_facts
from schemas.topics import TICKETS
from services.adapters.log_reader import Record, another_log, fingerprint
from services.adapters.state_layout import (
    LAYOUT,
    META,
    SIGNALS,
    TURN,
    Field,
    Meta,
    entity_field,
    pack_meta,
    tickets_field,
    unpack_keys,
    unpack_meta,
    unpack_signals,
)
from services.adapters.state_store import StateStore
from services.core.presence import Presence, look_back
from services.core.rules import Rules
from services.core.tally import HOUR_MS, MEASURES, Kind, Tallies, add
from services.errors import Fenced, Unavailable
from services.processor.announcing import Announcing, Herald
from services.processor.arrivals import Unusable, sorted_out
from services.processor.kept_cells import CodedTallies, KeptCells
from services.processor.kept_dims import KeptDims
from services.processor.kept_entities import KeptEntities
from services.processor.kept_hours import KeptHours
from services.processor.origin import StateOrigin
from services.processor.signalling import Handover, Signalling

RECORDS_PER_WRITE = 500
"""So many that a write seldom needs more than one command."""
HOT_ENTITIES = 100_000
"""How many entities a worker keeps in memory; some 8 KiB each for a ticket of ten events."""
GROUPS_PER_ENTITY = 3
"""How many groups of cells stay in memory for each entity that does."""


Tell = Callable[[Sequence[Fact]], Awaitable[None]]
"""Appends to the log what entities have to know of others; returns when it is there."""


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
        self,
        store: StateStore,
        stream: str,
        partition: int,
        rules: Rules,
        origin: StateOrigin,
        tell: Tell,
        herald: Herald | None = None,
    ) -> None:
        """``herald`` takes signals to their topic; without one, nothing is announced."""
        self.stream = stream
        self.partition = partition
        self.next = 0
        self.meta = Meta(layout=LAYOUT, policy=origin.policy, partitions=origin.partitions)
        self.untouched = True
        """Nothing was ever written."""
        self.inspected = ""
        """Fingerprint of a record taken in, of when the log was last looked at."""
        self.announcing: Announcing | None = None
        """Of tickets, once loaded."""
        self._store = store
        self._rules = rules
        self._origin = origin
        self._tell = tell
        self._herald = herald if stream == TICKETS.stream else None
        self._turn = 0
        self._silenced = False
        """Signals were announced, and are not to be any more."""
        self._alone = asyncio.Lock()
        self._over = False
        """What is in memory may be another thing than what is in the store, or somebody else goes on."""
        self._hot_entities = HOT_ENTITIES
        self._entities = KeptEntities(self._fetch, stream, rules)
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
        wanted = [META, TURN, SIGNALS]
        self.next, (packed, turn, signals) = await self._store.read(self.stream, self.partition, wanted)
        self._turn = int(turn or 0)
        self._silenced = self._herald is None and bool(signals) and not self._origin.beside
        if self._herald is not None:
            state, handover = unpack_signals(signals), await self._handover()
            signalling = Signalling(self._rules, self._origin.namespace, state, handover)
            self._entities.signalling = signalling
            self.announcing = Announcing(self._herald, signalling, self.partition)
        if packed is None:
            return
        self.untouched = False
        self.meta = unpack_meta(packed)
        self._origin.check(self.meta, f"{self.stream}[{self.partition}]")
        await self._dims.load(self._fetch, self.meta.dims)

    async def _handover(self) -> Handover | None:
        """What the state that was live before this one leaves; None where nobody switched."""
        origin = self._origin
        if origin.live_since is None:
            return None
        packed = None
        if origin.before not in ("", origin.namespace):
            before = self._store.beside(origin.before)
            _, (packed,) = await before.read(self.stream, self.partition, [SIGNALS])
        return Handover(origin.live_since, unpack_signals(packed))

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
        self._hot_entities = hot_entities
        for begin in range(0, len(records), RECORDS_PER_WRITE):
            async with self._undisturbed():
                unusable += await self._absorb(records[begin : begin + RECORDS_PER_WRITE])
                self._cool()
        return unusable

    @asynccontextmanager
    async def _undisturbed(self) -> AsyncIterator[None]:
        async with self._alone:
            if self._over:
                raise Fenced(f"{self.stream}[{self.partition}]: this shard was dropped: nothing was done")
            try:
                yield
            except BaseException:
                self._over = True
                raise

    async def close(self) -> None:
        """Let somebody else go on, once what was begun is done. Nothing more is done after this.

        The next one is told how far time has come here; where that cannot be written, it looks through a little more.
        """
        async with self._alone:
            announcing = None if self._over else self.announcing
            if announcing is not None and (fields := announcing.signalling.fields(announcing.now)):
                with suppress(Fenced, Unavailable):
                    await self._write(self.next, fields)
            self._over = True

    async def look(self, *, at_end: bool) -> None:
        """Announce what time alone has made true; nothing while this shard is behind.

        Args:
            at_end: Whether it has all that the log has.

        Raises:
            Fenced, Unavailable: as of `absorb`.
        """
        while self.announcing is not None and await self._look(self.announcing, at_end=at_end):
            pass

    async def _look(self, announcing: Announcing, *, at_end: bool) -> bool:
        """Look at some tickets; returns whether there are more."""
        signalling = announcing.signalling
        async with self._undisturbed():
            if not announcing.live(at_end=at_end) or not await self._sure(announcing):
                return False
            hours = [tickets_field(hour) for hour in signalling.new_hours()]
            for listed in await self._fetch(hours):
                signalling.listed(unpack_keys(listed))
            tickets = signalling.next_tickets()
            await self._entities.recall(tickets)
            signalling.judge(self._entities, tickets, announcing.now)
            if news := signalling.news(announcing.now):
                await self._write(self.next, news)
            await announcing.send()
            self._cool()
            return signalling.more and not announcing.unsure

    async def _sure(self, announcing: Announcing) -> bool:
        """Whether it is known which signals of the outbox were sent."""
        if announcing.unsure and announcing.ripe:
            if announcing.waiting:
                await self._write(self.next, announcing.signalling.fields(announcing.now))
            await announcing.make_sure()
        return not announcing.unsure

    async def _absorb(self, records: Sequence[Record]) -> list[Unusable]:
        watermark_before, dims_before = self.meta.watermark, len(self._dims)
        arrivals, unusable, self.meta = sorted_out(records, self._origin.state, self.meta)
        await self._entities.recall(arrivals)
        change = self._remeasure(arrivals)
        self._judge(change, arrivals, records[-1].timestamp)
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
        await self._write(ends, changes)
        if nothing := [*self._cells.take_dropped(), *self._hours.take_dropped()]:
            await self._store.drop(self.stream, self.partition, ends, nothing, turn=self._turn)
        if self.announcing is not None:
            await self.announcing.send()
        return unusable

    async def _write(self, ends: int, changes: Mapping[Field, bytes]) -> None:
        if self.announcing is not None:
            self.announcing.begin_write()
        turn = self._turn + (ends == self.next)
        await self._store.write(
            self.stream,
            self.partition,
            began=self.next,
            ends=ends,
            changes=changes,
            turn=self._turn,
            next_turn=None if turn == self._turn else turn,
        )
        self.untouched = self.untouched and ends == self.next
        self.next, self._turn = ends, turn

    def _judge(self, change: _Change, arrivals: Iterable[str], logged_at: Millis) -> None:
        """Add to the change what is to be announced, or that nothing is any more."""
        announcing = self.announcing
        if announcing is None:
            if self._silenced:
                change.fields[SIGNALS], self._silenced = b"", False
            return
        announcing.newest_at = logged_at
        announcing.live(at_end=False)
        announcing.signalling.judge(self._entities, arrivals, announcing.now)
        change.fields |= announcing.signalling.fields(announcing.now)

    def _remeasure(self, arrivals: Mapping[str, list[Fact]]) -> _Change:
        """Let the facts join their timelines."""
        change = _Change({}, {}, [], {})
        for entity, facts in arrivals.items():
            held = self._entities.used(entity)
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
            hours = {at // HOUR_MS for _, at, _, _ in added}
            if self.announcing is not None:
                hours |= self.announcing.signalling.hours(self._entities[entity])
            for hour in hours:
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

    def _cool(self) -> None:
        self._entities.cool(self._hot_entities)
        self._cells.cool(GROUPS_PER_ENTITY * self._hot_entities)
        self._hours.cool()
