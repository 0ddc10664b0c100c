"""A ticket's timeline, told forwards: its state at the end, and everything on the way that a figure needs."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from schemas.codec import Fact, Millis
from schemas.topics import sibling
from services.core import timeline
from services.core.promises import SOLVED, Moment, Promises
from services.core.responses import Responses
from services.core.rules import Beside, Rules, Traits
from services.core.tally import UNSOLVED

MERGED = "merged"

_TOLD_BY_OTHERS = frozenset({timeline.TAKEN_UP, timeline.WAIT_INHERITED})
_TELLS_STATUS = frozenset({"ticket.status_changed", "ticket.snapshot"})
_TELLS_AGENT = frozenset({"ticket.assigned", "ticket.escalated", "ticket.snapshot"})
_TELLS_QUEUE = _TELLS_AGENT
_UNTOUCHED = ("new", "open")
_TELLS_PRIORITY = frozenset({"ticket.priority_changed", "ticket.escalated", "ticket.snapshot"})


class Stretch(NamedTuple):
    """From ``since`` on, until the next stretch begins, this held."""

    since: Millis
    status: str
    traits: Traits
    agent: str | None

    @property
    def solved(self) -> bool:
        return self.status in SOLVED

    @property
    def in_backlog(self) -> bool:
        return self.status in UNSOLVED


class Change(NamedTuple):
    """A change of status, and who made it; of a reopening, who had solved."""

    at: Millis
    agent: str | None
    outcome: str | None = None
    """Of a solve, what the resolution was; of a reopening, what it had been."""


class Message(NamedTuple):
    """A public message, and what is in it."""

    at: Millis
    author: str | None
    agent: str | None
    flags: tuple[str, ...]


class Ticket:
    """One ticket after the facts of its timeline. Changed in place while `replay` tells it.

    A ticket whose creation nobody told is first seen in the middle of its life: it stands in the backlog from its
    first event on, and its solves count; it was not opened here, its first response is taken as given, and what is
    measured from the creation has no value.
    """

    def __init__(self, opening: Fact, rules: Rules) -> None:
        self._rules = rules
        self.id = opening.ticket_id or opening.entity
        self.requester_id = opening.requester_id
        self.last_at = self.opened_at = opening.at
        self.created = opening.type == "ticket.created"
        self.creation_known = self.created
        status, agent = "open", None
        if self.created:
            status, agent = opening.status or "new", opening.agent_id or None
        elif opening.type == "ticket.snapshot" and opening.created_at is not None:
            self.last_at = self.opened_at = min(opening.created_at, opening.at)
            self.creation_known, status = True, "new"
        traits = Traits.told_by(opening)
        self.first_traits = traits
        """What it was created with; what the creation left out, as it was first told."""
        self.stretches = [Stretch(self.opened_at, status, traits, agent)]
        self.solves: list[Change] = []
        self.reopens: list[Change] = []
        self.pauses: list[Change] = []
        """Changes to pending."""
        self.messages: list[Message] = []
        self.tags = set(opening.tags_added or ())
        """What it has now."""
        self.transferred_at: list[Millis] = []
        self.escalated_at: list[Millis] = []
        self.handed_over_at: list[Millis] = []
        """Given to people by a bot."""
        self.abandoned_at: Millis | None = None
        """When the customer left the queue unanswered, for the first time."""
        self.taken_up_at: Millis | None = None
        """When an agent was first busy with it."""
        self.merged_at: Millis | None = None
        self.merged_into: str | None = None
        """The key of the ticket that it became a part of."""
        self.deleted = False
        self.responses = Responses(rules.policy.first_response, self.opened_at)
        self.responses.open(outbound=opening.created_by == "agent", known=self.created)
        self._key = opening.entity
        self.promises = Promises(rules, self._moment(self.opened_at, status), known=self.creation_known)
        # Opened and solved in one are two: first the clocks start, then they stop.
        self._settle(self.opened_at, "new" if self.now.solved else status)
        if self.now.solved:
            self._solve(self.opened_at, agent, opening.reason)
            self._settle(self.opened_at, status)

    @property
    def now(self) -> Stretch:
        """What holds after the last event."""
        return self.stretches[-1]

    @property
    def outbound(self) -> bool:
        """An agent opened it."""
        return self.responses.outbound

    def stretch_at(self, at: Millis) -> Stretch | None:
        """What held at an instant, as far as is told; None before the ticket was there."""
        return next((stretch for stretch in reversed(self.stretches) if stretch.since <= at), None)

    def assignee_at(self, at: Millis) -> str | None:
        """Whose it was at an instant."""
        stretch = self.stretch_at(at)
        return None if stretch is None else stretch.agent

    @property
    def waiting_since(self) -> Millis | None:
        """Since when the customer waits for an answer now."""
        return None if self.now.solved or self.merged_at is not None else self.responses.waiting_since

    def tell(self, fact: Fact) -> None:
        """The next event of the timeline. After a merge or a deletion nothing counts any more."""
        if self.merged_at is not None or self.deleted:
            return
        if fact.type == timeline.TAKEN_UP:  # nothing that happens to the ticket itself
            self.taken_up_at = fact.at if self.taken_up_at is None else min(self.taken_up_at, fact.at)
            return
        # Two machines' clocks: what seems to come before the opening came with it.
        at = self.last_at = max(fact.at, self.opened_at)
        was = self.now
        self.promises.notice(at, self.assignee_at)
        self.requester_id = self.requester_id or fact.requester_id
        self._note(fact, at)
        self._change(fact, at)
        if fact.type == "ticket.merged":
            self.merged_at, self.merged_into = at, merged_into(fact)
        if self.merged_at is not None or self.deleted:
            self.promises.cancel(at)
            return
        self.promises.retarget(self._moment(at, self.now.status))
        if self.now.status == "pending" != was.status:
            self.pauses.append(Change(at, fact.agent_id or was.agent))
        if self.now.solved and not was.solved:
            self._solve(at, fact.agent_id or was.agent, fact.reason)
        elif was.solved and not self.now.solved:
            solve = self.solves[-1] if self.solves else Change(at, None)
            self.reopens.append(Change(at, solve.agent, solve.outcome))
            self.responses.reopened(at)
        self._settle(at, self.now.status)

    def _note(self, fact: Fact, at: Millis) -> None:
        """What the event says beside the ticket's own state."""
        match fact.type:
            case "ticket.replied":
                self.responses.message(fact, at)
                if fact.public:
                    self.messages.append(Message(at, fact.author, fact.agent_id or None, fact.content_flags or ()))
            case "ticket.escalated":
                self._escalate(fact, at)
            case "ticket.assigned":
                queue = self.now.traits.queue
                if queue is not None and fact.queue not in (None, "", queue):
                    self.transferred_at.append(at)
            case "ticket.status_changed":
                if fact.reason == "abandoned" and self.abandoned_at is None:
                    self.abandoned_at = at
                if fact.agent_id and self.now.status in _UNTOUCHED and fact.status not in (None, *_UNTOUCHED):
                    self.responses.clicked(at, fact.agent_id)
            case "ticket.tags_changed":
                self.tags.update(fact.tags_added or ())
                self.tags.difference_update(fact.tags_removed or ())
            case "ticket.deleted":
                self.deleted = True
            case timeline.WAIT_INHERITED:
                if fact.created_at is not None and not self.now.solved:
                    self.responses.inherit(min(fact.created_at, at))

    def _escalate(self, fact: Fact, at: Millis) -> None:
        if fact.from_tier == "bot":
            self.handed_over_at.append(at)
            self.responses.handed_over(at)
        else:
            self.escalated_at.append(at)

    def _change(self, fact: Fact, at: Millis) -> None:
        """Take over what the event tells of the ticket itself."""
        kind, was = fact.type, self.now
        status = fact.status if kind in _TELLS_STATUS and fact.status is not None else was.status
        if kind == "ticket.merged":
            status = MERGED
        agent = (fact.agent_id or None) if kind in _TELLS_AGENT and fact.agent_id is not None else was.agent
        traits = self._traits(fact)
        if status == was.status and agent == was.agent and traits is was.traits:
            return
        if was.since == at:
            self.stretches.pop()
        self.stretches.append(Stretch(at, status, traits, agent))

    def _traits(self, fact: Fact) -> Traits:
        """The traits after ``fact``: changed by the events that are about them, else only filled in where unknown."""
        kind, was = fact.type, self.now.traits
        queue, priority, team = was.queue, was.priority, was.team
        if fact.queue is not None and (queue is None or kind in _TELLS_QUEUE):
            queue = fact.queue or None
        if fact.priority is not None and (priority is None or kind in _TELLS_PRIORITY):
            priority = fact.priority
        if fact.team and (team is None or kind in _TELLS_AGENT):
            team = fact.team
        traits = Traits(
            queue,
            was.channel or fact.channel,
            priority,
            was.tier or fact.tier,
            was.category or fact.category,
            was.product_area or fact.product_area,
            team,
        )
        if traits == was:
            return was
        self.first_traits = Traits(
            *(first or now for first, now in zip(self.first_traits, traits, strict=True)),
        )
        return traits

    def _solve(self, at: Millis, agent: str | None, reason: str | None) -> None:
        self.solves.append(Change(at, agent, self._rules.outcome_of(reason)))
        self.responses.solved()

    def _settle(self, at: Millis, status: str) -> None:
        self.promises.settle(self._moment(at, status), self.responses)

    @property
    def beside(self) -> Beside:
        """What of it policies may ask for beside its traits."""
        return self._rules.beside(self._key, self.tags)

    def _moment(self, at: Millis, status: str) -> Moment:
        return Moment(at, status, self.now.traits, self.beside, len(self.escalated_at), self.assignee_at)


