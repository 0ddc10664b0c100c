"""SLA clocks, edge by edge: KPI cases, conventions 6, 12 and 13, worked out by hand."""

from typing import Any

import pytest

from schemas.codec import Fact
from services.core import report
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
    customer,
    merged,
    note,
    part,
    prioritised,
    promise,
    reopened,
    rules,
    sla,
    sla_figures,
    snapshot,
    solved,
    ticket,
)

HOUR = 3600
HALF = 1800
DAY = "2026-03-02T"

FIRST = sla(promise({"first_response": HOUR}))
BY_PRIORITY = sla(promise({"normal": {"first_response": 2 * HOUR}, "urgent": {"first_response": HALF}}))
RESOLUTION = sla(promise({"resolution": 4 * HOUR}))
NEXT = sla(promise({"next_response": HALF}))
PAUSING = sla(promise({"first_response": HOUR}), pause={"first_response": ["pending"]})
BUSINESS = {"calendars": {"default": OFFICE}} | sla(promise({"first_response": HOUR}, hours="business"))
TWO_CALENDARS = {
    "calendars": {"default": OFFICE, "night": NIGHT},
    "queue_calendars": {"b": "night"},
} | sla(promise({"first_response": 8 * HOUR}, hours="business"))


def two_policies(**first: Any) -> dict[str, Any]:
    """Policy `narrow` (1000 s) with what ``first`` says, then `wide` (2000 s), which fits everything."""
    return sla(
        promise({"first_response": 2000}, id="wide", order=2),
        promise({"first_response": 1000}, id="narrow", order=1, **first),
    )


def versions(*pairs: tuple[str | None, int]) -> dict[str, Any]:
    """One policy whose first-response target changes: (effective from, seconds)."""
    return sla(*(promise({"first_response": target}, effective_from=since) for since, target in pairs))


CHANGED_AT_0910 = versions((None, 2 * HOUR), ("2026-03-02T09:10:00Z", HALF))


