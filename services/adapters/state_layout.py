"""How a shard's state lies in its Redis hash: names of fields, and what their bytes say.

One hash per partition, `dp:{<namespace>:<stream>:<partition>}`:

| field | holds |
|---|---|
| `next` | the offset of the next record to apply, in decimal |
| `meta` | `Meta`: what the state was made from, and its watermark |
| `e<entity>` | the entity's timeline |
| `D<chunk>` | DIMS_PER_FIELD dimension sets; a set's code is its place in the whole row of chunks |
| `b<grain><span>` | a block: all cells of neighbouring buckets when they were last folded (`cell_blocks`) |
| `<grain><bucket>:<code>` | all cells of one grain, bucket and dimension set; what a block there holds comes on top |
| `<grain><bucket>` | the index of a bucket: the codes of its dimension sets that have such a field |
| `n` | the buckets of grain NOW whose index is not empty |
| `t<hour>` | the index of an hour: the keys of tickets that have, or had, a tally with an instant in it |
| `s` | `SignalState`: how far promises have been looked at, and signals that may not be on their topic yet |
| `S<entity>` | the lines of a ticket that were announced (`Announced`) |
| `signal_turn` | how often `s` was written without moving `next`, in decimal: the fence compares both |
| `redo` | the rest of a write that was too large for one command: fields that overlay those in the hash |

An empty value is the same as no field. Buckets of grain MINUTE, HOUR and DAY that `oldest_kept` no longer keeps are
nothing, whether the hash still has them or not.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import msgspec

from schemas.codec import Millis
from services.core.announcing import Announced
from services.core.tally import MEASURES, NOW, Dims, Tally

Field = bytes
Fetch = Callable[[Sequence[Field]], Awaitable[list[bytes | None]]]
"""Reads fields by name."""
Group = tuple[str, int, int]
"""(grain, bucket, dimension code): the cells that share a field."""
GroupCells = dict[tuple[str, int], Tally]
"""(measure, step) -> tally"""

NEXT: Field = b"next"
META: Field = b"meta"
REDO: Field = b"redo"
TURN: Field = b"signal_turn"
SIGNALS: Field = b"s"
NOW_INDEX: Field = NOW.encode()

LAYOUT = 3
"""The version of this layout."""
DIMS_PER_FIELD = 256
"""So many that a reader asks for few fields, and that the place of a value in a chunk fits into a byte."""

_NAMES = tuple(MEASURES)
_CODES = {measure: code for code, measure in enumerate(_NAMES)}


class Meta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a shard's state was made from. Written with every change of it."""

    layout: int = 1
    """The version of the layout: LAYOUT in every state that is written now, 1 where it is not told."""
    policy: str = ""
    """Fingerprint of the policy."""
    partitions: int = 0
    """Partitions of the topic: another number would part a ticket's events."""
    last: str = ""
    """Fingerprint of the record before `next`: tells this log from another one."""
    watermark: Millis = 0
    """The newest event time."""
    ahead: Millis = 0
    """The latest instant that any cell was put in for: plans lie ahead of the newest event."""
    dims: int = 0
    """How many dimension sets there are."""
    late: int = 0
    """Events that came after their entity's look-back: counted, and without effect."""
    unusable: int = 0
    """Records that are no event."""


class Unsent(msgspec.Struct, frozen=True, array_like=True):
    """A signal that may not be on its topic yet."""

    signal_id: str
    type: str
    ticket: str
    true_at: Millis
    """From when on it could be told."""
    announced_at: Millis
    value: bytes


class SignalState(msgspec.Struct, frozen=True, array_like=True):
    """Where a shard stands with its signals."""

    silent_until: Millis = 0
    """Nobody is told of lines that were crossed by then; 0 where the shard never was live."""
    until: Millis = 0
    """Lines count as crossed that lie no later: the newest instant at which the shard was live."""
    swept: Millis = 0
    """Up to here every ticket was looked at."""
    outbox: tuple[Unsent, ...] = ()
    written_at: Millis = 0
    """When somebody last wrote this who then sends the outbox."""
    switched_at: Millis = 0
    """The switch after which this state goes on where the one before it was; 0 where nobody switched to it."""


