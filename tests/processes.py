"""Processes as /proc shows them, and waiting for a condition."""

import time
from collections.abc import Callable
from pathlib import Path


def family(pid: int) -> set[int]:
    """``pid`` and all its descendants that are alive."""
    children: dict[int, list[int]] = {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and (parent := _parent(directory)) is not None:
            children.setdefault(parent, []).append(int(directory.name))
    found, queue = set(), [pid]
    while queue:
        found.add(one := queue.pop())
        queue += children.get(one, [])
    return {one for one in found if alive(one)}


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be collected does not."""
    return _parent(Path("/proc") / str(pid)) is not None


def _parent(directory: Path) -> int | None:
    try:
        state, parent = (directory / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:  # it ended while we looked
        return None
    return None if state in "ZX" else int(parent)


def eventually(condition: Callable[[], bool], deadline_s: float = 20) -> bool:
    """Whether ``condition()`` comes true before the deadline."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
