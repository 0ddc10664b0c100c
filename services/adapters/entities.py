"""Entities of the store, read by their names: never all of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka.partitioner import DefaultPartitioner

from schemas.codec import Fact, unpack_facts
from schemas.topics import TICKETS, Topic, sibling
from services.adapters.state_layout import META, entity_field, tickets_field, unpack_keys, unpack_meta
from services.adapters.state_store import StateStore
from services.errors import Misconfigured

KEYS_ARE = (
    "a ticket's key is tenant/source/id, /source/id without a tenant, or the bare id without either; a slash inside "
    "a part is written %2F"
)
FIELDS_PER_READ = 500
"""Timelines are larger than cells: so few that Redis serves others in between."""

_partition: Any = DefaultPartitioner()


def partition_of(key: str, partitions: int) -> int:
    """Where the log, and so the store, has an entity: as the producer chooses it."""
    return int(_partition(key.encode(), range(partitions), []))


def possible_keys(text: str) -> list[str]:
    """The keys that ``text`` may mean: as it stands, which comes first, and with slashes of the id escaped."""
    parts = text.split("/")
    scopes = [scope for scope in (2, 1, 0) if scope < len(parts)]
    escaped = [sibling("/".join([*parts[:scope], ""]), "/".join(parts[scope:])) for scope in scopes]
    return list(dict.fromkeys([text, *escaped]))


class Entities:
    """Reads timelines; writes nothing."""

    def __init__(self, store: StateStore, partitions: int) -> None:
        self._store = store
        self._partitions = partitions

    async def timeline(self, topic: Topic, key: str) -> list[Fact]:
        """One entity's facts, in order; none where it is not known.

        Raises:
            Unavailable: the store does not answer.
        """
        return (await self.timelines(topic, [key])).get(key, [])

    async def timelines(self, topic: Topic, keys: Iterable[str]) -> Mapping[str, list[Fact]]:
        """The facts of several entities; those that are not known are left out.

        Raises:
            Unavailable: the store does not answer.
        """
        by_partition: dict[int, list[str]] = {}
        for key in keys:
            by_partition.setdefault(partition_of(key, self._partitions), []).append(key)
        found: dict[str, list[Fact]] = {}
        for partition, theirs in by_partition.items():
            for begin in range(0, len(theirs), FIELDS_PER_READ):
                piece = theirs[begin : begin + FIELDS_PER_READ]
                _, values = await self._store.read(topic.stream, partition, [entity_field(key) for key in piece])
                found |= {key: unpack_facts(value) for key, value in zip(piece, values, strict=True) if value}
        return found

    async def tickets_of(self, hours: Sequence[int]) -> Mapping[int, list[str]]:
        """The keys of tickets that have, or had, a tally with an instant in these hours; in order.

        Raises:
            Unavailable: the store does not answer.
        """
        found: dict[int, list[str]] = {hour: [] for hour in hours}
        for partition in range(self._partitions):
            _, values = await self._store.read(TICKETS.stream, partition, [tickets_field(hour) for hour in hours])
            for hour, value in zip(hours, values, strict=True):
                found[hour] += unpack_keys(value)
        return {hour: sorted(keys) for hour, keys in found.items()}

    async def check(self, topic: Topic) -> None:
        """Raises:
        Unavailable: the store does not answer.
        Misconfigured: the state was made with another number of partitions, so that names lie elsewhere.
        """
        _, (packed,) = await self._store.read(topic.stream, 0, [META])
        made_with = unpack_meta(packed).partitions
        if made_with not in (0, self._partitions):
            raise Misconfigured(
                f"DESKPULSE_PARTITIONS is {self._partitions}, the state was made with {made_with}: set it to that"
            )
