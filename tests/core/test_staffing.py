"""Erlang C and A: against published and computed tables, and against formulas written another way."""

from math import exp, factorial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.staffing import erlang_a, erlang_b, erlang_c, erlangs, required, staffed


@pytest.mark.parametrize(
    ("traffic", "agents", "blocked", "waits", "level", "asa"),
    [
        (1, 2, 0.20000000, 0.33333333, 0.701720, 60.0000),
        (5, 7, 0.12051864, 0.32414995, 0.740441, 29.1735),
        (10, 11, 0.16323233, 0.68211820, 0.389614, 122.7813),
        (10, 12, 0.11973919, 0.44938822, 0.640158, 40.4449),
        (10, 14, 0.05681914, 0.17413193, 0.888350, 7.8359),
        (20, 22, 0.10673395, 0.56791516, 0.545249, 51.1124),
        (20, 25, 0.05022178, 0.20910283, 0.880027, 7.5277),
        (50, 55, 0.05374881, 0.38454732, 0.779365, 13.8437),
        (100, 105, 0.04826077, 0.51570743, 0.704111, 18.5655),
        (100, 110, 0.02746345, 0.23700750, 0.921979, 4.2661),
        (500, 510, 0.02342372, 0.55021071, 0.818874, 9.9038),
        (1000, 1020, 0.01378939, 0.41626012, 0.954891, 3.7463),
    ],
)
def test_erlang_c_is_that_of_the_table(
    traffic: float, agents: int, blocked: float, waits: float, level: float, asa: float
) -> None:
    """Contacts of 180 s, answered within 20 s; as three independent libraries have it."""
    queue = erlang_c(traffic, agents, 180, 20)

    assert erlang_b(traffic, agents) == pytest.approx(blocked, abs=1e-8)
    assert queue.wait_probability == pytest.approx(waits, abs=1e-8)
    assert queue.service_level == pytest.approx(level, abs=1e-6)
    assert queue.asa_seconds == pytest.approx(asa, abs=1e-4)


@pytest.mark.parametrize(
    ("calls", "aht", "goal", "agents", "waits", "level", "asa", "capped", "rostered"),
    [
        (10, 300, (0.8, 20), 4, 0.102476, 0.912287, 13.175, 4, 6),
        (50, 180, (0.8, 20), 8, 0.167267, 0.880148, 10.036, 8, 12),
        (100, 180, (0.8, 20), 14, 0.174132, 0.888350, 7.836, 14, 20),
        (100, 300, (0.8, 20), 21, 0.231821, 0.826344, 16.049, 21, 30),
        (200, 240, (0.8, 20), 32, 0.236264, 0.848512, 10.632, 32, 46),
        (240, 300, (0.9, 10), 49, 0.117220, 0.913162, 3.907, 49, 70),
        (360, 240, (0.8, 20), 54, 0.301308, 0.817248, 12.052, 57, 82),
        (500, 300, (0.8, 20), 91, 0.309451, 0.814382, 12.109, 99, 142),
        (1000, 300, (0.8, 20), 176, 0.367339, 0.802831, 11.807, 197, 282),
        (2000, 360, (0.8, 30), 411, 0.473967, 0.810485, 15.512, 471, 673),
        (60, 600, (0.9, 60), 26, 0.143400, 0.921300, 14.340, 26, 38),
        (30, 900, (0.8, 120), 19, 0.244218, 0.856730, 54.949, 19, 28),
    ],
)
def test_the_agents_required_are_those_of_the_table(
    calls: int,
    aht: int,
    goal: tuple[float, int],
    agents: int,
    waits: float,
    level: float,
    asa: float,
    capped: int,
    rostered: int,
) -> None:
    """In half an hour; then with an occupancy of at most 85 %, and with 30 % shrinkage."""
    target, threshold = goal
    traffic = erlangs(calls, aht, 1800)

    queue = required(traffic, aht, threshold, target)
    under_cap = required(traffic, aht, threshold, target, 0.85)

    assert (queue.agents, under_cap.agents, staffed(under_cap.agents, 0.3)) == (agents, capped, rostered)
    assert queue.wait_probability == pytest.approx(waits, abs=1e-6)
    assert queue.service_level == pytest.approx(level, abs=1e-6)
    assert queue.asa_seconds == pytest.approx(asa, abs=1e-3)


@pytest.mark.parametrize(
    ("traffic", "agents", "aht", "patience", "waits", "gives_up", "busy", "wait", "level"),
    [
        (10, 10, 180, 60, 0.423418, 0.157527, 0.842473, 9.4516, 0.718010),
        (10, 11, 180, 120, 0.382816, 0.094155, 0.823495, 11.2986, 0.742209),
        (10, 14, 180, 120, 0.126976, 0.022839, 0.697972, 2.7407, 0.932730),
        (80 / 3, 30, 240, 180, 0.267224, 0.035048, 0.857735, 6.3087, 0.854390),
        (48, 48, 240, 120, 0.437132, 0.067294, 0.932706, 8.0752, 0.787666),
        (250 / 3, 91, 300, 240, 0.204442, 0.013990, 0.902940, 3.3576, 0.924581),
    ],
)
def test_erlang_a_is_that_of_the_table(
    traffic: float,
    agents: int,
    aht: float,
    patience: float,
    waits: float,
    gives_up: float,
    busy: float,
    wait: float,
    level: float,
) -> None:
    """Answered within 20 s; as another library and a simulation have it."""
    queue = erlang_a(traffic, agents, aht, patience, 20)

    assert queue.wait_probability == pytest.approx(waits, abs=1e-6)
    assert queue.abandon_probability == pytest.approx(gives_up, abs=1e-6)
    assert queue.occupancy == pytest.approx(busy, abs=1e-6)
    assert queue.mean_wait_seconds == pytest.approx(wait, abs=1e-4)
    assert queue.service_level == pytest.approx(level, abs=1e-6)


