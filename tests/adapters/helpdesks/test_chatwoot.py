import json
from typing import Any

import pytest

from tests.adapters.helpdesks.samples import events, only, reason, sample, told


def conversation(event: str, **more: Any) -> dict[str, Any]:
    return {**json.loads(sample("chatwoot", "conversation_created").body), "event": event, **more}


def message(**more: Any) -> dict[str, Any]:
    return {**json.loads(sample("chatwoot", "message_created_outgoing").body), **more}


def changed(**attributes: tuple[Any, Any]) -> list[dict[str, Any]]:
    return [{name: {"previous_value": old, "current_value": new}} for name, (old, new) in attributes.items()]


def meta(**more: Any) -> dict[str, Any]:
    return {**json.loads(sample("chatwoot", "conversation_created").body)["meta"], **more}


@pytest.mark.parametrize(
    ("channel", "ours"),
    [
        ("Channel::Email", "email"),
        ("Channel::Api", "api"),
        ("Channel::Whatsapp", "social"),
        ("Channel::TwilioSms", "sms"),
        ("Channel::FacebookPage", "social"),
        ("Channel::Carrier", "other"),
    ],
)
def test_the_channel_has_our_word(channel: str, ours: str) -> None:
    assert only("chatwoot", conversation("conversation_created", channel=channel)).channel == ours


@pytest.mark.parametrize(
    ("sender_type", "message_type", "created_by"),
    [
        ("Contact", 0, "customer"),
        ("User", 1, "agent"),
        ("AgentBot", 1, "bot"),
        (None, 3, "system"),
        (None, 0, "customer"),
    ],
)
def test_the_first_message_tells_who_opened_it(sender_type: str | None, message_type: int, created_by: str) -> None:
    first = {"sender_type": sender_type, "message_type": message_type}

    event = only("chatwoot", conversation("conversation_created", messages=[first]))

    assert told(event, "created_by", "actor") == {"created_by": created_by, "actor": created_by}


def test_a_bots_conversation_is_new_and_a_teams_queue_is_the_team() -> None:
    content = conversation("conversation_created", status="pending", priority="medium", meta=meta(team={"id": 5}))

    expected = {"status": "new", "priority": "normal", "queue": "team:5"}
    assert told(only("chatwoot", content), *expected) == expected


@pytest.mark.parametrize(
    ("status", "ours"), [("open", "open"), ("resolved", "solved"), ("pending", "new"), ("snoozed", "pending")]
)
def test_a_changed_status_has_our_word(status: str, ours: str) -> None:
    content = conversation("conversation_status_changed", status=status)

    assert told(only("chatwoot", content), "type", "status") == {"type": "ticket.status_changed", "status": ours}


def test_the_same_change_told_twice_is_one_event() -> None:
    status = changed(status=("open", "resolved"))
    one = only("chatwoot", conversation("conversation_status_changed", status="resolved", changed_attributes=status))
    two = only("chatwoot", conversation("conversation_updated", status="resolved", changed_attributes=status))

    assert one == two
    assert told(one, "status", "old_status") == {"status": "solved", "old_status": "open"}


def test_each_changed_attribute_is_an_event() -> None:
    content = conversation(
        "conversation_updated",
        meta=meta(assignee={"id": 17, "type": "user"}, assignee_type="User", team={"id": 5}),
        priority="urgent",
        changed_attributes=changed(
            assignee_id=(None, 17), team_id=(None, 5), priority=("low", "urgent"), label_list=(["a"], ["b"])
        ),
    )

    by_type = {event.type: event for event in events("chatwoot", content)}

    assert told(by_type["ticket.assigned"], "agent_id", "queue") == {"agent_id": "17", "queue": "team:5"}
    assert told(by_type["ticket.priority_changed"], "priority", "old_priority") == {
        "priority": "urgent",
        "old_priority": "low",
    }
    assert told(by_type["ticket.tags_changed"], "added", "removed") == {"added": ("b",), "removed": ("a",)}
    assert len({event.event_id for event in by_type.values()}) == 3


