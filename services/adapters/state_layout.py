"""How a shard's state lies in its Redis hash: names of fields, and what their bytes say.

One hash per partition, `dp:{<namespace>:<stream>:<partition>}`:

| field | holds |
|---|---|
| `next` | the offset of the next record to apply, in decimal |
| `meta` | `Meta`: what the state was made from, and its watermark |
| `e<entity>` | the entity's timeline |
| `D<code>` | the dimension set with that code |
| `<grain><bucket>:<code>` | all cells of one grain, bucket and dimension set |
| `<grain><bucket>` | the index of a bucket: the codes of its dimension sets that hold cells |
| `n` | the buckets of grain NOW whose index is not empty |
| `redo` | the rest of a write that was too large for one command: fields that overlay those in the hash |

An empty value is the same as no field. Buckets of grain MINUTE, HOUR and DAY that `oldest_kept` no longer keeps are
nothing, whether the hash still has them or not.
"""

from collections.abc import Iterable, Mapping

import msgspec

from schemas.codec import Millis
from services.core.tally import MEASURES, NOW, Dims, Tally

Field = bytes
Group = tuple[str, int, int]
"""(grain, bucket, dimension code): the cells that share a field."""
GroupCells = dict[tuple[str, int], Tally]
"""(measure, step) -> tally"""

NEXT: Field = b"next"
META: Field = b"meta"
REDO: Field = b"redo"
NOW_INDEX: Field = NOW.encode()

_NAMES = tuple(MEASURES)
_CODES = {measure: code for code, measure in enumerate(_NAMES)}


class Meta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a shard's state was made from. Written with every change of it."""

    layout: int = 1
    """The version of this layout."""
    policy: str = ""
    """Fingerprint of the policy."""
    partitions: int = 0
    """Partitions of the topic: another number would part a ticket's events."""
    last: str = ""
    """Fingerprint of the record before `next`: tells this log from another one."""
    watermark: Millis = 0
    """The newest event time."""
    dims: int = 0
    """How many dimension sets there are."""
    late: int = 0
    """Events that came after their entity's look-back: counted, and without effect."""
    unusable: int = 0
    """Records that are no event."""


def shard_key(namespace: str, stream: str, partition: int) -> str:
    """The Redis key of one shard; the braces keep it on one node of a cluster."""
    return f"dp:{{{namespace}:{stream}:{partition}}}"


def changes_channel(namespace: str) -> str:
    """Where every write is announced."""
    return f"dp:{namespace}:changes"


def entity_field(entity: str) -> Field:
    return b"e" + entity.encode()


def dims_field(code: int) -> Field:
    return b"D%d" % code


def cells_field(grain: str, bucket: int, code: int) -> Field:
    return f"{grain}{bucket}:{code}".encode()


def index_field(grain: str, bucket: int) -> Field:
    return f"{grain}{bucket}".encode()


def parse_cells_field(name: Field) -> Group | None:
    """What `cells_field` was called with; None for any other field."""
    head, colon, code = name.partition(b":")
    if not colon or name[:1] not in b"mhdan":
        return None
    return head[:1].decode(), int(head[1:]), int(code)


_pack = msgspec.msgpack.Encoder().encode
_unpack_numbers = msgspec.msgpack.Decoder(list[int]).decode
_unpack_dims = msgspec.msgpack.Decoder(tuple[str | None, ...]).decode
_unpack_meta = msgspec.msgpack.Decoder(Meta).decode
_unpack_fields = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode
_unpack_change = msgspec.msgpack.Decoder(tuple[str, int, int, int, list[bytes]]).decode


def pack_cells(cells: GroupCells) -> bytes:
    """Flat numbers: measure code, step, count, sum, and so on; nothing when there is no cell."""
    if not cells:
        return b""
    numbers = [n for (measure, step), (count, total) in cells.items() for n in (_CODES[measure], step, count, total)]
    return _pack(numbers)


def unpack_numbers(value: bytes | None) -> list[int]:
    """A flat list of integers; empty for an empty or missing field."""
    return _unpack_numbers(value) if value else []


def unpack_cells(value: bytes | None) -> GroupCells:
    """What `pack_cells` wrote."""
    numbers = iter(unpack_numbers(value))
    return {(_NAMES[code], step): (count, total) for code, step, count, total in zip(*[numbers] * 4, strict=True)}


def measure_code(measure: str) -> int:
    """The number that stands for a measure in packed cells."""
    return _CODES[measure]


def pack_numbers(numbers: Iterable[int]) -> bytes:
    """An index, sorted so that equal indexes have equal bytes; nothing when it is empty."""
    numbers = sorted(numbers)
    return _pack(numbers) if numbers else b""


def pack_dims(dims: Dims) -> bytes:
    return _pack(dims)


def unpack_dims(value: bytes) -> Dims:
    return _unpack_dims(value)


def pack_meta(meta: Meta) -> bytes:
    return _pack(meta)


def unpack_meta(value: bytes | None) -> Meta:
    return _unpack_meta(value) if value else Meta()


def pack_redo(fields: Mapping[Field, bytes]) -> bytes:
    return _pack(fields)


def unpack_redo(value: bytes | None) -> dict[Field, bytes]:
    return _unpack_fields(value) if value else {}


Change = tuple[str, int, int, int, list[Field]]
"""(stream, partition, next before, next after, fields that changed): what a write announces."""


def pack_change(change: Change) -> bytes:
    return _pack(change)


def unpack_change(message: bytes) -> Change:
    return _unpack_change(message)