@pytest.mark.parametrize(
    ("facts", "config", "as_of", "expected"),
    [
        # the line
        pytest.param(
            [created("09:00"), answer("10:00")],
            FIRST,
            LATER,
            {
                "state": "met",
                "elapsed_seconds": HOUR,
                "remaining_seconds": None,
                "due_at": None,
                "breached_at": None,
                "at_risk": False,
            },
            id="answered exactly on the line: met",
        ),
        pytest.param(
            [created("09:00"), answer("10:00:01")],
            FIRST,
            LATER,
            {
                "state": "breached",
                "elapsed_seconds": HOUR + 1,
                "remaining_seconds": -1,
                "breached_at": f"{DAY}10:00:00Z",
            },
            id="a second after the line: breached, on the line",
        ),
        pytest.param(
            [created("09:00")],
            FIRST,
            "10:00",
            {
                "state": "running",
                "remaining_seconds": 0,
                "due_at": f"{DAY}10:00:00Z",
                "at_risk": True,
                "breached_at": None,
            },
            id="looked at on the line: still running",
        ),
        pytest.param(
            [created("09:00")],
            FIRST,
            "10:00:01",
            {"state": "breached", "remaining_seconds": -1, "due_at": None, "at_risk": False},
            id="looked at a second later: breached, no longer at risk",
        ),
        pytest.param(
            [created("09:00")], FIRST, "09:47:59", {"state": "running", "at_risk": False}, id="just before 80 %"
        ),
        pytest.param([created("09:00")], FIRST, "09:48", {"state": "running", "at_risk": True}, id="80 % exactly"),
        pytest.param(
            [created("09:00")],
            sla(promise({"first_response": HOUR}), at_risk_ratio=1),
            "09:59:59",
            {"at_risk": False},
            id="a ratio of 1: not before the line",
        ),
        pytest.param(
            [created("09:00")],
            sla(promise({"first_response": HOUR}), at_risk_ratio=1),
            "10:00",
            {"at_risk": True},
            id="a ratio of 1: on the line",
        ),
        pytest.param([created("09:00")], {}, LATER, None, id="no policy: no clock"),
        pytest.param([created("09:00")], RESOLUTION, LATER, None, id="no target for it: no clock"),
        # start and stop
        pytest.param(
            [created("09:00"), note("09:10"), bot("09:20"), customer("09:25")],
            FIRST,
            "09:30",
            {"state": "running", "elapsed_seconds": HALF},
            id="what is no response does not stop it",
        ),
        pytest.param(
            [created("09:00"), bot("09:20")],
            FIRST | {"first_response": {"bot_counts": True}},
            LATER,
            {"state": "met", "elapsed_seconds": 1200},
            id="bot_counts: the bot stops it",
        ),
        pytest.param(
            [created("09:00"), solved("09:40")],
            FIRST,
            LATER,
            {"state": "met", "elapsed_seconds": 2400},
            id="a solve stops it",
        ),
        pytest.param(
            [created("09:00"), solved("10:40")],
            FIRST,
            LATER,
            {"state": "breached", "elapsed_seconds": 6000, "breached_at": f"{DAY}10:00:00Z"},
            id="a solve after the line stops it, breached",
        ),
        pytest.param(
            [created("09:00"), solved("09:40"), reopened("11:00")],
            FIRST,
            "11:10",
            {"state": "running", "elapsed_seconds": 600, "due_at": f"{DAY}12:00:00Z"},
            id="reopened: it starts anew",
        ),
        pytest.param(
            [created("09:00"), solved("09:40"), customer("10:00"), reopened("10:30")],
            FIRST,
            "10:40",
            {"state": "running", "elapsed_seconds": 2400, "due_at": f"{DAY}11:00:00Z"},
            id="reopened: it starts anew with the customer's message",
        ),
        pytest.param(
            [created("09:00"), solved("09:40"), customer("10:00"), answer("10:15"), reopened("10:30")],
            FIRST,
            LATER,
            {"state": "met", "elapsed_seconds": 900},
            id="asked and answered before the reopen: met",
        ),
        pytest.param(
            [created("09:00"), solved("09:10"), customer("09:20"), answer("12:00"), reopened("12:30")],
            FIRST,
            LATER,
            {"state": "breached", "breached_at": f"{DAY}10:20:00Z", "elapsed_seconds": 9600},
            id="asked and answered too late before the reopen: breached",
        ),
        pytest.param(
            [created("09:00"), solved("09:10"), customer("09:20"), becomes("pending", "12:30")],
            PAUSING,
            LATER,
            {"state": "breached", "breached_at": f"{DAY}10:20:00Z"},
            id="reopened into a status that pauses, when the time was up already",
        ),
        pytest.param(
            [created("09:00", status="solved")],
            FIRST,
            LATER,
            {"state": "met", "elapsed_seconds": 0},
            id="created as solved: met at once",
        ),
        pytest.param(
            [created("09:00"), solved("09:40"), reopened("11:00"), answer("13:00")],
            FIRST | {"first_response": {"reopen_restarts": False}},
            LATER,
            {"state": "met", "elapsed_seconds": 2400},
            id="reopen_restarts off: the solve stopped it for good",
        ),
        pytest.param(
            [created("09:00"), answer("09:30"), solved("09:40"), reopened("11:00")],
            FIRST,
            LATER,
            {"state": "met", "elapsed_seconds": HALF},
            id="answered: a reopening does not touch it",
        ),
        pytest.param(
            [created("09:00", created_by="agent"), answer("09:00"), answer("12:00")],
            FIRST,
            LATER,
            None,
            id="outbound: no clock before the customer writes",
        ),
        pytest.param(
            [created("09:00", created_by="agent"), answer("09:00"), customer("12:00")],
            FIRST,
            "12:30",
            {"state": "running", "elapsed_seconds": HALF},
            id="outbound: from the customer's first message",
        ),
        pytest.param(
            [created("09:00", created_by="agent"), answer("09:00"), customer("12:00")],
            FIRST | {"first_response": {"agent_created": "exclude"}},
            LATER,
            None,
            id="outbound, excluded: no clock",
        ),
        pytest.param(
            [created("09:00", created_by="agent"), answer("09:00"), answer("09:30")],
            FIRST | {"first_response": {"agent_created": "from_creation_second_reply"}},
            LATER,
            {"state": "met", "elapsed_seconds": HALF},
            id="outbound, second reply: from the creation to the second reply",
        ),
        pytest.param([answer("09:30")], FIRST, LATER, None, id="first seen in the middle: no clock"),
        # pause
        pytest.param(
            [created("09:00"), becomes("pending", "09:30")],
            PAUSING,
            "20:00",
            {
                "state": "paused",
                "elapsed_seconds": HALF,
                "remaining_seconds": HALF,
                "due_at": None,
                "at_risk": False,
                "breached_at": None,
            },
            id="a paused clock does not breach",
        ),
        pytest.param(
            [created("09:00"), becomes("pending", "09:50")],
            PAUSING,
            "20:00",
            {"state": "paused", "at_risk": False},
            id="a paused clock is not at risk, however much is used",
        ),
        pytest.param(
            [created("09:00"), becomes("pending", "10:00")],
            PAUSING,
            "20:00",
            {"state": "paused", "remaining_seconds": 0, "breached_at": None},
            id="paused on the line: no breach",
        ),
        pytest.param(
            [created("09:00"), becomes("pending", "09:30"), becomes("open", "12:00")],
            PAUSING,
            "12:30:01",
            {"state": "breached", "breached_at": f"{DAY}12:30:00Z", "elapsed_seconds": HOUR + 1},
            id="it goes on with what is left",
        ),
        pytest.param(
            [created("09:00"), becomes("on_hold", "09:30")],
            PAUSING,
            "09:40",
            {"state": "running", "elapsed_seconds": 2400},
            id="only listed statuses pause",
        ),
        pytest.param(
            [created("09:00", status="pending"), becomes("open", "09:30")],
            PAUSING,
            "10:00",
            {"state": "running", "elapsed_seconds": HALF},
            id="created in a status that pauses",
        ),
        pytest.param(
            [created("09:00"), becomes("pending", "09:30"), answer("12:00")],
            PAUSING,
            LATER,
            {"state": "met", "elapsed_seconds": HALF},
            id="answered while it stood still",
        ),
        pytest.param(
            [created("09:00"), becomes("pending", "10:30")],
            PAUSING,
            LATER,
            {"state": "breached", "breached_at": f"{DAY}10:00:00Z", "elapsed_seconds": 5400, "due_at": None},
            id="breached before the pause: stays so",
        ),
        # the target changes
        pytest.param(
            [created("09:00"), prioritised("urgent", "09:45")],
            BY_PRIORITY,
            "09:50",
            {
                "state": "breached",
                "breached_at": f"{DAY}09:45:00Z",
                "target_seconds": HALF,
                "elapsed_seconds": 3000,
                "remaining_seconds": -1200,
            },
            id="a target smaller than what is used: breached at the change",
        ),
        pytest.param(
            [created("09:00"), prioritised("urgent", "09:30")],
            BY_PRIORITY,
            "09:30",
            {"state": "running", "due_at": f"{DAY}09:30:00Z", "breached_at": None},
            id="a target of exactly what is used: not yet",
        ),
        pytest.param(
            [created("09:00"), prioritised("urgent", "09:30")],
            BY_PRIORITY,
            "09:30:01",
            {"state": "breached", "breached_at": f"{DAY}09:30:00Z"},
            id="a target of exactly what is used: a second later",
        ),
        pytest.param(
            [created("09:00", priority="urgent"), prioritised("normal", "09:40")],
            BY_PRIORITY,
            "09:50",
            {"state": "breached", "breached_at": f"{DAY}09:30:00Z", "target_seconds": 2 * HOUR},
            id="a priority lowered after the breach does not undo it",
        ),
        pytest.param(
            [created("09:00", priority="urgent"), prioritised("normal", "09:30"), answer("11:00")],
            BY_PRIORITY,
            LATER,
            {"state": "met", "elapsed_seconds": 2 * HOUR},
            id="a priority lowered on the line is in time",
        ),
        pytest.param(
            [created("09:00", priority="urgent"), prioritised("normal", "09:40"), answer("09:50")],
            BY_PRIORITY,
            LATER,
            {"state": "breached", "breached_at": f"{DAY}09:30:00Z"},
            id="answered within the later target: breached all the same",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), prioritised("urgent", "10:00")],
            BY_PRIORITY,
            LATER,
            {"state": "met", "target_seconds": 2 * HOUR},
            id="a clock that has stopped keeps its target",
        ),
        pytest.param(
            [created("09:00", priority="urgent"), prioritised("low", "09:40"), answer("09:50")],
            BY_PRIORITY,
            LATER,
            {"state": "breached", "breached_at": f"{DAY}09:30:00Z", "target_seconds": HALF},
            id="a priority for which nothing is promised does not undo a breach either",
        ),
        pytest.param(
            [created("09:00", queue="a"), assigned("10:30", queue="b"), answer("11:00")],
            sla(promise({"first_response": HOUR}, match={"queue": "a"})),
            LATER,
            {"state": "breached", "policy": "std", "elapsed_seconds": 2 * HOUR},
            id="nor does a queue for which nothing is promised",
        ),
        # which policy
        pytest.param(
            [created("09:00")],
            CHANGED_AT_0910,
            "10:00",
            {"target_seconds": 2 * HOUR},
            id="an edit waits for an event",
        ),
        pytest.param(
            [created("09:00"), note("09:20")],
            CHANGED_AT_0910,
            "09:25",
            {"target_seconds": HALF, "state": "running", "due_at": f"{DAY}09:30:00Z"},
            id="the next event takes the newest version",
        ),
        pytest.param(
            [created("09:10")], CHANGED_AT_0910, "09:20", {"target_seconds": HALF}, id="from its very instant on"
        ),
        pytest.param(
            [created("09:00"), note("09:05")],
            CHANGED_AT_0910,
            "11:30",
            {"target_seconds": 2 * HOUR, "breached_at": f"{DAY}11:00:00Z"},
            id="an event before it takes the version before",
        ),
        pytest.param(
            [created("09:00"), note("09:15"), note("10:15")],
            versions((None, 600), ("2026-03-02T10:10:00Z", 5 * HOUR)),
            "10:20",
            {"state": "breached", "breached_at": f"{DAY}09:10:00Z", "target_seconds": 5 * HOUR},
            id="a later version does not undo a breach",
        ),
        pytest.param(
            [created("09:00"), note("10:30")],
            versions(("2026-03-02T10:00:00Z", 2 * HOUR)),
            "10:45",
            {"state": "running", "elapsed_seconds": 6300, "due_at": f"{DAY}11:00:00Z"},
            id="promised only later: counted from the start",
        ),
        pytest.param(
            [created("09:00"), note("10:30")],
            versions(("2026-03-02T10:45:00Z", 2 * HOUR)),
            "11:00",
            None,
            id="promised only after the last event: no clock",
        ),
        pytest.param(
            [created("09:00")],
            versions(("2026-03-02T08:30:00Z", 300), (None, 100), ("2026-03-02T08:00:00Z", 200)),
            "09:01",
            {"target_seconds": 300},
            id="the newest, in whatever order they are written",
        ),
        pytest.param(
            [created("09:00")], two_policies(), "09:01", {"policy": "narrow"}, id="the lowest order that fits applies"
        ),
        pytest.param(
            [created("09:00", queue="a")],
            two_policies(match={"queue": "a"}),
            "09:01",
            {"policy": "narrow", "target_seconds": 1000},
            id="a match of one value",
        ),
        pytest.param(
            [created("09:00", queue="b")],
            two_policies(match={"queue": "a"}),
            "09:01",
            {"policy": "wide", "target_seconds": 2000},
            id="another value: the next policy",
        ),
        pytest.param(
            [created("09:00", queue="b")],
            two_policies(match={"queue": ["a", "b"]}),
            "09:01",
            {"policy": "narrow"},
            id="a match of a list",
        ),
        pytest.param(
            [created("09:00", queue="a", channel="email", tier="gold", category="x")],
            two_policies(match={"queue": "a", "channel": ["email"], "tier": "gold", "category": ["x", "y"]}),
            "09:01",
            {"policy": "narrow"},
            id="all match fields fit",
        ),
        pytest.param(
            [created("09:00", queue="a", channel="chat")],
            two_policies(match={"queue": "a", "channel": ["email"]}),
            "09:01",
            {"policy": "wide"},
            id="one of them does not",
        ),
        pytest.param(
            [created("09:00")],
            two_policies(match={"queue": ["a"]}),
            "09:01",
            {"policy": "wide"},
            id="what is not known fits nothing",
        ),
        pytest.param(
            [created("09:00", queue="a"), assigned("09:05", queue="b")],
            two_policies(match={"queue": "a"}),
            "09:10",
            {"policy": "wide", "elapsed_seconds": 600},
            id="another queue, another policy; what is used is kept",
        ),
        pytest.param(
            [created("09:00", priority="low")], two_policies(), "09:01", None, id="it applies, and promises nothing"
        ),
        pytest.param(
            [created("09:00")],
            {"default_priority": "urgent"} | BY_PRIORITY,
            "09:01",
            {"target_seconds": HALF},
            id="no priority: the default one",
        ),
        pytest.param(
            [created("09:00", priority="normal")],
            {"default_priority": "urgent"} | BY_PRIORITY,
            "09:01",
            {"target_seconds": 2 * HOUR},
            id="the default priority is for tickets without one",
        ),
        # hours
        pytest.param(
            [created("16:30")],
            BUSINESS,
            "18:00",
            {"state": "running", "elapsed_seconds": HALF, "due_at": "2026-03-03T09:30:00Z", "at_risk": False},
            id="business hours: closed does not count",
        ),
        pytest.param(
            [created("16:00")],
            BUSINESS,
            "23:00",
            {"state": "running", "due_at": f"{DAY}17:00:00Z", "elapsed_seconds": HOUR, "breached_at": None},
            id="due at closing time: it holds all night",
        ),
        pytest.param(
            [created("16:00")],
            BUSINESS,
            "Tue 09:00:01",
            {"state": "breached", "breached_at": f"{DAY}17:00:00Z", "elapsed_seconds": HOUR + 1},
            id="due at closing time: breached at the next opening, as of the instant when it was used up",
        ),
        pytest.param(
            [created("18:00")],
            {"calendars": {"default": OFFICE}} | FIRST,
            "18:30",
            {"elapsed_seconds": HALF},
            id="calendar hours: every hour counts",
        ),
        pytest.param(
            [created("18:00", queue="b")],
            TWO_CALENDARS,
            "20:00",
            {"elapsed_seconds": 2 * HOUR},
            id="the queue's calendar",
        ),
        pytest.param(
            [created("18:00", queue="a")], TWO_CALENDARS, "20:00", {"elapsed_seconds": 0}, id="else the default one"
        ),
        pytest.param(
            [created("18:00", queue="a")],
            TWO_CALENDARS | sla(promise({"first_response": 8 * HOUR}, hours="business", calendar="night")),
            "20:00",
            {"elapsed_seconds": 2 * HOUR},
            id="the policy's calendar comes before the queue's",
        ),
        pytest.param(
            [created("16:00", queue="a"), assigned("16:30", queue="b")],
            TWO_CALENDARS,
            "20:00",
            {"elapsed_seconds": HALF + 3 * HOUR, "due_at": "2026-03-03T00:30:00Z"},
            id="per_segment: each stretch by the calendar in force",
        ),
        pytest.param(
            [created("16:00", queue="a"), assigned("16:30", queue="b")],
            TWO_CALENDARS | {"business_calendar_change": "last"},
            "20:00",
            {"elapsed_seconds": 3 * HOUR, "due_at": "2026-03-03T01:00:00Z"},
            id="last: everything by the calendar in force at the end",
        ),
        pytest.param(
            [created("16:00", queue="a"), assigned("16:30", queue="b"), assigned("18:30", queue="a")],
            TWO_CALENDARS,
            "Tue 10:00",
            {"elapsed_seconds": HALF + 5400 + HOUR},
            id="per_segment: there and back",
        ),
        pytest.param(
            [created("16:00", queue="a"), assigned("16:30", queue="b"), assigned("18:30", queue="a")],
            TWO_CALENDARS | {"business_calendar_change": "last"},
            "Tue 10:00",
            {"elapsed_seconds": 2 * HOUR},
            id="last: there and back",
        ),
        pytest.param(
            [created("16:00", queue="a"), assigned("16:30", queue="b")],
            TWO_CALENDARS
            | {"business_calendar_change": "last"}
            | sla(promise({"first_response": 8 * HOUR}, hours="business", calendar="default")),
            "Tue 10:00",
            {"elapsed_seconds": 2 * HOUR},
            id="a named calendar does not change with the queue",
        ),
        pytest.param(
            [created("09:00")],
            {"calendars": {"default": {"timezone": "UTC", "weekly": {}}}}
            | sla(promise({"first_response": HOUR}, hours="business")),
            LATER,
            {"state": "running", "elapsed_seconds": 0, "due_at": None, "at_risk": False},
            id="a calendar that never opens: nothing is ever due",
        ),
        # merge
        pytest.param(
            [created("09:00"), merged("09:30")],
            FIRST,
            LATER,
            {"state": "cancelled", "remaining_seconds": None, "due_at": None, "at_risk": False, "breached_at": None},
            id="merged away: cancelled",
        ),
        pytest.param(
            [created("09:00"), merged("10:30")],
            FIRST,
            LATER,
            {"state": "cancelled"},
            id="merged away after the breach",
        ),
    ],
)
def test_first_response_clock(
    facts: list[Fact], config: dict[str, Any], as_of: str, expected: dict[str, Any] | None
) -> None:
    clock = sla_figures(facts, config, as_of).get("first_response")

    assert (None if clock is None else part(clock, expected or {})) == expected


