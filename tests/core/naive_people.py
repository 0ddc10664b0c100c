"""What requesters, visits, opinions and agents add to every measure, from the text of the KPI cases and from nothing
of `core`: slow, easy to read."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from schemas.codec import Fact, Millis
from schemas.policy import Policy
from tests.core.naive import in_order
from tests.core.naive_course import TRAITS, Course, Dims
from tests.core.naive_tickets import NOBODY, Row, dims

DAY_MS = 86_400_000
PLAN_AHEAD_DAYS = 8
ON_QUEUE = ("available", "busy", "wrap_up")


def requester_rows(course: Course, all_courses: Iterable[Course], policy: Policy) -> Iterator[Row]:
    """Who came back, and what a bot resolved: of one ticket, once every window is over (conventions 11 and 25)."""
    solves = [step for step in course.steps if step.solves]
    if course.merged or not solves:
        return
    solve = solves[0].at
    its = dims(course.first_traits, solves[0].who, solves[0].fact.reason or None)
    returns = [step.at for step in course.steps if step.reopens]
    returns += [other.begin for other in all_courses if other.begin > solve and _again(course, other, policy)]
    escalated = policy.fcr.escalation_fails and any(at <= solve for at in course.escalations(by_bot=False))
    many = policy.fcr.first_contact == "one_reply" and sum(m.at <= solve for m in course.messages("agent")) > 1
    for place, days in enumerate(policy.fcr.windows_days):
        if escalated or many or any(moment <= solve + days * DAY_MS for moment in returns):
            yield f"came_back.{place}", solve, its, 1, 0
    people = [step.at for step in (*course.messages("agent"), *course.of("ticket.escalated"))]
    end = solve + 1000 * policy.automation.window_seconds
    by_bot = any(step.at <= solve for step in course.messages("bot"))
    if by_bot and not any(moment <= end for moment in (*people, *returns)):
        yield "automated", solve, its, 1, 0


def _again(course: Course, other: Course, policy: Policy) -> bool:
    """Whether ``other`` is a repeat contact of the same requester about the same thing."""
    if other is course or not other.asked or course.requester is None or course.requester != other.requester:
        return False
    category = TRAITS.index("category")
    about = course.first_traits[category]
    alike = about is not None and about == other.first_traits[category]
    return alike or policy.fcr.repeat_match == "requester" or other.into == course.key


def visit_rows(facts: Iterable[Fact], courses: Sequence[Course], policy: Policy) -> Iterator[Row]:
    """Convention 24."""
    by_visit: dict[str, list[Fact]] = {}
    for fact in in_order(fact for fact in facts if fact.type == "helpcenter.viewed"):
        by_visit.setdefault(fact.entity, []).append(fact)
    for views in by_visit.values():
        last = views[-1].at
        yield "visits", last, NOBODY, 1, 0
        who = next((view.requester_id for view in views if view.requester_id), None)
        if who is None:
            continue
        end = last + 1000 * policy.deflection.window_seconds
        asked = any(each.asked and each.requester == who and last <= each.begin <= end for each in courses)
        names = ("visits", "visits_asked") if asked else ("visits",)
        yield "visits_identified", last, NOBODY, 1, 0
        if asked:
            yield "visits_asked", last, NOBODY, 1, 0
        for article in {view.article_id for view in views}:
            yield from ((f"article_{name}", last, (*NOBODY[:-1], article), 1, 0) for name in names)


def opinion_rows(
    facts: Iterable[Fact], courses: Mapping[str, Course], deleted: set[str], policy: Policy
) -> Iterator[Row]:
    """Conventions 23 and 29."""
    scales = {"csat": policy.csat.scale, "nps": policy.nps.scale, "ces": policy.ces.scale}
    last: dict[Hashable, tuple[Fact, Dims]] = {}
    for fact in in_order(facts):
        of_ticket = fact.ticket_id is not None
        if fact.type not in ("survey.answered", "review.scored") or (of_ticket and fact.entity in deleted):
            continue
        course = courses.get(fact.entity) if of_ticket else None
        its = _of_opinion(fact, course)
        if fact.type == "review.scored":
            score = _review(fact)
            if score is not None:
                yield "review", fact.at, its, 1, round(1000 * score)
            continue
        person = fact.requester_id or (None if course is None else course.requester)
        by_person = fact.kind == "nps" and person is not None
        last[fact.kind, ("person", person) if by_person else (of_ticket, fact.entity)] = fact, its
    for fact, its in last.values():
        assert fact.kind is not None
        assert fact.score is not None
        score = _rescaled(fact.score, fact.scale, scales[fact.kind])
        yield fact.kind, fact.at, its, 1, round(1000 * score)


def _of_opinion(fact: Fact, course: Course | None) -> Dims:
    if course is None:
        return dims(tuple(getattr(fact, name) for name in TRAITS), fact.agent_id)
    return dims(course.first_traits, fact.agent_id or course.agent_at(fact.at))


def _rescaled(score: float, told: tuple[float, float] | None, scale: tuple[float, float]) -> float:
    if told is None or told == scale:
        return score
    return scale[0] + (score - told[0]) * (scale[1] - scale[0]) / (told[1] - told[0])


def _review(fact: Fact) -> float | None:
    if fact.score is not None:
        return _rescaled(fact.score, fact.scale, (0, 100))
    total = weights = 0.0
    for rated in fact.ratings or ():
        if rated.rating is None:
            continue
        share = (rated.rating - rated.scale[0]) / (rated.scale[1] - rated.scale[0])
        if rated.critical and share < 0.5:
            return 0
        total, weights = total + 100 * share * rated.weight, weights + rated.weight
    return total / weights if weights else None


class Held(NamedTuple):
    """A contact that an agent has."""

    state: str
    began: Millis
    queue: str | None
    team: str | None


class Standing(NamedTuple):
    """An agent at an instant, after all that happened until then."""

    own: str
    held: dict[str, Held]
    queue: str | None
    team: str | None

    @property
    def state(self) -> str:
        states = [each.state for each in self.held.values()]
        return next((state for state in ("busy", "wrap_up") if state in states), self.own)


def _standings(presences: Iterable[Fact], ended: Callable[[Held, Millis], None]) -> dict[Millis, Standing]:
    """By instant, in order."""
    now, found = Standing("offline", {}, None, None), dict[Millis, Standing]()
    for fact in presences:
        now = now._replace(queue=fact.queue or now.queue, team=fact.team or now.team)
        held = dict(now.held)
        over = []
        if fact.ticket_id is None:
            now = now._replace(own=fact.state or "offline")
            over = list(held) if now.own == "offline" else []
        elif fact.state == "busy" and fact.ticket_id not in held:
            held[fact.ticket_id] = Held("busy", fact.at, now.queue, now.team)
        elif fact.state in ("busy", "wrap_up"):
            if fact.ticket_id in held:
                held[fact.ticket_id] = held[fact.ticket_id]._replace(state=fact.state)
        else:
            over = [fact.ticket_id] if fact.ticket_id in held else []
        for ticket in over:
            ended(held.pop(ticket), fact.at)
        now = now._replace(held=held)
        found[fact.at] = now
    return found


def agent_rows(agent: str, facts: Iterable[Fact], policy: Policy) -> Iterator[Row]:
    """Conventions 20 and 21: of one agent."""
    events = in_order(facts)
    handled: list[tuple[Held, Millis | None]] = []
    standings = _standings(
        (fact for fact in events if fact.type == "agent.state_changed"), lambda held, at: handled.append((held, at))
    )
    last = list(standings.values())[-1:]
    handled += [(held, None) for each in last for held in each.held.values()]
    for held, end in handled:
        its = _of_agent(agent, held.queue, held.team)
        yield "handled", held.began, its, 1, 0
        if end is not None:
            yield "handle_time", end, its, 1, end - held.began
    yield from _changes({moment: list(_levels(agent, now)) for moment, now in standings.items()})
    yield from _changes(_against_plan(agent, events, standings, policy))


def _of_agent(agent: str, queue: str | None, team: str | None) -> Dims:
    return dims((queue, None, None, None, None, None, team), agent)


def _levels(agent: str, now: Standing) -> Iterator[tuple[str, Dims]]:
    """Where the agent counts at an instant, as often as it counts there."""
    its = _of_agent(agent, now.queue, now.team)
    if now.state != "offline":
        yield f"agent.{now.state}", its
    if now.held:
        yield "in_contact", its
    for held in now.held.values():
        yield "contacts", _of_agent(agent, held.queue, held.team)


def _against_plan(
    agent: str, events: Sequence[Fact], standings: Mapping[Millis, Standing], policy: Policy
) -> dict[Millis, list[tuple[str, Dims]]]:
    plan: list[tuple[Millis, Millis, str, str | None, str | None]] = [
        (int(1000 * each.begins.timestamp()), int(1000 * each.ends.timestamp()), each.activity, None, None)
        for each in policy.schedules.get(agent, ())
    ]
    plan += [
        (fact.begins_at or 0, fact.ends_at or 0, fact.activity or "off", fact.queue, fact.team)
        for fact in events
        if fact.type == "agent.scheduled"
    ]
    horizon = (max(fact.at for fact in events) // DAY_MS + 1 + PLAN_AHEAD_DAYS) * DAY_MS
    found: dict[Millis, list[tuple[str, Dims]]] = {horizon: []}
    edges = {edge for begin, end, *_ in plan for edge in (begin, end)}
    for moment in sorted(edge for edge in {*edges, *standings} if edge < horizon):
        found[moment] = []
        due = [each for each in plan if each[0] <= moment < each[1]]
        if due and due[-1][2] != "off":
            *_, activity, queue, team = due[-1]
            now = next((standings[since] for since in reversed(list(standings)) if since <= moment), None)
            state = "offline" if now is None else now.state
            did = "on_queue" if state in ON_QUEUE else state
            if now is not None:
                queue, team = now.queue or queue, now.team or team
            found[moment].append((f"plan.{activity}.{did}", _of_agent(agent, queue, team)))
    return found


def _changes(levels: Mapping[Millis, list[tuple[str, Dims]]]) -> Iterator[Row]:
    """From what counts at each instant, what changed at it."""
    before: list[tuple[str, Dims]] = []
    for moment in sorted(levels):
        now = levels[moment]
        for name, its in {*before, *now}:
            change = now.count((name, its)) - before.count((name, its))
            if change:
                yield name, moment, its, change, 0
        before = now
