"""The centre's ticket events as Zendesk would send them: event webhooks, signed.

Field names follow Zendesk's reference of ticket events. Two liberties, for a wall that reads well: a real account
sends numbers for groups and agents, we send the queue's and the agent's names; ids are free text to the receiver.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from services.simulator.agenda import Fields

_ACCOUNT = 4711300
_SYSTEM = "-1"
"""Zendesk's id of the actor of triggers and automations."""
_STATUS = {"on_hold": "HOLD"}
_VIA = {"email": "email", "chat": "chat", "web": "web_form", "voice": "phone_call_inbound"}
_TICKETS_REMEMBERED = 50_000

_json = msgspec.json.Encoder().encode


class Zendesk:
    """A Zendesk account: it remembers its tickets, since every event carries the ticket as it then stands."""

    def __init__(self) -> None:
        self._tickets: dict[str, Fields] = {}

    def body(self, fact: Fields) -> bytes | None:
        """The webhook body that tells of ``fact``; None when Zendesk sends no event for such a thing.

        Presence and plans, bots, escalations, customers who gave up, what a resolution was, what is in a reply,
        surveys with a score, reviews and the help centre are not told by ticket events. The ticket takes on what
        happened all the same.
        """
        if not fact["type"].startswith("ticket."):
            return None
        if fact["type"] == "ticket.created":
            detail = self._open(fact)
        elif (found := self._tickets.get(fact["ticket_id"])) is None:
            return None
        else:
            detail = found
        before = dict(detail)
        kind, told = _change(fact, detail)
        if kind is None or fact["actor"] == "bot" or "reason" in fact or "content_flags" in fact:
            return None
        detail["updated_at"] = _seconds(fact["occurred_at"])
        detail["actor_id"] = _actor(fact, before)
        sequence = {"id": fact["event_id"].replace("-", "").upper()[:26], "position": 1}
        return _json(
            {
                "account_id": _ACCOUNT,
                "detail": detail,
                "event": told | {"meta": {"sequence": sequence}},
                "id": fact["event_id"],
                "subject": f"zen:ticket:{fact['ticket_id']}",
                "time": _nanoseconds(fact["occurred_at"]),
                "type": f"zen:event-type:ticket.{kind}",
                "zendesk_event_version": "2022-11-06",
            }
        )

    def _open(self, fact: Fields) -> Fields:
        if len(self._tickets) >= _TICKETS_REMEMBERED:
            del self._tickets[next(iter(self._tickets))]
        created_at = _seconds(fact["occurred_at"])
        subject = fact["category"].replace("_", " ").capitalize()
        detail = {
            "actor_id": fact["requester_id"],
            "assignee_id": None,
            "brand_id": "360001234567",
            "created_at": created_at,
            "custom_status": "4100001",
            "description": f"{subject}: a simulated customer needs help.",
            "external_id": None,
            "form_id": "360009876543",
            "group_id": fact["queue"],
            "id": fact["ticket_id"],
            "is_public": True,
            "organization_id": None,
            "priority": fact["priority"].upper(),
            "requester_id": fact["requester_id"],
            "status": "NEW",
            "subject": subject,
            "submitter_id": fact["requester_id"],
            "tags": list(fact.get("tags", ())),
            "type": "INCIDENT",
            "updated_at": created_at,
            "via": {"channel": _VIA[fact["channel"]]},
        }
        self._tickets[fact["ticket_id"]] = detail
        return detail


def signed_headers(body: bytes, secret: bytes, at: datetime) -> dict[str, str]:
    """The headers of a delivery that leaves at ``at``: the signature covers the time and the exact body."""
    time = _seconds(at)
    proof = hmac.new(secret, time.encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "X-Zendesk-Account-Id": str(_ACCOUNT),
        "X-Zendesk-Webhook-Id": "01KK9X4C2M8V7Q0T3B5N6P9R1S",
        "X-Zendesk-Webhook-Invocation-Id": hashlib.sha256(body).hexdigest()[:26].upper(),
        "X-Zendesk-Webhook-Signature-Timestamp": time,
        "X-Zendesk-Webhook-Signature": base64.b64encode(proof).decode(),
    }


def _change(fact: Fields, detail: Fields) -> tuple[str | None, Fields]:
    """Zendesk's word for what happened and what its event tells; ``detail`` takes it on."""
    match fact["type"]:
        case "ticket.created":
            return "created", {}
        case "ticket.replied":
            return "comment_added", {"comment": _comment(fact, detail)}
        case "ticket.assigned" if "queue" in fact:
            return "group_assignment_changed", _replace(detail, "group_id", fact["queue"])
        case "ticket.assigned":
            return "agent_assignment_changed", _replace(detail, "assignee_id", fact["agent_id"])
        case "ticket.status_changed":
            return "status_changed", _replace(detail, "status", _STATUS.get(fact["status"], fact["status"].upper()))
        case "ticket.priority_changed":
            return "priority_changed", _replace(detail, "priority", fact["priority"].upper())
        case "ticket.tags_changed":
            tags = {"tags_added": list(fact["added"]), "tags_removed": list(fact["removed"])}
            detail["tags"] = [tag for tag in (*detail["tags"], *fact["added"]) if tag not in fact["removed"]]
            return "tags_changed", tags
        case "ticket.merged":
            return "merged", {"target_ticket_id": fact["into_ticket_id"]}
    return None, {}


def _replace(detail: Fields, field: str, value: Any) -> Fields:
    previous, detail[field] = detail[field], value
    return {"current": value, "previous": previous}


def _comment(fact: Fields, detail: Mapping[str, Any]) -> Fields:
    staff = fact["author"] == "agent"
    author = {
        "id": fact["agent_id"] if staff else detail["requester_id"],
        "is_staff": staff,
        "name": fact["agent_id"].capitalize() if staff else "A customer",
    }
    text = "A simulated note." if not fact["public"] else "A simulated message."
    return {
        "author": author,
        "body": text,
        "html_body": f'<div class="zd-comment"><p>{text}</p></div>',
        "id": str(int(fact["event_id"][:8], 16)),
        "is_public": fact["public"],
    }


def _actor(fact: Fields, before: Mapping[str, Any]) -> str:
    match fact["actor"]:
        case "customer":
            return str(before["requester_id"])
        case "agent":
            return str(fact.get("agent_id") or before["assignee_id"] or _SYSTEM)
    return _SYSTEM


def _seconds(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _nanoseconds(at: datetime) -> str:
    """Zendesk writes nine digits of a second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}000Z"
