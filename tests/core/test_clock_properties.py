"""What holds for every clock, whatever happens to its ticket and whatever was promised."""

import json
from collections import Counter
from datetime import datetime
from functools import cache
from itertools import accumulate, pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Fact, Millis
from services.core.rules import ROUND_THE_CLOCK, Rules
from services.core.signals import lines
from services.core.sla import Clock, ClockReading, reading
from services.core.tally import HOUR_MS, MINUTE_MS
from services.core.ticket import Ticket, opening_of, replay
from services.core.ticket_tallies import ticket_tallies
from services.core.timeline import absorb
from tests.core.histories import BEGIN, ticket_histories
from tests.core.promised import a_policy, on_minutes, told_tickets
from tests.core.stories import rules

SEVEN_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIRST_MINUTE = BEGIN // MINUTE_MS - 2 * 60
MINUTES = 14 * 24 * 60
later_instants = st.lists(st.integers(0, 100 * HOUR_MS), min_size=1, max_size=4)


def by_steps(facts: list[Fact], made: Rules) -> list[Ticket]:
    """The ticket after each of its events."""
    told = absorb([], facts)
    opening = opening_of(told)
    if opening is None:
        return []
    rest = [fact for fact in told if fact is not opening or opening.type != "ticket.created"]
    return [_after(opening, rest[:number], made) for number in range(len(rest) + 1)]


def _after(opening: Fact, rest: list[Fact], made: Rules) -> Ticket:
    ticket = Ticket(opening, made)
    for fact in rest:
        ticket.tell(fact)
    return ticket


def started(ticket: Ticket) -> dict[tuple[str, int], Clock]:
    """The clocks, by metric and number."""
    found: dict[tuple[str, int], Clock] = {}
    for clock in ticket.promises.ever:
        found[clock.metric, sum(metric == clock.metric for metric, _ in found)] = clock
    return found


@given(told_tickets, a_policy, later_instants)
@settings(max_examples=25, deadline=None)
def test_a_clock_never_runs_backwards(facts: list[Fact], config: dict[str, Any], after: list[Millis]) -> None:
    made = rules(config)
    for before, then in pairwise(by_steps(facts, made)):
        clocks = started(then)
        for name, clock in started(before).items():
            again = clocks.get(name)
            if again is None or again.started_at != clock.started_at or clock.hours is None:
                continue  # counted from earlier, owed nothing in the end, or nothing promised so far
            if again.hours == clock.hours or not made.recount_with_last_calendar:
                assert clock.elapsed_ms(before.last_at) <= clock.elapsed_ms(then.last_at)
                assert clock.elapsed_ms(then.last_at) <= again.elapsed_ms(then.last_at)
            asked = [then.last_at, *sorted(then.last_at + wait for wait in after)]
            used = [again.elapsed_ms(moment) for moment in asked]
            assert used == sorted(used)


@given(told_tickets, a_policy, later_instants)
@settings(max_examples=25, deadline=None)
def test_no_more_is_used_than_has_passed(facts: list[Fact], config: dict[str, Any], after: list[Millis]) -> None:
    for ticket in by_steps(facts, rules(config))[-1:]:
        for clock in ticket.promises.ever:
            for moment in [ticket.last_at + wait for wait in after]:
                assert 0 <= clock.elapsed_ms(moment) <= moment - clock.started_at


@cache
def open_minutes(hours: str) -> list[int]:
    """How many minutes it was open from the first one that matters up to each, by a clock on the wall."""
    read: dict[str, Any] = json.loads(hours)
    zone = ZoneInfo(read["timezone"])
    walls = (datetime.fromtimestamp((FIRST_MINUTE + number) * 60, zone) for number in range(MINUTES))
    return [0, *accumulate(_is_open(read, wall) for wall in walls)]


def _is_open(hours: dict[str, Any], wall: datetime) -> bool:
    today, yesterday = (SEVEN_DAYS[(wall.weekday() - back) % 7] for back in (0, 1))
    clock = f"{wall.hour:02}:{wall.minute:02}"
    return wall.date().isoformat() not in hours.get("holidays", []) and (
        any(begin <= clock and (clock < end or end <= begin) for begin, end in hours["weekly"].get(today, []))
        or any(end <= begin and clock < end for begin, end in hours["weekly"].get(yesterday, []))
    )


