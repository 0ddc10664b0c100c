"""Where every shard of a namespace stands, and what it was made from."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.topics import MEASURED
from services.adapters.state_layout import Meta, unpack_meta
from services.adapters.state_store import StateStore


class ShardState(NamedTuple):
    """One shard as it stands in the store."""

    topic: str
    partition: int
    next: int
    meta: Meta | None
    """None while nothing was written."""


async def shard_states(store: StateStore, partitions: int) -> list[ShardState]:
    """Every shard that the processor writes.

    Raises:
        Unavailable: the store does not answer.
    """
    places = [(topic, partition) for topic in MEASURED for partition in range(partitions)]
    answers = await store.nexts([(topic.stream, partition) for topic, partition in places])
    return [
        ShardState(topic.name, partition, held, unpack_meta(packed) if packed else None)
        for (topic, partition), (held, packed) in zip(places, answers, strict=True)
    ]


def made_under(states: Iterable[ShardState]) -> frozenset[str]:
    """Fingerprints of the policies that a state was made under: one, or none when there is no state."""
    return frozenset(state.meta.policy for state in states if state.meta is not None)


def read_to(states: Iterable[ShardState], begins: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
    """The next offset of each partition. One of which nothing was taken in yet is where the log ``begins``."""
    return {(state.topic, state.partition): max(state.next, begins[state.topic, state.partition]) for state in states}
