"""A file of canonical events, for `compute`, benchmarks and tests."""

import gzip
import heapq
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import BinaryIO, cast

from rich.console import Console
from rich.progress import Progress

from schemas.codec import encode, instant, millis
from schemas.events import AnyEvent
from services.simulator.centre import Centre

STANDARD_OUTPUT = "-"
_LATEST = timedelta(hours=2)
"""How much later than it should a faulty line comes at most."""
_REPORT_EVERY = 2000


def write_events(
    path: str | Path,
    *,
    days: float,
    until: datetime,
    seed: int = 7,
    tickets_per_day: float = 900,
    faults: float = 0.0,
) -> int:
    """Write the events of a centre that opens ``days`` before ``until``, one JSON object a line.

    Args:
        path: Where to; compressed when it ends in `.gz`, standard output when it is `-`.
        days: How long the centre is open.
        until: Its last instant.
        seed: Another seed, another centre.
        tickets_per_day: How busy it is.
        faults: Share of the lines that are not as they should be: half of them are repeated later,
            half come late (by up to two hours, `received_at` says when). The same every time.

    Returns:
        The number of lines.

    Raises:
        ValueError: ``faults`` is no share, or ``days`` is not positive.
    """
    if not 0 <= faults <= 1:
        raise ValueError(f"faults is a share from 0 to 1, got {faults}")
    if days <= 0:
        raise ValueError(f"days must be positive, got {days}")
    start = instant(millis(until - timedelta(days=days)))
    events = Centre(seed, start, tickets_per_day).events(until)
    lines = 0
    progress = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with _opened(path) as file, progress:
        task = progress.add_task("simulating", total=(until - start).total_seconds())
        for at, line in _arrivals(events, Random(f"faults/{seed}"), faults):  # noqa: S311
            file.write(line)
            lines += 1
            if lines % _REPORT_EVERY == 0:
                progress.update(task, completed=(at - start).total_seconds())
    return lines


def _arrivals(events: Iterator[AnyEvent], rng: Random, faults: float) -> Iterator[tuple[datetime, bytes]]:
    """Lines in the order of their arrival; what is held back comes when its time has come."""
    held: list[tuple[datetime, int, bytes]] = []
    for number, event in enumerate(events):
        at = event.occurred_at
        while held and held[0][0] <= at:
            yield held[0][0], heapq.heappop(held)[2]
        if not faults or rng.random() >= faults:
            yield at, encode(event) + b"\n"
            continue
        later = at + rng.uniform(0, 1) * _LATEST
        if rng.random() < 0.5:
            line = encode(event) + b"\n"
            yield at, line
        else:
            # In whole milliseconds, as every instant of ours.
            later = instant(millis(later))
            line = encode(event.model_copy(update={"received_at": later})) + b"\n"
        heapq.heappush(held, (later, number, line))
    for at, _, line in sorted(held):
        yield at, line


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    if str(path) == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif str(path).endswith(".gz"):
        # Without a time in its header, the same events give the same bytes.
        with Path(path).open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
            yield cast(BinaryIO, file)
    else:
        with Path(path).open("wb", buffering=1 << 20) as file:
            yield file
