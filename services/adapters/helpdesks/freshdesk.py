"""Freshdesk automation rules with the "Simple" JSON body: `{"freshdesk_webhook": {...}}`.

`triggered_event` says what happened and is no JSON: `{ticket_action:created}`, `{status:{from:2,to:4}}`. Only the
first change that matches the rule is told. There is no event id, no time and no word about who acted:

- The time of receipt stands for the event's (`occurred_at_source` is `received`).
- Repeats: a ticket is created, and deleted, once, however often that is told. Everything else is folded when an
  equal body comes again within the same minute, and counted again after it. Freshdesk tries again after 5 minutes at
  the earliest, and then a status told twice changes nothing; folding over its whole retry time (95 minutes) would
  hide the customer's second message of the hour, and show a ticket that waits as one that does not.
- A reply (`{reply_sent:sent}`) is an agent's or a customer's, and the body does not tell. A rule knows ("performed
  by"), so it says so in a field of its own, `performed_by`: agent, requester or system; `agent_id` is read as well.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.events import EPOCH, AnyEvent
from services.adapters.helpdesks import fields
from services.adapters.helpdesks.delivery import Delivery
from services.errors import Untranslatable

FOLD_S = 60
STATUS_CODES = {"2": "open", "3": "pending", "4": "solved", "5": "closed"}
"""6 and up are the account's own; their names are in `ticket_status`."""
STATUS_NAMES = {
    "open": "open",
    "pending": "pending",
    "resolved": "solved",
    "closed": "closed",
    "waiting on customer": "pending",
    "waiting on third party": "on_hold",
}
PRIORITY_CODES = {"1": "low", "2": "normal", "3": "high", "4": "urgent"}
PRIORITY_NAMES = {"low": "low", "medium": "normal", "high": "high", "urgent": "urgent"}
PERFORMERS = {"agent": "agent", "requester": "customer", "customer": "customer", "system": "system"}
SOURCES = {
    "1": "email",
    "2": "web",
    "3": "voice",
    "7": "chat",
    "9": "web",
    "email": "email",
    "portal": "web",
    "phone": "voice",
    "chat": "chat",
    "feedback widget": "web",
}
_CHANGE = re.compile(r"\{?\s*\"?(\w+)\"?\s*:\s*(?:\{\s*\"?from\"?\s*:([^,{}]*),\s*\"?to\"?\s*:([^{}]*)\}|([^,{}]*))")
IGNORED = frozenset({"ticket_type", "time_sheet_action", "due_by", "product_id", "subject", "tags", "skill_id"})
IGNORED_ACTIONS = frozenset({"updated", "update", "linked", "unlinked"})


@dataclass(frozen=True)
class _Rule:
    """What a rule told: the ticket, and the change that set it off."""

    delivery: Delivery
    ticket: Mapping[str, Any]
    ticket_id: str
    old: str
    new: str

    def becomes(self, type: str, *, once: bool = False, **more: Any) -> AnyEvent:
        """An event of this delivery; one that can happen to a ticket only ``once`` has one id for ever."""
        delivery = self.delivery
        repeat = "" if once else [_minute(delivery.received_at), delivery.body.decode(errors="replace")]
        event_id = fields.fingerprint(delivery.vendor, delivery.tenant, self.ticket_id, type, repeat)
        return fields.event(
            **{"actor": fields.told(PERFORMERS.get(fields.word(self.ticket.get("performed_by")))), **more},
            type=type,
            event_id=event_id,
            ticket_id=self.ticket_id,
            occurred_at=delivery.received_at,
            occurred_at_source="received",
        )


def _minute(received_at: datetime) -> int:
    return int((received_at - EPOCH).total_seconds()) // FOLD_S


def translate(delivery: Delivery) -> list[AnyEvent]:
    """The events of one delivery.

    Raises:
        Untranslatable: an unknown trigger, or a field that is missing or odd.
    """
    content = fields.obj(delivery.content, "the body")
    ticket = fields.obj(content.get("freshdesk_webhook"), "freshdesk_webhook")
    field, old, new = _triggered(ticket.get("triggered_event"))
    if field in IGNORED or (field == "ticket_action" and new in IGNORED_ACTIONS):
        return []
    translation = TRANSLATIONS.get(field)
    if translation is None:
        raise _unknown(ticket)
    ticket_id = fields.required_id(ticket.get("ticket_id"), "ticket_id")
    return [translation(_Rule(delivery, ticket, ticket_id, old, new))]


