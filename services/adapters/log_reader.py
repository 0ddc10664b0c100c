"""Looks into the event log beside the consumer group: what there is, and whether it is the same log still."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import ConsumerRecord

from services.config import Settings
from services.errors import Halted, Unavailable

Record = ConsumerRecord[bytes, bytes]
"""One record as the broker keeps it."""

_LOOK_S = 15.0
_LOOKS = 3
_POLL_MS = 1000
TAIL_MS = 300
"""How long the embedded broker is asked for what it says nothing of: where the log ends."""
_FETCH_WAIT_MS = 100

Place = tuple[str, int]
"""(topic, partition)"""


def fingerprint(record: Record) -> str:
    """Tells a record, and by its place and time a log, from any other: `offset:digest`."""
    digest = hashlib.blake2b(record.value or b"", digest_size=8, key=str(record.timestamp).encode())
    return f"{record.offset}:{digest.hexdigest()}"


@dataclass
class LogReader:
    """Reads records by their place. Belongs to no consumer group."""

    _consumer: AIOKafkaConsumer
    _turn: asyncio.Lock
    _embedded: bool = False
    """The embedded broker tells an end that lies inside of the last batch."""

    async def earliest(self, topic: str, partition: int) -> int:
        """The first offset that the log still has.

        Raises:
            Unavailable: no broker answers.
        """
        place = TopicPartition(topic, partition)
        async with self._turn:
            try:
                begins = await asyncio.wait_for(self._consumer.beginning_offsets([place]), _LOOK_S)
            except (KafkaError, OSError, TimeoutError) as error:
                raise Unavailable(f"the log {topic}[{partition}] does not answer: {error}") from error
        return int(begins[place])

    async def first_from(self, topic: str, partition: int, offset: int) -> Record | None:
        """The first record at ``offset`` or after; None when the log ends before, or begins after ``offset``.

        Raises:
            Unavailable: the broker does not tell. That is no sign of a missing record.
        """
        place = TopicPartition(topic, partition)
        async with self._turn:
            try:
                async with asyncio.timeout(_LOOK_S):
                    self._consumer.assign([place])
                    self._consumer.seek(place, offset)
                    for _ in range(_LOOKS):
                        found = await self._consumer.getmany(place, timeout_ms=_POLL_MS, max_records=1)
                        if records := found.get(place):
                            return records[0]
                    ends = await self._consumer.end_offsets([place])
            except OffsetOutOfRangeError:
                return None
            except (KafkaError, OSError, TimeoutError) as error:
                raise Unavailable(f"the log {topic}[{partition}] does not answer: {error}") from error
        if int(ends[place]) > offset:
            raise Unavailable(f"the log {topic}[{partition}] has a record at {offset} and does not give it")
        return None

    async def at_end(self, nexts: Mapping[Place, int]) -> set[Place]:
        """Those places whose log has nothing from the offset on that is given for them.

        Raises:
            Unavailable: no broker answers.
        """
        wanted = {TopicPartition(*place): offset for place, offset in nexts.items()}
        if not wanted:
            return set()
        try:
            async with asyncio.timeout(_LOOK_S):
                ends = await self._consumer.end_offsets(list(wanted))
                done = {place for place, offset in wanted.items() if ends[place] <= offset}
                if self._embedded and done:
                    async with self._turn:
                        done -= await self._with_more(done, wanted)
        except (KafkaError, OSError, TimeoutError) as error:
            raise Unavailable(f"the log does not tell where it ends: {error}") from error
        return {(place.topic, place.partition) for place in done}

    async def _with_more(
        self, places: set[TopicPartition], offsets: Mapping[TopicPartition, int]
    ) -> set[TopicPartition]:
        self._consumer.assign(sorted(places))
        for place in places:
            self._consumer.seek(place, offsets[place])
        waiting = set(places)
        while waiting and (found := await self._consumer.getmany(*waiting, timeout_ms=TAIL_MS)):
            waiting -= found.keys()
        return places - waiting

    async def since(self, topic: str, partition: int, at: int) -> list[Record]:
        """The records that the log took from the instant ``at`` on, in milliseconds, up to its end now.

        Raises:
            Unavailable: the broker does not give them.
        """
        place = TopicPartition(topic, partition)
        async with self._turn:
            try:
                async with asyncio.timeout(_LOOK_S):
                    begin = (await self._consumer.offsets_for_times({place: at}))[place]
                    # The embedded broker says by the time of -1 that there is none.
                    if begin is None or begin.timestamp < 0:
                        return []
                    return await self._read_on(place, begin.offset)
            except (KafkaError, OSError, TimeoutError) as error:
                raise Unavailable(f"the log {topic}[{partition}] does not answer: {error}") from error

    async def _read_on(self, place: TopicPartition, offset: int) -> list[Record]:
        end = (await self._consumer.end_offsets([place]))[place]
        self._consumer.assign([place])
        self._consumer.seek(place, offset)
        records: list[Record] = []
        while True:
            found = await self._consumer.getmany(place, timeout_ms=TAIL_MS)
            records += found.get(place, [])
            reached = await self._consumer.position(place) >= end
            if reached and not (self._embedded and found):
                return records

    async def check(self, topic: str, partition: int, next_offset: int, *taken_in: str) -> None:
        """Whether this is the log that a state was made from, up to ``next_offset``.

        Args:
            taken_in: `fingerprint`s of records that the state has taken in; empty ones are passed over.

        Raises:
            Halted: it is another log, or one that has lost records which the state never saw.
            Unavailable: no broker answers.
        """
        place = f"{topic}[{partition}]"
        earliest = await self.earliest(topic, partition)
        if earliest > next_offset:
            raise Halted(
                f"{place}: the log begins at {earliest}, the state wants {next_offset}: "
                f"{earliest - next_offset} events went by retention before they were read. {_REBUILD}"
            )
        for last in filter(None, taken_in):
            offset = int(last.partition(":")[0])
            if offset < earliest:
                continue
            record = await self.first_from(topic, partition, offset)
            if record is None or fingerprint(record) != last:
                raise another_log(place, offset, ends=record is None)


def another_log(place: str, offset: int, *, ends: bool) -> Halted:
    """What is said of a log that is not the one the state was made from."""
    came = "it ends before that" if ends else "another record stands there"
    return Halted(
        f"{place}: this is not the log that the state was made from: the state has taken in offset {offset}, "
        f"and {came}. The topic was recreated or truncated. {_REBUILD}"
    )


_REBUILD = (
    "Nothing is guessed: set DESKPULSE_NAMESPACE to a new name to rebuild the state from the log as it is, "
    "or bring the old log back."
)


@asynccontextmanager
async def open_log_reader(settings: Settings) -> AsyncIterator[LogReader]:
    """A reader of the event log.

    Raises:
        Unavailable: no broker answers.
    """
    own = {"auto_offset_reset": "none", "request_timeout_ms": int(_LOOK_S * 1000)}
    async with open_groupless_consumer(settings, **own) as consumer:
        yield LogReader(consumer, asyncio.Lock(), settings.embedded_broker)


@asynccontextmanager
async def open_groupless_consumer(settings: Settings, **own: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that looks at the log beside all groups.

    Args:
        own: Settings of the consumer itself.

    Raises:
        Unavailable: no broker answers.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_brokers,
        enable_auto_commit=False,
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        **own,
    )
    try:
        await consumer.start()
    except (KafkaError, OSError) as error:
        raise Unavailable(f"no Kafka broker answers at {settings.kafka_brokers}: {error}") from error
    try:
        yield consumer
    finally:
        await consumer.stop()
