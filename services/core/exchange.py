"""Every entity of a batch of events, after all have told each other what they have to know."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.codec import Fact, altered
from services.core.measure import NOTHING, Told, news, told, version_of
from services.core.rules import Rules
from services.core.tally import Tallies, difference
from services.core.timeline import Name, absorb, by_name


class Change(NamedTuple):
    """What facts change that join a timeline."""

    tallies: Tallies
    """To be added to the cells."""
    news: list[Fact]
    """To be sent to others."""


NO_CHANGE = Change({}, [])


@dataclass(slots=True)
class Entity:
    """A timeline, and what it comes to now."""

    timeline: list[Fact] = field(default_factory=list)
    told: Told = NOTHING

    def take_in(self, facts: Sequence[Fact], rules: Rules, *, retried: bool = False) -> Change:
        """Let facts join the timeline.

        Args:
            retried: Somebody may have let fewer of ``facts`` join, told what that comes to, and died.
        """
        timeline, held = absorb(self.timeline, facts), self.timeline
        if timeline is held:
            return NO_CHANGE
        leap = retried and len(facts) > 1 and _changes(held, facts) > 1
        before, self.timeline, self.told = self.told, timeline, told(timeline, rules)
        tallies = difference(before.tallies, self.told.tallies)
        return Change(tallies, news(before, self.told, version_of(timeline), leap=leap))


def _changes(timeline: Iterable[Fact], arrived: Iterable[Fact]) -> int:
    """How often a timeline comes to another thing when ``arrived`` join it one by one."""
    held = {fact.event_id: fact for fact in timeline}
    changes = 0
    for fact in arrived:
        was = held.get(fact.event_id)
        if was is None or fact.version > was.version:
            changes += was is None or altered(fact, version=was.version) != was
            held[fact.event_id] = fact
    return changes


def exchanged(arrivals: Iterable[Fact], rules: Rules) -> dict[Name, Entity]:
    """The entities that ``arrivals`` tell of, when none has any news for another."""
    entities: dict[Name, Entity] = {}
    waiting = list(arrivals)
    while waiting:
        waiting = [
            fact
            for name, facts in by_name(waiting).items()
            for fact in entities.setdefault(name, Entity()).take_in(facts, rules).news
        ]
    return entities
