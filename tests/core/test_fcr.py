"""First contact resolution: KPI cases, convention 11."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Fact
from services.commands.compute import Question, figures
from tests.core import naive_kpis
from tests.core.histories import an_instant, ticket_histories
from tests.core.stories import answer, becomes, computed, created, escalated, merged, of, reopened, rules, solved

ONE_DAY: dict[str, Any] = {"fcr": {"windows_days": [1]}}
ANYTHING = {"repeat_match": "requester"}
ONE_REPLY = {"first_contact": "one_reply"}
MINE: dict[str, Any] = {"requester_id": "R1", "category": "billing"}
SOLVED = [created("Mon 09:00", **MINE), answer("Mon 09:30"), solved("Mon 10:00")]
"""One day after the solve is Tuesday 10:00."""


def again(when: str, **fields: Any) -> list[Fact]:
    """Another ticket of the same requester."""
    return of("T2", created(when, **MINE | fields))


def verdict(facts: Sequence[Fact], config: dict[str, Any] | None = None, as_of: str = "Sun 09:00") -> Any:
    fcr = ONE_DAY["fcr"] | (config or {})
    return computed("tickets", facts, {"fcr": fcr}, as_of)["T1"]["fcr"]["1"]


def shares(totals: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(totals[f"fcr_{name}"]["1"] for name in ("matured", "confirmed", "provisional"))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(SOLVED, True, id="quiet"),
        pytest.param([created("Mon 09:00"), answer("Mon 09:30")], None, id="never solved: no answer"),
        pytest.param([*SOLVED, merged("Mon 11:00")], None, id="merged away: no answer"),
        pytest.param([*SOLVED, reopened("Tue 10:00")], False, id="reopened at the end of the window"),
        pytest.param([*SOLVED, reopened("Tue 10:00:01")], True, id="reopened after the window"),
        pytest.param([*SOLVED, *again("Mon 10:00")], True, id="another ticket at the instant of the solve"),
        pytest.param([*SOLVED, *again("Mon 10:00:01")], False, id="another ticket right after the solve"),
        pytest.param([*SOLVED, *again("Tue 10:00")], False, id="another ticket at the end of the window"),
        pytest.param([*SOLVED, *again("Tue 10:00:01")], True, id="another ticket after the window"),
        pytest.param([*SOLVED, *again("Mon 12:00", category="login")], True, id="about something else"),
        pytest.param([*SOLVED, *again("Mon 12:00", category=None)], True, id="nobody knows about what"),
        pytest.param([*SOLVED, *again("Mon 12:00", created_by="agent")], True, id="opened by an agent"),
        pytest.param([*SOLVED, *again("Mon 12:00", requester_id="R2")], True, id="of somebody else"),
        pytest.param([*SOLVED, *again("Mon 12:00", requester_id=None)], True, id="nobody knows of whom"),
        pytest.param(
            [*SOLVED, *again("Mon 12:00", category="login"), *of("T2", merged("Mon 13:00", into="T1"))],
            False,
            id="merged into this one: the same, whatever it is called",
        ),
        pytest.param(
            [*SOLVED, *again("Tue 10:00:01"), *of("T2", merged("Tue 13:00", into="T1"))],
            True,
            id="merged into this one, opened after the window",
        ),
        pytest.param(
            [*SOLVED, *again("Mon 12:00", requester_id="R2"), *of("T2", merged("Mon 13:00", into="T1"))],
            True,
            id="merged into this one, of somebody else",
        ),
        pytest.param(
            [*SOLVED, *again("Mon 12:00"), *of("T2", merged("Mon 13:00", into="T3"))],
            False,
            id="merged into a third: opened all the same",
        ),
        pytest.param(
            [*SOLVED, *again("Mon 12:00"), *of("T2", becomes("open", "Mon 12:30"))], False, id="whatever became of it"
        ),
        pytest.param([*SOLVED, escalated("Mon 09:40", from_tier="1")], False, id="escalated before the solve"),
        pytest.param([*SOLVED, escalated("Mon 10:00", from_tier="1")], False, id="escalated at that instant: before"),
        pytest.param([*SOLVED, escalated("Mon 10:00:01", from_tier="1")], True, id="escalated after the solve"),
        pytest.param([*SOLVED, escalated("Mon 09:40", from_tier="bot")], True, id="a bot's hand-off is none"),
        pytest.param([*SOLVED, answer("Mon 09:45")], True, id="two replies in one conversation"),
        pytest.param(
            [
                created("Mon 09:00", **MINE | {"category": None}),
                solved("Mon 10:00"),
                *again("Mon 12:00", category=None),
            ],
            True,
            id="two unknown categories are not the same",
        ),
        pytest.param(
            [created("Mon 09:00", category="billing"), solved("Mon 10:00"), *again("Mon 12:00")],
            True,
            id="an unknown requester opens nothing else",
        ),
        pytest.param(
            [*SOLVED, reopened("Wed 09:00"), solved("Wed 10:00"), reopened("Wed 11:00")],
            True,
            id="the window is that after the first solve",
        ),
    ],
)
def test_the_verdict_of_one_day(facts: list[Fact], expected: bool | None) -> None:
    assert verdict(facts) is expected


@pytest.mark.parametrize(
    ("facts", "config", "expected"),
    [
        pytest.param([*SOLVED, *again("Mon 12:00", category="login")], ANYTHING, False, id="about something else"),
        pytest.param([*SOLVED, *again("Mon 12:00", category=None)], ANYTHING, False, id="nobody knows about what"),
        pytest.param([*SOLVED, escalated("Mon 09:40")], {"escalation_fails": False}, True, id="escalations allowed"),
        pytest.param(SOLVED, ONE_REPLY, True, id="one reply"),
        pytest.param([*SOLVED, answer("Mon 10:00")], ONE_REPLY, False, id="a second at the solve"),
        pytest.param([*SOLVED, answer("Mon 10:01")], ONE_REPLY, True, id="a second after the solve"),
    ],
)
def test_the_verdict_under_another_policy(facts: list[Fact], config: dict[str, Any], expected: bool) -> None:
    assert verdict(facts, config) is expected


@pytest.mark.parametrize(
    ("facts", "as_of", "expected"),
    [
        pytest.param(SOLVED, "Tue 09:59:59", "pending", id="not over"),
        pytest.param(SOLVED, "Tue 10:00", True, id="over at its last instant"),
        pytest.param([*SOLVED, reopened("Mon 12:00")], "Mon 12:00", False, id="failed before it is over"),
        pytest.param([*SOLVED, reopened("Mon 12:00")], "Mon 11:59", "pending", id="not known yet"),
        pytest.param([*SOLVED, *again("Mon 12:00")], "Mon 13:00", False, id="came back before it is over"),
    ],
)
def test_a_verdict_waits_for_its_window(facts: list[Fact], as_of: str, expected: Any) -> None:
    assert verdict(facts, as_of=as_of) == expected


def test_a_failed_ticket_matures_with_its_window_and_counts_as_failed_at_once() -> None:
    facts = [*SOLVED, reopened("Mon 12:00"), *of("T2", created("Mon 09:00"), solved("Mon 09:30"))]

    early = computed("aggregate", facts, ONE_DAY, "Mon 13:00")
    late = computed("aggregate", facts, ONE_DAY, "Tue 10:00")

    assert shares(early) == (0, None, 0.5)
    assert shares(late) == (2, 0.5, 0.5)


def test_nothing_solved_is_no_value() -> None:
    figures = computed("aggregate", [created("Mon 09:00")], ONE_DAY)

    assert shares(figures) == (0, None, None)


def test_segments_have_it_too() -> None:
    figures = computed("segments", [*SOLVED, *of("T2", created("Mon 09:00", category="login"))], ONE_DAY)

    assert figures["category"]["billing"]["fcr_confirmed"] == {"1": 1.0}
    assert figures["category"]["login"]["fcr_confirmed"] == {"1": None}


@st.composite
def some_tickets(draw: st.DrawFn) -> list[Fact]:
    """Three tickets of two customers, each about one of two things, or nobody knows."""
    facts: list[Fact] = []
    for name in ("T1", "T2", "T3"):
        told = draw(ticket_histories(name, most=5))
        requester = draw(st.sampled_from(["R1", "R1", "R2", None]))
        category = draw(st.sampled_from(["billing", "billing", "login", None]))
        into = draw(st.sampled_from(["T1", "T2", "T3"]))
        facts += naive_kpis.about(told, requester, category, into)
    return facts


@pytest.mark.long
@settings(max_examples=40, deadline=None)
@given(
    some_tickets(),
    an_instant,
    st.sampled_from(["requester", "requester_category"]),
    st.sampled_from(["conversation", "one_reply"]),
    st.booleans(),
)
def test_fcr_is_what_a_plain_reading_of_the_convention_gives(
    facts: list[Fact], as_of: int, match: Any, contact: Any, escalation_fails: bool
) -> None:
    policy = {"repeat_match": match, "first_contact": contact, "escalation_fails": escalation_fails}
    known_rules = rules({"fcr": policy | {"windows_days": [1]}})
    document = figures(facts, known_rules, Question(as_of, only=frozenset({"tickets", "aggregate"})))

    plain = naive_kpis.fcr(facts, as_of, known_rules.policy.fcr, days=1)
    assert {name: each["fcr"]["1"] for name, each in document["tickets"].items()} == {
        name: verdict for name, (verdict, _) in plain.items()
    }
    assert document["aggregate"]["fcr_matured"] == {"1": sum(matured for _, matured in plain.values())}
