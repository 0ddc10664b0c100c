"""An agent in a stream: only the end of a long day is told again."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.codec import Fact, Millis
from services.core.agent import settled
from services.core.exchange import NO_CHANGE, Change, Entity
from services.core.measure import told
from services.core.rules import Rules
from services.core.tally import DAY_MS, MINUTE_MS
from services.core.timeline import absorb

RECENT_MS: Millis = 15 * MINUTE_MS
"""Events that come later than this tell the whole timeline again."""
LONG = 40
LOOK_BACK_DAYS = 2
"""An agent's event that comes later than this after its day is counted, and changes nothing."""


@dataclass(slots=True)
class Presence(Entity):
    """An agent's timeline. What facts change is looked for in its end, as if the rest were settled: what they change
    of the whole is the same (`agent.settled`), and `told` is of that end alone."""

    long: int = LONG
    """From so many facts on only the recent ones are told."""
    _recent: Entity = field(default_factory=Entity)
    _since: Millis = 0
    """From when on `_recent` is all that there is."""

    def __post_init__(self) -> None:
        self._recent = Entity(self.timeline, self.told)

    def take_in(self, facts: Sequence[Fact], rules: Rules, *, retried: bool = False) -> Change:
        timeline = absorb(self.timeline, facts)
        if timeline is self.timeline:
            return NO_CHANGE
        if min(_reach(fact) for fact in facts) < self._since:
            self._since, self._recent = 0, Entity(self.timeline, told(self.timeline, rules))
        change = self._recent.take_in(facts, rules, retried=retried)
        self.timeline = timeline
        self._shorten(rules)
        self.told = self._recent.told
        return change

    def settle(self, before: Millis, rules: Rules) -> None:
        """Forget what no event from ``before`` on can change any more."""
        timeline = settled(self.timeline, before)
        if len(timeline) != len(self.timeline):
            self.timeline, self._since = timeline, before
            self._recent = Entity(timeline, told(timeline, rules))
            self.told = self._recent.told

    def _shorten(self, rules: Rules) -> None:
        if len(self._recent.timeline) < self.long:
            return
        since = self.timeline[-1].at - RECENT_MS
        end = settled(self.timeline, since)
        if len(end) < len(self._recent.timeline):
            self._since, self._recent = since, Entity(end, told(end, rules))


def _reach(fact: Fact) -> Millis:
    """The earliest instant that a fact says something of."""
    return fact.at if fact.begins_at is None else min(fact.at, fact.begins_at)


def look_back(watermark: Millis) -> Millis:
    """The instant before which an agent's timeline is settled."""
    return (watermark // DAY_MS - LOOK_BACK_DAYS) * DAY_MS


def too_late(fact: Fact, watermark: Millis) -> bool:
    """Whether a fact would change what is settled: such an agent's event, or a plan for such a time."""
    if not fact.type.startswith("agent."):
        return False
    return (fact.at if fact.begins_at is None else fact.begins_at) < look_back(watermark)
