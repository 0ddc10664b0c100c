"""Status time, resolutions, transfers and half-told lives: KPI cases, conventions 9, 10, 14, 15 and 17."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.codec import NOBODY, Fact
from services.core import report
from services.core.ticket import replay
from tests.core.stories import (
    LATER,
    NIGHT,
    OFFICE,
    answer,
    assigned,
    at,
    becomes,
    bot,
    created,
    escalated,
    merged,
    note,
    part,
    reopened,
    rules,
    snapshot,
    solved,
    ticket_figures,
    told,
)

MINUTE = 60
HOUR = 3600


@pytest.mark.parametrize(
    ("facts", "as_of", "expected"),
    [
        pytest.param(
            [
                created("09:00"),
                becomes("open", "09:10"),
                becomes("pending", "09:30"),
                becomes("on_hold", "10:00"),
                becomes("open", "10:40"),
            ],
            "11:00",
            {
                "status": "open",
                "requester_wait_seconds": 90 * MINUTE,
                "agent_work_seconds": 50 * MINUTE,
                "agent_wait_seconds": 30 * MINUTE,
                "on_hold_seconds": 40 * MINUTE,
            },
            id="each status has its time, the present one up to now",
        ),
        pytest.param(
            [created("09:00"), solved("10:00"), becomes("closed", "11:00")],
            LATER,
            {"requester_wait_seconds": HOUR, "agent_work_seconds": HOUR, "status": "closed"},
            id="nobody waits while it is solved",
        ),
        pytest.param(
            [created("09:00"), becomes("open", "09:30"), becomes("open", "10:00"), solved("11:00")],
            LATER,
            {"agent_work_seconds": 2 * HOUR},
            id="a status told again changes nothing",
        ),
        pytest.param(
            [created("09:00"), merged("10:00")],
            LATER,
            {"requester_wait_seconds": HOUR, "status": "merged"},
            id="merged away: its time ends",
        ),
        pytest.param(
            [created("09:00"), solved("10:00", agent_id="A2")],
            LATER,
            {
                "first_resolution_seconds": HOUR,
                "full_resolution_seconds": HOUR,
                "solved_by_agent_id": "A2",
                "reopens": 0,
            },
            id="solved once",
        ),
        pytest.param(
            [created("09:00"), solved("10:00"), reopened("11:00")],
            LATER,
            {"first_resolution_seconds": HOUR, "full_resolution_seconds": None, "reopens": 1},
            id="reopened: the full resolution is open again",
        ),
        pytest.param(
            [created("09:00"), solved("10:00"), becomes("pending", "11:00"), becomes("closed", "12:00")],
            LATER,
            {"first_resolution_seconds": HOUR, "full_resolution_seconds": 3 * HOUR, "reopens": 1},
            id="closed without being solved again: resolved",
        ),
        pytest.param(
            [created("09:00"), solved("10:00", agent_id="A2"), becomes("closed", "12:00", agent_id="A3")],
            LATER,
            {"full_resolution_seconds": HOUR, "solved_by_agent_id": "A2", "reopens": 0},
            id="closing is no new solve",
        ),
        pytest.param(
            [created("09:00"), becomes("closed", "10:00"), solved("11:00")],
            LATER,
            {"full_resolution_seconds": HOUR, "reopens": 0, "status": "solved"},
            id="neither is solving what is closed",
        ),
        pytest.param(
            [created("09:00", agent_id="A1"), assigned("09:10", agent_id="A2"), solved("10:00")],
            LATER,
            {"solved_by_agent_id": "A2"},
            id="nobody told who solved it: the assignee then",
        ),
        pytest.param(
            [created("09:00", agent_id="A1"), assigned("09:10", agent_id=NOBODY), solved("10:00")],
            LATER,
            {"solved_by_agent_id": None},
            id="nobody had it",
        ),
        pytest.param(
            [
                created("09:00"),
                assigned("09:10", agent_id="A1"),
                becomes("open", "09:20", agent_id="A5"),
                solved("10:00"),
            ],
            LATER,
            {"solved_by_agent_id": "A1"},
            id="who changes the status does not become the assignee",
        ),
        pytest.param(
            [created("09:00"), solved("10:00", agent_id="A1"), assigned("10:30", agent_id="A9")],
            LATER,
            {"solved_by_agent_id": "A1"},
            id="assigned afterwards: it stays with who solved it",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), solved("09:20")], LATER, {"one_touch": True}, id="one touch"
        ),
        pytest.param(
            [created("09:00"), note("09:05"), bot("09:06"), answer("09:10"), solved("09:20")],
            LATER,
            {"one_touch": True},
            id="notes and bots are no touch",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), answer("09:15"), solved("09:20")],
            LATER,
            {"one_touch": False, "public_agent_replies": 2},
            id="two touches",
        ),
        pytest.param([created("09:00"), solved("09:20")], LATER, {"one_touch": False}, id="no touch"),
        pytest.param([created("09:00"), answer("09:10")], LATER, {"one_touch": False}, id="one touch, not solved"),
        pytest.param(
            [created("09:00"), answer("09:10"), solved("09:20"), reopened("10:00"), becomes("closed", "10:10")],
            LATER,
            {"one_touch": True},
            id="one touch is about the reply: reopened and closed without another",
        ),
        pytest.param(
            [
                created("09:00", queue="a"),
                assigned("09:10", queue="b"),
                assigned("09:20", queue="b", agent_id="A1"),
                assigned("09:30", agent_id="A2"),
                assigned("09:40", queue="a"),
            ],
            LATER,
            {"transfers": 2},
            id="only what changes the queue is a transfer",
        ),
        pytest.param(
            [
                created("09:00", queue="a"),
                escalated("09:10", from_tier="1", queue="b"),
                escalated("09:15", from_tier=None),
                escalated("09:20", from_tier="bot", queue="a"),
            ],
            LATER,
            {"transfers": 0, "escalations": 2, "escalated": True},
            id="an escalation is no transfer, a hand-over by a bot neither",
        ),
    ],
)
def test_a_ticket(facts: list[Fact], as_of: str, expected: dict[str, Any]) -> None:
    assert part(ticket_figures(facts, as_of=as_of), expected) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            [becomes("pending", "09:30"), becomes("open", "10:00"), solved("11:00", agent_id="A1")],
            {
                "first_resolution_seconds": None,
                "full_resolution_seconds": None,
                "agent_wait_seconds": 30 * MINUTE,
                "solved_by_agent_id": "A1",
            },
            id="first seen in the middle: what counts from the creation has no value",
        ),
        pytest.param(
            [note("09:30"), solved("10:30")],
            {"agent_work_seconds": HOUR},
            id="first seen with something else than a status: open until told",
        ),
        pytest.param(
            [snapshot("10:00", status="open", created_at=at("09:00")), snapshot("11:00", status="solved")],
            {"first_resolution_seconds": 2 * HOUR, "agent_work_seconds": 2 * HOUR, "status": "solved"},
            id="only snapshots: consecutive ones are changes, and the first tells the creation",
        ),
        pytest.param(
            [
                snapshot("10:00", status="open"),
                snapshot("11:00", status="pending"),
                snapshot("12:00", status="solved"),
            ],
            {"full_resolution_seconds": None, "agent_work_seconds": HOUR, "agent_wait_seconds": HOUR},
            id="snapshots that do not tell the creation",
        ),
        pytest.param(
            [snapshot("10:00", status="solved"), snapshot("11:00"), snapshot("12:00", status="open")],
            {"reopens": 1, "status": "open"},
            id="a snapshot without a status changes none",
        ),
        pytest.param(
            [snapshot("10:00", queue="a"), snapshot("11:00", queue="b")],
            {"transfers": 0},
            id="a snapshot is no assignment",
        ),
        pytest.param(
            [created("09:00", status="open"), created("10:00", status="new", event_id="zzz"), solved("11:00")],
            {"first_resolution_seconds": 2 * HOUR, "agent_work_seconds": 2 * HOUR, "status": "solved"},
            id="created twice: the first counts",
        ),
        pytest.param(
            [becomes("open", "08:59"), created("09:00"), solved("10:00")],
            {"first_resolution_seconds": HOUR, "agent_work_seconds": HOUR, "reopens": 0},
            id="a clock that is behind: nothing is before the creation",
        ),
    ],
)
def test_a_life_half_told(facts: list[Fact], expected: dict[str, Any]) -> None:
    assert part(ticket_figures(facts), expected) == expected


CALENDARS = {"calendars": {"default": OFFICE, "night": NIGHT}, "queue_calendars": {"b": "night"}}


@pytest.mark.parametrize(
    ("config", "business"),
    [
        pytest.param(CALENDARS, 30 * MINUTE + 3 * HOUR, id="per_segment"),
        pytest.param(CALENDARS | {"business_calendar_change": "last"}, 3 * HOUR, id="last"),
    ],
)
def test_opening_time_follows_the_queue(config: dict[str, Any], business: int) -> None:
    """16:00 to 20:00: in the office queue (9 to 17) until 16:30, then in the night queue (17 to 9)."""
    facts = [created("16:00", queue="a"), assigned("16:30", queue="b"), answer("20:00"), solved("20:00")]

    figures = ticket_figures(facts, config)

    assert figures["frt_business_seconds"] == business
    assert figures["full_resolution_business_seconds"] == business


def test_the_last_calendar_is_that_in_force_at_the_end_of_the_span() -> None:
    facts = [created("16:00", queue="a"), answer("16:20"), assigned("16:30", queue="b"), solved("20:00")]

    figures = ticket_figures(facts, CALENDARS | {"business_calendar_change": "last"})

    assert figures["frt_business_seconds"] == 20 * MINUTE
    assert figures["full_resolution_business_seconds"] == 3 * HOUR


def of(ticket_id: str, *facts: Fact) -> list[Fact]:
    """The same of another ticket."""
    return [
        replace(fact, entity=ticket_id, ticket_id=ticket_id, event_id=f"{ticket_id}/{fact.event_id}")
        for fact in facts
    ]


STORY = [
    *of("T1", created("09:00", queue="a", channel="email"), answer("09:10"), solved("10:00")),
    *of("T2", created("09:00", queue="a", channel="chat"), answer("09:30"), assigned("09:40", queue="b")),
    *of("T3", created("09:20", queue="b"), solved("09:50"), reopened("10:10")),
    *of("T4", created("09:25", queue="b"), merged("09:45")),
    *of("T5", created("09:30", queue="b"), answer("09:40"), merged("09:45")),
    *of("T6", created("09:30", queue="b"), told("ticket.deleted", "09:50")),
    *of("T7", solved("09:55")),
]


def test_the_aggregate() -> None:
    tickets = list(report.known(STORY, rules(), at("11:00")).tickets.values())

    figures = report.aggregate(tickets)

    expected = {
        "tickets_created": 3,
        "tickets_created_gross": 5,
        "tickets_merged": 2,
        "tickets_solved": 3,
        "tickets_resolved_now": 2,
        "frt_count": 3,
        "frt_mean_seconds": (10 + 30 + 10) * MINUTE / 3,
        "frt_p50_seconds": 10 * MINUTE,
        "frt_p90_seconds": pytest.approx(26 * MINUTE),
        "resolution_count": 1,
        "resolution_mean_seconds": HOUR,
        "reopen_rate": 1 / 3,
        "reopens": 1,
        "one_touch_rate": 0.5,
        "escalation_rate": 0.0,
        "transfer_rate": 1 / 3,
    }
    assert part(figures, expected) == expected


def test_nothing_in_a_denominator_is_no_value() -> None:
    figures = report.aggregate([])

    assert figures["tickets_created"] == 0
    for name in ("frt_mean_seconds", "frt_p50_seconds", "resolution_p90_seconds", "reopen_rate", "transfer_rate"):
        assert figures[name] is None


def test_segments_are_by_what_a_ticket_was_created_with() -> None:
    tickets = report.known(STORY, rules(), at("11:00")).tickets

    figures = report.segments(tickets, lambda part: report.aggregate(list(part.values())))

    assert figures["queue"]["a"]["tickets_created"] == 2
    assert figures["queue"]["b"]["tickets_created"] == 1
    assert figures["channel"].keys() == {"email", "chat"}
    assert figures["channel"]["chat"]["frt_mean_seconds"] == 30 * MINUTE
    assert figures["tier"] == {}


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        pytest.param("08:00", {"backlog": 0, "by_status": {}, "oldest_age_seconds": None}, id="before the first"),
        pytest.param(
            "09:40", {"backlog": 5, "by_queue": {"a": 1, "b": 4}, "oldest_age_seconds": 2400}, id="before merges"
        ),
        pytest.param("09:45", {"backlog": 3, "by_queue": {"a": 1, "b": 2}}, id="merged away at that instant"),
        pytest.param("09:50", {"backlog": 2, "by_queue": {"a": 1, "b": 1}}, id="solved at that instant"),
        pytest.param(
            "10:30", {"backlog": 2, "by_queue": {"b": 2}, "by_status": {"new": 1, "open": 1}}, id="reopened"
        ),
    ],
)
def test_the_backlog_at_a_time(moment: str, expected: dict[str, Any]) -> None:
    tickets = report.known(STORY, rules(), at("11:00")).tickets.values()

    assert part(report.backlog(tickets, rules(), at(moment)), expected) == expected


def test_the_policy_says_what_is_backlog() -> None:
    made = rules({"backlog": {"statuses": ["open"], "actionable_statuses": ["new"]}})
    tickets = report.known(STORY, made, at("11:00")).tickets.values()

    figures = report.backlog(tickets, made, at("10:30"))

    assert (figures["backlog"], figures["backlog_actionable"]) == (1, 1)


def test_only_what_happened_and_arrived_by_then_is_known() -> None:
    facts = [created("09:00"), answer("09:30", received_at=at("10:30")), solved("11:00")]

    early, late = ticket_figures(facts, as_of="10:00"), ticket_figures(facts, as_of="10:30")

    assert early["frt_seconds"] is None
    assert (late["frt_seconds"], late["status"]) == (30 * MINUTE, "new")


def test_repeats_are_counted() -> None:
    facts = [created("09:00"), created("09:00"), answer("09:10"), answer("09:10"), answer("09:10")]

    assert report.known(facts, rules(), at("10:00")).duplicates_ignored == 3


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        pytest.param("workaround", "workaround", id="one that the policy names"),
        pytest.param("Closed, see our chat of last week", "other", id="free text"),
        pytest.param("", None, id="nothing said"),
        pytest.param(None, None, id="not told"),
    ],
)
def test_the_reason_of_a_solve_is_its_outcome(reason: str | None, outcome: str | None) -> None:
    ticket = replay([created("09:00"), becomes("solved", "10:00", reason=reason)], rules())

    assert ticket is not None
    assert [solve.outcome for solve in ticket.solves] == [outcome]
