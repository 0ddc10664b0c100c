"""Every figure lives: the simulated centre gives each measure something to count, and plausible amounts of it."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.codec import decode, encode
from schemas.events import EVENT
from schemas.topics import TICKETS
from services.adapters.policy_file import load_policy
from services.core.exchange import Entity, exchanged
from services.core.measure import measure as measure_of
from services.core.rules import Rules
from services.core.tally import FCR_PLACES, MEASURES
from services.simulator import demand
from services.simulator.agenda import Fields
from services.simulator.centre import Centre
from services.simulator.roster import employ, people_for

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
UNTIL = MONDAY + timedelta(days=4)
POLICY = load_policy(Path(demand.__file__).parent / "policy.yaml")
RULES = Rules(POLICY)
NOT_TO_BE_EXPECTED = {f"came_back.{place}" for place in FCR_PLACES[len(POLICY.fcr.windows_days) :]} | {
    *("plan.break.away", "plan.break.meeting", "plan.break.training"),
    *("plan.meeting.away", "plan.meeting.break", "plan.meeting.training"),
    *("plan.training.away", "plan.training.break", "plan.training.meeting"),
    *("paused.first_response", "paused.next_response", "paused.escalation_response"),  # they never stand still
    *("overdue.escalation_response", "overdue.escalation_closure", "sla_breached.escalation_closure"),
}


@pytest.fixture(scope="module")
def days() -> list[Fields]:
    return list(Centre(7, MONDAY).facts(UNTIL))


@pytest.fixture(scope="module")
def entities(days: list[Fields]) -> list[Entity]:
    facts = (decode(encode(EVENT.validate_python(fact))) for fact in days)
    return list(exchanged(facts, RULES).values())


@pytest.fixture(scope="module")
def counts(entities: list[Entity]) -> Counter[str]:
    """How often each measure was counted, whatever it is cut by."""
    found: Counter[str] = Counter()
    for entity in entities:
        for (measure, *_), (count, _) in entity.told.tallies.items():
            found[measure] += max(count, 0)
    return found


def test_every_measure_has_something_to_count(entities: list[Entity], counts: Counter[str]) -> None:
    found = {measure for measure, count in counts.items() if count}
    tickets = [entity.timeline for entity in entities if entity.timeline[0].topic is TICKETS]

    # What stood once may stand no more: of some tickets each instant is looked at.
    for timeline in tickets[:1500]:
        for length in range(1, len(timeline)):
            found |= {measure for (measure, *_) in measure_of(timeline[:length], RULES)}

    assert set(MEASURES) - found <= NOT_TO_BE_EXPECTED


@pytest.mark.parametrize(
    ("part", "whole", "least", "most"),
    [
        ("reopened_tickets", "solved", 0.03, 0.10),
        ("came_back.0", "solved", 0.10, 0.25),
        ("automated", "solved", 0.02, 0.08),
        ("escalated_tickets", "opened", 0.02, 0.08),
        ("transferred_tickets", "opened", 0.04, 0.12),
        ("one_touch", "solved_now", 0.35, 0.75),
        ("visits_asked", "visits_identified", 0.2, 0.45),
        ("first_reply_helpful", "first_reply", 0.6, 0.9),
        ("first_reply_stub", "first_reply", 0.002, 0.03),
        ("abandoned", "answered", 0.02, 0.10),
        ("paused_unasked", "solved", 0.001, 0.03),
        ("sla_breached.first_response", "sla_met.first_response", 0.02, 0.12),
        ("sla_breached.resolution", "sla_met.resolution", 0.01, 0.08),
        ("csat", "solved", 0.12, 0.25),
        ("nps", "solved", 0.03, 0.08),
        ("review", "solved", 0.01, 0.05),
        ("bug_reports", "opened", 0.05, 0.2),
        ("feature_requests", "opened", 0.01, 0.08),
    ],
)
def test_shares_are_such_as_a_manager_has_seen(
    part: str, whole: str, least: float, most: float, counts: Counter[str]
) -> None:
    assert least < counts[part] / counts[whole] < most


def test_every_ticket_has_an_area_and_those_with_an_agent_a_team(days: list[Fields]) -> None:
    areas = {fact["product_area"] for fact in days if fact["type"] == "ticket.created"}
    teams = {fact["agent_id"]: fact["team"] for fact in days if fact["type"] == "agent.state_changed"}
    assigned = [fact for fact in days if fact["type"] == "ticket.assigned" and fact.get("agent_id") is not None]

    assert 6 <= len(areas) <= 12
    assert 3 <= len(set(teams.values())) <= 6
    assert all(fact["team"] == teams[fact["agent_id"]] for fact in assigned)


def test_the_first_answer_of_an_agent_tells_what_it_holds(days: list[Fields]) -> None:
    answers = defaultdict(list)
    for fact in days:
        if fact["type"] == "ticket.replied" and fact["public"] and fact["author"] == "agent":
            answers[fact["ticket_id"]].append("content_flags" in fact)

    assert all(told == [True] + [False] * (len(told) - 1) for told in answers.values())


def test_solves_tell_what_the_resolution_was_mostly(days: list[Fields]) -> None:
    outcomes = Counter(fact.get("reason") for fact in days if fact.get("status") == "solved")

    assert set(outcomes) == {"fixed", "workaround", "answered", "duplicate", "no_response", None}
    assert outcomes[None] < 0.15 * outcomes.total()


def test_customers_come_back_about_the_same_thing(days: list[Fields]) -> None:
    created = [fact for fact in days if fact["type"] == "ticket.created"]
    before: dict[str, str] = {}
    same = others = 0
    for fact in created:
        last = before.get(fact["requester_id"])
        same += last == fact["category"]
        others += last not in (None, fact["category"])
        before[fact["requester_id"]] = fact["category"]

    assert 0.04 < same / len(created) < 0.12
    assert others > 0


def test_every_shift_is_planned_a_day_ahead_and_most_of_it_is_kept(days: list[Fields]) -> None:
    plans = [fact for fact in days if fact["type"] == "agent.scheduled" and fact["activity"] == "on_queue"]
    shown = {fact["agent_id"] for fact in days if fact["type"] == "agent.state_changed"}

    assert {fact["agent_id"] for fact in plans} == shown
    later = [fact for fact in plans if fact["begins_at"] > MONDAY + timedelta(days=1)]
    assert all(fact["occurred_at"] <= fact["begins_at"] - timedelta(hours=23) for fact in later)
    missed = [fact for fact in plans if fact["ends_at"] < UNTIL and not _came(fact, days)]
    assert 0 < len(missed) < 0.06 * len(plans)
    assert any(fact["activity"] == "off" for fact in days if fact["type"] == "agent.scheduled")


def test_of_two_plans_that_overlap_the_shift_is_told_first(days: list[Fields]) -> None:
    shifts = defaultdict(list)
    for fact in days:
        if fact["type"] == "agent.scheduled" and fact["activity"] == "on_queue":
            shifts[fact["agent_id"]].append(fact)
        elif fact["type"] == "agent.scheduled":
            [shift] = [each for each in shifts[fact["agent_id"]] if _within(fact, each)]
            assert shift["occurred_at"] < fact["occurred_at"]


def test_visits_are_anonymous_or_of_one_person(days: list[Fields]) -> None:
    people = defaultdict(set)
    for fact in days:
        if fact["type"] == "helpcenter.viewed":
            people[fact["visit_id"]].add(fact.get("requester_id"))
    known = [who - {None} for who in people.values() if who != {None}]

    assert all(len(who) == 1 for who in known)
    assert any(None in who and len(who) == 2 for who in people.values()), "some sign in halfway"
    assert 0.3 < len(known) / len(people) < 0.7


def test_some_agents_please_more_than_others(days: list[Fields]) -> None:
    care = {person.agent_id: person.care for person in employ(people_for(900))}
    scores = defaultdict(list)
    for fact in days:
        if fact.get("kind") == "csat" and "agent_id" in fact:
            scores[care[fact["agent_id"]] < 0.9].append(fact["score"])
    careless, careful = scores[True], scores[False]

    assert sum(careless) / len(careless) < sum(careful) / len(careful) - 0.15


def _within(inner: Fields, outer: Fields) -> bool:
    begins, ends = outer["begins_at"], outer["ends_at"]
    return bool(begins <= inner["begins_at"] < inner["ends_at"] <= ends)


def _came(plan: Fields, days: list[Fields]) -> bool:
    return any(_at_work(plan, days))


def _at_work(plan: Fields, days: list[Fields]) -> Iterator[bool]:
    for fact in days:
        if fact["type"] == "agent.state_changed" and fact["agent_id"] == plan["agent_id"]:
            yield plan["begins_at"] <= fact["occurred_at"] <= plan["ends_at"]
