"""A whole state for tests, as the processor would leave it in the store: entities, their index by hour, and cells."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from schemas.codec import Fact, Millis, pack_facts
from schemas.topics import MEASURED
from services.adapters.entities import partition_of
from services.adapters.state_layout import META, Field, entity_field, pack_keys, pack_meta, tickets_field, unpack_meta
from services.adapters.state_store import StateStore
from services.board.columns import Shard
from services.core.exchange import exchanged
from services.core.rules import Rules
from services.core.tally import HOUR_MS, Tallies
from tests.board.written import Writer, together

PARTITIONS = 2


async def store_state(store: StateStore, facts: Iterable[Fact], rules: Rules, watermark: Millis) -> None:
    """Let the store hold what ``facts`` come to."""
    tallies: dict[Shard, Tallies] = defaultdict(dict)
    fields: dict[Shard, dict[Field, bytes]] = defaultdict(dict)
    hours: dict[tuple[Shard, int], set[str]] = defaultdict(set)
    for (stream, key), entity in exchanged(facts, rules).items():
        shard = stream, partition_of(key, PARTITIONS)
        tallies[shard] = together(tallies[shard], entity.told.tallies)
        fields[shard][entity_field(key)] = pack_facts(entity.timeline)
        if stream == "tickets":
            for _, at, _, _ in entity.told.tallies:
                hours[shard, at // HOUR_MS].add(key)
    for (shard, hour), keys in hours.items():
        fields[shard][tickets_field(hour)] = pack_keys(keys)
    for shard in ((topic.stream, partition) for topic in MEASURED for partition in range(PARTITIONS)):
        writer = Writer(store, shard, rules.policy.fingerprint())
        await writer.write(tallies[shard], watermark)
        _, (packed,) = await store.read(*shard, [META])
        fields[shard][META] = pack_meta(msgspec.structs.replace(unpack_meta(packed), partitions=PARTITIONS))
        await store.write(*shard, began=writer.next, ends=writer.next + 1, changes=fields[shard])
