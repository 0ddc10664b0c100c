"""The cells of a whole log at once: what the stream must come to, however it got there."""

from collections.abc import Iterable, Mapping

from schemas.codec import Fact, Millis
from services.core.exchange import exchanged
from services.core.measure import measure
from services.core.rules import Rules
from services.core.tally import GRAIN_MS, Cell, Cells, Tally, add, oldest_kept, spread
from services.core.timeline import Name, absorb, by_name


def recounted(arrivals: Iterable[Fact], rules: Rules) -> Cells:
    """The cells of all entities that ``arrivals`` tell of, in the order in which they came. What the entities tell
    each other counts as far as it is among them."""
    cells: Cells = {}
    for facts in by_name(arrivals).values():
        spread(measure(absorb([], facts), rules), cells)
    return cells


def recounted_together(originals: Iterable[Fact], rules: Rules) -> dict[Name, Cells]:
    """The cells of each entity when all have told each other what they have to know; ``originals`` are what helpdesks
    sent."""
    cells: dict[Name, Cells] = {}
    for name, entity in exchanged(originals, rules).items():
        spread(entity.told.tallies, cells.setdefault(name, {}))
    return cells


def still_kept(cells: Cells, watermark: Millis) -> Cells:
    """Without the buckets that are no longer kept at ``watermark``."""
    kept = {grain: oldest_kept(grain, watermark) for grain in GRAIN_MS}
    return {cell: tally for cell, tally in cells.items() if cell[1] >= kept.get(cell[0], 0)}


def watermark_of(arrivals: Iterable[Fact]) -> Millis:
    """The newest event time."""
    return max((fact.at for fact in arrivals), default=0)


def merged(parts: Iterable[Mapping[Cell, Tally]]) -> Cells:
    """The sum of the cells of several partitions."""
    cells: Cells = {}
    for part in parts:
        for cell, (count, total) in part.items():
            add(cells, cell, count, total)
    return cells
