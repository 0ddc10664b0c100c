"""Chatwoot webhooks. A conversation is a ticket; its number starts from 1 in every account (our tenant).

The queue is the team, as `team:<id>`, where the conversation has one, else the inbox. One change can be sent twice,
as `conversation_updated` and as `conversation_status_changed`: event ids are made from what changed and when
(`updated_at`), so both tell the same event, and so does a retry. A message's id is its event's id.
`pending` is a bot at work: nobody waits for the customer, so it is new here.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from schemas.events import AnyEvent
from services.adapters.helpdesks import fields
from services.adapters.helpdesks.delivery import Delivery
from services.adapters.helpdesks.instants import rfc3339, unix_seconds
from services.errors import Untranslatable

STATUSES = {"open": "open", "pending": "new", "snoozed": "pending", "resolved": "solved"}
PRIORITIES = {"low": "low", "medium": "normal", "high": "high", "urgent": "urgent"}
CHANNELS = {
    "webwidget": "chat",
    "email": "email",
    "api": "api",
    "sms": "sms",
    "twiliosms": "sms",
    "voice": "voice",
    "facebookpage": "social",
    "twitterprofile": "social",
    "instagram": "social",
    "whatsapp": "social",
    "telegram": "social",
    "line": "social",
    "tiktok": "social",
}
AUTHORS = {"contact": "customer", "user": "agent", "agent_bot": "bot", "agentbot": "bot", "captain_assistant": "bot"}
MESSAGE_TYPES = {0: "incoming", 1: "outgoing", 2: "activity", 3: "template"}
IGNORED = frozenset(
    {
        "conversation_typing_on",
        "conversation_typing_off",
        "contact_created",
        "contact_updated",
        "contact_deleted",
        "inbox_created",
        "inbox_updated",
        "webwidget_triggered",
    }
)


def translate(delivery: Delivery) -> list[AnyEvent]:
    """The events of one delivery.

    Raises:
        Untranslatable: an unknown event, or a field that is missing or odd.
    """
    content = fields.obj(delivery.content, "the body")
    name = content.get("event")
    if isinstance(name, str) and name in IGNORED:
        return []
    translation = TRANSLATIONS.get(name) if isinstance(name, str) else None
    if translation is None:
        raise Untranslatable(
            "unknown_type",
            f"chatwoot sent event {fields.shown(name)}, which is not translated; known: {', '.join(TRANSLATIONS)}",
        )
    return translation(delivery, content)


def _event_id(delivery: Delivery, ticket_id: str, type: str, *told: Any) -> str:
    return fields.fingerprint(delivery.vendor, delivery.tenant, ticket_id, type, *told)


def _channel(conversation: Mapping[str, Any]) -> Any:
    name = fields.word(conversation.get("channel")).removeprefix("channel::")
    return CHANNELS.get(name, "other") if name else ...


def _queue(conversation: Mapping[str, Any]) -> str | None:
    team = fields.optional_obj(fields.optional_obj(conversation.get("meta")).get("team"))
    if team_id := fields.optional_id(team.get("id"), "meta.team.id"):
        return f"team:{team_id}"
    return fields.optional_id(conversation.get("inbox_id"), "inbox_id")


def _assignee(conversation: Mapping[str, Any]) -> str | None:
    """The agent that has it; a bot can be assigned as well, and is nobody of ours."""
    meta = fields.optional_obj(conversation.get("meta"))
    if "bot" in fields.word(meta.get("assignee_type")):
        return None
    return fields.optional_id(fields.optional_obj(meta.get("assignee")).get("id"), "meta.assignee.id")


def _author(message: Mapping[str, Any]) -> str:
    """Who wrote a message: the sender's type, else the direction; a template is no person."""
    type = message.get("message_type")
    direction = MESSAGE_TYPES.get(type, "") if isinstance(type, int) else fields.word(type)
    if direction == "template":
        return "system"
    sender = fields.word(fields.optional_obj(message.get("sender")).get("type"))
    by_type = AUTHORS.get(sender or fields.word(message.get("sender_type")))
    return by_type or ("customer" if direction == "incoming" else "system")


def _created(delivery: Delivery, conversation: Mapping[str, Any]) -> list[AnyEvent]:
    ticket_id = fields.required_id(conversation.get("id"), "id")
    messages = conversation.get("messages")
    first = fields.optional_obj(messages[0]) if isinstance(messages, list) and messages else None
    created_by = _author(first) if first else ...
    contact = fields.optional_obj(fields.optional_obj(conversation.get("meta")).get("sender"))
    return [
        fields.event(
            type="ticket.created",
            event_id=_event_id(delivery, ticket_id, "ticket.created"),
            ticket_id=ticket_id,
            occurred_at=fields.at(conversation.get("created_at"), "created_at", unix_seconds),
            occurred_at_source="object",
            actor=created_by,
            created_by=created_by,
            status=fields.known(STATUSES, conversation.get("status"), "status"),
            priority=fields.told(PRIORITIES.get(fields.word(conversation.get("priority")))),
            channel=_channel(conversation),
            queue=fields.told(_queue(conversation)),
            agent_id=fields.told(_assignee(conversation)),
            requester_id=fields.told(fields.optional_id(contact.get("id"), "meta.sender.id")),
        )
    ]


