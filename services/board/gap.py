"""How far a state that is built beside the live one has come."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.codec import Millis, instant
from services.board.columns import Shard
from services.board.following import Reached
from services.board.freshness import words
from services.board.windows import Window

FEW_RECORDS, SHORT_MS = 1000, 60_000
"""A state that follows the log is always a little behind another one that does."""
NEXT_TO_NONE = 50
"""So few are on their way, whatever their age: a quiet partition's last event may be old."""


@dataclass(frozen=True)
class Gap:
    """What one state has counted and another one has not yet."""

    records: int
    """Of the log, over all partitions."""
    of: int
    """How many the other one has counted."""
    behind_ms: Millis
    """By how much its newest event is older, in the partition where that is most."""

    @property
    def closed(self) -> bool:
        """Whether no more is missing than what is on its way."""
        return self.records <= NEXT_TO_NONE or (self.records <= FEW_RECORDS and self.behind_ms <= SHORT_MS)

    @property
    def share(self) -> float:
        """How much of it is counted, from 0 to 1."""
        return 1.0 if self.of == 0 else 1 - self.records / self.of


def gap(live: Mapping[Shard, Reached], other: Mapping[Shard, Reached]) -> Gap:
    """What ``live`` has counted and ``other`` has not yet."""
    behind = [(its, other[shard]) for shard, its in live.items() if its.next > other[shard].next]
    return Gap(
        records=sum(its.next - theirs.next for its, theirs in behind),
        of=sum(its.next for its in live.values()),
        behind_ms=max((max(0, its.watermark - theirs.watermark) for its, theirs in behind), default=0),
    )


def told(
    namespace: str, missing: Gap, its: Window, since: Millis | None, live_since: Millis | None
) -> tuple[bool, str]:
    """Whether two states can be compared over a window, and a sentence for people.

    Args:
        since: When the first event of the other state was, as far as its cells tell.
    """
    begins = min(stretch.current.begins for stretch in its.stretches)
    if not missing.closed:
        percent = int(100 * missing.share)
        return False, (
            f"Not comparable yet: {namespace} has counted {percent} % of the events, {missing.records:,} are still "
            f"to come, and it is up to {words(missing.behind_ms)} behind. Its figures are of that part alone."
        )
    if live_since is not None and (since is None or since > max(live_since, begins)):
        when = "nothing" if since is None else f"nothing before {instant(since):%Y-%m-%d %H:%M} UTC"
        return False, (
            f"Not comparable over this window: {namespace} knows {when}, since the log that it was built from begins "
            "there. Ask for a shorter window."
        )
    return True, f"Comparable: {namespace} has counted the same events."
