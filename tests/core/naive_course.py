"""A ticket's events one after the other, and how things stood after each: a plain reading of the KPI cases."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from schemas.codec import Fact, Millis
from tests.core.naive import UNSOLVED, WAIT, Life, first_response, first_waits, in_order, life

Dims = tuple[str | None, ...]
TRAITS = ("queue", "channel", "priority", "tier", "category", "product_area", "team")


@dataclass(frozen=True)
class Step:
    """An event of a ticket, and how things stood after it."""

    at: Millis
    fact: Fact
    status: str
    traits: Dims
    agent: str | None
    was: str
    """The status before."""
    was_agent: str | None

    @property
    def who(self) -> str | None:
        """Who did it: as told, else whose it was."""
        return self.fact.agent_id or self.was_agent

    @property
    def solves(self) -> bool:
        return self.was in UNSOLVED and self.status in ("solved", "closed")

    @property
    def reopens(self) -> bool:
        return self.was in ("solved", "closed") and self.status in UNSOLVED

    def message(self, *authors: str) -> bool:
        """A public message by one of these."""
        return self.fact.type == "ticket.replied" and self.fact.public is True and self.fact.author in authors


class Course:
    """A ticket's events up to its end, one after the other."""

    def __init__(self, key: str, facts: Iterable[Fact]) -> None:
        """``facts``: of one ticket, waits handed over among them."""
        self.key = key
        self.events = [fact for fact in in_order(facts) if fact.type.startswith("ticket.")]
        self.told: Life = life(self.events)
        self.begin = self.told.begin
        self.steps = list(self._steps())

    def _steps(self) -> Iterator[Step]:
        created = next((fact for fact in self.events if fact.type == "ticket.created"), None)
        first = created or next(fact for fact in self.events if fact.type != WAIT)
        traits: Dims = tuple(getattr(first, name) or None for name in TRAITS)
        agent = (first.agent_id or None) if first is created else None
        status = (first.status or "new") if first is created else "new" if self.told.begin_known else "open"
        if status in ("solved", "closed"):
            yield Step(self.begin, first, "new", traits, agent, "new", None)
            yield Step(self.begin, first, status, traits, agent, "new", agent)
        else:
            yield Step(self.begin, first, status, traits, agent, status, None)
        for fact in self.events:
            if fact is created:
                continue
            was, was_agent = status, agent
            if fact.type in ("ticket.status_changed", "ticket.snapshot"):
                status = fact.status or status
            if fact.type == "ticket.merged":
                status = "merged"
            moves = fact.type in ("ticket.assigned", "ticket.escalated", "ticket.snapshot")
            if moves and fact.agent_id is not None:
                agent = fact.agent_id or None
            traits = _traits(traits, fact, moves=moves)
            yield Step(max(fact.at, self.begin), fact, status, traits, agent, was, was_agent)
            if fact.type in ("ticket.merged", "ticket.deleted"):
                return

    @property
    def merged(self) -> bool:
        return self.told.merged

    @property
    def into(self) -> str | None:
        return self.steps[-1].fact.into_ticket_id if self.merged else None

    @property
    def first_traits(self) -> Dims:
        """What it was created with; what the creation left out, as it was first told."""
        told = [step.traits for step in self.steps]
        return tuple(next((each[place] for each in told if each[place]), None) for place in range(len(TRAITS)))

    @property
    def requester(self) -> str | None:
        return next((step.fact.requester_id for step in self.steps if step.fact.requester_id), None)

    @property
    def asked(self) -> bool:
        """Its requester opened it."""
        return self.told.begin_known and not self.told.outbound

    def of(self, *kinds: str) -> list[Step]:
        """The steps of these kinds; without the opening one."""
        return [step for step in self.steps[1:] if step.fact.type in kinds]

    def escalations(self, *, by_bot: bool) -> list[Millis]:
        return [step.at for step in self.of("ticket.escalated") if (step.fact.from_tier == "bot") == by_bot]

    def messages(self, *authors: str) -> list[Step]:
        return [step for step in self.steps[1:] if step.message(*authors)]

    def agent_at(self, moment: Millis) -> str | None:
        """Whose it was; before the beginning, whose it was then."""
        return next(step.agent for step in reversed(self.steps) if step.at <= max(moment, self.begin))


def _traits(traits: Dims, fact: Fact, *, moves: bool) -> Dims:
    """The traits after an event: filled in where unknown, changed by what is about them."""
    after = dict(zip(TRAITS, traits, strict=True))
    for name in TRAITS:
        if not after[name]:
            after[name] = getattr(fact, name) or None
    if moves and fact.queue is not None:
        after["queue"] = fact.queue or None
    if (moves and fact.type != "ticket.assigned") or fact.type == "ticket.priority_changed":
        after["priority"] = fact.priority or after["priority"]
    if moves:
        after["team"] = fact.team or after["team"]
    return tuple(after.values())


def courses(facts: Iterable[Fact], *, inherit: bool) -> dict[str, Course]:
    """Every ticket that something is told of but opinions; deleted ones left out."""
    by_ticket: dict[str, list[Fact]] = {}
    for fact in facts:
        if fact.type.startswith("ticket."):
            by_ticket.setdefault(fact.entity, []).append(fact)
    merges = [
        next((fact for fact in in_order(each) if fact.type == "ticket.merged"), None) for each in by_ticket.values()
    ]
    for merge in in_order(merge for merge in merges if merge is not None) if inherit else ():
        wait = _handed_over(life(by_ticket[merge.entity]))
        into = merge.into_ticket_id
        if wait is not None and into in by_ticket and into != merge.entity:
            told = replace(merge, type=WAIT, event_id=f"{merge.event_id}/wait", entity=into, created_at=wait)
            by_ticket[into].append(told)
    found = {key: Course(key, each) for key, each in by_ticket.items()}
    return {key: course for key, course in found.items() if not course.told.gone}


def _handed_over(told: Life) -> Millis | None:
    """Since when the customer of a merged ticket waits, when there was no response (convention 17)."""
    if not told.merged or not told.known_from_creation or first_response(told) is not None:
        return None
    waits = [since for since, end in first_waits(told) if end is None]
    if told.outbound:
        return waits[-1] if waits else None
    return min([told.begin, *waits])
