"""What a store holds, read whole, for comparing with a recount of the log. ``redis`` is a synchronous client, whose
types do not tell bytes from text."""

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.codec import Fact
from schemas.topics import TICKETS
from services.adapters import state_layout as layout
from services.adapters.cell_blocks import BUCKETS_PER_BLOCK, parse_block_field, unpack_block
from services.core.measure import measure
from services.core.rules import Rules
from services.core.tally import DAY, HOUR_MS, MEASURES, Cells, add, oldest_kept
from services.core.timeline import absorb
from tests.recount import recounted, still_kept, watermark_of

Fields = Mapping[bytes, bytes]
"""A shard's hash, with what its last write still had to do."""
NAMES = tuple(MEASURES)


def next_of(redis: Any, namespace: str, stream: str, partition: int) -> int:
    """The shard's `next`; 0 when there is none."""
    return int(redis.hget(layout.shard_key(namespace, stream, partition), layout.NEXT) or 0)


def stored_fields(redis: Any, namespace: str, stream: str, partition: int) -> Fields:
    """All that the store has of a shard."""
    fields: dict[bytes, bytes] = redis.hgetall(layout.shard_key(namespace, stream, partition))
    return fields | layout.unpack_redo(fields.get(layout.REDO))


def stored_cells(redis: Any, namespace: str, stream: str, partition: int) -> Cells:
    """Every cell of a shard that its indexes name or its blocks hold, and no other."""
    return cells_in(stored_fields(redis, namespace, stream, partition))


def cells_in(fields: Fields) -> Cells:
    """Every cell that a shard's fields hold."""
    meta = layout.unpack_meta(fields.get(layout.META))
    sets = [dims for name in layout.dims_fields(meta.dims) for dims in layout.unpack_dims(fields[name])]
    cells: Cells = {}
    for name, value in fields.items():
        if span := parse_block_field(name):
            grain, first = span[0], span[1] * BUCKETS_PER_BLOCK[span[0]]
            for bucket, code, measured, step, count, total in zip(*unpack_block(value), strict=True):
                cell = grain, first + int(bucket), sets[code], NAMES[measured], int(step)
                add(cells, cell, int(count), int(total))
        elif (group := layout.parse_cells_field(name)) and value:
            grain, bucket, code = group
            index = layout.unpack_numbers(fields.get(layout.index_field(grain, bucket)))
            assert code in index, f"{name!r} in no index"
            for (measured, step), (count, total) in layout.unpack_cells(value).items():
                add(cells, (grain, bucket, sets[code], measured, step), count, total)
    return still_kept(cells, meta.watermark)


def unlisted(fields: Fields, facts: Iterable[Fact], rules: Rules) -> list[str]:
    """Tickets that the lists of a shard's hours do not name, though they add to a measure in one that is kept."""
    timelines: dict[str, list[Fact]] = {}
    for fact in facts:
        if fact.topic is TICKETS:
            timelines.setdefault(fact.entity, []).append(fact)
    oldest = 24 * oldest_kept(DAY, layout.unpack_meta(fields.get(layout.META)).watermark)
    lists = {name: layout.unpack_keys(value) for name, value in fields.items() if name[:1] == b"t"}
    assert all(keys == sorted(set(keys)) for keys in lists.values())
    return [
        f"{key} in hour {hour}"
        for key, arrived in timelines.items()
        for hour in sorted({at // HOUR_MS for _, at, _, _ in measure(absorb([], arrived), rules)})
        if hour >= oldest and key not in lists.get(layout.tickets_field(hour), [])
    ]


def differences(stored: Cells, facts: Iterable[Fact], rules: Rules) -> list[str]:
    """Where a shard's cells are not those of a recount of its partition; empty when they are equal to the bit."""
    facts = list(facts)
    return unequal(stored, still_kept(recounted(facts, rules), watermark_of(facts)))


def unequal(stored: Cells, expected: Cells) -> list[str]:
    """Where the cells differ."""
    if stored == expected:
        return []
    cells = sorted(expected.keys() | stored.keys(), key=repr)
    return [
        f"{cell}: stored {stored.get(cell)}, recounted {expected.get(cell)}"
        for cell in cells
        if stored.get(cell) != expected.get(cell)
    ]
