"""What a merge hands over: KPI cases, convention 17."""

from typing import Any

import pytest

from schemas.codec import Fact
from services.core import report
from tests.core.stories import (
    NIGHT,
    OFFICE,
    answer,
    assigned,
    at,
    becomes,
    bot,
    computed,
    created,
    customer,
    merged,
    of,
    part,
    promise,
    reopened,
    rules,
    sla,
    solved,
    told,
)

MINUTE = 60
OLD = of("T2", created("09:00"))
MERGE = of("T2", merged("10:00", into="T1"))
YOUNG = created("09:30")
"""T1 remains, and was opened half an hour after T2."""


@pytest.mark.parametrize(
    ("facts", "frt_minutes"),
    [
        pytest.param([*OLD, YOUNG, *MERGE, answer("10:30")], 90, id="the older goes away: its creation counts"),
        pytest.param(
            [created("09:00"), *of("T2", created("09:30")), *MERGE, answer("10:30")], 90, id="the younger goes away"
        ),
        pytest.param([*OLD, YOUNG, answer("09:45"), *MERGE], 15, id="this one was answered before"),
        pytest.param([*OLD, YOUNG, answer("10:00"), *MERGE], 30, id="answered at that instant: before"),
        pytest.param([*OLD, *of("T2", answer("09:10")), YOUNG, *MERGE, answer("10:30")], 60, id="the other has one"),
        pytest.param([*OLD, *of("T2", answer("10:01")), YOUNG, *MERGE, answer("10:30")], 90, id="answered after it"),
        pytest.param([*OLD, *of("T2", bot("09:10")), YOUNG, *MERGE, answer("10:30")], 90, id="a bot's is none"),
        pytest.param(
            [*OLD, *of("T2", solved("09:10")), YOUNG, *MERGE, answer("10:30")], 90, id="solved without an answer"
        ),
        pytest.param([*OLD, YOUNG, solved("09:40"), *MERGE, answer("10:30")], None, id="this one is solved"),
        pytest.param(
            [*OLD, YOUNG, solved("09:40"), reopened("10:10"), *MERGE, answer("10:30")], 20, id="reopened later"
        ),
        pytest.param(
            [*of("T2", becomes("open", "09:00")), YOUNG, *MERGE, answer("10:30")], 60, id="nobody knows since when"
        ),
        pytest.param(
            [*OLD, *of("T2", told("ticket.deleted", "09:10")), YOUNG, *MERGE, answer("10:30")], 60, id="deleted"
        ),
        pytest.param(
            [*of("T2", created("09:00", created_by="agent")), YOUNG, *MERGE, answer("10:30")],
            60,
            id="an agent opened the other, and nobody asked",
        ),
        pytest.param(
            [*of("T2", created("09:00", created_by="agent"), customer("09:20")), YOUNG, *MERGE, answer("10:30")],
            70,
            id="an agent opened the other, and the customer asked there",
        ),
        pytest.param(
            [*OLD, created("09:30", created_by="agent"), *MERGE, answer("10:30")], 90, id="an agent opened this one"
        ),
        pytest.param(
            [*of("T2", created("11:00")), created("09:30", created_by="agent"), *MERGE, answer("10:30")],
            30,
            id="merged by clocks that disagree before it was opened: waits since the merge",
        ),
        pytest.param(
            [*OLD, YOUNG, *of("T2", merged("10:00", into="T9")), answer("10:30")], 60, id="merged into another"
        ),
        pytest.param([*OLD, YOUNG, *of("T2", merged("10:00")), answer("10:30")], 60, id="merged into itself"),
        pytest.param(
            [
                *(*of("T3", created("08:00"), merged("09:10", into="T2")), *OLD),
                *(YOUNG, *MERGE, answer("10:30")),
            ],
            150,
            id="handed on along a chain",
        ),
    ],
)
def test_the_first_response_is_waited_for_since_the_older_creation(
    facts: list[Fact], frt_minutes: int | None
) -> None:
    figures = computed("tickets", facts)["T1"]

    assert figures["frt_seconds"] == (None if frt_minutes is None else frt_minutes * MINUTE)


def test_a_policy_may_leave_the_wait_behind() -> None:
    off = {"merge": {"inherit_oldest_wait": False}}

    assert computed("tickets", [*OLD, YOUNG, *MERGE, answer("10:30")], off)["T1"]["frt_seconds"] == 60 * MINUTE