@pytest.mark.parametrize(
    ("facts", "config", "as_of", "expected"),
    [
        pytest.param(
            [created("09:00"), becomes("pending", "10:00"), becomes("on_hold", "15:00")],
            RESOLUTION,
            "16:00",
            {"state": "running", "elapsed_seconds": 2 * HOUR},
            id="pending pauses, on hold does not",
        ),
        pytest.param(
            [created("09:00"), solved("11:00")],
            RESOLUTION,
            LATER,
            {"state": "met", "elapsed_seconds": 2 * HOUR, "remaining_seconds": None},
            id="stops at the solve",
        ),
        pytest.param(
            [created("09:00"), solved("11:00"), becomes("closed", "Tue 09:00")],
            RESOLUTION,
            LATER,
            {"state": "met", "elapsed_seconds": 2 * HOUR},
            id="closing is no new solve",
        ),
        pytest.param(
            [created("09:00"), solved("11:00"), reopened("Wed 09:00")],
            RESOLUTION,
            "Wed 10:00",
            {"state": "running", "elapsed_seconds": 3 * HOUR, "due_at": "2026-03-04T11:00:00Z"},
            id="reopened: it goes on with what is left",
        ),
        pytest.param(
            [created("09:00"), solved("11:00"), reopened("Wed 09:00")],
            RESOLUTION,
            "Wed 11:30",
            {"state": "breached", "breached_at": "2026-03-04T11:00:00Z"},
            id="reopened, and not solved again in time",
        ),
        pytest.param(
            [created("09:00"), solved("11:00"), becomes("pending", "Wed 09:00")],
            RESOLUTION,
            LATER,
            {"state": "paused", "elapsed_seconds": 2 * HOUR},
            id="reopened into a status that pauses",
        ),
        pytest.param(
            [created("09:00"), solved("11:00"), reopened("Wed 09:00")],
            sla(promise({"resolution": 4 * HOUR}), reopen="first_resolution_only"),
            LATER,
            {"state": "met", "elapsed_seconds": 2 * HOUR},
            id="first_resolution_only: over at the first solve",
        ),
        pytest.param(
            [created("09:00"), solved("14:00"), reopened("15:00"), solved("15:10")],
            RESOLUTION,
            LATER,
            {"state": "breached", "breached_at": f"{DAY}13:00:00Z", "elapsed_seconds": 5 * HOUR + 600},
            id="breached before the first solve: stays so",
        ),
        pytest.param(
            [created("09:00"), solved("11:00"), prioritised("urgent", "12:00"), reopened("13:00")],
            sla(promise({"normal": {"resolution": 4 * HOUR}, "urgent": {"resolution": 3 * HOUR}})),
            "13:30",
            {"state": "running", "target_seconds": 3 * HOUR, "due_at": f"{DAY}14:00:00Z"},
            id="a priority raised while it was solved counts from the reopening on",
        ),
        pytest.param(
            [created("09:00", status="solved")],
            RESOLUTION,
            LATER,
            {"state": "met", "elapsed_seconds": 0},
            id="at once",
        ),
        pytest.param([solved("09:00")], RESOLUTION, LATER, None, id="first seen in the middle: no clock"),
        pytest.param(
            [snapshot("11:00", status="open", created_at=at("09:00"))],
            RESOLUTION,
            "12:00",
            {"state": "running", "elapsed_seconds": 3 * HOUR},
            id="a snapshot tells when it was created: from then on",
        ),
        pytest.param(
            [created("09:00"), merged("10:00")],
            RESOLUTION,
            LATER,
            {"state": "cancelled"},
            id="merged away: cancelled",
        ),
    ],
)
def test_resolution_clock(
    facts: list[Fact], config: dict[str, Any], as_of: str, expected: dict[str, Any] | None
) -> None:
    clock = sla_figures(facts, config, as_of).get("resolution")

    assert (None if clock is None else part(clock, expected or {})) == expected


