"""Presence and contacts: KPI cases, convention 20."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings

from schemas.codec import Fact, Millis
from services.core import report
from services.core.agent import agent_tallies, replay_agent, settled
from services.core.tally import difference
from services.core.timeline import absorb
from tests.core.histories import agent_histories, an_instant
from tests.core.stories import at, part, presence, rules

DEFAULTS = rules()


def figures(facts: Sequence[Fact], begin: str = "09:00", end: str = "10:00") -> dict[str, Any]:
    agent = replay_agent(absorb([], facts))
    return report.agent_figures(agent, DEFAULTS, at(begin), at(end))


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

    assert agent.shown == [(at("09:00"), "available", None)]


def test_all_agents_together_count_a_ticket_once() -> None:
    one = replay_agent([presence("busy", "09:00", "T1"), presence("available", "09:30", "T1")])
    other = replay_agent([presence("busy", "09:30", "T1"), presence("busy", "09:30", "T2")])

    total = report.agents_total([one, other], at("09:00"), at("10:00"))

    assert total == {"handled": 2, "aht_seconds": (1800 + 1800 + 1800) / 2, "tickets_per_agent": 1.5}


@settings(max_examples=60, deadline=None)
@given(agent_histories(), agent_histories("second", most=4), an_instant)
def test_what_is_settled_changes_nothing_that_comes_later(told: list[Fact], news: list[Fact], cut: Millis) -> None:
    timeline = absorb([], told)
    new = [fact for fact in news if fact.at >= cut]
    kept = settled(timeline, cut)

    whole = difference(agent_tallies(timeline), agent_tallies(absorb(timeline, new)))
    rest = difference(agent_tallies(kept) if kept else {}, agent_tallies(absorb(kept, new))) if kept or new else {}

    assert rest == whole
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
