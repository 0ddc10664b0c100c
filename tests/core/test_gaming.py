"""Figures made to look better: KPI cases, convention 27."""

from typing import Any

import pytest

from schemas.codec import Fact
from tests.core.stories import (
    answer,
    assigned,
    becomes,
    computed,
    created,
    customer,
    note,
    of,
    reopened,
    snapshot,
    solved,
)

ASKED = created("09:00", agent_id="A1")


def pending(when: str, **fields: Any) -> Fact:
    return becomes("pending", when, **fields)


@pytest.mark.parametrize(
    ("facts", "kinds"),
    [
        pytest.param([ASKED, pending("09:30")], ["pause_without_reply"], id="paused, and nothing said"),
        pytest.param([ASKED, answer("09:20"), pending("09:30")], [], id="a reply ten minutes before"),
        pytest.param([ASKED, answer("09:19:59"), pending("09:30")], ["pause_without_reply"], id="a reply before"),
        pytest.param([ASKED, answer("09:30"), pending("09:30")], [], id="a reply at that instant"),
        pytest.param([ASKED, pending("09:30"), answer("09:31")], ["pause_without_reply"], id="a reply afterwards"),
        pytest.param([ASKED, note("09:29"), pending("09:30")], ["pause_without_reply"], id="a note is no reply"),
        pytest.param(
            [ASKED, customer("09:29"), pending("09:30")], ["pause_without_reply"], id="nor is the customer's"
        ),
        pytest.param([ASKED, becomes("on_hold", "09:30")], [], id="on hold is another thing"),
        pytest.param(
            [ASKED, answer("09:30"), pending("09:30"), pending("10:00")], [], id="pending again without a change"
        ),
        pytest.param(
            [ASKED, answer("09:30"), pending("09:30"), reopened("09:50"), pending("10:00")],
            ["pause_without_reply"],
            id="paused for the second time",
        ),
        pytest.param([created("09:00", status="pending")], [], id="pending from the beginning"),
        pytest.param([ASKED, snapshot("09:30", status="pending")], ["pause_without_reply"], id="told by a snapshot"),
        pytest.param([ASKED, solved("09:30"), reopened("+Tue 09:30")], [], id="reopened much later"),
        pytest.param([ASKED, solved("Mon 09:30"), reopened("Tue 09:30")], ["premature_solve"], id="within a day"),
        pytest.param([ASKED, solved("Mon 09:30"), reopened("Tue 09:30:01")], [], id="after a day"),
        pytest.param([ASKED, solved("09:30"), becomes("closed", "09:40")], [], id="closed"),
        pytest.param(
            [ASKED, solved("Mon 09:30"), reopened("Wed 09:30"), solved("Wed 10:00"), reopened("Wed 11:00")],
            ["premature_solve"],
            id="each solve with its own reopening",
        ),
    ],
)
def test_signs(facts: list[Fact], kinds: list[str]) -> None:
    assert [sign["kind"] for sign in computed("gaming", facts, as_of="+Sun 09:00")] == kinds


@pytest.mark.parametrize(
    ("facts", "agent"),
    [
        pytest.param([ASKED, pending("09:30", agent_id="A2")], "A2", id="who did it"),
        pytest.param([ASKED, pending("09:30")], "A1", id="else whose it was"),
        pytest.param([ASKED, assigned("09:10", agent_id="A3"), pending("09:30")], "A3", id="whose it was then"),
        pytest.param([created("09:00"), pending("09:30")], None, id="nobody's"),
        pytest.param(
            [ASKED, solved("09:30", agent_id="A2"), reopened("09:40", agent_id="A3")], "A2", id="who solved"
        ),
    ],
)
def test_a_sign_is_of_the_agent_who_did_it(facts: list[Fact], agent: str | None) -> None:
    (sign,) = computed("gaming", facts)

    assert sign["agent_id"] == agent


def test_signs_are_sorted_by_instant_kind_and_ticket() -> None:
    one = [created("09:00"), solved("09:30"), reopened("09:40"), pending("09:50")]
    other = of("T0", created("09:00"), pending("09:30"))

    signs = computed("gaming", [*one, *other, *of("T2", created("09:00"), pending("09:30"))])

    assert [(sign["at"][11:16], sign["kind"], sign["ticket_id"]) for sign in signs] == [
        ("09:30", "pause_without_reply", "T0"),
        ("09:30", "pause_without_reply", "T2"),
        ("09:30", "premature_solve", "T1"),
        ("09:50", "pause_without_reply", "T1"),
    ]