@pytest.mark.parametrize(
    ("facts", "as_of", "expected"),
    [
        pytest.param([created("09:00"), answer("09:10")], LATER, [], id="no turn, no clock"),
        pytest.param(
            [created("09:00"), answer("09:10"), customer("10:00"), answer("10:30"), customer("11:00")],
            "11:10",
            [{"state": "met", "elapsed_seconds": HALF}, {"state": "running", "due_at": f"{DAY}11:30:00Z"}],
            id="one clock for each turn",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), customer("10:00"), customer("10:20"), answer("10:40")],
            LATER,
            [{"state": "breached", "breached_at": f"{DAY}10:30:00Z", "elapsed_seconds": 2400}],
            id="from the oldest message of the turn",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), customer("10:00"), solved("10:20")],
            LATER,
            [{"state": "met", "elapsed_seconds": 1200}],
            id="a solve stops it",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), solved("09:20"), customer("10:00"), reopened("10:05")],
            "10:10",
            [{"state": "running", "elapsed_seconds": 600}],
            id="from the message that reopens the ticket",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), customer("10:00"), merged("10:20")],
            LATER,
            [{"state": "cancelled"}],
            id="a merge cancels it",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), customer("10:00"), becomes("pending", "10:05")],
            "10:40",
            [{"state": "breached", "elapsed_seconds": 2400}],
            id="nothing pauses it by default",
        ),
    ],
)
def test_next_response_clocks(facts: list[Fact], as_of: str, expected: list[dict[str, Any]]) -> None:
    clocks = sla_figures(facts, NEXT, as_of).get("next_response", [])

    assert [part(clock, wanted) for clock, wanted in zip(clocks, expected, strict=True)] == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([created("09:00")], None, id="nobody had it"),
        pytest.param([created("09:00", agent_id="A1")], "A1", id="as it was created"),
        pytest.param([created("09:00", agent_id="A1"), assigned("09:30", agent_id="A2")], "A2", id="assigned before"),
        pytest.param([created("09:00", agent_id="A1"), assigned("10:30", agent_id="A2")], "A1", id="assigned after"),
        pytest.param([created("09:00"), assigned("10:30", agent_id="A2")], None, id="nobody had it at that moment"),
        pytest.param([created("09:00", agent_id="A1"), assigned("09:30", agent_id="")], None, id="taken away before"),
        pytest.param([created("09:00", agent_id="A1"), answer("10:30", "A2")], "A1", id="not who answered"),
        pytest.param([created("09:00", agent_id="A1"), solved("10:30", agent_id="A2")], "A1", id="not who solved"),
    ],
)
def test_a_breach_is_that_of_the_assignee_at_the_moment(facts: list[Fact], expected: str | None) -> None:
    clock = sla_figures(facts, FIRST, "11:00")["first_response"]

    assert clock["state"] == "breached"
    assert clock["breached_agent_id"] == expected


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param([created("16:00", agent_id="A1"), assigned("18:00", agent_id="A2")], id="as it is looked at"),
        pytest.param(
            [created("16:00", agent_id="A1"), assigned("18:00", agent_id="A2"), answer("Tue 10:00")],
            id="as the next event finds it",
        ),
    ],
)
def test_a_breach_at_closing_time_is_not_that_of_who_takes_over_at_night(facts: list[Fact]) -> None:
    clock = sla_figures(facts, BUSINESS, "Tue 11:00")["first_response"]

    assert part(clock, {"breached_at": "", "breached_agent_id": ""}) == {
        "breached_at": f"{DAY}17:00:00Z",
        "breached_agent_id": "A1",
    }


