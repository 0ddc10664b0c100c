"""How old the figures are, and why: one word and one sentence."""

from dataclasses import dataclass

from schemas.codec import Millis, instant
from services.board.wall import Freshness, State

STALE_AFTER_MS: Millis = 5_000
QUIET_AFTER_MS: Millis = 300_000
BEHIND_AFTER_MS: Millis = 60_000
ADVANCING_FOR_MS: Millis = 10_000
OTHER_POLICY = "The processor counts under another policy than this board's."


@dataclass(frozen=True)
class Reading:
    """What the follower knows about its own reading."""

    read_at: Millis | None = None
    """When the store last answered; None until every shard was read once."""
    answering: bool = False
    """Whether it answered when last asked."""
    tickets_at: Millis | None = None
    """The newest event about a ticket; None before the first one."""
    agents_at: Millis | None = None
    advanced_at: Millis | None = None
    """When, by our clock, the newest event was last replaced by a newer one."""
    other_policy: bool = False
    """Whether some of the state was made under another policy than ours: two meanings stand on one wall."""

    @property
    def loaded(self) -> bool:
        """Whether there is anything to show."""
        return self.read_at is not None

    @property
    def newest_event_at(self) -> Millis | None:
        return max((at for at in (self.tickets_at, self.agents_at) if at is not None), default=None)

    def stale(self, now: Millis) -> bool:
        """Whether the store does not answer."""
        return self.read_at is None or not self.answering or now - self.read_at > STALE_AFTER_MS

    def figures_at(self, now: Millis) -> Millis:
        """Of which instant the figures are: without the store, time stands still for them."""
        return self.read_at if self.read_at is not None and self.stale(now) else now


def freshness(reading: Reading, now: Millis) -> Freshness:
    """The state of the figures at ``now``."""
    newest, read_at = reading.newest_event_at, reading.read_at
    state, sentence = state_of(reading, now)
    return Freshness(
        state=state,
        read_at=None if read_at is None else instant(read_at),
        age_s=None if read_at is None else max(now - read_at, 0) / 1000,
        newest_event_at=None if newest is None else instant(newest),
        sentence=sentence,
    )


def state_of(reading: Reading, now: Millis) -> tuple[State, str]:
    """The word and the sentence alone."""
    state, sentence = _state(reading, now)
    return state, f"{sentence} {OTHER_POLICY}" if reading.other_policy else sentence


def _state(reading: Reading, now: Millis) -> tuple[State, str]:
    if reading.read_at is None:
        return "unknown", "Unknown: nothing has been read from the store yet."
    if reading.stale(now):
        return (
            "stale",
            f"Stale: the store does not answer, the figures are {words(now - reading.read_at)} old.",
        )
    newest = reading.newest_event_at
    if newest is None:
        return "quiet", "Quiet: no event has come yet."
    age = now - newest
    advancing = reading.advanced_at is not None and now - reading.advanced_at <= ADVANCING_FOR_MS
    if age > BEHIND_AFTER_MS and advancing:
        return "catching_up", f"Catching up: events up to {words(age)} ago are counted, newer ones are on their way."
    if age > QUIET_AFTER_MS:
        return "quiet", f"Quiet: no event for {words(age)}."
    return "live", f"Live: the newest event is {words(age)} old."


def words(duration_ms: Millis) -> str:
    """`4 s`, `12 min`, `3 h`, `2 days`: rounded down."""
    seconds = max(duration_ms, 0) // 1000
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
