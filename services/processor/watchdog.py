"""Ends a worker that is stuck. A backlog is not stuck: only events that wait while nothing moves are."""

import asyncio
import contextlib
import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import faust
from faust.types import TP

from services.adapters.metrics import ProcessorMetrics
from services.processor.shards import Shards

log = logging.getLogger(__name__)

STUCK = 71
"""Exit code of a worker that made no progress."""
LOOP_SILENT_S = 20.0
NO_PROGRESS_S = 60.0
_EVERY_S = 1.0


class Progress:
    """What each partition still has to read, and since when that has not moved."""

    def __init__(self) -> None:
        self._seen: dict[TP, tuple[int, float]] = {}

    def stuck(self, nexts: dict[TP, int], ends: dict[TP, int], unattended: Collection[TP], now_s: float) -> list[TP]:
        """Partitions with events to read whose `next` has not moved for NO_PROGRESS_S, and those that are assigned
        and have been neither read nor halted for as long."""
        nexts = nexts | dict.fromkeys(unattended, 0)
        ends = ends | dict.fromkeys(unattended, 1)
        self._seen = {tp: seen for tp, seen in self._seen.items() if tp in nexts}
        late = []
        for tp, next_offset in nexts.items():
            offset, since_s = self._seen.get(tp, (-1, now_s))
            if offset != next_offset or ends.get(tp, 0) <= next_offset:
                self._seen[tp] = (next_offset, now_s)
            elif now_s - since_s > NO_PROGRESS_S:
                late.append(tp)
        return late


@contextmanager
def watched(app: faust.App, shards: Shards, metrics: ProcessorMetrics) -> Iterator[None]:
    """While open: this process ends when its event loop is silent or a partition makes no progress."""
    ticked_s = time.monotonic()
    progress = Progress()
    over = threading.Event()

    async def tick() -> None:
        nonlocal ticked_s
        while True:
            ticked_s = time.monotonic()
            nexts, ends = shards.positions(), _ends(app, shards)
            metrics.positions(nexts, ends)
            if late := progress.stuck(nexts, ends, shards.unattended(), ticked_s):
                _end(f"no progress for {NO_PROGRESS_S:.0f} s on {', '.join(map(str, late))}")
            await asyncio.sleep(_EVERY_S)

    def watch() -> None:
        while not over.wait(_EVERY_S):
            if time.monotonic() - ticked_s > LOOP_SILENT_S:
                _end(f"the event loop is silent for {LOOP_SILENT_S:.0f} s")

    ticking = asyncio.ensure_future(tick())
    thread = threading.Thread(target=watch, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        ticking.cancel()
        thread.join()


def _ends(app: faust.App, shards: Shards) -> dict[TP, int]:
    ends = {}
    for tp in shards.positions():
        with contextlib.suppress(Exception):  # not assigned any more, or not known yet
            ends[tp] = int(app.consumer.highwater(tp) or 0)
    return ends


def _end(sentence: str) -> None:
    log.error("this worker is stuck and ends: %s", sentence)
    faulthandler.dump_traceback(file=sys.stderr)
    os._exit(STUCK)