def test_a_breach_that_turns_out_at_a_reopening_is_that_of_the_assignee_then() -> None:
    facts = [
        created("09:00", agent_id="A1"),
        solved("09:10"),
        customer("09:20"),
        assigned("11:00", agent_id="A2"),
        reopened("12:30"),
    ]

    clock = sla_figures(facts, FIRST)["first_response"]

    assert (clock["breached_at"], clock["breached_agent_id"]) == (f"{DAY}10:20:00Z", "A1")


def test_a_late_event_undoes_a_breach() -> None:
    before = [created("09:00"), note("10:30")]
    late = answer("09:50", received_at=at("10:40"))

    assert sla_figures([*before, late], FIRST, "10:35")["first_response"]["state"] == "breached"
    assert sla_figures([*before, late], FIRST, "10:40")["first_response"]["state"] == "met"


def test_all_that_is_at_risk_is_listed_in_order() -> None:
    config = sla(promise({"first_response": HOUR, "next_response": HOUR, "resolution": HOUR}))
    facts = [created("09:00"), answer("09:10"), customer("09:11")]

    assert report.at_risk({"T1": sla_figures(facts, config, "10:00")}) == ["T1:next_response", "T1:resolution"]


def test_a_clock_at_risk_and_due_is_asked_about_any_later_instant() -> None:
    clock = ticket([created("16:00")], BUSINESS).promises.first_response

    assert clock is not None
    assert clock.at_risk_from() == at("16:48")
    assert clock.due_at() == at("17:00")
    assert clock.holds_until() == at("Tue 09:00")


