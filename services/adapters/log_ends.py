"""Where the event log begins and ends, partition by partition, and whether somebody keeps up with it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.topics import MEASURED
from services.adapters.log_reader import TAIL_MS, Place, open_groupless_consumer
from services.config import Settings
from services.errors import Unavailable

Offsets = Mapping[Place, int]

_MOST_TAIL_READS = 20
"""A log that is written to all the time would be read for ever."""
_STILL_LOOKS = 2


class LogEnds:
    """Looks at the measured topics. Belongs to no consumer group."""

    def __init__(self, consumer: AIOKafkaConsumer, places: Sequence[Place], *, embedded: bool) -> None:
        self._consumer = consumer
        self._places = [TopicPartition(*place) for place in places]
        self._embedded = embedded
        self._tail: dict[TopicPartition, int] = {}

    async def begins(self) -> Offsets:
        """The first offset that each partition still has.

        Raises:
            Unavailable: no broker answers.
        """
        try:
            return self._told(await self._consumer.beginning_offsets(self._places))
        except (KafkaError, OSError) as error:
            raise Unavailable(f"the log does not answer: {error}") from error

    async def ends(self) -> Offsets:
        """The offset after the last record of each partition.

        Raises:
            Unavailable: no broker answers.
        """
        try:
            ends = await self._consumer.end_offsets(self._places)
            return self._told(await self._tails(ends) if self._embedded else ends)
        except (KafkaError, OSError) as error:
            raise Unavailable(f"the log does not answer: {error}") from error

    def _told(self, offsets: Mapping[TopicPartition, int]) -> Offsets:
        return {(place.topic, place.partition): int(offsets[place]) for place in self._places}

    async def _tails(self, ends: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """The embedded broker tells an end inside of a batch: what lies behind it is read."""
        if not self._tail:
            self._consumer.assign(self._places)
        for place in self._places:
            if place not in self._tail or self._tail[place] < ends[place]:
                self._tail[place] = ends[place]
                self._consumer.seek(place, ends[place])
        for _ in range(_MOST_TAIL_READS):
            found = await self._consumer.getmany(*self._places, timeout_ms=TAIL_MS)
            if not found:
                break
            for place, records in found.items():
                self._tail[place] = records[-1].offset + 1
        return self._tail


@asynccontextmanager
async def open_log_ends(settings: Settings) -> AsyncIterator[LogEnds]:
    """A look at the log of the settings.

    Raises:
        Unavailable: no broker answers.
    """
    places = [(topic.name, partition) for topic in MEASURED for partition in range(settings.partitions)]
    async with open_groupless_consumer(settings, auto_offset_reset="latest") as consumer:
        yield LogEnds(consumer, places, embedded=settings.embedded_broker)


class Keeping:
    """Whether a state keeps up with a log that may never stand still: it comes to where the log ended a look before,
    some times in a row, or the log stands still and it has everything."""

    def __init__(self, times: int) -> None:
        self._times = times
        self._goal: Offsets | None = None
        self._still = 0

    def look(self, nexts: Offsets, ends: Offsets) -> bool:
        """Take one look more.

        Args:
            nexts: Where the state was, asked for before ``ends``: what it tells it appends before it moves on.
        """
        self._still = self._still + 1 if behind(nexts, ends) == 0 else 0
        if self._goal is not None and behind(nexts, self._goal) == 0:
            self._times -= 1
            self._goal = ends
        self._goal = self._goal or ends
        return self._still >= _STILL_LOOKS or self._times <= 0


def behind(nexts: Offsets, ends: Offsets) -> int:
    """How many records a state lacks."""
    return sum(max(end - nexts.get(place, 0), 0) for place, end in ends.items())
