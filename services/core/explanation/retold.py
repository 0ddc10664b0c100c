"""A timeline told again, event by event: what each did to the ticket, and how its clocks' deadlines moved."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.codec import Fact, Millis, instant
from services.core.explanation.parts import Deadline
from services.core.explanation.words import lasting, moment
from services.core.promises import ONE_A_TICKET
from services.core.rules import Rules, Traits
from services.core.sla import Clock
from services.core.ticket import Ticket, opening_of

ClockName = tuple[str, int]
"""(metric, which of several)"""
_EVER: Millis = -(2**62)


@dataclass
class History:
    """One clock, and what held for it from when on."""

    clock: Clock
    hours: list[tuple[Millis, str | None]]
    """The calendar that counted, each until the next."""
    deadlines: list[Deadline] = field(default_factory=list)
    breach_told: bool = False

    def hours_at(self, at: Millis) -> str | None:
        """The calendar that counts a stretch which begins at ``at``."""
        return next((hours for since, hours in reversed(self.hours) if since <= at), self.hours[0][1])


@dataclass
class Retold:
    """A ticket after its timeline, and what happened on the way."""

    ticket: Ticket
    changed: dict[str, list[str]]
    """What each event changed, by its id."""
    histories: dict[ClockName, History]


def retold(timeline: Sequence[Fact], rules: Rules) -> Retold | None:
    """``timeline`` told again; None when nothing in it is about the ticket itself."""
    told = [fact for fact in timeline if fact.type.startswith("ticket.")]
    opening = opening_of(told)
    if opening is None:
        return None
    ticket = Ticket(opening, rules)
    result = Retold(ticket, {}, {})
    seen = _seen(ticket)
    result.changed[opening.event_id] = [*_beginning(ticket), *_followed(result, opening, rules)]
    for fact in told:
        if fact is opening and ticket.created:
            continue
        over = ticket.merged_at is not None or ticket.deleted
        ticket.tell(fact)
        before, seen = seen, _seen(ticket)
        sentences = ["nothing: the ticket was merged away or deleted before"] if over else _differences(before, seen)
        result.changed.setdefault(fact.event_id, []).extend([*sentences, *_followed(result, fact, rules)])
    return result


def clocks_of(ticket: Ticket) -> Iterator[tuple[ClockName, Clock]]:
    """Every clock, with its name."""
    numbers: Counter[str] = Counter()
    for clock in ticket.promises:
        numbers[clock.metric] += 1
        yield (clock.metric, numbers[clock.metric]), clock


class _Seen(NamedTuple):
    """What of a ticket an event may change."""

    status: str
    traits: Traits
    agent: str | None
    tags: frozenset[str]
    waiting_since: Millis | None
    first_response: tuple[Millis, Millis] | None
    turns: int
    handover_response: bool
    counts: tuple[int, ...]
    facts: tuple[bool, ...]


_COUNTED = ("solved", "reopened", "set to pending", "moved to another queue", "escalated", "handed over to people")
_HAPPENED = ("left the queue unanswered", "taken up by an agent", "merged into another ticket", "deleted")


def _seen(ticket: Ticket) -> _Seen:
    first = ticket.responses.first
    return _Seen(
        ticket.now.status,
        ticket.now.traits,
        ticket.now.agent,
        frozenset(ticket.tags),
        ticket.waiting_since,
        None if first is None else (first.since, first.at),
        len(ticket.responses.turns),
        ticket.responses.since_handover is not None,
        tuple(
            len(changes)
            for changes in (
                *(ticket.solves, ticket.reopens, ticket.pauses),
                *(ticket.transferred_at, ticket.escalated_at, ticket.handed_over_at),
            )
        ),
        (
            *(ticket.abandoned_at is not None, ticket.taken_up_at is not None),
            *(ticket.merged_at is not None, ticket.deleted),
        ),
    )


def _beginning(ticket: Ticket) -> list[str]:
    how = "opened by an agent" if ticket.outbound else "opened"
    if not ticket.creation_known:
        how = "first seen in the middle of its life"
    elif not ticket.created:
        how = f"created at {moment(ticket.opened_at)}, as is told here"
    sentences = [how, f"status {ticket.stretches[0].status}"]
    if ticket.responses.awaited_since is not None:
        sentences.append(f"the customer waits for a first response since {moment(ticket.responses.awaited_since)}")
    return sentences


def _differences(was: _Seen, now: _Seen) -> list[str]:
    pairs = [("status", was.status, now.status), ("agent", was.agent, now.agent)]
    pairs += [(name, getattr(was.traits, name), getattr(now.traits, name)) for name in Traits._fields]
    sentences = [f"{name} {_named(old)} -> {_named(new)}" for name, old, new in pairs if old != new]
    sentences += [f"tag {tag} added" for tag in sorted(now.tags - was.tags)]
    sentences += [f"tag {tag} taken away" for tag in sorted(was.tags - now.tags)]
    sentences += [words for words, old, new in zip(_COUNTED, was.counts, now.counts, strict=True) if new > old]
    sentences += [words for words, old, new in zip(_HAPPENED, was.facts, now.facts, strict=True) if new > old]
    return sentences + _answers(was, now)


def _answers(was: _Seen, now: _Seen) -> list[str]:
    sentences = []
    if now.first_response is not None and now.first_response != was.first_response:
        since, at = now.first_response
        sentences.append(f"first response, {lasting((at - since) / 1000)} after {moment(since)}")
    if now.turns > was.turns:
        since_words = "" if was.waiting_since is None else f" to what was asked at {moment(was.waiting_since)}"
        sentences.append(f"next response{since_words}")
    if now.handover_response and not was.handover_response:
        sentences.append("first response of people since the hand-over")
    if now.waiting_since != was.waiting_since:
        waits = f"the customer waits for an answer since {moment(now.waiting_since)}"
        sentences.append("nobody waits any more" if now.waiting_since is None else waits)
    return sentences


def _named(value: str | None) -> str:
    return "none" if value is None else value


def _followed(result: Retold, fact: Fact, rules: Rules) -> list[str]:
    """Note what the clocks are after ``fact``; what that changed."""
    sentences = []
    for name, clock in clocks_of(result.ticket):
        history = result.histories.get(name)
        if history is None or history.clock is not clock:
            earlier = [] if history is None else history.deadlines
            history = result.histories[name] = History(clock, [(_EVER, clock.hours)], earlier)
        elif history.hours[-1][1] is None or rules.recount_with_last_calendar:
            history.hours = [(_EVER, clock.hours)]
        elif history.hours[-1][1] != clock.hours:
            history.hours.append((result.ticket.last_at, clock.hours))
        sentences += _moved(name, clock, history, fact, result.ticket.last_at)
    return sentences


def _moved(name: ClockName, clock: Clock, history: History, fact: Fact, at: Millis) -> list[str]:
    metric, number = name
    label = f"{metric} clock" if metric in ONE_A_TICKET else f"{metric} clock {number}"
    sentences = []
    if clock.breached_at is not None and not history.breach_told:
        history.breach_told = True
        sentences.append(f"{label}: the target was passed at {moment(clock.breached_at)}")
    deadline = _deadline(clock, fact, at)
    before = history.deadlines[-1] if history.deadlines else None
    if deadline.policy is None if before is None else _promised(before) == _promised(deadline):
        return sentences
    history.deadlines.append(deadline)
    return [*sentences, f"{label}: {_stands(clock)}"]


def _deadline(clock: Clock, fact: Fact, at: Millis) -> Deadline:
    due, target = clock.due_at(), clock.target
    return Deadline(
        instant(at),
        fact.event_id,
        None if target is None else target.policy,
        None if target is None else target.target_ms / 1000,
        None if due is None else instant(due),
    )


def _stands(clock: Clock) -> str:
    """How a clock stands, in words."""
    due, target = clock.due_at(), clock.target
    if target is None:
        return "nothing is promised any more"
    if due is not None:
        return f"{target.policy} promises {lasting(target.target_ms / 1000)}, due {moment(due)}"
    if clock.cancelled:
        return "cancelled"
    if clock.stopped_at is not None:
        return "stops, in time" if clock.breached_at is None else "stops, too late"
    return "stands still"


def _promised(deadline: Deadline) -> tuple[object, ...]:
    return deadline.policy, deadline.target_s, deadline.due_at