@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.7, 0.8, 0.9, 1.0])
def test_the_line_of_risk_is_exact_for_decimal_ratios(ratio: float) -> None:
    """0.7 x 3000 s is 2100 s, though 0.7 * 3000 is a little less in binary."""
    made = rules(sla(promise({"first_response": 3000}), at_risk_ratio=ratio))

    target = made.targets(at("09:00"), ticket([created("09:00")]).now.traits)["first_response"]

    assert target.at_risk_ms == round(ratio * 10) * 300_000


def test_thanks_after_the_solve_start_no_clock_until_they_reopen_the_ticket() -> None:
    story = [created("09:00"), answer("09:05"), solved("09:10"), customer("10:00")]

    thanked = sla_figures(story, NEXT, "12:00")
    back = sla_figures([*story, reopened("10:05")], NEXT, "10:20")

    assert "next_response" not in thanked
    (clock,) = back["next_response"]
    assert clock["state"] == "running"
    assert clock["due_at"] == f"{DAY}10:30:00Z"


def test_a_merge_cancels_a_clock_that_was_met_as_well() -> None:
    figures = sla_figures([created("09:00"), answer("09:05"), merged("09:10")], FIRST, LATER)

    assert figures["first_response"]["state"] == "cancelled"
    assert figures["first_response"]["remaining_seconds"] is None


def test_thanks_for_an_outbound_ticket_that_is_solved_start_no_clock() -> None:
    story = [created("09:00", created_by="agent"), answer("09:00"), solved("09:00:01"), customer("10:00")]

    assert "first_response" not in sla_figures(story, FIRST, "12:00")
    assert sla_figures([*story, reopened("10:01")], FIRST, "10:30")["first_response"]["elapsed_seconds"] == HALF
