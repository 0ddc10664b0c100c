"""Presence and contacts: KPI cases, convention 20."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings

from schemas.codec import Fact, Millis
from services.core import report
from services.core.agent import replay_agent, settled
from services.core.measure import measure
from services.core.schedules import Shown
from services.core.tally import DIMENSIONS, Tallies, difference
from services.core.timeline import absorb
from tests.core.histories import agent_histories, an_instant
from tests.core.stories import at, part, presence, rules, told

DEFAULTS = rules()
A_MONTH = {"from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z", "activity": "on_queue"}
TEAM = DIMENSIONS.index("team")
PLANNED = rules({"schedules": {"A1": [A_MONTH]}})


def figures(facts: Sequence[Fact], begin: str = "09:00", end: str = "10:00") -> dict[str, Any]:
    agent = replay_agent(absorb([], facts))
    return report.agent_figures(agent, DEFAULTS, at(begin), at(end))


def measured(facts: list[Fact]) -> Tallies:
    return measure(absorb([], facts), DEFAULTS)


def planned(begin: str, end: str, **fields: Any) -> Fact:
    return told(
        "agent.scheduled",
        "08:00",
        **{"entity": "A1", "agent_id": "A1", "ticket_id": None, "activity": "on_queue"} | fields,
        begins_at=at(begin),
        ends_at=at(end),
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            [presence("available", "08:00")],
            {"state_seconds": {"available": 3600}, "occupancy": 0.0, "utilisation": 0.0, "handled": 0},
            id="the state before the window goes on into it",
        ),
        pytest.param(
            [presence("available", "09:30")],
            {"state_seconds": {"offline": 1800, "available": 1800}},
            id="offline before the first event",
        ),
        pytest.param(
            [presence("offline", "08:00")],
            {
                "state_seconds": {"offline": 3600},
                "occupancy": None,
                "utilisation": None,
                "concurrency": None,
                "aht_seconds": None,
            },
            id="never there: no value, not zero",
        ),
        pytest.param(
            [presence("available", "09:00"), presence("busy", "09:15", "T1"), presence("available", "09:30", "T1")],
            {
                "state_seconds": {"available": 2700, "busy": 900},
                "occupancy": 0.25,
                "handled": 1,
                "aht_seconds": 900,
                "concurrency": 1.0,
            },
            id="one contact",
        ),
        pytest.param(
            [
                presence("available", "09:00"),
                presence("busy", "09:00", "T1"),
                presence("busy", "09:10", "T2"),
                presence("wrap_up", "09:20", "T1"),
                presence("available", "09:30", "T2"),
                presence("available", "09:40", "T1"),
            ],
            {
                "state_seconds": {"busy": 1800, "wrap_up": 600, "available": 1200},
                "handled": 2,
                "concurrency": 1.5,
                "aht_seconds": 1800,
                "aht_concurrent_seconds": 1200,
            },
            id="two at once: busy if any is, else wrap-up",
        ),
        pytest.param(
            [presence("available", "09:00"), presence("busy", "09:00", "T1"), presence("offline", "09:30")],
            {"state_seconds": {"offline": 1800, "busy": 1800}, "handled": 1, "aht_seconds": 1800},
            id="going offline ends all contacts",
        ),
        pytest.param(
            [presence("available", "09:00"), presence("break", "09:30"), presence("busy", "09:45", "T1")],
            {"state_seconds": {"available": 1800, "break": 900, "busy": 900}},
            id="a contact during a break shows as busy",
        ),
        pytest.param(
            [presence("available", "09:00"), presence("wrap_up", "09:30", "T1")],
            {"state_seconds": {"available": 3600}, "handled": 0},
            id="wrapping up what never began is no contact",
        ),
        pytest.param(
            [
                presence("available", "09:00"),
                presence("busy", "09:00", "T1"),
                presence("available", "09:10", "T1"),
                presence("busy", "09:20", "T1"),
                presence("available", "09:30", "T1"),
            ],
            {"handled": 1, "aht_seconds": 1200},
            id="one ticket taken up twice is one contact",
        ),
        pytest.param(
            [presence("training", "09:00"), presence("available", "09:30"), presence("busy", "09:45", "T1")],
            {"occupancy": 0.5, "utilisation": 0.25},
            id="training is in utilisation's denominator, not in occupancy's",
        ),
        pytest.param(
            [presence("away", "09:00"), presence("available", "09:30"), presence("busy", "09:45", "T1")],
            {"occupancy": 0.5, "utilisation": 0.5},
            id="away is in neither",
        ),
    ],
)
def test_an_agent_over_a_window(facts: list[Fact], expected: dict[str, Any]) -> None:
    assert part(figures(facts), expected) == expected


def test_a_state_is_told_again_without_a_new_beginning() -> None:
    agent = replay_agent([presence("available", "09:00"), presence("available", "09:30")])

    assert agent.shown == [Shown(at("09:00"), "available", queue=None, team=None)]


def test_all_agents_together_count_a_ticket_once() -> None:
    one = replay_agent([presence("busy", "09:00", "T1"), presence("available", "09:30", "T1")])
    other = replay_agent([presence("busy", "09:30", "T1"), presence("busy", "09:30", "T2")])

    total = report.agents_total([one, other], at("09:00"), at("10:00"))

    assert total == {"handled": 2, "aht_seconds": (1800 + 1800 + 1800) / 2, "tickets_per_agent": 1.5}


def change(known: list[Fact], new: list[Fact]) -> Tallies:
    """What the news of an agent adds to what is known, with a plan for a month."""
    return difference(measure(known, PLANNED), measure(absorb(known, new), PLANNED))


@settings(max_examples=60, deadline=None)
@given(agent_histories(), agent_histories("second", most=4), an_instant)
def test_what_is_settled_changes_nothing_that_comes_later(told: list[Fact], news: list[Fact], cut: Millis) -> None:
    timeline = absorb([], told)
    new = [fact for fact in news if (fact.at if fact.begins_at is None else fact.begins_at) >= cut]
    kept = settled(timeline, cut)

    assert change(kept, new) == change(timeline, new)
    assert len(kept) <= len(timeline)


def test_a_quiet_past_is_let_go() -> None:
    past = [presence("available", "09:00"), presence("busy", "09:10", "T1"), presence("available", "09:20", "T1")]
    now = [presence("break", "12:00")]

    assert settled(past + now, at("11:00")) == [past[0], *now]


def test_the_queue_is_remembered_without_the_contact_that_told_it() -> None:
    past = [
        presence("busy", "09:00", "T1", queue="a"),
        presence("offline", "09:10"),
        presence("available", "09:20"),
    ]

    agent = replay_agent(settled(past, at("11:00")))

    assert (agent.queue, agent.state, agent.open) == ("a", "available", {})


def test_a_contact_stays_in_the_team_in_which_it_began() -> None:
    past = [
        presence("available", "08:00", team="day"),
        presence("busy", "09:00", "T1"),
        presence("busy", "10:00", "T2", team="night"),
    ]
    ends = [presence("available", "13:00", "T1")]

    assert change(settled(past, at("12:00")), ends) == change(past, ends)
    assert {dims[TEAM] for (measure, _, dims, _) in measured(past) if measure == "handled"} == {"day", "night"}


def test_a_plan_is_looked_ahead_from_the_last_event_even_when_that_is_settled() -> None:
    past = [presence("available", "08:00"), presence("busy", "09:00", "T1"), presence("available", "10:00", "T1")]
    later = [presence("break", "13:00")]

    assert change(settled(past, at("12:00")), later) == change(past, later)


def test_time_in_contact_is_cut_by_the_queue_and_the_team_of_its_time() -> None:
    facts = [
        presence("busy", "09:00", "T1", queue="a", team="day"),
        presence("busy", "09:10", "T2", queue="b"),
        presence("available", "09:30", "T1", team="night"),
        presence("available", "09:40", "T2"),
    ]

    levels = {
        (at, dims[0], dims[TEAM]): n
        for (name, at, dims, _), (n, _) in measured(facts).items()
        if name == "in_contact"
    }

    assert levels == {
        (at("09:00"), "a", "day"): 1,
        (at("09:10"), "a", "day"): -1,
        (at("09:10"), "b", "day"): 1,
        (at("09:30"), "b", "day"): -1,
        (at("09:30"), "b", "night"): 1,
        (at("09:40"), "b", "night"): -1,
    }


@pytest.mark.parametrize(
    ("there", "where"),
    [
        pytest.param({"queue": "a", "team": "day"}, ("a", "day"), id="where the agent is"),
        pytest.param({}, ("b", "night"), id="the agent tells nothing: as planned"),
    ],
)
def test_a_plan_is_cut_by_where_the_agent_is(there: dict[str, str], where: tuple[str, str]) -> None:
    tallies = measured([presence("available", "08:00", **there), planned("09:00", "10:00", queue="b", team="night")])

    assert {(dims[0], dims[TEAM]) for (name, _, dims, _) in tallies if name.startswith("plan.")} == {where}


def test_who_has_a_plan_and_was_never_seen_was_absent() -> None:
    plan = planned("09:00", "10:00")

    levels = {(measure, moment): count for (measure, moment, _, _), (count, _) in measure([plan], DEFAULTS).items()}

    assert levels == {("plan.on_queue.offline", at("09:00")): 1, ("plan.on_queue.offline", at("10:00")): -1}
