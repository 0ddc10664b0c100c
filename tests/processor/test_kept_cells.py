"""What is kept of cells is their sum, whatever order they come in, however often it is folded or its worker dies."""

from collections.abc import Coroutine, Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Millis
from services.adapters.cell_blocks import block_field
from services.adapters.state_layout import META, Field, Meta, pack_meta, parse_cells_field
from services.core.tally import (
    ALL,
    DAY,
    DAY_MS,
    HOUR,
    HOUR_MS,
    KEPT_MS,
    MINUTE,
    Cells,
    Dims,
    Tallies,
    add,
    dims_of,
    spread,
)
from services.processor.folding import FOLDED_AT_AGES, due
from services.processor.kept_cells import KeptCells
from services.processor.kept_dims import KeptDims
from tests.recount import still_kept
from tests.state import cells_in

START: Millis = 1_772_445_600_000
SETS = [dims_of((queue, "email", None, None, None, None, None), agent) for queue in "ab" for agent in (None, "ann")]


class Kept:
    """A hash, and one worker after another that writes to it."""

    def __init__(self) -> None:
        self.hash: dict[Field, bytes] = {}
        self.tallies: list[tuple[Tallies, Millis]] = []
        self.watermark: Millis = 0
        self.sets = 0
        self._start()

    def _start(self) -> None:
        self.dims, self.cells = KeptDims(), KeptCells(self._fetch)
        run(self.dims.load(self._fetch, self.sets))

    def add(self, tallies: Tallies, watermark: Millis, *, dies: bool = False, hot: int = 1000) -> None:
        """Write; a worker that dies has written nothing, and the next one does it over."""
        known, before = self.sets, self.watermark
        after = max(before, watermark)
        change = {(name, at, self.dims.code(dims), step): t for (name, at, dims, step), t in tallies.items()}
        fields = run(self.cells.apply(change, before, after, self.dims.coarse)) | self.dims.fields(known)
        if dies:
            self._start()
            self.add(tallies, watermark, hot=hot)
            return
        self.watermark, self.sets = after, len(self.dims)
        self.hash |= fields | {META: pack_meta(Meta(watermark=after, dims=self.sets))}
        self.tallies.append((tallies, after))
        assert cells_in(self.hash) == self.expected(), "also while nothing is dropped yet"
        for name in self.cells.take_dropped():
            self.hash.pop(name, None)
        self.cells.cool(hot)

    def restart(self) -> None:
        self._start()

    def expected(self) -> Cells:
        """The sum of all that was added; what was too old when it came is left out."""
        cells: Cells = {}
        for tallies, watermark in self.tallies:
            fresh: Cells = {}
            spread(tallies, fresh)
            for cell, tally in still_kept(fresh, watermark).items():
                add(cells, cell, *tally)
        return still_kept(cells, self.watermark)

    def loose(self, grain: str) -> list[int]:
        """The buckets of a grain that hold cells beside their blocks."""
        groups = [parse_cells_field(name) for name, value in self.hash.items() if value]
        return sorted({group[1] for group in groups if group and group[0] == grain})

    async def _fetch(self, fields: Sequence[Field]) -> list[bytes | None]:
        return [self.hash.get(name) for name in fields]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine gives that has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


def opened(at: Millis, dims: Dims = SETS[0], count: int = 1) -> Tallies:
    return {("opened", at, dims, 0): (count, 0)}


entries = st.tuples(
    st.sampled_from(["opened", "first_response", "backlog.open", "waiting"]),
    st.one_of(st.integers(0, 3 * HOUR_MS), st.integers(0, 70 * DAY_MS)).map(lambda ago: -ago),
    st.sampled_from(SETS),
    st.integers(0, 2),
)
tallies = st.dictionaries(entries, st.tuples(st.sampled_from([-2, -1, 1, 2]), st.integers(-9, 9)), max_size=6)
steps = st.tuples(
    tallies,
    st.sampled_from([0, 60_000, 3 * HOUR_MS, 13 * HOUR_MS, 3 * DAY_MS, 30 * DAY_MS]),
    st.sampled_from(["goes on", "goes on", "dies", "restarts"]),
    st.sampled_from([0, 1000]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=12))
def test_any_course_of_writes_folds_and_deaths_keeps_the_sum(course: list[tuple[Tallies, Millis, str, int]]) -> None:
    kept, now = Kept(), START
    for change, later, fate, hot in course:
        now += later
        placed = {(name, now + ago, dims, step): tally for (name, ago, dims, step), tally in change.items()}
        kept.add(placed, now, dies=fate == "dies", hot=hot)
        if fate == "restarts":
            kept.restart()

        assert cells_in(kept.hash) == kept.expected()


def test_what_is_over_is_folded_and_what_comes_late_is_folded_again() -> None:
    kept = Kept()
    kept.add(opened(START), START)
    assert kept.loose(HOUR) == [START // HOUR_MS]

    kept.add({}, START + 8 * HOUR_MS)
    assert kept.loose(HOUR) == kept.loose(MINUTE) == []
    kept.add(opened(START, SETS[1]), START + 8 * HOUR_MS)
    assert kept.loose(HOUR) == [START // HOUR_MS]
    kept.add({}, START + 20 * HOUR_MS)

    assert kept.loose(HOUR) == []
    assert cells_in(kept.hash) == kept.expected()


def test_cells_of_all_time_are_folded_a_few_times_a_day() -> None:
    kept = Kept()
    kept.add(opened(START), START)
    kept.add(opened(START), START)
    assert kept.loose(ALL) == [0]

    kept.add({}, START + 6 * HOUR_MS)

    assert kept.loose(ALL) == []
    assert cells_in(kept.hash) == kept.expected()


def test_a_fold_and_what_it_empties_are_one_write() -> None:
    kept = Kept()
    kept.add(opened(START), START)

    fields = run(kept.cells.apply({}, START, START + 8 * HOUR_MS, kept.dims.coarse))

    folded = block_field(HOUR, START // HOUR_MS // 6)
    group = next(name for name in kept.hash if parse_cells_field(name) and name.startswith(b"h"))
    assert fields[folded]
    assert fields[group] == b""


def test_a_block_that_comes_to_nothing_goes_as_fields_do() -> None:
    kept = Kept()
    kept.add(opened(START), START)
    kept.add(opened(START, count=-1), START + 10 * DAY_MS)
    kept.add({}, START + 50 * DAY_MS)

    assert [name for name in kept.hash if name != META and not name.startswith(b"D")] == []


def test_blocks_past_their_age_go() -> None:
    kept = Kept()
    for hour in range(60):
        kept.add(opened(START + hour * HOUR_MS), START + hour * HOUR_MS)

    blocks = [int(name[2:]) for name in kept.hash if name.startswith(b"bm")]

    assert min(blocks) == (START + 59 * HOUR_MS - KEPT_MS[MINUTE]) // HOUR_MS
    assert cells_in(kept.hash) == kept.expected()


def test_each_age_of_a_span_comes_once_however_the_watermark_moves() -> None:
    day, end = START // DAY_MS, START + 60 * DAY_MS
    borders = [START, START + 5 * HOUR_MS, START + 5 * HOUR_MS, START + 3 * DAY_MS, START + 40 * DAY_MS, end]

    found = [due(before, after) for before, after in pairwise(borders)]

    ages = [age for age in FOLDED_AT_AGES if START < (day + 1) * DAY_MS + age <= end]
    assert len(ages) == len(FOLDED_AT_AGES)
    times = [number for number, spans in enumerate(found) if (DAY, day) in spans]
    assert times == [2, 3]
    assert found[1] == set()
