"""The simulated centre behaves like one, and always the same."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from schemas.codec import instant, millis
from schemas.events import EVENT, AgentStateChanged
from services.simulator.agenda import Fields
from services.simulator.centre import Centre
from services.simulator.demand import DAY, HOUR, QUEUES, Demand
from services.simulator.roster import employ, people_for, shifts

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 14


@pytest.fixture(scope="module")
def fortnight() -> list[Fields]:
    return list(Centre(7, MONDAY).facts(MONDAY + timedelta(days=DAYS)))


def test_the_same_seed_and_start_give_the_same_events() -> None:
    until = MONDAY + timedelta(days=1)

    assert list(Centre(3, MONDAY).events(until)) == list(Centre(3, MONDAY).events(until))


def test_another_seed_gives_another_centre() -> None:
    until = MONDAY + timedelta(hours=6)

    ours = {fact["event_id"] for fact in Centre(3, MONDAY).facts(until)}
    others = {fact["event_id"] for fact in Centre(4, MONDAY).facts(until)}

    assert ours.isdisjoint(others)


def test_going_on_in_steps_gives_what_one_go_gives() -> None:
    centre = Centre(7, MONDAY)
    steps = [fact for hour in range(1, 25) for fact in centre.facts(MONDAY + timedelta(hours=hour))]

    assert steps == list(Centre(7, MONDAY).facts(MONDAY + timedelta(hours=24)))


def test_every_event_is_one_of_the_vocabulary(fortnight: list[Fields]) -> None:
    events = [EVENT.validate_python(fact) for fact in fortnight[:30_000]]

    assert not any(event.model_extra for event in events)
    assert {event.type for event in events} == {
        "agent.scheduled",
        "agent.state_changed",
        "helpcenter.viewed",
        "review.scored",
        "survey.answered",
        "ticket.assigned",
        "ticket.created",
        "ticket.escalated",
        "ticket.merged",
        "ticket.priority_changed",
        "ticket.replied",
        "ticket.status_changed",
        "ticket.tags_changed",
    }


def test_events_come_in_order_and_only_once(fortnight: list[Fields]) -> None:
    assert all(one["occurred_at"] <= next_one["occurred_at"] for one, next_one in pairwise(fortnight))
    assert len({fact["event_id"] for fact in fortnight}) == len(fortnight)


def test_nights_and_weekends_are_quieter(fortnight: list[Fields]) -> None:
    created_at = [fact["occurred_at"] for fact in fortnight if fact["type"] == "ticket.created"]
    by_hour = Counter(at.hour for at in created_at)
    by_weekday = Counter(at.weekday() for at in created_at)

    assert sum(by_hour[hour] for hour in range(5)) * 3 < sum(by_hour[hour] for hour in range(9, 14))
    assert max(by_weekday[day] for day in (5, 6)) < min(by_weekday[day] for day in range(5))
    assert 850 < len(created_at) / DAYS < 1050


def test_all_sorts_of_work_occur(fortnight: list[Fields]) -> None:
    created = [fact for fact in fortnight if fact["type"] == "ticket.created"]
    reasons = Counter((fact["type"], fact.get("reason")) for fact in fortnight)
    reopened = [fact for fact in fortnight if fact.get("old_status") == "solved" and fact["status"] == "open"]

    assert {fact["channel"] for fact in created} == {"email", "chat", "web", "voice"}
    assert {fact["priority"] for fact in created} == {"low", "normal", "high", "urgent"}
    assert {fact["queue"] for fact in fortnight if "queue" in fact} == set(QUEUES)
    assert reasons["ticket.status_changed", "abandoned"] > 20
    assert reasons["ticket.escalated", "handoff"] > 500
    assert len(reopened) > 100


def test_agents_are_there_at_every_hour_and_never_outside_their_shifts(fortnight: list[Fields]) -> None:
    people = employ(people_for(900))
    planned = defaultdict(list)
    for day in range(-1, DAYS):
        for shift in shifts(people, 7, millis(MONDAY) + day * DAY):
            planned[shift.person.agent_id].append((instant(shift.begins_at), instant(shift.ends_at)))

    for fact in fortnight:
        if fact["type"] == "agent.state_changed":
            at = fact["occurred_at"]
            assert any(begins <= at <= ends for begins, ends in planned[fact["agent_id"]]), fact
    assert min(_on_duty(fortnight)) >= 1


def test_an_agent_does_one_thing_at_a_time_or_two_chats(fortnight: list[Fields]) -> None:
    channel: dict[str, str] = {}
    contacts: dict[str, set[str]] = defaultdict(set)
    for fact in fortnight:
        if fact["type"] == "ticket.created":
            channel[fact["ticket_id"]] = fact["channel"]
        elif fact["type"] == "agent.state_changed":
            hands = contacts[fact["agent_id"]]
            if "ticket_id" not in fact:
                assert not hands, "nobody pauses or leaves with a contact in hand"
            elif fact["state"] == "available":
                hands.remove(fact["ticket_id"])
            else:
                hands.add(fact["ticket_id"])
                assert len(hands) == 1 or (len(hands) == 2 and {channel[each] for each in hands} == {"chat"})


def test_the_backlog_is_worked_off(fortnight: list[Fields]) -> None:
    by_hour = list(_backlog(fortnight))[24:]

    assert min(by_hour) > 30
    assert max(by_hour) < 350
    first_week, second_week = by_hour[: 6 * 24], by_hour[-7 * 24 :]
    assert sum(second_week) / len(second_week) < 1.5 * sum(first_week) / len(first_week)


def test_chats_are_answered_in_minutes_and_mail_in_hours(fortnight: list[Fields]) -> None:
    waits = _first_responses(fortnight)

    assert timedelta(seconds=20) < _median(waits["chat"]) < timedelta(minutes=4)
    assert timedelta(minutes=30) < _median(waits["email"]) < timedelta(hours=3)


def test_agents_are_busy_but_not_overrun(fortnight: list[Fields]) -> None:
    work, signed_in = _work_and_presence(fortnight)

    assert 0.6 < work / signed_in < 0.85


def test_what_is_finished_is_never_heard_of_again() -> None:
    centre = Centre(7, MONDAY)
    before = {fact["ticket_id"] for fact in centre.facts(MONDAY + timedelta(days=2)) if "ticket_id" in fact}
    finished = before - centre.unfinished

    after = {fact.get("ticket_id") for fact in centre.facts(MONDAY + timedelta(days=4))}

    assert len(finished) > 1000
    assert finished.isdisjoint(after)


def test_an_incident_fills_one_queue_with_one_topic() -> None:
    demand = Demand(7, 900)
    by_hour: Counter[int] = Counter()
    for day in range(60):
        contacts = demand.day(millis(MONDAY) + day * DAY)
        by_hour.update(contact.at // HOUR for contact in contacts if contact.category == "outage")

    assert sorted(by_hour.values())[len(by_hour) // 2] <= 3
    assert max(by_hour.values()) >= 15


def test_a_busier_centre_has_more_agents_and_no_longer_lines() -> None:
    facts = list(Centre(7, MONDAY, tickets_per_day=3000).facts(MONDAY + timedelta(days=3)))

    assert people_for(3000) > 3 * people_for(900)
    assert list(_backlog(facts))[-1] < 1200


def _on_duty(facts: list[Fields]) -> Iterator[int]:
    """How many agents are signed in, once an hour, when the first shifts have begun."""
    on_duty: set[str] = set()
    hour = MONDAY + timedelta(hours=1)
    for fact in facts:
        while fact["occurred_at"] >= hour:
            yield len(on_duty)
            hour += timedelta(hours=1)
        if fact["type"] == "agent.state_changed" and "ticket_id" not in fact:
            (on_duty.discard if fact["state"] == "offline" else on_duty.add)(fact["agent_id"])


def _backlog(facts: list[Fields]) -> Iterator[int]:
    """Tickets not solved and not merged away, once an hour."""
    backlog: set[str] = set()
    hour = MONDAY + timedelta(hours=1)
    for fact in facts:
        while fact["occurred_at"] >= hour:
            yield len(backlog)
            hour += timedelta(hours=1)
        done = fact["type"] == "ticket.merged" or fact.get("status") in ("solved", "closed")
        if done:
            backlog.discard(fact["ticket_id"])
        elif "status" in fact:
            backlog.add(fact["ticket_id"])


def _first_responses(facts: list[Fields]) -> dict[str, list[timedelta]]:
    waiting: dict[str, tuple[str, datetime]] = {}
    waits = defaultdict(list)
    for fact in facts:
        if fact["type"] == "ticket.created":
            waiting[fact["ticket_id"]] = fact["channel"], fact["occurred_at"]
        elif fact["type"] == "ticket.replied" and fact["public"] and fact["author"] == "agent":
            channel, opened_at = waiting.pop(fact["ticket_id"], ("", fact["occurred_at"]))
            waits[channel].append(fact["occurred_at"] - opened_at)
    return waits


def _median(waits: list[timedelta]) -> timedelta:
    return sorted(waits)[len(waits) // 2]


def _work_and_presence(facts: list[Fields]) -> tuple[timedelta, timedelta]:
    """Time with a contact in hand, and time signed in without breaks."""
    work = signed_in = timedelta()
    own: dict[str, tuple[str, datetime]] = {}
    busy: dict[str, tuple[int, datetime]] = defaultdict(lambda: (0, MONDAY))
    for fact in facts:
        if fact["type"] != "agent.state_changed":
            continue
        event = EVENT.validate_python(fact)
        assert isinstance(event, AgentStateChanged)
        at, agent = event.occurred_at, event.agent_id
        if event.ticket_id is None:
            state, since = own.get(agent, ("offline", at))
            if state in ("available", "training", "meeting"):
                signed_in += at - since
            own[agent] = event.state, at
        elif event.state != "wrap_up":
            contacts, since = busy[agent]
            if contacts:
                work += at - since
            busy[agent] = contacts + (1 if event.state == "busy" else -1), at
    return work, signed_in
