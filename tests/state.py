"""What a store holds, read whole, for comparing with a recount of the log. ``redis`` is a synchronous client, whose
types do not tell bytes from text."""

from collections.abc import Iterable
from typing import Any

from schemas.codec import Fact
from services.adapters import state_layout as layout
from services.core.rules import Rules
from services.core.tally import Cells
from tests.recount import recounted, still_kept, watermark_of


def next_of(redis: Any, namespace: str, stream: str, partition: int) -> int:
    """The shard's `next`; 0 when there is none."""
    return int(redis.hget(layout.shard_key(namespace, stream, partition), layout.NEXT) or 0)


def stored_cells(redis: Any, namespace: str, stream: str, partition: int) -> Cells:
    """Every cell of a shard that its indexes name, and no other."""
    fields: dict[bytes, bytes] = redis.hgetall(layout.shard_key(namespace, stream, partition))
    fields |= layout.unpack_redo(fields.get(layout.REDO))
    cells: Cells = {}
    for name, value in fields.items():
        group = layout.parse_cells_field(name)
        if group is None or not value:
            continue
        grain, bucket, code = group
        assert code in layout.unpack_numbers(fields.get(layout.index_field(grain, bucket))), f"{name!r} in no index"
        dims = layout.unpack_dims(fields[layout.dims_field(code)])
        for (measure, step), tally in layout.unpack_cells(value).items():
            cells[grain, bucket, dims, measure, step] = tally
    return still_kept(cells, layout.unpack_meta(fields.get(layout.META)).watermark)


def differences(stored: Cells, facts: Iterable[Fact], rules: Rules) -> list[str]:
    """Where a shard's cells are not those of a recount of its partition; empty when they are equal to the bit."""
    facts = list(facts)
    expected = still_kept(recounted(facts, rules), watermark_of(facts))
    cells = sorted(expected.keys() | stored.keys(), key=repr)
    return [
        f"{cell}: stored {stored.get(cell)}, recounted {expected.get(cell)}"
        for cell in cells
        if stored.get(cell) != expected.get(cell)
    ]
