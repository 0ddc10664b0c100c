import json
from typing import Any

import pytest

from services.errors import Untranslatable
from tests.adapters.helpdesks.samples import events, only, reason, sample, told

AGENT, CUSTOMER = "900100201", "900500777"


def delivery(type: str, event: Any = None, **detail: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(sample("zendesk", "ticket_created").body)
    content["type"] = f"zen:event-type:{type}"
    content["event"] = event if event is not None else {}
    content["detail"] |= {"actor_id": AGENT, **detail}
    return content


@pytest.mark.parametrize(
    ("type", "event", "expected"),
    [
        (
            "ticket.status_changed",
            {"current": "SOLVED", "previous": "OPEN"},
            {"type": "ticket.status_changed", "status": "solved", "old_status": "open", "agent_id": AGENT},
        ),
        ("ticket.status_changed", {"current": "HOLD", "previous": "NEW"}, {"status": "on_hold", "old_status": "new"}),
        ("ticket.status_changed", {"current": "DELETED", "previous": "OPEN"}, {"type": "ticket.deleted"}),
        (
            "ticket.agent_assignment_changed",
            {"current": "7", "previous": None},
            {"type": "ticket.assigned", "agent_id": "7"},
        ),
        ("ticket.agent_assignment_changed", {"current": "", "previous": "7"}, {"agent_id": None}),
        ("ticket.agent_assignment_changed", {"current": "0", "previous": "7"}, {"agent_id": None}),
        ("ticket.agent_assignment_changed", {"current": None, "previous": "7"}, {"agent_id": None}),
        ("ticket.group_assignment_changed", {"current": "360", "previous": "361"}, {"queue": "360"}),
        ("ticket.group_assignment_changed", {"current": None, "previous": "361"}, {"queue": None}),
        (
            "ticket.priority_changed",
            {"current": "URGENT", "previous": "LOW"},
            {"type": "ticket.priority_changed", "priority": "urgent", "old_priority": "low"},
        ),
        ("ticket.priority_changed", {"current": "HIGH", "previous": None}, {"priority": "high"}),
        ("ticket.merged", {"target_ticket_id": "48000"}, {"type": "ticket.merged", "into_ticket_id": "48000"}),
        (
            "ticket.tags_changed",
            {"tags_added": ["vip"], "tags_removed": ["new", "old"]},
            {"type": "ticket.tags_changed", "added": ("vip",), "removed": ("new", "old")},
        ),
        ("ticket.soft_deleted", {}, {"type": "ticket.deleted"}),
        ("ticket.permanently_deleted", {}, {"type": "ticket.deleted"}),
        ("ticket.marked_as_spam", {}, {"type": "ticket.status_changed", "status": "closed", "reason": "spam"}),
        (
            "ticket.csat_received",
            {"satisfaction_score": {"score": "GOOD"}},
            {"type": "survey.answered", "kind": "csat", "score": 2.0, "scale": (1.0, 2.0), "actor": "customer"},
        ),
        ("ticket.csat_received", {"satisfaction_score": {"score": "bad"}}, {"score": 1.0}),
    ],
)
def test_each_documented_change_is_an_event(type: str, event: Any, expected: dict[str, Any]) -> None:
    assert told(only("zendesk", delivery(type, event)), *expected) == expected


@pytest.mark.parametrize(
    ("author", "public", "expected"),
    [
        ({"id": AGENT, "is_staff": True}, True, {"author": "agent", "public": True, "agent_id": AGENT}),
        ({"id": AGENT, "is_staff": True}, False, {"author": "agent", "public": False, "agent_id": AGENT}),
        ({"id": CUSTOMER, "is_staff": False}, True, {"author": "customer", "public": True}),
        ({"id": CUSTOMER, "is_staff": True}, True, {"author": "customer", "public": True}),
        ({"id": "-1", "is_staff": True}, True, {"author": "system", "public": True}),
        ({"id": "5", "is_staff": False}, True, {"author": "customer", "public": True}),
    ],
)
def test_a_comment_tells_who_wrote_it(author: dict[str, Any], public: bool, expected: dict[str, Any]) -> None:
    comment = {"comment": {"author": author, "is_public": public, "body": "secret"}}

    event = only("zendesk", delivery("ticket.comment_added", comment))

    assert told(event, "author", "public", "agent_id") == expected


@pytest.mark.parametrize(
    ("detail", "created_by"),
    [
        ({"actor_id": CUSTOMER}, "customer"),
        ({"actor_id": AGENT}, "agent"),
        ({"actor_id": "-1"}, "system"),
        ({"actor_id": None, "submitter_id": CUSTOMER}, "customer"),
        ({"actor_id": "", "submitter_id": AGENT}, "agent"),
    ],
)
def test_who_opened_the_ticket_is_told(detail: dict[str, Any], created_by: str) -> None:
    assert told(only("zendesk", delivery("ticket.created", **detail)), "created_by") == {"created_by": created_by}


@pytest.mark.parametrize(
    ("state", "ours"),
    [
        ("online", "available"),
        ("offline", "offline"),
        ("away", "away"),
        ("transfers_only", "busy"),
        ("Lunch", "away"),
    ],
)
def test_an_agents_unified_state_is_presence(state: str, ours: str) -> None:
    content = {
        "id": "01GX79ST1QX01C889XV42S2J5Z",
        "type": "zen:event-type:agent.unified_state_changed",
        "time": "2026-03-10T09:31:59Z",
        "detail": {"account_id": "2", "agent_id": "10011", "version": "3"},
        "event": {"new_unified_state": {"id": "2", "name": state}, "updated_at": "2026-03-10T09:30:58.642630335Z"},
    }

    event = only("zendesk", content)

    assert told(event, "type", "agent_id", "state") == {
        "type": "agent.state_changed",
        "agent_id": "10011",
        "state": ours,
    }
    assert event.occurred_at.isoformat() == "2026-03-10T09:30:58.642630+00:00"


@pytest.mark.parametrize(
    "type",
    [
        "ticket.subject_changed",
        "ticket.custom_field_changed",
        "ticket.sla_policy_changed",
        "user.created",
        "agent.state_changed",
    ],
)
def test_what_no_figure_depends_on_is_ignored(type: str) -> None:
    assert events("zendesk", delivery(type)) == []
    assert events("zendesk", delivery("ticket.status_changed", {"current": "ARCHIVED"})) == []
    assert events("zendesk", delivery("ticket.priority_changed", {"current": None, "previous": "LOW"})) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param({"type": "zen:event-type:ticket.sung"}, "unknown_type", id="a type that we do not know"),
        pytest.param({"type": "zen:event-type:ticket.undeleted"}, "unknown_type", id="a type without an event"),
        pytest.param({"type": ["zen:event-type:ticket.created"]}, "unknown_type", id="the type is a list"),
        pytest.param({"type": None}, "unknown_type", id="no type"),
        pytest.param({"detail": None}, "schema", id="no detail"),
        pytest.param({"detail": {}}, "schema", id="no ticket id"),
        pytest.param({"detail": {"id": ""}}, "schema", id="an empty ticket id"),
        pytest.param({"detail": {"id": 1.5}}, "number", id="a fraction as ticket id"),
        pytest.param({"detail": {"id": True}}, "id", id="true as ticket id"),
        pytest.param({"detail": {"id": "4 8", "status": "NEW"}}, "id", id="a space in the ticket id"),
        pytest.param({"detail": {"id": "{48}", "status": "NEW"}}, "id", id="braces in the ticket id"),
        pytest.param({"detail": {"id": "4\n8", "status": "NEW"}}, "id", id="a line end in the ticket id"),
        pytest.param({"detail": {"id": "4" * 1000, "status": "NEW"}}, "id", id="a ticket id without end"),
        pytest.param({"detail": {"id": "48", "status": "SINGING"}}, "schema", id="a status that we do not know"),
        pytest.param({"id": None}, "schema", id="no event id"),
        pytest.param({"time": None}, "time", id="no time"),
        pytest.param({"time": "2026-02-30T00:00:00Z"}, "time", id="the 30th of February"),
        pytest.param({"time": "2026-03-10T09:12:04"}, "time", id="no zone"),
        pytest.param({"time": "2026-03-10T09:12:04+25:00"}, "time", id="a zone that is none"),
        pytest.param({"time": "2026-03-10T23:59:60Z"}, "time", id="a leap second"),
        pytest.param({"time": 1773133924}, "time", id="a number"),
        pytest.param({"time": "0001-01-01T00:00:00Z"}, "time", id="the year 1"),
        pytest.param({"time": "0001-01-01T00:00:00+12:00"}, "time", id="before the year 1"),
        pytest.param({"time": "9999-12-31T23:59:59-12:00"}, "time", id="the year 10000"),
    ],
)
def test_what_cannot_be_used_has_a_reason(content: dict[str, Any], expected: str) -> None:
    assert reason("zendesk", {**delivery("ticket.created"), **content}) == expected


def test_the_sentence_says_what_came_and_what_is_known() -> None:
    with pytest.raises(
        Untranslatable, match=r"zendesk sent event \"zen:event-type:ticket.sung\".*known: ticket.created"
    ):
        events("zendesk", delivery("ticket.sung"))


def test_the_vendors_event_id_is_ours() -> None:
    assert only("zendesk", delivery("ticket.created")).event_id == "6f0c5d0e-52b1-4c49-9c0e-0f7f4b1a2d31"
