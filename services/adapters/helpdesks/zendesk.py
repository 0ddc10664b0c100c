"""Zendesk event webhooks (`zen:event-type:...`, version 2022-11-06).

A delivery is one change; `detail` is the ticket after it. Its `id` is the same on every retry, so it is our event id.
Ids are text, and "", "0" and null all mean nobody. Statuses and priorities are upper case, times have nine digits.
Who acted is known by id only: the requester is the customer, -1 is Zendesk itself, everybody else counts as an agent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.events import AnyEvent
from services.adapters.helpdesks import fields
from services.adapters.helpdesks.delivery import Delivery
from services.adapters.helpdesks.instants import rfc3339
from services.errors import Untranslatable

PREFIX = "zen:event-type:"
STATUSES = {
    "new": "new",
    "open": "open",
    "pending": "pending",
    "hold": "on_hold",
    "solved": "solved",
    "closed": "closed",
}
PRIORITIES = {"low": "low", "normal": "normal", "high": "high", "urgent": "urgent"}
CHANNELS = {
    "web": "web",
    "web_form": "web",
    "help_center": "web",
    "mobile": "web",
    "mobile_sdk": "web",
    "web_widget": "web",
    "email": "email",
    "mail": "email",
    "chat": "chat",
    "native_messaging": "chat",
    "messaging": "chat",
    "voice": "voice",
    "phone": "voice",
    "phone_call_inbound": "voice",
    "phone_call_outbound": "voice",
    "voicemail": "voice",
    "api": "api",
    "web_service": "api",
    "sms": "sms",
    "twitter": "social",
    "twitter_dm": "social",
    "facebook": "social",
    "facebook_post": "social",
    "facebook_message": "social",
    "instagram_dm": "social",
    "whatsapp": "social",
    "line": "social",
    "any_channel": "other",
}
AGENT_STATES = {"online": "available", "offline": "offline", "away": "away", "transfers_only": "busy"}
SYSTEM = "-1"


@dataclass(frozen=True)
class _Change:
    """What every ticket event tells."""

    event_id: str
    occurred_at: datetime
    detail: Mapping[str, Any]
    event: Mapping[str, Any]
    ticket_id: str
    requester_id: str | None
    actor_id: str | None

    @property
    def actor(self) -> Any:
        """Who acted, or `...` when the delivery does not tell."""
        if self.actor_id is None:
            return ...
        if self.actor_id == SYSTEM:
            return "system"
        return "customer" if self.actor_id == self.requester_id else "agent"

    def becomes(self, type: str, suffix: str = "", **more: Any) -> AnyEvent:
        return fields.event(
            **{"actor": self.actor, **more},
            type=type,
            event_id=self.event_id + suffix,
            occurred_at=self.occurred_at,
            occurred_at_source="event",
            ticket_id=self.ticket_id,
        )


def translate(delivery: Delivery) -> list[AnyEvent]:
    """The events of one delivery.

    Raises:
        Untranslatable: an unknown type, or a field that is missing or odd.
    """
    content = fields.obj(delivery.content, "the body")
    type = content.get("type")
    name = type.removeprefix(PREFIX) if isinstance(type, str) else ""
    if name in IGNORED or name.startswith(IGNORED_DOMAINS):
        return []
    if name == "agent.unified_state_changed":
        return [_presence(content)]
    translation = TRANSLATIONS.get(name)
    if translation is None:
        raise Untranslatable(
            "unknown_type",
            f"zendesk sent event {fields.shown(type)}, which is not translated; known: {', '.join(TRANSLATIONS)}",
        )
    detail = fields.obj(content.get("detail"), "detail")
    change = _Change(
        event_id=fields.required_id(content.get("id"), "id"),
        occurred_at=fields.at(content.get("time"), "time", rfc3339),
        detail=detail,
        event=fields.optional_obj(content.get("event")),
        ticket_id=fields.required_id(detail.get("id"), "detail.id"),
        requester_id=fields.optional_id(detail.get("requester_id"), "detail.requester_id"),
        actor_id=_actor_id(detail),
    )
    return translation(change)


def _actor_id(detail: Mapping[str, Any]) -> str | None:
    if "actor_id" in detail:
        return fields.optional_id(detail["actor_id"], "detail.actor_id")
    return None


def _created(change: _Change) -> list[AnyEvent]:
    detail = change.detail
    channel = fields.word(fields.optional_obj(detail.get("via")).get("channel"))
    created_by = change.actor
    if created_by is ...:
        submitter = fields.optional_id(detail.get("submitter_id"), "detail.submitter_id")
        created_by = "customer" if submitter in (None, change.requester_id) else "agent"
    return [
        change.becomes(
            "ticket.created",
            created_by=created_by,
            status=fields.known(STATUSES, detail.get("status"), "detail.status"),
            priority=fields.told(PRIORITIES.get(fields.word(detail.get("priority")))),
            channel=CHANNELS.get(channel, "other") if channel else ...,
            queue=fields.told(fields.optional_id(detail.get("group_id"), "detail.group_id")),
            agent_id=fields.told(fields.optional_id(detail.get("assignee_id"), "detail.assignee_id")),
            requester_id=fields.told(change.requester_id),
        )
    ]


def _replied(change: _Change) -> list[AnyEvent]:
    comment = fields.obj(change.event.get("comment"), "event.comment")
    author = fields.obj(comment.get("author"), "event.comment.author")
    author_id = fields.optional_id(author.get("id"), "event.comment.author.id")
    if author_id == SYSTEM:
        who = "system"
    elif author_id is not None and author_id == change.requester_id:
        who = "customer"
    else:
        who = "agent" if author.get("is_staff") is True else "customer"
    return [
        change.becomes(
            "ticket.replied",
            actor=who,
            author=who,
            public=comment.get("is_public", True),
            agent_id=fields.told(author_id) if who == "agent" else ...,
        )
    ]


def _status_changed(change: _Change) -> list[AnyEvent]:
    current = fields.word(change.event.get("current"))
    if current in ("archived", "scrubbed"):  # closed long before: nothing that a figure sees
        return []
    if current == "deleted":
        return _deleted(change)
    return [
        change.becomes(
            "ticket.status_changed",
            status=fields.known(STATUSES, current, "event.current"),
            old_status=fields.told(STATUSES.get(fields.word(change.event.get("previous")))),
            agent_id=fields.told(change.actor_id) if change.actor == "agent" else ...,
        )
    ]


def _priority_changed(change: _Change) -> list[AnyEvent]:
    priority = PRIORITIES.get(fields.word(change.event.get("current")))
    if priority is None and fields.word(change.event.get("current")) in fields.NOBODY:
        return []  # taken away: a ticket keeps the priority that it had for our clocks
    return [
        change.becomes(
            "ticket.priority_changed",
            priority=fields.known(PRIORITIES, change.event.get("current"), "event.current"),
            old_priority=fields.told(PRIORITIES.get(fields.word(change.event.get("previous")))),
        )
    ]


def _agent_assigned(change: _Change) -> list[AnyEvent]:
    return [change.becomes("ticket.assigned", agent_id=_current_id(change))]


def _queue_assigned(change: _Change) -> list[AnyEvent]:
    return [change.becomes("ticket.assigned", queue=_current_id(change))]


def _current_id(change: _Change) -> str | None:
    if "current" not in change.event:
        raise Untranslatable("schema", "event.current is missing, it should be the new id or null")
    return fields.optional_id(change.event["current"], "event.current")


def _merged(change: _Change) -> list[AnyEvent]:
    into = fields.required_id(change.event.get("target_ticket_id"), "event.target_ticket_id")
    return [change.becomes("ticket.merged", into_ticket_id=into)]


def _tags_changed(change: _Change) -> list[AnyEvent]:
    added, removed = fields.words(change.event.get("tags_added")), fields.words(change.event.get("tags_removed"))
    return [change.becomes("ticket.tags_changed", added=added, removed=removed)]


def _deleted(change: _Change) -> list[AnyEvent]:
    return [change.becomes("ticket.deleted")]


def _spam(change: _Change) -> list[AnyEvent]:
    agent_id = fields.told(change.actor_id) if change.actor == "agent" else ...
    return [change.becomes("ticket.status_changed", status="closed", reason="spam", agent_id=agent_id)]


def _rated(change: _Change) -> list[AnyEvent]:
    """Good or bad; as words they are counted from the worst, which is 1."""
    rating = change.event.get("satisfaction_score") or change.event.get("satisfaction_rating")
    word = fields.word(fields.optional_obj(rating).get("score", rating if isinstance(rating, str) else None))
    scores = {"bad": "1", "good": "2"}
    return [
        change.becomes(
            "survey.answered",
            actor="customer",
            kind="csat",
            score=float(fields.known(scores, word, "event.satisfaction_score.score")),
            scale=(1.0, 2.0),
            agent_id=fields.told(fields.optional_id(change.detail.get("assignee_id"), "detail.assignee_id")),
        )
    ]


def _presence(content: Mapping[str, Any]) -> AnyEvent:
    """An agent's unified state. A state of the account's own, such as lunch, is away: no work reaches the agent."""
    event = fields.obj(content.get("event"), "event")
    state = fields.word(fields.obj(event.get("new_unified_state"), "event.new_unified_state").get("name"))
    if not state:
        raise Untranslatable("schema", "event.new_unified_state.name is missing, it should be a state's name")
    detail = fields.obj(content.get("detail"), "detail")
    return fields.event(
        type="agent.state_changed",
        event_id=fields.required_id(content.get("id"), "id"),
        occurred_at=fields.at(event.get("updated_at", content.get("time")), "event.updated_at", rfc3339),
        occurred_at_source="event",
        agent_id=fields.required_id(detail.get("agent_id"), "detail.agent_id"),
        state=AGENT_STATES.get(state, "away"),
    )


TRANSLATIONS: Mapping[str, Callable[[_Change], list[AnyEvent]]] = {
    "ticket.created": _created,
    "ticket.comment_added": _replied,
    "ticket.status_changed": _status_changed,
    "ticket.priority_changed": _priority_changed,
    "ticket.agent_assignment_changed": _agent_assigned,
    "ticket.group_assignment_changed": _queue_assigned,
    "ticket.merged": _merged,
    "ticket.tags_changed": _tags_changed,
    "ticket.soft_deleted": _deleted,
    "ticket.permanently_deleted": _deleted,
    "ticket.marked_as_spam": _spam,
    "ticket.csat_received": _rated,
}

IGNORED_DOMAINS = ("user.", "organization.", "article.", "community_post.", "omnichannel_config.")
IGNORED = frozenset(
    {
        *("ticket." + change + "_changed" for change in ("brand", "custom_field", "custom_status", "description")),
        *("ticket." + change + "_changed" for change in ("external_id", "email_ccs", "followers", "form")),
        *("ticket." + change + "_changed" for change in ("organization", "problem_link", "requester", "subject")),
        *("ticket." + change + "_changed" for change in ("submitter", "task_due_at", "type", "next_sla_breach")),
        *("ticket." + change + "_changed" for change in ("sla_policy", "ola_policy", "schedule")),
        "ticket.attachment_linked_to_comment",
        "ticket.attachment_redacted_from_comment",
        "ticket.comment_made_private",
        "ticket.comment_redacted",
        "ticket.csat_requested",
        "agent.state_changed",
        "agent.work_item_added",
        "agent.work_item_updated",
        "agent.work_item_removed",
        "agent.max_capacity_changed",
        "agent.channel_created",
        "agent.channel_deleted",
        "agent.groups_updated",
    }
)
"""Known, and no figure depends on it. A restored ticket (`ticket.undeleted`) is not among them: it is kept as a
dead letter until there is an event for it."""