def _updated(delivery: Delivery, conversation: Mapping[str, Any]) -> list[AnyEvent]:
    """One event for each change that is told; without them (older versions), the conversation as it stands."""
    ticket_id = fields.required_id(conversation.get("id"), "id")
    updated_at = fields.at(conversation.get("updated_at", conversation.get("timestamp")), "updated_at", unix_seconds)
    changes = dict(_changes(conversation))
    if not changes:
        return [_snapshot(delivery, conversation, ticket_id, updated_at)]
    events = []
    for type, told in _told_changes(conversation, changes):
        event_id = _event_id(delivery, ticket_id, type, updated_at, told)
        common = {"event_id": event_id, "ticket_id": ticket_id, "occurred_at": updated_at}
        events.append(fields.event(type=type, occurred_at_source="object", **common, **told))
    return events


def _changes(conversation: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    listed = conversation.get("changed_attributes")
    for each in listed if isinstance(listed, list) else [listed]:
        for name, change in fields.optional_obj(each).items():
            yield name, fields.optional_obj(change)


def _told_changes(
    conversation: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    if "status" in changes:
        yield "ticket.status_changed", _status(conversation, changes["status"])
    assigned: dict[str, Any] = {}
    if "assignee_id" in changes:
        assigned["agent_id"] = _assignee(conversation)
    if "team_id" in changes or "inbox_id" in changes:
        assigned["queue"] = _queue(conversation)
    if assigned:
        yield "ticket.assigned", assigned
    if "priority" in changes and (priority := PRIORITIES.get(fields.word(conversation.get("priority")))):
        previous = PRIORITIES.get(fields.word(changes["priority"].get("previous_value")))
        yield "ticket.priority_changed", {"priority": priority, "old_priority": fields.told(previous)}
    labels = changes.get("label_list", changes.get("labels"))
    if labels is not None:
        now, before = fields.words(labels.get("current_value")), fields.words(labels.get("previous_value"))
        added, removed = sorted(set(now) - set(before)), sorted(set(before) - set(now))
        yield "ticket.tags_changed", {"added": added, "removed": removed}


def _status(conversation: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    status = change.get("current_value", conversation.get("status"))
    old_status = STATUSES.get(fields.word(change.get("previous_value")))
    return {"status": fields.known(STATUSES, status, "status"), "old_status": fields.told(old_status)}


def _status_changed(delivery: Delivery, conversation: Mapping[str, Any]) -> list[AnyEvent]:
    changes = dict(_changes(conversation))
    if "status" not in changes:
        changes = {**changes, "status": {}}
    return _updated(delivery, {**conversation, "changed_attributes": changes})


def _snapshot(delivery: Delivery, conversation: Mapping[str, Any], ticket_id: str, updated_at: datetime) -> AnyEvent:
    return fields.event(
        type="ticket.snapshot",
        event_id=_event_id(delivery, ticket_id, "ticket.snapshot", updated_at),
        ticket_id=ticket_id,
        occurred_at=updated_at,
        occurred_at_source="object",
        status=fields.known(STATUSES, conversation.get("status"), "status"),
        created_at=fields.at(conversation.get("created_at"), "created_at", unix_seconds),
        priority=fields.told(PRIORITIES.get(fields.word(conversation.get("priority")))),
        channel=_channel(conversation),
        queue=_queue(conversation),
        agent_id=_assignee(conversation),
    )


def _message_created(delivery: Delivery, message: Mapping[str, Any]) -> list[AnyEvent]:
    if message.get("message_type") in ("activity", 2):  # "Diego assigned this to himself"
        return []
    conversation = fields.obj(message.get("conversation"), "conversation")
    author = _author(message)
    sender_id = fields.optional_id(fields.optional_obj(message.get("sender")).get("id"), "sender.id")
    return [
        fields.event(
            type="ticket.replied",
            event_id=f"message:{fields.required_id(message.get('id'), 'id')}",
            ticket_id=fields.required_id(conversation.get("id"), "conversation.id"),
            occurred_at=_message_at(message),
            occurred_at_source="event",
            actor=author,
            author=author,
            public=message.get("private") is not True,
            agent_id=fields.told(sender_id) if author == "agent" else ...,
        )
    ]


def _message_at(message: Mapping[str, Any]) -> datetime:
    """A message's own `created_at` is text; inside a conversation it is a number."""
    value = message.get("created_at")
    return fields.at(value, "created_at", rfc3339 if isinstance(value, str) else unix_seconds)


def _message_updated(delivery: Delivery, message: Mapping[str, Any]) -> list[AnyEvent]:
    """Of interest only when it is the satisfaction question, and answered."""
    if message.get("content_type") != "input_csat":
        return []
    submitted = fields.optional_obj(fields.optional_obj(message.get("content_attributes")).get("submitted_values"))
    answer = fields.optional_obj(submitted.get("csat_survey_response"))
    if "rating" not in answer:
        return []
    conversation = fields.obj(message.get("conversation"), "conversation")
    updated = message.get("updated_at")
    tells_time = updated is not None
    return [
        fields.event(
            type="survey.answered",
            event_id=f"csat:{fields.required_id(message.get('id'), 'id')}",
            ticket_id=fields.required_id(conversation.get("id"), "conversation.id"),
            occurred_at=fields.at(updated, "updated_at", rfc3339 if isinstance(updated, str) else unix_seconds)
            if tells_time
            else delivery.received_at,
            occurred_at_source="object" if tells_time else "received",
            actor="customer",
            kind="csat",
            score=answer["rating"],
            scale=(1.0, 5.0),
            agent_id=fields.told(_assignee(conversation)),
        )
    ]


TRANSLATIONS: Mapping[str, Callable[[Delivery, Mapping[str, Any]], list[AnyEvent]]] = {
    "conversation_created": _created,
    "conversation_updated": _updated,
    "conversation_status_changed": _status_changed,
    "conversation_opened": _status_changed,
    "conversation_resolved": _status_changed,
    "message_created": _message_created,
    "message_updated": _message_updated,
}