def _triggered(text: Any) -> tuple[str, str, str]:
    """Which field changed, from what, to what; a change that is only named has an empty `from`."""
    found = _CHANGE.match(text) if isinstance(text, str) else None
    if found is None:
        raise Untranslatable(
            "schema", f"triggered_event is {fields.shown(text)}, it should be like {{status:{{from:2,to:4}}}}"
        )
    field, old, new, only = (each.strip(" \"'") if each else "" for each in found.groups())
    return field.lower(), old, new or only


def _unknown(ticket: Mapping[str, Any]) -> Untranslatable:
    came = fields.shown(ticket.get("triggered_event"))
    return Untranslatable(
        "unknown_type",
        f"freshdesk sent trigger {came}, which is not translated; known: {', '.join(TRANSLATIONS)}",
    )


def _action(rule: _Rule) -> AnyEvent:
    match rule.new:
        case "created":
            return _created(rule)
        case "deleted" | "delete":
            return rule.becomes("ticket.deleted", once=True)
        case "marked_spam" | "marked_as_spam" | "spam":
            return rule.becomes("ticket.status_changed", status="closed", reason="spam")
    raise _unknown(rule.ticket)


def _created(rule: _Rule) -> AnyEvent:
    ticket = rule.ticket
    requester = fields.word(ticket.get("requester_email"))
    performer = fields.told(PERFORMERS.get(fields.word(ticket.get("performed_by"))))
    queue = fields.optional_id(ticket.get("group_id", ticket.get("ticket_group_id")), "group_id")
    source = ticket.get("ticket_source")
    return rule.becomes(
        "ticket.created",
        once=True,
        created_by=performer,
        status=fields.told(STATUS_NAMES.get(fields.word(ticket.get("ticket_status")))),
        priority=fields.told(PRIORITY_NAMES.get(fields.word(ticket.get("ticket_priority")))),
        channel=fields.told(SOURCES.get(str(source).strip().lower(), "other") if source is not None else None),
        queue=fields.told(queue),
        agent_id=fields.told(_agent_id(ticket)),
        requester_id=fields.told(fields.optional_id(ticket.get("requester_id"), "requester_id") or requester or None),
    )


def _agent_id(ticket: Mapping[str, Any]) -> str | None:
    return fields.optional_id(ticket.get("agent_id", ticket.get("ticket_agent_id")), "agent_id")


def _status(rule: _Rule) -> AnyEvent:
    name = fields.word(rule.ticket.get("ticket_status"))
    status = STATUS_CODES.get(rule.new) or STATUS_NAMES.get(rule.new.lower()) or STATUS_NAMES.get(name)
    if status is None:
        raise Untranslatable(
            "unknown_status",
            f"status {fields.shown(rule.new)} ({fields.shown(name)}) is the account's own; known: "
            f"{', '.join(STATUS_CODES)}, {', '.join(STATUS_NAMES)}",
        )
    old_status = STATUS_CODES.get(rule.old) or STATUS_NAMES.get(rule.old.lower())
    return rule.becomes("ticket.status_changed", status=status, old_status=fields.told(old_status))


def _priority(rule: _Rule) -> AnyEvent:
    codes = {**PRIORITY_CODES, **PRIORITY_NAMES}
    priority = fields.known(codes, rule.new, "triggered_event priority")
    old = codes.get(rule.old.lower())
    return rule.becomes("ticket.priority_changed", priority=priority, old_priority=fields.told(old))


def _agent(rule: _Rule) -> AnyEvent:
    return rule.becomes("ticket.assigned", agent_id=fields.optional_id(rule.new, "responder_id"))


def _group(rule: _Rule) -> AnyEvent:
    return rule.becomes("ticket.assigned", queue=fields.optional_id(rule.new, "group_id"))


def _reply(rule: _Rule) -> AnyEvent:
    author = PERFORMERS.get(fields.word(rule.ticket.get("performed_by")))
    if author is None:
        raise Untranslatable(
            "schema",
            'freshdesk sent a reply without saying whose: add "performed_by": "agent" (or "requester") to the '
            "rule's content",
        )
    agent_id = fields.told(_agent_id(rule.ticket)) if author == "agent" else ...
    return rule.becomes("ticket.replied", author=author, public=True, agent_id=agent_id)


def _note(rule: _Rule) -> AnyEvent:
    """A note is an agent's; what a customer writes in the portal is told as a reply."""
    public = rule.new.lower() == "public"
    return rule.becomes(
        "ticket.replied", actor="agent", author="agent", public=public, agent_id=fields.told(_agent_id(rule.ticket))
    )


TRANSLATIONS: Mapping[str, Callable[[_Rule], AnyEvent]] = {
    "ticket_action": _action,
    "status": _status,
    "priority": _priority,
    "responder_id": _agent,
    "group_id": _group,
    "reply_sent": _reply,
    "note_type": _note,
}