def merged_into(merge: Fact) -> str | None:
    """The key of the ticket that the one of ``merge`` becomes a part of: they are of one helpdesk."""
    if merge.into_ticket_id is None:
        return None
    return sibling(merge.entity, merge.into_ticket_id)


def opening_of(told: Iterable[Fact]) -> Fact | None:
    """The event that a ticket begins with, of those about the ticket itself in order; None when there is none.

    It is the creation, whatever comes before it, else the first event that is not told by another entity.
    """
    first = None
    for fact in told:
        if fact.type == "ticket.created":
            return fact
        if first is None and fact.type not in _TOLD_BY_OTHERS:
            first = fact
    return first


def replay(facts: Iterable[Fact], rules: Rules) -> Ticket | None:
    """The ticket that a timeline tells of; None when nothing in it is about the ticket itself.

    Args:
        facts: One ticket's timeline, in order (`timeline.absorb`).
    """
    told = [fact for fact in facts if fact.type.startswith("ticket.")]
    opening = opening_of(told)
    if opening is None:
        return None
    ticket = Ticket(opening, rules)
    for fact in told:
        if fact is not opening or not ticket.created:
            ticket.tell(fact)
    return ticket


def status_ms(ticket: Ticket, until: Millis) -> Counter[str]:
    """How long it was in each status up to an instant, in milliseconds."""
    ends = [*(stretch.since for stretch in ticket.stretches[1:]), until]
    spent: Counter[str] = Counter()
    for stretch, end in zip(ticket.stretches, ends, strict=True):
        spent[stretch.status] += max(0, min(end, until) - stretch.since)
    return spent


def working_ms(ticket: Ticket, begin: Millis, end: Millis, rules: Rules) -> Millis:
    """Opening time from ``begin`` to ``end`` on the calendars of the queues that the ticket was in meanwhile."""
    if rules.recount_with_last_calendar:
        last = next(s for s in reversed(ticket.stretches) if s.since <= end or s is ticket.stretches[0])
        return rules.calendars[rules.calendar_of(last.traits.queue)].between(begin, end)
    ends = [*(stretch.since for stretch in ticket.stretches[1:]), end]
    total = 0
    for stretch, until in zip(ticket.stretches, ends, strict=True):
        # A wait that was inherited from a merged ticket begins before the first stretch.
        since = begin if stretch is ticket.stretches[0] else max(stretch.since, begin)
        if since < min(until, end):
            calendar = rules.calendars[rules.calendar_of(stretch.traits.queue)]
            total += calendar.between(since, min(until, end))
    return total
