"""Adherence, conformance, shrinkage: KPI cases, convention 21."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codec import Fact, Millis, instant
from services.core import report
from services.core.agent import Agent, replay_agent
from services.core.timeline import absorb
from tests.core import naive_kpis
from tests.core.histories import BEGIN, agent_histories
from tests.core.stories import at, computed, part, presence, rules

QUARTER_MS = 15 * 60_000
FIGURES = ("adherence", "conformance", "shrinkage", "shrinkage_internal", "shrinkage_external")


def planned(*stretches: tuple[str, str, str], outside: bool = False) -> dict[str, Any]:
    """A config with a schedule of agent A1."""
    schedule = [
        {"from": instant(at(begin)).isoformat(), "to": instant(at(end)).isoformat(), "activity": activity}
        for begin, end, activity in stretches
    ]
    return {"schedules": {"A1": schedule}, "adherence": {"count_outside_shift": outside}}


def figures(
    facts: Sequence[Fact], config: dict[str, Any], begin: str = "08:00", end: str = "18:00"
) -> dict[str, Any]:
    agent = replay_agent(absorb([], facts)) if facts else Agent("A1")
    return report.agent_figures(agent, rules(config), at(begin), at(end))


HOUR = ("09:00", "10:00", "on_queue")
BREAK = ("10:00", "10:30", "break")
THERE = presence("available", "09:00")


@pytest.mark.parametrize(
    ("facts", "config", "expected"),
    [
        pytest.param([THERE], {}, dict.fromkeys(FIGURES), id="no schedule: no value"),
        pytest.param(
            [THERE, presence("offline", "10:00")], planned(HOUR), {"adherence": 1.0, "conformance": 1.0}, id="kept"
        ),
        pytest.param(
            [],
            planned(HOUR),
            dict(zip(FIGURES, (0.0, 0.0, 1.0, 0.0, 1.0), strict=True)),
            id="did not come",
        ),
        pytest.param(
            [THERE, presence("break", "09:30")],
            planned(HOUR),
            {"adherence": 0.5, "shrinkage": 0.5, "shrinkage_internal": 0.5, "shrinkage_external": 0.0},
            id="an unplanned break",
        ),
        pytest.param(
            [THERE, presence("away", "09:30")],
            planned(HOUR),
            {"adherence": 0.5, "shrinkage_internal": 0.5},
            id="away",
        ),
        pytest.param(
            [THERE, presence("break", "10:00"), presence("offline", "10:30")],
            planned(HOUR, BREAK),
            {"adherence": 1.0, "conformance": 1.0, "shrinkage": 1 / 3},
            id="a planned break is kept to, and is shrinkage",
        ),
        pytest.param(
            [THERE, presence("offline", "10:30")],
            planned(HOUR, BREAK),
            {"adherence": 2 / 3, "conformance": 1.5, "shrinkage": 0.0},
            id="worked through the break",
        ),
        pytest.param(
            [THERE, presence("training", "09:15"), presence("meeting", "09:45")],
            planned(("09:00", "09:15", "meeting"), ("09:15", "10:00", "training")),
            {"adherence": 0.5, "conformance": None, "shrinkage": 0.75},
            id="nothing planned on the queue",
        ),
        pytest.param(
            [
                presence("busy", "09:00", "T1"),
                presence("wrap_up", "09:20", "T1"),
                presence("available", "09:40", "T1"),
            ],
            planned(("09:00", "09:40", "on_queue")),
            {"adherence": 1.0, "conformance": 1.0},
            id="busy and wrapping up are on the queue",
        ),
        pytest.param(
            [THERE, presence("offline", "13:00")],
            planned(HOUR),
            {"adherence": 1.0, "conformance": 4.0},
            id="work outside the schedule is no breach of it",
        ),
        pytest.param(
            [THERE, presence("offline", "13:00")],
            planned(HOUR, outside=True),
            {"adherence": 0.25, "conformance": 4.0},
            id="unless the policy says so",
        ),
        pytest.param(
            [presence("available", "12:00")],
            planned(HOUR, outside=True),
            {"adherence": 0.0},
            id="never below nothing",
        ),
        pytest.param(
            [THERE, presence("break", "09:30"), presence("available", "09:45"), presence("offline", "10:00")],
            planned(HOUR, ("09:30", "09:45", "break")),
            {"adherence": 1.0, "conformance": 1.0, "shrinkage": 0.25},
            id="a break laid over a shift",
        ),
    ],
)
def test_a_day_against_the_plan(facts: list[Fact], config: dict[str, Any], expected: dict[str, Any]) -> None:
    assert part(figures(facts, config), expected) == pytest.approx(expected)


def test_only_the_plan_inside_the_window_counts() -> None:
    facts = [THERE, presence("offline", "09:45")]

    late = figures(facts, planned(HOUR), "09:30", "11:00")

    assert (late["adherence"], late["conformance"]) == (0.5, 0.5)
    assert figures(facts, planned(HOUR), "10:00", "11:00")["adherence"] is None


def test_who_is_scheduled_and_never_seen_is_shown() -> None:
    agents = computed("agents", [presence("available", "09:00", agent_id="A2", entity="A2")], planned(HOUR), "10:00")

    assert agents["A1"]["shrinkage_external"] == 1.0
    assert agents["A2"]["adherence"] is None


@st.composite
def some_plan(draw: st.DrawFn) -> list[tuple[int, int, str]]:
    """Stretches of quarters of an hour, some of them over one another."""
    stretches = []
    for _ in range(draw(st.integers(0, 5))):
        begin = BEGIN + draw(st.integers(-4, 24)) * QUARTER_MS
        activity = draw(st.sampled_from(["on_queue", "on_queue", "break", "training"]))
        stretches.append((begin, begin + draw(st.integers(1, 12)) * QUARTER_MS, activity))
    return stretches


def on_quarters(facts: list[Fact]) -> list[Fact]:
    def on_quarter(moment: Millis | None) -> Millis | None:
        return None if moment is None else moment // QUARTER_MS * QUARTER_MS

    return [
        replace(
            fact,
            at=fact.at // QUARTER_MS * QUARTER_MS,
            begins_at=on_quarter(fact.begins_at),
            ends_at=on_quarter(fact.ends_at),
        )
        for fact in facts
    ]


@settings(max_examples=60, deadline=None)
@given(agent_histories(most=6).map(on_quarters), some_plan())
def test_a_day_is_what_looking_every_quarter_of_an_hour_tells(
    facts: list[Fact], plan: list[tuple[int, int, str]]
) -> None:
    begin, end = BEGIN, BEGIN + 24 * QUARTER_MS
    schedule = [
        {"from": instant(since).isoformat(), "to": instant(until).isoformat(), "activity": activity}
        for since, until, activity in plan
    ]

    def got(*, outside: bool) -> dict[str, Any]:
        config = {"schedules": {"A1": schedule}, "adherence": {"count_outside_shift": outside}}
        return report.agent_figures(replay_agent(absorb([], facts)), rules(config), begin, end)

    plain = naive_kpis.day_against_plan(facts, [*plan, *naive_kpis.told_plan(facts)], begin, end, QUARTER_MS)
    strict = plain.pop("strict")
    assert part(got(outside=False), plain) == pytest.approx(plain)
    if plain["adherence"] is not None:
        assert got(outside=True)["adherence"] == pytest.approx(strict)
