"""What the log brings, sorted by whom it is about."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from schemas.codec import NO_EVENT, Fact, decode, is_derived
from services.adapters.log_reader import Record
from services.adapters.state_layout import Meta
from services.core.presence import too_late
from services.processor.telling import told_for


@dataclass(frozen=True)
class Unusable:
    """A record that is no event."""

    record: Record
    sentence: str


def sorted_out(
    records: Iterable[Record], state: bytes, meta: Meta
) -> tuple[dict[str, list[Fact]], list[Unusable], Meta]:
    """The facts of ``records`` by entity, the records that are none, and ``meta`` with the newest event time and the
    number of those that come too late, which are left out."""
    arrivals: dict[str, list[Fact]] = {}
    unusable = []
    watermark, late = meta.watermark, meta.late
    for record in records:
        value = record.value or b""
        if is_derived(value) and not told_for(record, state):
            continue
        try:
            fact = decode(value, record.timestamp if record.timestamp >= 0 else None)
        except NO_EVENT as error:
            unusable.append(Unusable(record, str(error)))
            continue
        if too_late(fact, watermark):
            late += 1
            continue
        watermark = max(watermark, fact.at)
        arrivals.setdefault(fact.entity, []).append(fact)
    return arrivals, unusable, msgspec.structs.replace(meta, watermark=watermark, late=late)
