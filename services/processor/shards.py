"""The shards that this worker owns: loaded on assignment, fed in order, forgotten when somebody else goes on.

What would break the argument behind the fence is checked here and halts the partition: a gap in the offsets, another
log, another policy. A halted partition is read no further; the others go on.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

from faust.types import TP

from schemas import topics
from services.adapters.event_log import EventLog
from services.adapters.event_log import Record as Outgoing
from services.adapters.log_reader import LogReader, Record
from services.adapters.metrics import ProcessorMetrics
from services.adapters.state_store import StateStore
from services.core.rules import Rules
from services.errors import Fenced, Halted, Unavailable
from services.processor.announcing import Herald, Stopwatch
from services.processor.arrivals import Unusable
from services.processor.origin import StateOrigin
from services.processor.shard import Shard
from services.processor.telling import Telling

log = logging.getLogger(__name__)

_STREAMS = {topic.name: topic.stream for topic in topics.MEASURED}
_LONGEST_PAUSE_S = 5.0
_AT_END_S = 5.0
"""How long a shard that had all of the log counts as having it."""


class Shards:
    """One `Shard` for each assigned partition, or the reason why there is none."""

    def __init__(
        self,
        store: StateStore,
        reader: LogReader,
        event_log: EventLog,
        rules: Rules,
        origin: StateOrigin,
        metrics: ProcessorMetrics,
        hot_entities: int,
        herald: Herald | None = None,
    ) -> None:
        """``hot_entities``: how many entities all shards together keep in memory. Without ``herald`` nothing is
        announced."""
        self.halted: dict[TP, Halted] = {}
        self._assigned: set[TP] = set()
        self._owned: dict[TP, Shard] = {}
        self._store = store
        self._reader = reader
        self._event_log = event_log
        self._rules = rules
        self._origin = origin
        self._metrics = metrics
        self._hot = hot_entities
        self._tell = Telling(event_log, origin.state, metrics)
        self._refused: dict[TP, int] = {}
        """How often in a row a batch could not be applied."""
        self._herald = herald
        self._at_end: dict[TP, Stopwatch] = {}
        """Since a shard was last seen to have all that the log has."""
        self._looking: set[TP] = set()

    def positions(self) -> dict[TP, int]:
        """The next offset of each partition that is being read."""
        return {tp: shard.next for tp, shard in self._owned.items()}

    def unattended(self) -> set[TP]:
        """Assigned partitions that are neither read nor halted."""
        return self._assigned - self._owned.keys() - self.halted.keys()

    async def assign(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Take over what the group has assigned; waits for the store and the log.

        Returns:
            Where to read on, for each partition.
        """
        tps = set(tps)
        self.forget(self._assigned - tps)
        self._assigned = tps
        positions = await asyncio.gather(*(self.load(tp) for tp in tps))
        return dict(zip(tps, positions, strict=True))

    async def become(self, store: StateStore, rules: Rules, origin: StateOrigin) -> dict[TP, int]:
        """Make another state from now on; waits for the store and the log.

        Returns:
            Where to read on, for each partition that is assigned.
        """
        self._store, self._rules, self._origin = store, rules, origin
        self._tell = Telling(self._event_log, origin.state, self._metrics)
        await self._end(self._assigned)
        tps = list(self._assigned)
        positions = await asyncio.gather(*(self.load(tp) for tp in tps))
        for tp in set(tps) - self._assigned:  # taken away meanwhile
            self._drop(tp)
        return {tp: position for tp, position in zip(tps, positions, strict=True) if tp in self._assigned}

    async def load(self, tp: TP) -> int:
        """Take a partition over from the store; waits for the store and the log.

        Returns:
            Where to read on.
        """
        self._drop(tp)
        attempt = 0
        while True:
            try:
                return await self._load(tp)
            except Halted as error:
                self._halt(tp, error)
                return 0
            except Unavailable as error:
                attempt += 1
                await self._wait(tp, error, attempt)

    async def _load(self, tp: TP) -> int:
        store, stream = self._store, _STREAMS[tp.topic]
        shard = Shard(store, stream, tp.partition, self._rules, self._origin, self._tell, self._herald)
        await shard.load()
        if shard.untouched:
            position = await self._reader.earliest(tp.topic, tp.partition)
        else:
            position = shard.next
            await self._check_log(tp, shard)
        if store is not self._store:
            return await self._load(tp)  # it is another state by now that we make
        self._owned[tp] = shard
        log.info("shard loaded", extra={"partition": f"{tp.topic}[{tp.partition}]", "next": shard.next})
        return position

    async def absorb(self, tp: TP, records: Sequence[Record]) -> int | None:
        """Apply a batch of a partition's records. Safe to repeat: what is below the fence is passed over.

        Returns:
            None when all is done; else the offset to read again from.
        """
        shard = self._owned.get(tp)
        if shard is None:
            return await self.load(tp) if tp in self.unattended() else None
        return await self._reloaded(tp, lambda: self._absorb(tp, shard, records))

    async def _absorb(self, tp: TP, shard: Shard, records: Sequence[Record]) -> int | None:
        news = [record for record in records if record.offset >= shard.next]
        if not news:
            return None
        if news[0].offset > shard.next and not await self._nothing_between(tp, shard, news[0].offset):
            return shard.next
        await self._set_aside(await shard.absorb(news, self._hot // max(1, len(self._owned))))
        self._refused.pop(tp, None)
        self._metrics.applied(tp.topic, news)
        return None

    async def announce(self) -> dict[TP, int]:
        """Let every shard that is not behind announce what has become true; to be called a few times a second.

        A shard that is still at it from an earlier call is passed over, so that no shard waits for another.

        Returns:
            Where to read again from, for partitions that were loaded again.
        """
        shards = {tp: shard for tp, shard in self._owned.items() if tp not in self._looking and shard.announcing}
        quiet = {tp: shard for tp, shard in shards.items() if not self._known_live(tp, shard)}
        asking = asyncio.ensure_future(self._ask_for_ends(quiet))

        async def announce(tp: TP, shard: Shard) -> int | None:
            self._looking.add(tp)
            try:
                if tp in quiet:
                    await asyncio.wait([asking])
                return await self._reloaded(tp, partial(shard.look, at_end=tp in self._at_end))
            finally:
                self._looking.discard(tp)

        try:
            offsets = await asyncio.gather(*(announce(tp, shard) for tp, shard in shards.items()))
            await asking
        finally:
            asking.cancel()
        self._metrics.unsent.set(sum(each.announcing.waiting for each in self._owned.values() if each.announcing))
        return {tp: offset for tp, offset in zip(shards, offsets, strict=True) if offset is not None}

    def _known_live(self, tp: TP, shard: Shard) -> bool:
        """Whether nobody has to be asked: it takes new records, or had all a moment ago."""
        if shard.announcing is not None and shard.announcing.fresh:
            return True
        if tp in self._at_end and self._at_end[tp].seconds >= _AT_END_S:
            del self._at_end[tp]
        return tp in self._at_end

    async def _ask_for_ends(self, quiet: Mapping[TP, Shard]) -> None:
        """Note which shards have all that the log has."""
        herald = self._herald
        nexts = {(tp.topic, tp.partition): shard.next for tp, shard in quiet.items()}
        if herald is None or not nexts:
            return
        asked = Stopwatch(herald.now)
        try:
            found = await self._reader.at_end(nexts)
        except Unavailable as error:
            log.warning("no signals for now", extra={"reason": str(error)})
            return
        for tp, shard in quiet.items():
            if (tp.topic, tp.partition) in found and self._owned.get(tp) is shard:
                self._at_end[tp] = asked

    async def _reloaded(self, tp: TP, work: Callable[[], Awaitable[int | None]]) -> int | None:
        """Do ``work`` on a shard; where the store or the log refuses it, load the shard again.

        Returns:
            What ``work`` returns, or the offset to read again from.
        """
        try:
            return await work()
        except Halted as error:
            self._halt(tp, error)
            return None
        except (Fenced, Unavailable) as error:
            log.warning("shard dropped, loading it again", extra={"partition": str(tp), "reason": str(error)})
            self._metrics.reloads.labels(tp.topic).inc()
            self._drop(tp)
            await self._wait_if_away(tp, error)
            if tp not in self._assigned:
                return None
            offset = await self.load(tp)
            if tp not in self._assigned:  # taken away meanwhile
                self._drop(tp)
            return offset
        except BaseException:
            self._drop(tp)  # what it has in memory may be ahead of the store
            raise

    async def _wait_if_away(self, tp: TP, error: Fenced | Unavailable) -> None:
        """Loading does not wait for a log that gives its records and takes none."""
        if isinstance(error, Unavailable):
            self._refused[tp] = attempt = self._refused.get(tp, 0) + 1
            await self._wait(tp, error, attempt)

    def recognise(self, tp: TP, records: Sequence[Record]) -> None:
        """Look at records as they are fetched: where some come again, as after Kafka went back to the beginning of an
        exchanged log, they must be the same."""
        shard = self._owned.get(tp)
        if shard is None or records[0].offset >= shard.next:
            return
        try:
            shard.recognise(records)
        except Halted as error:
            self._halt(tp, error)

    def forget(self, tps: Iterable[TP]) -> None:
        """Somebody else owns them now, or will."""
        tps = set(tps)
        self._assigned -= tps
        for tp in tps:
            self._drop(tp)

    async def release(self, tps: Iterable[TP]) -> None:
        """Give partitions up; returns once nothing is done for them any more, so that nobody sends a signal that the
        next owner finds unsent."""
        self._assigned -= set(tps)
        await self._end(tps)

    async def _end(self, tps: Iterable[TP]) -> None:
        tps = set(tps)
        shards = [self._owned[tp] for tp in tps & self._owned.keys()]
        for tp in tps:
            self._drop(tp)
        await asyncio.gather(*(shard.close() for shard in shards))

    def _drop(self, tp: TP) -> None:
        self._owned.pop(tp, None)
        self._at_end.pop(tp, None)
        if self.halted.pop(tp, None) is not None:
            self._metrics.halted.labels(tp.topic, str(tp.partition)).set(0)

    async def inspect(self) -> None:
        """Check once that each log still is the one that its state was made from."""
        for tp, shard in list(self._owned.items()):
            try:
                if not shard.untouched:
                    await self._check_log(tp, shard)
            except Halted as error:
                if self._owned.get(tp) is shard:
                    self._halt(tp, error)
            except Unavailable as error:
                log.warning("log not inspected", extra={"partition": str(tp), "reason": str(error)})

    async def _check_log(self, tp: TP, shard: Shard) -> None:
        """Look for the last record taken in, and for the one that was the last when we looked before: a log that was
        exchanged since then has another one in its place, however far it has come."""
        last = shard.meta.last
        await self._reader.check(tp.topic, tp.partition, shard.next, shard.inspected, last)
        shard.inspected = last

    async def _nothing_between(self, tp: TP, shard: Shard, offset: int) -> bool:
        """Whether the log really has no record from the shard's `next` up to ``offset``."""
        begin = shard.next
        if shard.untouched:
            begin = max(begin, await self._reader.earliest(tp.topic, tp.partition))
        first = await self._reader.first_from(tp.topic, tp.partition, begin)
        if first is None:
            await self._check_log(tp, shard)
        return first is not None and first.offset == offset

    def _halt(self, tp: TP, error: Halted) -> None:
        self._owned.pop(tp, None)
        self.halted[tp] = error
        self._metrics.halted.labels(tp.topic, str(tp.partition)).set(1)
        log.error("partition halted: %s", error, extra={"partition": str(tp)})

    async def _wait(self, tp: TP, error: Unavailable, attempt: int) -> None:
        pause_s = min(_LONGEST_PAUSE_S, 0.1 * 2**attempt) * random.uniform(0.5, 1)  # noqa: S311 - jitter
        log.warning("waiting", extra={"partition": str(tp), "reason": str(error), "pause_s": round(pause_s, 2)})
        await asyncio.sleep(pause_s)

    async def _set_aside(self, unusable: Sequence[Unusable]) -> None:
        """Keep as dead letters what is no event. They are still in the log; so this may fail."""
        for one in unusable:
            place = f"{one.record.topic}[{one.record.partition}]@{one.record.offset}"
            log.warning("record is no event", extra={"place": place, "reason": one.sentence})
            self._metrics.dead_letters.labels(one.record.topic, "no_event").inc()
        letters = [_dead_letter(one) for one in unusable]
        try:
            if letters:
                await self._event_log.append(letters)
        except Unavailable as error:
            log.warning("dead letters not kept", extra={"reason": str(error)})


def _dead_letter(unusable: Unusable) -> Outgoing:
    record = unusable.record
    headers = (
        ("reason", b"no_event"),
        ("detail", unusable.sentence.encode()),
        ("topic", record.topic.encode()),
        ("partition", str(record.partition).encode()),
        ("offset", str(record.offset).encode()),
    )
    return Outgoing(topics.DEAD_LETTERS, None, record.value or b"", headers)
