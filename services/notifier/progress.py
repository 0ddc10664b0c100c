"""Which records of one partition are done with: what is committed, so that nothing is lost and little is repeated."""

import re
from dataclasses import dataclass

MOST_TEXT = 4000
"""Characters of a commit's text; brokers take 4096 bytes."""
_TEXT = re.compile(r"(\d{1,15}):((?:\d{1,15}(?:,\d{1,15})*)?)")


@dataclass(frozen=True)
class Committed:
    """What a consumer group has committed for a partition.

    The offset is that of the first record not done with. Beyond it others may be done: the text beside it says up to
    where records were read, and which of them are open, as distances from one to the next.
    """

    offset: int
    text: str = ""


class Progress:
    """The open records of one partition. Records are begun in the order of their offsets."""

    def __init__(self, committed: Committed) -> None:
        self._open: dict[int, None] = {}
        """In order."""
        self._next = committed.offset
        self._from = committed.offset
        self._done_before, self._open_before = _read(committed)

    def begin(self, offset: int) -> bool:
        """Take a record in; false when it was done with before we began to read."""
        if offset < self._from:  # the log begins anew: what is known of its records is of others
            self._done_before = self._from = 0
            self._open_before = frozenset()
            self._open.clear()
        self._next = offset + 1
        if offset < self._done_before and offset not in self._open_before:
            return False
        self._open[offset] = None
        return True

    def finish(self, offset: int) -> None:
        """It is done with."""
        self._open.pop(offset, None)

    @property
    def committed(self) -> Committed:
        """What may be committed now."""
        reached = max(self._next, self._done_before)
        still_open = [*self._open, *sorted(offset for offset in self._open_before if offset >= self._next)]
        if not still_open:
            return Committed(reached)
        first, *others = still_open
        distances = ",".join(str(b - a) for a, b in zip(still_open, others, strict=False))
        text = f"{reached - first}:{distances}"
        return Committed(first, text if len(text) <= MOST_TEXT else "")


def _read(committed: Committed) -> tuple[int, frozenset[int]]:
    """Up to where records were read, and which of them are open."""
    found = _TEXT.fullmatch(committed.text)
    if found is None:
        return committed.offset, frozenset()
    open_offsets = [committed.offset]
    for distance in filter(None, found[2].split(",")):
        open_offsets.append(open_offsets[-1] + int(distance))
    return committed.offset + int(found[1]), frozenset(open_offsets)
