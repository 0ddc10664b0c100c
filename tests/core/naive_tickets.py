"""What tickets add to every measure, from the text of the KPI cases and from nothing of `core`: slow, easy to read.

A row is (measure, instant, dims) with a count and a sum. What is wanted of a level is its change at each instant.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from schemas.codec import Millis
from schemas.policy import Marks, Policy
from tests.core.naive import UNSOLVED, first_response, first_waits, turns
from tests.core.naive_course import TRAITS, Course, Dims, Step

Row = tuple[str, Millis, Dims, int, int]
"""(measure, instant, dims, count, sum)"""
NOBODY: Dims = (None,) * 10


def dims(traits: Dims, agent: str | None = None, outcome: str | None = None) -> Dims:
    """Seven traits, who, and to what end; no article."""
    return (*traits, agent, outcome, None)


def ticket_rows(course: Course, policy: Policy, busy: Iterable[Millis]) -> Iterator[Row]:
    """What a ticket adds by itself.

    Args:
        busy: When agents began to be busy with it.
    """
    yield from _opening(course, policy)
    yield from _responses(course)
    yield from _contacts(course)
    yield from _quality(course, 1000 * policy.gaming.stub_followup_seconds)
    yield from _standing(course)
    if not course.merged:
        yield from _solves(course)
        yield from _signs(course, policy)
        yield from _queued(course, policy, list(busy))


def _opening(course: Course, policy: Policy) -> Iterator[Row]:
    its = dims(course.first_traits)
    escalated, handed_over = course.escalations(by_bot=False), course.escalations(by_bot=True)
    moves = [
        now.at
        for before, now in pairwise(course.steps)
        if now.fact.type == "ticket.assigned"
        and before.traits[0]
        and now.fact.queue not in (None, "", before.traits[0])
    ]
    for name, instants in (("escalated", escalated), ("transferred", moves), ("handed_over", handed_over)):
        yield from ((name, moment, its, 1, 0) for moment in instants)
    if not course.told.begin_known:
        return
    if course.merged:
        yield "merged_away", course.begin, its, 1, 0
        return
    wanted: Mapping[str, object] = {
        "opened": True,
        "escalated_tickets": escalated,
        "transferred_tickets": moves,
        "bug_reports": _marked(course, policy.feedback.bug_report),
        "feature_requests": _marked(course, policy.feedback.feature_request),
    }
    yield from ((name, course.begin, its, 1, 0) for name, counts in wanted.items() if counts)


def _marked(course: Course, marks: Marks) -> bool:
    tags = set(course.steps[0].fact.tags_added or ())
    for step in course.of("ticket.tags_changed"):
        tags = tags.union(step.fact.tags_added or ()).difference(step.fact.tags_removed or ())
    return (
        bool(tags.intersection(marks.tags)) or course.steps[-1].traits[TRAITS.index("category")] in marks.categories
    )


def _responses(course: Course) -> Iterator[Row]:
    told, traits = course.told, course.first_traits
    first = first_response(told)
    if first is not None:
        since, moment, place = first
        reply = told.tellers[place]
        assert reply is not None
        its, took = dims(traits, reply.agent_id or None), moment - since
        yield "first_response", moment, its, 1, took
        yield "first_response_business", moment, its, 1, took  # open round the clock
        for flag in reply.content_flags or ():
            yield f"first_response.{flag}", moment, its, 1, took
    handed_over = course.escalations(by_bot=True)
    if handed_over:
        hand_offs = [step for step in course.of("ticket.escalated") if step.fact.from_tier == "bot"]
        place = course.steps.index(hand_offs[0])
        after = [step for step in course.steps[place:] if step.message("agent")]
        for step in after[:1]:
            its = dims(traits, step.fact.agent_id)
            yield "first_response_since_handover", step.at, its, 1, step.at - handed_over[0]
    for since, end in turns(told):
        if end is not None and told.moments[end][1] == "agent":
            reply = told.tellers[end]
            assert reply is not None
            moment = told.moments[end][0]
            yield "next_response", moment, dims(traits, reply.agent_id or None), 1, moment - since
    waits = [since for since, end in (*first_waits(told), *turns(told)) if end is None]
    last = course.steps[-1]
    if waits and last.status in UNSOLVED:
        yield "waiting", waits[-1], dims(last.traits, last.agent), 1, 0


def _contacts(course: Course) -> Iterator[Row]:
    """Each time that the customer asked, and how the first answer was."""
    its, asking = dims(course.first_traits), course.asked
    if asking:
        yield "customer_contacts", course.begin, its, 1, 0
    for step in course.messages("customer", "agent", "bot"):
        if step.message("customer") and not asking:
            yield "customer_contacts", step.at, its, 1, 0
        asking = step.message("customer")


def _quality(course: Course, followup_ms: Millis) -> Iterator[Row]:
    spoken = course.messages("customer", "agent")
    replies = [number for number, step in enumerate(spoken) if step.message("agent")]
    if not replies or not course.told.known_from_creation:
        return
    reply, following = spoken[replies[0]], spoken[replies[0] + 1 :]
    its = dims(course.first_traits, reply.fact.agent_id or None)
    yield "first_reply", reply.at, its, 1, 0
    if {"actionable", "article_link", "troubleshooting"} & set(reply.fact.content_flags or ()):
        yield "first_reply_helpful", reply.at, its, 1, 0
    elif following and following[0].message("agent") and following[0].at - reply.at >= followup_ms:
        yield "first_reply_stub", reply.at, its, 1, 0


def _standing(course: Course) -> Iterator[Row]:
    """The backlog, as it changed at each instant."""
    held: tuple[str, Dims] | None = None
    for moment in sorted({step.at for step in course.steps}):
        last = [step for step in course.steps if step.at <= moment][-1]
        now = (f"backlog.{last.status}", dims(last.traits, last.agent)) if last.status in UNSOLVED else None
        if now != held:
            for change, each in ((-1, held), (1, now)):
                if each is not None:
                    yield each[0], moment, each[1], change, 0
            held = now
    if held is not None:
        yield held[0].replace("backlog", "opened_at"), course.begin, held[1], 1, 0


def _solves(course: Course) -> Iterator[Row]:
    solves = [step for step in course.steps if step.solves]
    reopens = [step for step in course.steps if step.reopens]

    def its(step: Step) -> Dims:
        return dims(course.first_traits, step.who, step.fact.reason or None)

    yield from (("resolved", step.at, its(step), 1, 0) for step in solves)
    for step in reopens:
        before = [solve for solve in solves if course.steps.index(solve) < course.steps.index(step)]
        yield "reopened", step.at, its(before[-1]), 1, 0
    if not solves:
        return
    first, last, known = solves[0], solves[-1], course.told.begin_known
    yield "solved", first.at, its(first), 1, 0
    if known:
        yield "first_resolution", first.at, its(first), 1, first.at - course.begin
    if reopens:
        yield "reopened_tickets", first.at, its(first), 1, 0
    if course.steps[-1].status in UNSOLVED:
        return
    yield "solved_now", last.at, its(last), 1, 0
    if len(course.messages("agent")) == 1:
        yield "one_touch", last.at, its(last), 1, 0
    if known:
        yield from ((name, last.at, its(last), 1, took) for name, took in _took(course, last.at).items())


def _took(course: Course, end: Millis) -> dict[str, Millis]:
    def spent(*statuses: str) -> Millis:
        return sum(
            max(0, min(until.at, end) - since.at)
            for since, until in pairwise(course.steps)
            if since.status in statuses
        )

    whole = end - course.begin
    return {
        "resolution": whole,
        "resolution_business": whole,
        "requester_wait": spent("new", "open", "on_hold"),
        "agent_work": spent("new", "open"),
        "agent_wait": spent("pending"),
        "on_hold": spent("on_hold"),
    }


def _signs(course: Course, policy: Policy) -> Iterator[Row]:
    """First replies for show, and other signs of gaming."""
    gaming, traits = policy.gaming, course.first_traits
    lookback, early = 1000 * gaming.pause_reply_lookback_seconds, 1000 * gaming.premature_reopen_seconds
    replies = [step.at for step in course.messages("agent")]
    for step in course.steps[1:]:
        paused = step.status == "pending" != step.was
        if paused and not any(step.at - lookback <= reply <= step.at for reply in replies):
            yield "paused_unasked", step.at, dims(traits, step.who), 1, 0
    turning = [step for step in course.steps if step.solves or step.reopens]
    for step, following in pairwise(turning):
        if step.solves and following.at - step.at <= early:
            yield "solved_early", step.at, dims(traits, step.who, step.fact.reason or None), 1, 0


def _queued(course: Course, policy: Policy, busy: list[Millis]) -> Iterator[Row]:
    its, its_policy = dims(course.first_traits), policy.service_level
    if not course.told.begin_known or its[1] not in its_policy.channels:
        return
    left = [step.at for step in course.of("ticket.status_changed") if step.fact.reason == "abandoned"]
    if left and not any(moment <= left[0] for moment in busy):
        outcome, wait = "abandoned", left[0] - course.begin
    elif busy:
        outcome, wait = "answered", max(0, min(busy) - course.begin)
    else:
        if course.steps[-1].status in UNSOLVED:
            yield "offered", course.begin, its, 1, 0
        return
    moment = course.begin + wait
    yield outcome, moment, its, 1, wait
    if wait <= 1000 * its_policy.threshold_seconds:
        yield f"{outcome}_in_time", moment, its, 1, 0
    if outcome == "abandoned" and wait <= 1000 * its_policy.short_abandon_seconds:
        yield "abandoned_shortly", moment, its, 1, 0