def test_an_assigned_bot_is_nobody_and_an_assignee_taken_away_is_told() -> None:
    bot = meta(assignee={"id": 3}, assignee_type="AgentBot")
    for content in (
        conversation("conversation_updated", meta=bot, changed_attributes=changed(assignee_id=(17, 3))),
        conversation("conversation_updated", changed_attributes=changed(assignee_id=(17, None))),
    ):
        assert told(only("chatwoot", content), "agent_id", "queue") == {"agent_id": None}


def test_an_update_without_its_changes_is_a_snapshot() -> None:
    event = only("chatwoot", conversation("conversation_updated"))

    expected = {"type": "ticket.snapshot", "status": "open", "queue": "12", "agent_id": None}
    assert told(event, *expected) == expected


def test_an_update_of_what_no_figure_needs_is_ignored() -> None:
    assert (
        events("chatwoot", conversation("conversation_updated", changed_attributes=changed(snoozed_until=(None, 1))))
        == []
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (message(private=True), {"author": "agent", "public": False, "agent_id": "17"}),
        (
            message(message_type="incoming", sender={"id": 9031, "type": "contact"}),
            {"author": "customer", "public": True},
        ),
        (message(sender={"id": 2, "type": "agent_bot"}), {"author": "bot", "public": True}),
        (message(sender=None), {"author": "system", "public": True}),
        (message(message_type="template"), {"author": "system", "public": True}),
        (message(message_type=0, sender=None), {"author": "customer", "public": True}),
    ],
)
def test_a_message_tells_who_wrote_it(content: dict[str, Any], expected: dict[str, Any]) -> None:
    assert told(only("chatwoot", content), "author", "public", "agent_id") == expected


def test_a_message_time_may_be_a_number_too() -> None:
    event = only("chatwoot", message(created_at=1773135221))

    assert event.occurred_at.isoformat() == "2026-03-10T09:33:41+00:00"


def test_an_answered_survey_is_an_event() -> None:
    answer = {"submitted_values": {"csat_survey_response": {"rating": 4, "feedback_message": "secret"}}}
    content = message(
        event="message_updated",
        content_type="input_csat",
        content_attributes=answer,
        updated_at="2026-03-10T10:00:00.000Z",
    )

    event = only("chatwoot", content)

    expected = {"kind": "csat", "score": 4.0, "scale": (1.0, 5.0), "ticket_id": "1482", "agent_id": "17"}
    assert told(event, *expected) == expected
    assert "secret" not in event.model_dump_json()
    assert events("chatwoot", {**content, "content_attributes": {}}) == []


@pytest.mark.parametrize(
    "content",
    [
        message(message_type="activity"),
        message(event="message_updated"),
        {"event": "contact_created"},
        {"event": "webwidget_triggered"},
        {"event": "conversation_typing_on"},
    ],
)
def test_what_no_figure_depends_on_is_ignored(content: dict[str, Any]) -> None:
    assert events("chatwoot", content) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param({"event": "conversation_sung"}, "unknown_type", id="an event that we do not know"),
        pytest.param({}, "unknown_type", id="no event"),
        pytest.param({"event": {}}, "unknown_type", id="the event is an object"),
        pytest.param(conversation("conversation_created", id=None), "schema", id="no conversation id"),
        pytest.param(conversation("conversation_created", status="singing"), "schema", id="a status of its own"),
        pytest.param(conversation("conversation_created", created_at="soon"), "time", id="a time in words"),
        pytest.param(conversation("conversation_created", created_at=1e300), "time", id="a time without end"),
        pytest.param(conversation("conversation_created", created_at=1773135002000), "time", id="milliseconds"),
        pytest.param(conversation("conversation_created", created_at=True), "time", id="true as a time"),
        pytest.param(conversation("conversation_created", id=-1.5), "number", id="a fraction as id"),
        pytest.param(message(conversation=None), "schema", id="a message without a conversation"),
        pytest.param(message(id=None), "schema", id="a message without an id"),
        pytest.param(message(created_at="2026-03-10"), "time", id="a day, no instant"),
    ],
)
def test_what_cannot_be_used_has_a_reason(content: dict[str, Any], expected: str) -> None:
    assert reason("chatwoot", content) == expected