def shard_key(namespace: str, stream: str, partition: int) -> str:
    """The Redis key of one shard; the braces keep it on one node of a cluster."""
    return f"dp:{{{namespace}:{stream}:{partition}}}"


def changes_channel(namespace: str) -> str:
    """Where every write is announced."""
    return f"dp:{namespace}:changes"


def entity_field(entity: str) -> Field:
    return b"e" + entity.encode()


def entity_of(name: Field) -> str | None:
    """What `entity_field` was called with; None for any other field."""
    return name[1:].decode() if name[:1] == b"e" else None


def announced_field(entity: str) -> Field:
    return b"S" + entity.encode()


def dims_field(chunk: int) -> Field:
    return b"D%d" % chunk


def dims_fields(sets: int) -> list[Field]:
    """The fields that hold the first ``sets`` dimension sets."""
    return [dims_field(chunk) for chunk in range(-(-sets // DIMS_PER_FIELD))]


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


def tickets_field(hour: int) -> Field:
    """Where the tickets of an hour are listed: the instant divided by HOUR_MS."""
    return b"t%d" % hour


_pack = msgspec.msgpack.Encoder().encode
_unpack_numbers = msgspec.msgpack.Decoder(list[int]).decode
_unpack_dims = msgspec.msgpack.Decoder(list[tuple[list[str | None], bytes]]).decode
_unpack_keys = msgspec.msgpack.Decoder(list[str]).decode
_unpack_meta = msgspec.msgpack.Decoder(Meta).decode
_unpack_signals = msgspec.msgpack.Decoder(SignalState).decode
_unpack_announced = msgspec.msgpack.Decoder(list[Announced]).decode
_unpack_fields = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode
_unpack_change = msgspec.msgpack.Decoder(tuple[str, int, int, int, list[bytes]]).decode


def pack_cells(cells: GroupCells) -> bytes:
    """Flat numbers: measure code, step, count, sum, and so on; nothing when there is no cell."""
    return _pack(flat_cells(cells)) if cells else b""


def flat_cells(cells: GroupCells) -> list[int]:
    """The numbers of `pack_cells`."""
    return [n for (measure, step), (count, total) in cells.items() for n in (_CODES[measure], step, count, total)]


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


DimsColumn = tuple[list[str | None], bytes]
"""The values that a dimension has in a chunk, and for each set the place of its value among them."""


def pack_dims(sets: Sequence[Dims]) -> bytes:
    """A chunk of dimension sets: at most DIMS_PER_FIELD."""
    columns: list[DimsColumn] = []
    for column in zip(*sets, strict=True):
        places = {value: place for place, value in enumerate(dict.fromkeys(column))}
        columns.append((list(places), bytes(map(places.__getitem__, column))))
    return _pack(columns)


def unpack_dims_columns(value: bytes | None) -> list[DimsColumn]:
    """What `pack_dims` wrote, dimension by dimension; empty for an empty or missing field."""
    return _unpack_dims(value) if value else []


def unpack_dims(value: bytes | None) -> list[Dims]:
    """What `pack_dims` wrote, set by set."""
    columns = unpack_dims_columns(value)
    return list(zip(*([values[place] for place in places] for values, places in columns), strict=True))


def pack_keys(keys: Iterable[str]) -> bytes:
    """Keys of entities, sorted so that equal sets have equal bytes."""
    return _pack(sorted(keys))


def unpack_keys(value: bytes | None) -> list[str]:
    """What `pack_keys` wrote; empty for an empty or missing field."""
    return _unpack_keys(value) if value else []


def pack_meta(meta: Meta) -> bytes:
    return _pack(meta)


def unpack_meta(value: bytes | None) -> Meta:
    return _unpack_meta(value) if value else Meta()


def pack_signals(state: SignalState) -> bytes:
    return _pack(state)


def unpack_signals(value: bytes | None) -> SignalState:
    return _unpack_signals(value) if value else SignalState()


def pack_announced(known: Sequence[Announced]) -> bytes:
    return _pack(known)


def unpack_announced(value: bytes | None) -> list[Announced]:
    """What `pack_announced` wrote; empty for an empty or missing field."""
    return _unpack_announced(value) if value else []


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
