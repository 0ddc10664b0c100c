"""Why a ticket's figures are what they are: its timeline, its clocks, its waits, and what it adds to which KPI."""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from schemas.codec import Fact, Millis, instant
from services.core.explanation.clocks import promises, unpromised
from services.core.explanation.counted import contributions, news_of, returns, through_requester, told_by
from services.core.explanation.parts import Explanation as Explanation
from services.core.explanation.parts import Happening, Period, State, Wait
from services.core.explanation.retold import Retold, retold
from services.core.measure import told
from services.core.responses import Response
from services.core.rules import Rules
from services.core.ticket import Ticket, status_ms, working_ms
from services.core.timeline import TAKEN_UP, WAIT_INHERITED

_TELLERS = {TAKEN_UP: "an agent", WAIT_INHERITED: "a ticket that was merged into this one"}


def latest(timeline: Sequence[Fact]) -> Millis:
    """The first instant at which all of a timeline is known."""
    return max((max(fact.at, fact.received_at) for fact in timeline), default=0)


def explanation(
    key: str,
    timeline: Sequence[Fact],
    rules: Rules,
    as_of: Millis,
    *,
    requester: Sequence[Fact] | None = None,
    repeats: Mapping[str, int] | None = None,
) -> Explanation:
    """Everything that figures know of ticket ``key``.

    Args:
        timeline: The ticket's facts, in order; all of them count (`timeline.known_at` takes earlier ones).
        as_of: When clocks are read, and what waits is looked at; not before the last event.
        requester: The timeline of who asked, where it is at hand: what the ticket adds through it.
        repeats: How often events came again, by their ids; None where that is not kept.
    """
    again = retold(timeline, rules)
    ticket = None if again is None else again.ticket
    result, gone = told(timeline, rules), ticket is not None and ticket.deleted
    whose = None if ticket is None else ticket.requester_id
    through = {} if requester is None else through_requester(key, ticket, requester, rules)
    return Explanation(
        ticket=key,
        as_of=instant(as_of),
        state=None if ticket is None else _state(ticket),
        timeline=list(_happenings(timeline, again, repeats)),
        periods=[] if ticket is None else list(_periods(ticket, as_of)),
        status_s={} if ticket is None else _seconds(status_ms(ticket, as_of)),
        waits=[] if ticket is None or gone else list(_waits(ticket, rules, as_of)),
        clocks=[] if again is None else promises(again, rules, as_of),
        unpromised=[] if again is None else unpromised(again),
        returns=[] if ticket is None or gone else returns(key, ticket, requester, rules, as_of),
        adds=contributions(result.tallies, through, whose, rules, as_of),
        tells=news_of(result.others.values()),
    )


def _happenings(
    timeline: Sequence[Fact], again: Retold | None, repeats: Mapping[str, int] | None
) -> Iterator[Happening]:
    changed = {} if again is None else again.changed
    for fact, overtaken_by in zip(timeline, _overtaken(timeline), strict=True):
        yield Happening(
            at=instant(fact.at),
            received_at=instant(fact.received_at),
            type=fact.type,
            event_id=fact.event_id,
            told_by=_TELLERS.get(fact.type),
            tells=told_by(fact),
            changed=changed.get(fact.event_id, []),
            overtaken_by=overtaken_by,
            repeats=None if repeats is None else repeats.get(fact.event_id, 0),
        )


def _overtaken(timeline: Sequence[Fact]) -> list[int]:
    """For each fact, how many later ones were received before it."""
    later: list[Millis] = []
    counts = []
    for fact in reversed(timeline):
        counts.append(bisect_left(later, fact.received_at))
        insort(later, fact.received_at)
    return counts[::-1]


def _state(ticket: Ticket) -> State:
    traits, waiting = ticket.now.traits, ticket.waiting_since
    return State(
        status=ticket.now.status,
        **traits._asdict(),
        agent=ticket.now.agent,
        requester=ticket.requester_id,
        tags=sorted(ticket.tags),
        opened_at=instant(ticket.opened_at),
        creation_known=ticket.creation_known,
        by_agent=ticket.outbound,
        waiting_since=None if waiting is None else instant(waiting),
        merged_into=ticket.merged_into,
        deleted=ticket.deleted,
    )


def _periods(ticket: Ticket, as_of: Millis) -> Iterator[Period]:
    for stretch, following in pairwise([*ticket.stretches, None]):
        if stretch is None:
            continue
        until = None if following is None else following.since
        yield Period(
            since=instant(stretch.since),
            until=None if until is None else instant(until),
            lasted_s=((as_of if until is None else until) - stretch.since) / 1000,
            status=stretch.status,
            queue=stretch.traits.queue,
            agent=stretch.agent,
        )


def _seconds(spent: Counter[str]) -> dict[str, float]:
    return {status: duration / 1000 for status, duration in spent.items()}


def _waits(ticket: Ticket, rules: Rules, as_of: Millis) -> Iterator[Wait]:
    responses = ticket.responses

    def wait(kind: str, since: Millis, answer: Response | None) -> Wait:
        until = as_of if answer is None else answer.at
        return Wait(
            kind=kind,  # type: ignore[arg-type]
            since=instant(since),
            until=None if answer is None else instant(until),
            lasted_s=(until - since) / 1000,
            business_s=working_ms(ticket, since, until, rules) / 1000,
            agent=None if answer is None else answer.agent,
        )

    for kind, answer in (
        ("first_response", responses.first),
        ("first_response_since_handover", responses.since_handover),
        *(("next_response", turn) for turn in responses.turns),
    ):
        if answer is not None:
            yield wait(kind, answer.since, answer)
    if ticket.waiting_since is not None:
        kind = "first_response" if responses.awaited_since is not None else "next_response"
        yield wait(kind, ticket.waiting_since, None)
