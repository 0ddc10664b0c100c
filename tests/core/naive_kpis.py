"""Figures of many entities, from the text of the KPI cases and from nothing of `core`: slow, and easy to read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from msgspec.structs import replace

from schemas.codec import Fact, Millis
from schemas.policy import Fcr, ServiceLevel
from tests.core.naive import Life, in_order, life, shown_state


def about(facts: Iterable[Fact], requester: str | None, category: str | None, into: str) -> list[Fact]:
    """The same ticket, of another requester, about another thing, and merged into another ticket."""
    told = [replace(fact, requester_id=requester, category=category) for fact in facts]
    return [replace(fact, into_ticket_id=into) if fact.type == "ticket.merged" else fact for fact in told]


def _lives(facts: Sequence[Fact], as_of: Millis) -> dict[str, tuple[Life, list[Fact]]]:
    """By ticket: its life, and its events in order without those that came after its merge."""
    known = sorted((fact for fact in facts if fact.at <= as_of), key=lambda fact: fact.entity)
    found = {}
    for name, each in groupby(known, key=lambda fact: fact.entity):
        events = in_order(each)
        told = life(events)
        merge = next((place for place, fact in enumerate(events) if fact.type == "ticket.merged"), len(events))
        if not told.gone:
            found[name] = (told, events[: merge + 1])
    return found


def fcr(facts: Sequence[Fact], as_of: Millis, policy: Fcr, days: int) -> dict[str, tuple[Any, bool]]:
    """By ticket: the verdict, and whether the window is over (convention 11)."""
    lives = _lives(facts, as_of)
    verdicts: dict[str, tuple[Any, bool]] = {}
    for name, (told, events) in lives.items():
        if told.merged or not told.solves():
            verdicts[name] = (None, False)
            continue
        solve = told.solves()[0]
        end = solve + days * 86_400_000
        bad = any(reopen <= end for reopen in told.reopens())
        for other, (their, their_events) in lives.items():
            opened_in_time = their.begin_known and not their.outbound and solve < their.begin <= end
            if other != name and opened_in_time and _same_requester(events, their_events):
                alike = policy.repeat_match == "requester" or (
                    events[0].category is not None and events[0].category == their_events[0].category
                )
                joined = their.merged and their_events[-1].into_ticket_id == name
                bad = bad or alike or joined
        before = [fact for fact in events if max(fact.at, told.begin) <= solve]
        if policy.escalation_fails:
            bad = bad or any(fact.type == "ticket.escalated" and fact.from_tier != "bot" for fact in before)
        if policy.first_contact == "one_reply":
            bad = bad or sum(fact.author == "agent" and fact.public is True for fact in before) > 1
        verdicts[name] = (False if bad else True if end <= as_of else "pending", end <= as_of)
    return verdicts


def _same_requester(ours: Sequence[Fact], theirs: Sequence[Fact]) -> bool:
    return ours[0].requester_id is not None and ours[0].requester_id == theirs[0].requester_id


def service_level(
    facts: Sequence[Fact], presences: Sequence[Fact], as_of: Millis, policy: ServiceLevel
) -> dict[str, float | int | None]:
    """Counts and shares of the queue (convention 22)."""
    answered, abandoned, waiting = [], [], []
    for name, (told, events) in _lives(facts, as_of).items():
        if not told.begin_known or told.merged:
            continue
        busy = [fact.at for fact in presences if fact.ticket_id == name and fact.state == "busy" and fact.at <= as_of]
        left = [max(fact.at, told.begin) for fact in events if fact.reason == "abandoned"]
        if left and (not busy or left[0] < min(busy)):
            abandoned.append((left[0] - told.begin) / 1000)
        elif busy:
            answered.append(max(0, min(busy) - told.begin) / 1000)
        elif told.statuses[-1][1] not in ("solved", "closed"):
            waiting.append((as_of - told.begin) / 1000)
    short = sum(wait <= policy.short_abandon_seconds for wait in abandoned)
    good = sum(wait <= policy.threshold_seconds for wait in answered)
    below = len(answered)
    if policy.method == "answered_of_offered":
        below += len(abandoned) - (0 if policy.count_short_abandoned else short)
        if policy.count_waiting_over_threshold:
            below += sum(wait > policy.threshold_seconds for wait in waiting)
    elif policy.method == "removed_from_queue":
        good += sum(wait <= policy.threshold_seconds for wait in abandoned)
        below += len(abandoned) + len(waiting)
    tried = len(answered) + len(abandoned) - short
    return {
        "answered": len(answered),
        "abandoned": len(abandoned),
        "short_abandoned": short,
        "waiting": len(waiting),
        "service_level": good / below if below else None,
        "abandonment_rate": (len(abandoned) - short) / tried if tried else None,
    }


def told_plan(facts: Iterable[Fact]) -> list[tuple[Millis, Millis, str]]:
    """What was planned in the course of events, the later told later."""
    plans = [fact for fact in in_order(facts) if fact.type == "agent.scheduled"]
    return [(fact.begins_at or 0, fact.ends_at or 0, fact.activity or "off") for fact in plans]


def day_against_plan(
    facts: Sequence[Fact], schedule: Sequence[tuple[Millis, Millis, str]], begin: Millis, end: Millis, tick_ms: Millis
) -> dict[str, float | None]:
    """Adherence, conformance and shrinkage, by looking at agent and plan every ``tick_ms`` (convention 21)."""
    events = in_order(facts)
    ticks: Counter[str] = Counter()
    for moment in range(begin, end, tick_ms):
        state, _ = shown_state(events, moment)
        did = "on_queue" if state in ("available", "busy", "wrap_up") else state
        planned = [activity for since, until, activity in schedule if since <= moment < until]
        if planned and planned[-1] != "off":
            ticks["scheduled"] += 1
            ticks["on queue planned"] += planned[-1] == "on_queue"
            ticks["otherwise"] += did != planned[-1]
            ticks["worked inside"] += did == "on_queue"
            ticks["absent"] += did == "offline"
        elif did == "on_queue":
            ticks["worked outside"] += 1
    scheduled, outside, worked = ticks["scheduled"], ticks["worked outside"], ticks["worked inside"]
    within = scheduled + outside
    return {
        "adherence": 1 - ticks["otherwise"] / scheduled if scheduled else None,
        "strict": 1 - (ticks["otherwise"] + outside) / within if within else None,
        "conformance": (worked + outside) / ticks["on queue planned"] if ticks["on queue planned"] else None,
        "shrinkage": 1 - worked / scheduled if scheduled else None,
        "shrinkage_internal": (scheduled - worked - ticks["absent"]) / scheduled if scheduled else None,
        "shrinkage_external": ticks["absent"] / scheduled if scheduled else None,
    }
