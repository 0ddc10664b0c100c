"""When cells of buckets that are over are folded into blocks, and what comes of it.

A span is folded when the watermark is so far past its end that events of ordinary lateness have come, and again at
greater ages, for what came later still: a resolution that was undone, a merge. So each cell is packed anew a few
times in its life, and a reader finds few cells beside the blocks. The rule looks at nothing but the watermark, and a
fold is part of the write that moves the watermark: so none is forgotten, whoever goes on.
"""

from collections.abc import Iterable, Sequence

from schemas.codec import Millis
from services.adapters.cell_blocks import BUCKETS_PER_BLOCK, loose_block, merged, pack_block, unpack_block
from services.core.tally import ALL, DAY_MS, GRAIN_MS, HOUR_MS, oldest_kept

FOLDED_AT_AGES: tuple[Millis, ...] = (HOUR_MS, 12 * HOUR_MS, 2 * DAY_MS, 6 * DAY_MS, 15 * DAY_MS, 35 * DAY_MS)
ALL_TIME_FOLDED_EVERY_MS: Millis = 6 * HOUR_MS

Span = tuple[str, int]
"""(grain, number): the buckets from number times BUCKETS_PER_BLOCK on."""


def due(watermark_before: Millis, watermark: Millis) -> set[Span]:
    """What is to be folded now that the watermark has moved."""
    spans: set[Span] = set()
    for grain, size in GRAIN_MS.items():
        length = size * BUCKETS_PER_BLOCK[grain]
        oldest = oldest_kept(grain, watermark) // BUCKETS_PER_BLOCK[grain]
        for age in FOLDED_AT_AGES:
            begin, end = (watermark_before - age) // length, (watermark - age) // length
            spans.update((grain, number) for number in range(max(begin, oldest), end))
    if watermark_before // ALL_TIME_FOLDED_EVERY_MS != watermark // ALL_TIME_FOLDED_EVERY_MS:
        spans.add((ALL, 0))
    return spans


def buckets_of(span: Span) -> range:
    """The buckets of a span."""
    grain, number = span
    length = BUCKETS_PER_BLOCK[grain]
    return range(number * length, (number + 1) * length)


def folded(block: bytes | None, loose: Iterable[tuple[int, int, Sequence[int]]]) -> bytes:
    """A block with the cells that lay beside it: (bucket counted from the span's first, code, packed numbers)."""
    return pack_block(merged([unpack_block(block), loose_block(loose)]))
