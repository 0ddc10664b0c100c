from datetime import timedelta
from typing import Any

import pytest

from tests.adapters.helpdesks.samples import NOW, events, only, reason, told


def rule(triggered_event: Any, **more: Any) -> dict[str, Any]:
    ticket = {
        "ticket_id": 9917,
        "ticket_status": "Open",
        "ticket_priority": "Low",
        "triggered_event": triggered_event,
    }
    return {"freshdesk_webhook": {**ticket, **more}}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (rule("{status:{from:2,to:4}}"), {"type": "ticket.status_changed", "status": "solved", "old_status": "open"}),
        (rule("{status:{from:4,to:5}}"), {"status": "closed", "old_status": "solved"}),
        (rule("{status:{from:9,to:3}}"), {"status": "pending"}),
        (rule("{ status : { from:2, to:3 } }"), {"status": "pending", "old_status": "open"}),
        (rule('{"status":{"from":"2","to":"3"}}'), {"status": "pending", "old_status": "open"}),
        (rule("{status:{from:2,to:6}}", ticket_status="Waiting on Customer"), {"status": "pending"}),
        (rule("{status:{from:2,to:7}}", ticket_status="Waiting on Third Party"), {"status": "on_hold"}),
        (
            rule("{priority:{from:1,to:4}}"),
            {"type": "ticket.priority_changed", "priority": "urgent", "old_priority": "low"},
        ),
        (rule("{priority:{from:,to:2}}"), {"priority": "normal"}),
        (rule("{responder_id:{from:,to:150014937111}}"), {"type": "ticket.assigned", "agent_id": "150014937111"}),
        (rule("{responder_id:{from:150014937111,to:}}"), {"agent_id": None}),
        (rule("{group_id:{from:1,to:nil}}"), {"queue": None}),
        (rule("{group_id:{from:1,to:22}}"), {"queue": "22"}),
        (rule("{note_type:private}"), {"type": "ticket.replied", "author": "agent", "public": False}),
        (rule("{note_type:public}"), {"author": "agent", "public": True}),
        (
            rule("{reply_sent:sent}", performed_by="agent", agent_id=7),
            {"author": "agent", "public": True, "agent_id": "7"},
        ),
        (
            rule("{reply_sent:sent}", performed_by="Requester"),
            {"author": "customer", "public": True, "actor": "customer"},
        ),
        (rule("{ticket_action:deleted}"), {"type": "ticket.deleted"}),
        (
            rule("{ticket_action:marked_spam}"),
            {"type": "ticket.status_changed", "status": "closed", "reason": "spam"},
        ),
        (rule("{ticket_action:created}", ticket_source="Phone"), {"type": "ticket.created", "channel": "voice"}),
        (rule("{ticket_action:created}", ticket_status="Our own"), {"type": "ticket.created"}),
    ],
)
def test_each_trigger_is_an_event(content: dict[str, Any], expected: dict[str, Any]) -> None:
    event = only("freshdesk", content)

    assert told(event, *expected) == expected
    assert event.occurred_at == NOW
    assert event.occurred_at_source == "received"


@pytest.mark.parametrize(
    "trigger", ["{ticket_type:{from:Problem,to:Question}}", "{ticket_action:updated}", "{due_by:x}"]
)
def test_what_no_figure_depends_on_is_ignored(trigger: str) -> None:
    assert events("freshdesk", rule(trigger)) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param({}, "schema", id="no rule"),
        pytest.param({"freshdesk_webhook": []}, "schema", id="the rule is a list"),
        pytest.param(rule(None), "schema", id="no trigger"),
        pytest.param(rule("created"), "schema", id="a trigger in another shape"),
        pytest.param(rule("{sung:loudly}"), "unknown_type", id="a field that we do not know"),
        pytest.param(rule("{ticket_action:sung}"), "unknown_type", id="an action that we do not know"),
        pytest.param(rule("{status:{from:2,to:11}}", ticket_status="Our own"), "unknown_status", id="an own status"),
        pytest.param(rule("{priority:{from:1,to:9}}"), "schema", id="a priority that is none"),
        pytest.param(rule("{reply_sent:sent}"), "schema", id="a reply of nobody"),
        pytest.param(rule("{ticket_action:created}", ticket_id=None), "schema", id="no ticket id"),
        pytest.param(rule("{ticket_action:created}", ticket_id="{1}"), "id", id="braces in the ticket id"),
        pytest.param(rule("{ticket_action:created}", ticket_id=0.5), "number", id="a fraction as ticket id"),
    ],
)
def test_what_cannot_be_used_has_a_reason(content: dict[str, Any], expected: str) -> None:
    assert reason("freshdesk", content) == expected


def event_id(content: dict[str, Any], later_s: float = 0) -> str:
    (event,) = events("freshdesk", content, NOW + timedelta(seconds=later_s))
    return event.event_id


def test_a_ticket_is_created_once_however_often_it_is_told() -> None:
    created = rule("{ticket_action:created}")

    assert (
        event_id(created)
        == event_id(created, 3600)
        == event_id(rule("{ticket_action:created}", ticket_status="Closed"))
    )


def test_an_equal_change_is_folded_within_a_minute_and_counted_after_it() -> None:
    solved = rule("{status:{from:2,to:4}}")

    assert event_id(solved) == event_id(solved, 59)
    assert event_id(solved) != event_id(solved, 60)
    assert event_id(solved) != event_id(rule("{status:{from:3,to:4}}"))
