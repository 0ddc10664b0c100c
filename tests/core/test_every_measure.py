"""Every measure there is, against a plain reading of the KPI cases that shares no line with `core`.

Nothing is promised here: what SLA clocks add is in `test_measure` and `test_sla`.
"""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Fact, Millis
from services.core.exchange import exchanged
from services.core.rules import Rules
from tests.core.busy_worlds import busy_worlds
from tests.core.naive_course import Dims, courses
from tests.core.naive_people import agent_rows, opinion_rows, requester_rows, visit_rows
from tests.core.naive_tickets import Row, ticket_rows
from tests.core.stories import rules
from tests.core.worlds import worlds

QUIET = {
    "fcr": {"windows_days": [1, 2]},
    "automation": {"window_seconds": 6 * 3600},
    "deflection": {"window_seconds": 3600},
    "service_level": {"threshold_seconds": 1800, "short_abandon_seconds": 900},
    "gaming": {
        "pause_reply_lookback_seconds": 900,
        "premature_reopen_seconds": 4 * 3600,
        "stub_followup_seconds": 900,
    },
    "schedules": {
        "A1": [
            {"from": "2026-03-01T07:00:00Z", "to": "2026-03-30T12:00:00Z", "activity": "on_queue"},
            {"from": "2026-03-02T09:00:00Z", "to": "2026-03-02T10:00:00Z", "activity": "break"},
        ]
    },
}
POLICIES = [
    rules(QUIET),
    rules(
        QUIET
        | {"fcr": {"windows_days": [1], "repeat_match": "requester", "first_contact": "one_reply"}}
        | {"merge": {"inherit_oldest_wait": False}, "service_level": {"channels": ["email"]}}
    ),
    rules(QUIET | {"fcr": {"windows_days": [2, 1, 3, 4, 5], "escalation_fails": False}}),
]
Cells = dict[tuple[str, Millis, Dims], tuple[int, int]]


def plainly(facts: Sequence[Fact], known_rules: Rules) -> Cells:
    """What a plain reading gives."""
    found: Cells = {}
    for name, at, dims, count, total in _rows(facts, known_rules):
        was = found.get((name, at, dims), (0, 0))
        found[name, at, dims] = was[0] + count, was[1] + total
    return {row: tally for row, tally in found.items() if tally != (0, 0)}


def _rows(facts: Sequence[Fact], known_rules: Rules) -> Iterator[Row]:
    policy = known_rules.policy
    tickets = courses(facts, inherit=policy.merge.inherit_oldest_wait)
    presences = [fact for fact in facts if fact.type == "agent.state_changed" and fact.state == "busy"]
    for key, course in tickets.items():
        yield from ticket_rows(course, policy, [fact.at for fact in presences if fact.contact == key])
        yield from requester_rows(course, tickets.values(), policy)
    deleted = {fact.entity for fact in facts if fact.type.startswith("ticket.")} - set(tickets)
    yield from visit_rows(facts, list(tickets.values()), policy)
    yield from opinion_rows(facts, tickets, deleted, policy)
    for agent in {fact.entity for fact in facts if fact.type.startswith("agent.")}:
        its = [fact for fact in facts if fact.type.startswith("agent.") and fact.entity == agent]
        yield from agent_rows(agent, its, policy)


def kept(facts: Sequence[Fact], known_rules: Rules) -> Cells:
    """What `core` gives, with what the sketch tells apart put together."""
    found: Cells = {}
    for entity in exchanged(facts, known_rules).values():
        for (name, at, dims, _), (count, total) in entity.told.tallies.items():
            was = found.get((name, at, dims), (0, 0))
            found[name, at, dims] = was[0] + count, was[1] + total
    return {row: tally for row, tally in found.items() if tally != (0, 0)}


@pytest.mark.long
@settings(max_examples=40, deadline=None)
@given(st.one_of(worlds(), busy_worlds()), st.sampled_from(POLICIES))
def test_every_measure_is_what_a_plain_reading_of_the_conventions_gives(
    facts: list[Fact], known_rules: Rules
) -> None:
    assert kept(facts, known_rules) == plainly(facts, known_rules)


ANOTHER_READER = {
    "adherence": {"count_outside_shift": True},
    "backlog": {"statuses": ["open"], "actionable_statuses": []},
    "utilisation": {"denominator_states": ["busy"]},
    "rolling_window_days": 3,
    "fcr": {"default_window_days": 14},
    "service_level": {"method": "answered_only", "count_short_abandoned": True},
    "csat": {"satisfied_from": 2},
    "ces": {"easy_from": 2, "higher_is_easier": False},
    "insights": {"min_samples": 1},
    "economy": {"monthly_costs": {"salaries": 1}},
}


@settings(max_examples=10, deadline=None)
@given(busy_worlds())
def test_what_only_the_reader_needs_changes_no_cell(facts: list[Fact]) -> None:
    one, other = (
        {name: entity.told for name, entity in exchanged(facts, rules(config)).items()}
        for config in ({}, ANOTHER_READER)
    )

    assert one == other
