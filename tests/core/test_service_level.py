"""The queue: KPI cases, convention 22."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codec import Fact
from services.commands.compute import Question, figures
from tests.core import naive_kpis
from tests.core.histories import agent_histories, an_instant, ticket_histories
from tests.core.stories import becomes, computed, created, merged, of, part, presence, rules, solved


def call(when: str) -> Fact:
    return created(when, channel="voice")


CALL = call("09:00")


def busy(when: str, ticket_id: str = "T1", **fields: Any) -> Fact:
    return presence("busy", when, ticket_id, **fields)


def gone(when: str) -> Fact:
    return becomes("closed", when, reason="abandoned")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([CALL, busy("09:00:20")], {"answered": 1, "service_level": 1.0, "asa_seconds": 20}, id="good"),
        pytest.param([CALL, busy("09:00:21")], {"answered": 1, "service_level": 0.0}, id="too late"),
        pytest.param(
            [CALL, busy("09:00:30"), busy("09:00:10", agent_id="A2", entity="A2", event_id="e")],
            {"answered": 1, "asa_seconds": 10},
            id="the first of two agents",
        ),
        pytest.param([CALL, busy("08:59:59")], {"answered": 1, "asa_seconds": 0}, id="two machines' clocks: no wait"),
        pytest.param(
            [CALL, gone("09:00:05")],
            {"abandoned": 1, "short_abandoned": 1, "service_level": None, "abandonment_rate": None},
            id="hung up within five seconds",
        ),
        pytest.param(
            [CALL, gone("09:00:06")],
            {
                "abandoned": 1,
                "short_abandoned": 0,
                "service_level": 0.0,
                "abandonment_rate": 1.0,
                "asa_seconds": None,
            },
            id="hung up after six",
        ),
        pytest.param([CALL, gone("09:00:10"), busy("09:00:10")], {"answered": 1, "abandoned": 0}, id="both"),
        pytest.param([CALL, gone("09:00:10"), busy("09:00:11")], {"answered": 0, "abandoned": 1}, id="called back"),
        pytest.param([CALL, gone("09:10"), busy("09:00:11")], {"answered": 1, "abandoned": 0}, id="after the answer"),
        pytest.param(
            [CALL],
            {"waiting": 1, "longest_wait_seconds": 3600, "service_level": 0.0},
            id="waits for an hour",
        ),
        pytest.param([call("09:59:40")], {"waiting": 1, "service_level": None}, id="waits just as long as it may"),
        pytest.param([call("09:59:39")], {"waiting": 1, "service_level": 0.0}, id="waits too long"),
        pytest.param([CALL, solved("09:30")], {"waiting": 0, "answered": 0}, id="resolved though nobody took it up"),
        pytest.param([CALL, merged("09:30")], {"waiting": 0}, id="merged away"),
        pytest.param([CALL, merged("09:30"), busy("09:00:10")], {"answered": 0}, id="merged away after the answer"),
        pytest.param([becomes("open", "09:00", channel="voice")], {"waiting": 0}, id="nobody knows since when"),
        pytest.param([created("09:00", channel="email"), busy("09:01")], {"answered": 0}, id="another channel"),
        pytest.param([created("09:00"), busy("09:01")], {"answered": 0}, id="no channel"),
        pytest.param([CALL, busy("09:00:10", "T2")], {"answered": 0, "waiting": 1}, id="busy with another"),
        pytest.param([CALL, presence("wrap_up", "09:01", "T1")], {"answered": 0}, id="wrapping up is no answer"),
        pytest.param([busy("09:00:10")], {"answered": 0, "longest_wait_seconds": None}, id="no ticket is known"),
    ],
)
def test_one_contact(facts: list[Fact], expected: dict[str, Any]) -> None:
    assert part(computed("service_level", facts, as_of="10:00"), expected) == expected


DAY = [
    *of("C1", CALL),
    busy("09:00:10", "C1"),
    *of("C2", CALL),
    busy("09:00:30", "C2"),
    *of("C3", CALL, gone("09:00:03")),
    *of("C4", CALL, gone("09:00:40")),
    *of("C5", CALL),
    *of("C6", call("09:59:50")),
]
"""Answered: in time, late. Abandoned: short, late. Waiting: too long, not yet."""


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param({}, 1 / 4, id="answered and abandoned, less short ones, and what waits too long"),
        pytest.param({"count_short_abandoned": True}, 1 / 5, id="with short ones"),
        pytest.param({"count_waiting_over_threshold": False}, 1 / 3, id="without what waits"),
        pytest.param({"method": "answered_only"}, 1 / 2, id="of what was answered"),
        pytest.param({"method": "removed_from_queue"}, 2 / 6, id="who left in time is served; of all"),
        pytest.param({"threshold_seconds": 30}, 2 / 4, id="another threshold"),
        pytest.param({"short_abandon_seconds": 0}, 1 / 5, id="no abandoned contact is short"),
        pytest.param({"channels": ["chat"]}, None, id="no contact in the channels"),
    ],
)
def test_methods_differ(config: dict[str, Any], expected: float | None) -> None:
    assert computed("service_level", DAY, {"service_level": config}, "10:00")["service_level"] == expected


@pytest.mark.parametrize("method", ["answered_of_offered", "answered_only", "removed_from_queue"])
def test_without_contacts_no_method_has_a_value(method: str) -> None:
    figures = computed("service_level", [], {"service_level": {"method": method}})

    assert figures == {
        "answered": 0,
        "abandoned": 0,
        "short_abandoned": 0,
        "waiting": 0,
        "service_level": None,
        "asa_seconds": None,
        "abandonment_rate": None,
        "longest_wait_seconds": None,
    }


def test_a_contact_is_looked_for_by_the_key_of_its_ticket() -> None:
    calls = [replace(CALL, entity=key, event_id=key) for key in ("acme/phone/T1", "other/phone/T1")]

    answered = busy("09:00:10", entity="acme/A1", contact="acme/phone/T1")

    figures = computed("service_level", [*calls, answered], as_of="10:00")

    assert (figures["answered"], figures["waiting"]) == (1, 1)


@st.composite
def some_calls(draw: st.DrawFn) -> tuple[list[Fact], list[Fact]]:
    """Up to three calls, some of them abandoned, and an agent."""
    calls = []
    for name in ("T1", "T2", "T3"):
        told_of = draw(ticket_histories(name, most=4))
        reasons = draw(st.lists(st.sampled_from(["abandoned", None]), min_size=len(told_of), max_size=len(told_of)))
        for fact, reason in zip(told_of, reasons, strict=True):
            changed = fact.type == "ticket.status_changed"
            calls.append(replace(fact, channel="voice", reason=reason if changed else None))
    return calls, draw(agent_histories(most=6))


@pytest.mark.long
@settings(max_examples=40, deadline=None)
@given(
    some_calls(),
    an_instant,
    st.sampled_from(["answered_of_offered", "answered_only", "removed_from_queue"]),
    st.booleans(),
    st.booleans(),
)
def test_the_queue_is_what_a_plain_reading_of_the_convention_gives(
    told_of: tuple[list[Fact], list[Fact]], as_of: int, method: Any, short: bool, waiting: bool
) -> None:
    config = {"method": method, "count_short_abandoned": short, "count_waiting_over_threshold": waiting}
    known_rules = rules({"service_level": config | {"threshold_seconds": 1800, "short_abandon_seconds": 900}})
    calls, presences = told_of

    got = figures([*calls, *presences], known_rules, Question(as_of, only=frozenset({"service_level"})))

    plain = naive_kpis.service_level(calls, presences, as_of, known_rules.policy.service_level)
    assert part(got["service_level"], plain) == pytest.approx(plain)