def plain_wait_probability(traffic: float, agents: int) -> float:
    """Erlang's formula with factorials, as textbooks have it."""
    top = traffic**agents / factorial(agents) * agents / (agents - traffic)
    return top / (sum(traffic**number / factorial(number) for number in range(agents)) + top)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), st.floats(0.01, 0.99))
def test_erlang_c_is_the_textbooks(agents: int, busy: float) -> None:
    traffic = agents * busy

    queue = erlang_c(traffic, agents, 180, 20)

    waits = plain_wait_probability(traffic, agents)
    assert queue.wait_probability == pytest.approx(waits, abs=1e-9)
    assert queue.service_level == pytest.approx(1 - waits * exp(-(agents - traffic) * 20 / 180), abs=1e-9)
    assert queue.occupancy == pytest.approx(busy)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.05, 40), st.sampled_from([0.5, 0.8, 0.95, 1.0]), st.sampled_from([0.6, 0.85, 1.0]))
def test_required_is_the_first_number_that_will_do(traffic: float, target: float, cap: float) -> None:
    first = next(
        agents
        for agents in range(1, 10_000)
        if agents > traffic
        and erlang_c(traffic, agents, 180, 20).service_level >= target - 1e-9
        and traffic / agents <= cap + 1e-9
    )

    assert required(traffic, 180, 20, target, cap) == erlang_c(traffic, first, 180, 20)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.floats(0.1, 0.95), st.integers(0, 300))
def test_callers_of_endless_patience_are_erlangs_c(agents: int, busy: float, threshold: int) -> None:
    patient = erlang_a(agents * busy, agents, 180, 1e9, threshold)
    expected = erlang_c(agents * busy, agents, 180, threshold)

    assert patient.wait_probability == pytest.approx(expected.wait_probability, abs=1e-5)
    assert patient.service_level == pytest.approx(expected.service_level, abs=1e-5)


def test_patience_makes_an_overload_bearable() -> None:
    queue = erlang_a(300, 100, 180, 60, 20)

    assert queue.abandon_probability == pytest.approx(2 / 3, abs=1e-6)
    assert queue.occupancy == pytest.approx(1)
    assert 0 < queue.service_level < 1 / 3 + 1e-9


def test_a_long_threshold_serves_all_who_stay() -> None:
    queue = erlang_a(12, 10, 180, 60, 3_600)

    assert queue.service_level == pytest.approx(1 - queue.abandon_probability, abs=1e-9)


@pytest.mark.parametrize("agents", [pytest.param(9, id="fewer than Erlangs"), pytest.param(10, id="as many")])
def test_with_no_more_agents_than_erlangs_the_queue_only_grows(agents: int) -> None:
    queue = erlang_c(10, agents, 180, 20)

    assert (queue.wait_probability, queue.service_level, queue.asa_seconds, queue.occupancy) == (1, 0, None, 1)


@pytest.mark.parametrize(
    ("agents", "shrinkage", "expected"),
    [
        pytest.param(21, 0.3, 30, id="30.000000000000004 is 30"),
        pytest.param(14, 0.3, 20, id="divided, not multiplied"),
        pytest.param(3, 0.3, 5, id="rounded up"),
        pytest.param(7, 0, 7, id="nobody is away"),
        pytest.param(0, 0.3, 0, id="nobody is needed"),
    ],
)
def test_staffed(agents: int, shrinkage: float, expected: int) -> None:
    assert staffed(agents, shrinkage) == expected


def test_without_contacts_one_agent_is_enough() -> None:
    assert required(0, 180, 20, 0.8).agents == 1


def test_the_occupancy_may_be_just_the_cap() -> None:
    assert required(23.8, 180, 20, 0.5, 0.85).agents == 28


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(lambda: staffed(5, 1), "from 0 to below 1", id="nobody is left"),
        pytest.param(lambda: required(10, 180, 20, 1.2), "from 0 to 1", id="a level above 1"),
        pytest.param(lambda: required(10, 180, 20, 0.8, 0), "occupancy above 0", id="no occupancy"),
        pytest.param(lambda: erlangs(10, 0, 1800), "positive times", id="no handle time"),
        pytest.param(lambda: erlangs(-1, 180, 1800), "needs contacts", id="negative contacts"),
        pytest.param(lambda: erlang_a(0, 1, 180, 60, 20), "needs traffic", id="nothing to serve"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