def counted(config: dict[str, Any], calendar: str, begin: Millis, end: Millis) -> Millis:
    """Opening time from one whole minute to another."""
    if calendar == ROUND_THE_CLOCK:
        return end - begin
    minutes = open_minutes(json.dumps(config["calendars"][calendar]))
    first, last = (moment // MINUTE_MS - FIRST_MINUTE for moment in (begin, end))
    return (minutes[last] - minutes[first]) * MINUTE_MS


@pytest.mark.long
@given(told_tickets, a_policy, st.integers(0, 24 * 60))
@settings(max_examples=40, deadline=None)
def test_what_is_used_is_the_opening_time_of_the_stretches_in_which_it_ran(
    facts: list[Fact], config: dict[str, Any], wait: int
) -> None:
    made, calendars = rules(config), dict[tuple[str, int, Millis, Millis], str]()
    steps = by_steps(on_minutes(facts), made)
    for step in steps:
        for (metric, number), clock in started(step).items():
            for begin, end in clock.ran:
                stretch = (metric, number, clock.started_at, begin)
                if clock.hours is not None and (end is None or stretch not in calendars):
                    calendars[stretch] = clock.hours
    for (metric, number), clock in started(steps[-1]).items() if steps else ():
        if clock.hours is None:
            continue
        until, used = steps[-1].last_at + wait * MINUTE_MS, 0
        for begin, end in clock.ran:
            held = calendars[metric, number, clock.started_at, begin]
            calendar = clock.hours if made.recount_with_last_calendar else held
            used += counted(config, calendar, begin, until if end is None else end)
        assert clock.elapsed_ms(until) == used


@given(told_tickets, a_policy)
@settings(max_examples=25, deadline=None)
def test_the_stretches_of_a_clock_follow_one_another(facts: list[Fact], config: dict[str, Any]) -> None:
    ticket = replay(absorb([], facts), rules(config))
    for clock in () if ticket is None else ticket.promises.ever:
        edges = [edge for stretch in clock.ran for edge in stretch if edge is not None]

        assert edges == sorted(edges)
        assert all(edge >= clock.started_at for edge in edges)


def standing_of(read: ClockReading) -> str:
    """One of what a clock can be, and nothing beside it."""
    return "at risk" if read.at_risk else read.state


def tallied(ticket: Ticket, made: Rules, at: Millis) -> Counter[tuple[str, str]]:
    """What the tallies say of the clocks at an instant, by metric and standing."""
    passed: Counter[tuple[str, str]] = Counter()
    for (measure, since, _, _), (count, _) in ticket_tallies(ticket, made).items():
        name, _, metric = measure.partition(".")
        if name in ("sla_met", "sla_breached", "paused"):
            passed[metric, name.removeprefix("sla_")] += count
        elif name == "due":
            passed[metric, "running" if since >= at else "breached"] += count
        elif name == "at_risk_from" and since <= at:
            passed[metric, "at risk"] += count
    return passed


@given(told_tickets, a_policy, later_instants)
@settings(max_examples=40, deadline=None)
def test_every_clock_is_in_exactly_one_standing_and_the_tallies_say_the_same(
    facts: list[Fact], config: dict[str, Any], after: list[Millis]
) -> None:
    made = rules(config)
    ticket = replay(absorb([], facts), made)
    if ticket is None or ticket.deleted:
        return
    crossings = [line.at + beside for line in lines(ticket) for beside in (-1, 0)]
    for at in [ticket.last_at, *(ticket.last_at + wait for wait in after), *crossings]:
        if at < ticket.last_at:
            continue
        reads = [(clock, reading(clock, at, ticket.assignee_at)) for clock in ticket.promises]
        standings = Counter((clock.metric, standing_of(read)) for clock, read in reads if read is not None)
        owed = Counter(clock.metric for clock, _ in reads if clock.target is not None and not clock.cancelled)

        found = tallied(ticket, made, at)

        # Passed instants of risk are those of clocks at risk and of those that were breached since then.
        breached_since = Counter(
            clock.metric
            for clock, read in reads
            if read is not None and read.state == "breached" and clock.breached_at is None
        )
        for metric, number in owed.items():
            at_risk = found.pop((metric, "at risk"), 0) - breached_since[metric]
            assert at_risk == standings[metric, "at risk"]
            assert sum(count for (name, _), count in found.items() if name == metric) == number
            for standing in ("met", "breached", "paused"):
                assert found[metric, standing] == standings[metric, standing]
            assert found[metric, "running"] - at_risk == standings[metric, "running"]
        assert {metric for metric, _ in found} <= owed.keys()


def shown(ticket: Ticket | None) -> list[Any]:
    """Everything of a ticket's clocks that anybody sees."""
    if ticket is None:
        return []
    clocks = [
        (name, clock.ran, clock.at_risk_at, clock.met_late_at, reading(clock, ticket.last_at, ticket.assignee_at))
        for name, clock in started(ticket).items()
    ]
    return [clocks, lines(ticket)]


@given(ticket_histories(most=10), a_policy, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_any_order_of_arrival_gives_the_same_clocks(
    facts: list[Fact], config: dict[str, Any], random: Random
) -> None:
    arrivals = [*facts, *random.choices(facts, k=2)]
    random.shuffle(arrivals)
    timeline: list[Fact] = []
    while arrivals:
        size = random.randint(1, 4)
        timeline, arrivals = absorb(timeline, arrivals[:size]), arrivals[size:]

    assert shown(replay(timeline, rules(config))) == shown(replay(absorb([], facts), rules(config)))