def test_who_waits_waits_since_the_older_creation() -> None:
    facts = [*OLD, YOUNG, *MERGE]

    assert computed("tickets", facts, as_of="09:59")["T1"]["waiting_since"] == "2026-03-02T09:30:00Z"
    assert computed("tickets", facts, as_of="10:00")["T1"]["waiting_since"] == "2026-03-02T09:00:00Z"


def test_two_merges_into_one_leave_the_oldest_wait() -> None:
    other = of("T3", created("08:30"), merged("09:50", into="T1"))

    figures = computed("tickets", [*OLD, *other, YOUNG, *MERGE, answer("10:30")])

    assert figures["T1"]["frt_seconds"] == 120 * MINUTE


def test_the_order_of_arrival_does_not_matter() -> None:
    facts = [*OLD, YOUNG, *MERGE, answer("10:30")]

    assert computed("tickets", facts) == computed("tickets", facts[::-1])


def test_the_wait_before_this_tickets_creation_counts_in_opening_time_too() -> None:
    office = {"calendars": {"default": OFFICE, "night": NIGHT}, "queue_calendars": {"n": "night"}}
    facts = [*OLD, created("09:30", queue="a"), *MERGE, assigned("10:00", queue="n"), answer("10:30")]

    assert computed("tickets", facts, office)["T1"]["frt_business_seconds"] == 60 * MINUTE


def clock(facts: list[Fact], as_of: str = "11:00", **fields: Any) -> dict[str, Any]:
    config = sla(promise({"first_response": 3600}), **fields)
    figures: dict[str, Any] = computed("sla", facts, config, as_of)["T1"]["first_response"]
    return figures


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            [*OLD, YOUNG, *of("T2", merged("09:40", into="T1")), answer("09:50")],
            {"state": "met", "elapsed_seconds": 50 * MINUTE},
            id="met, counted from the older creation",
        ),
        pytest.param(
            [*OLD, YOUNG, *MERGE, answer("10:20")],
            {"state": "breached", "elapsed_seconds": 80 * MINUTE, "breached_at": "2026-03-02T10:00:00Z"},
            id="breached an hour after the older creation",
        ),
        pytest.param(
            [*OLD, YOUNG, *of("T2", merged("10:10", into="T1")), answer("10:20")],
            {"state": "breached", "breached_at": "2026-03-02T10:00:00Z"},
            id="breached before the merge",
        ),
        pytest.param(
            [*OLD, created("09:30", agent_id="A1"), *of("T2", merged("10:10", into="T1"))],
            {"state": "breached", "breached_agent_id": "A1", "elapsed_seconds": 120 * MINUTE},
            id="and of whose it was then",
        ),
    ],
)
def test_the_clock_starts_at_the_older_creation(facts: list[Fact], expected: dict[str, Any]) -> None:
    assert part(clock(facts), expected) == expected


def test_pauses_of_the_ticket_that_remains_are_kept() -> None:
    facts = [*OLD, YOUNG, becomes("pending", "09:40"), becomes("open", "09:55"), *MERGE]

    figures = clock(facts, as_of="10:05", pause={"first_response": ["pending"]})

    assert (figures["state"], figures["elapsed_seconds"]) == ("running", 50 * MINUTE)
    assert figures["due_at"] == "2026-03-02T10:15:00Z"


def test_a_clock_that_stands_still_at_the_merge_goes_on_standing_still() -> None:
    facts = [*OLD, YOUNG, becomes("pending", "09:40"), *MERGE]

    figures = clock(facts, pause={"first_response": ["pending"]})

    assert (figures["state"], figures["elapsed_seconds"]) == ("paused", 40 * MINUTE)


def test_the_clock_of_the_ticket_that_goes_away_is_cancelled() -> None:
    config = sla(promise({"first_response": 3600}))

    assert computed("sla", [*OLD, YOUNG, *MERGE], config)["T2"]["first_response"]["state"] == "cancelled"


def test_tickets_of_one_helpdesk_are_found_by_their_key() -> None:
    keyed = [
        Fact(
            at(when), kind, f"{kind}/{number}", f"acme/desk/{number}", at(when), ticket_id=number, into_ticket_id=into
        )
        for when, kind, number, into in [
            ("09:00", "ticket.created", "2", None),
            ("09:30", "ticket.created", "1", None),
            ("10:00", "ticket.merged", "2", "1"),
        ]
    ]

    tickets = report.known(keyed, rules(), at("11:00")).tickets

    assert tickets["acme/desk/1"].waiting_since == at("09:00")
