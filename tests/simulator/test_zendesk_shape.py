"""What we send looks like Zendesk's, is signed like Zendesk's, and means what happened."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.events import EVENT, AnyEvent
from services.adapters.helpdesks import zendesk
from services.adapters.helpdesks.delivery import Delivery
from services.simulator.agenda import Fields
from services.simulator.centre import Centre
from services.simulator.desk import NOT_TOLD_BY_ZENDESK
from services.simulator.zendesk_shape import Zendesk, signed_headers

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
SAMPLES = Path(__file__).parents[1] / "payloads" / "zendesk"


@pytest.fixture(scope="module")
def told() -> list[tuple[Fields, bytes | None]]:
    account = Zendesk()
    return [(fact, account.body(fact)) for fact in Centre(7, MONDAY).facts(MONDAY + timedelta(days=2))]


def test_deliveries_translate_back_to_what_happened(told: list[tuple[Fields, bytes | None]]) -> None:
    deliveries = [(fact, body) for fact, body in told if body is not None]

    for fact, body in deliveries:
        [event] = _translated(body)
        assert _meaning(event) == _meaning(EVENT.validate_python(fact)), json.loads(body)
    assert len(deliveries) > 10_000


def test_only_what_zendesk_cannot_say_is_left_out(told: list[tuple[Fields, bytes | None]]) -> None:
    left_out = {_sort(fact) for fact, body in told if body is None}
    delivered = {_sort(fact) for fact, body in told if body is not None}

    assert left_out == {
        "agent.scheduled",
        "agent.state_changed",
        "helpcenter.viewed",
        "review.scored",
        "survey.answered",
        "ticket.escalated",
        "ticket.replied by bot",
        "ticket.replied with flags",
        "ticket.status_changed with a reason",
    }
    assert delivered == {
        "ticket.assigned",
        "ticket.created",
        "ticket.merged",
        "ticket.priority_changed",
        "ticket.replied",
        "ticket.status_changed",
        "ticket.tags_changed",
    }


@pytest.mark.parametrize("name", ["ticket_created", "ticket_comment_added_public"])
def test_the_fields_are_those_of_the_recorded_deliveries(name: str, told: list[tuple[Fields, bytes | None]]) -> None:
    recorded = json.loads((SAMPLES / f"{name}.json").read_bytes())
    ours = next(body for body in (json.loads(body) for _, body in told if body) if body["type"] == recorded["type"])

    assert _shape(ours) == _shape(recorded)


def test_a_delivery_is_signed_over_the_time_and_the_exact_body() -> None:
    recorded = json.loads((SAMPLES / "ticket_created.headers.json").read_bytes())
    body = (SAMPLES / "ticket_created.json").read_bytes()

    headers = signed_headers(body, b"test-secret", datetime.fromisoformat(recorded["sent_at"]))

    ours = {name: headers[name] for name in headers if "Signature" in name}
    assert ours == {name: value for name, value in recorded["headers"].items() if "Signature" in name}
    assert set(headers) == set(recorded["headers"])


def test_every_signature_holds(told: list[tuple[Fields, bytes | None]]) -> None:
    for body in [body for _, body in told if body is not None][:500]:
        headers = signed_headers(body, b"a secret", MONDAY)
        signed = headers["X-Zendesk-Webhook-Signature-Timestamp"].encode() + body
        expected = base64.b64encode(hmac.digest(b"a secret", signed, hashlib.sha256)).decode()
        assert headers["X-Zendesk-Webhook-Signature"] == expected


def test_the_ticket_in_a_delivery_is_the_ticket_after_the_change(told: list[tuple[Fields, bytes | None]]) -> None:
    solved = [
        json.loads(body)
        for fact, body in told
        if body and (fact.get("status"), fact.get("actor")) == ("solved", "agent")
    ]

    assert {delivery["detail"]["status"] for delivery in solved} == {"SOLVED"}
    assert all(delivery["detail"]["assignee_id"] == delivery["detail"]["actor_id"] for delivery in solved)


def test_a_ticket_that_the_account_does_not_know_is_not_told() -> None:
    reply = {
        "type": "ticket.replied",
        "event_id": "e",
        "occurred_at": MONDAY,
        "ticket_id": "1",
        "actor": "customer",
        "author": "customer",
        "public": True,
    }

    assert Zendesk().body(reply) is None


def _sort(fact: Fields) -> str:
    if fact["type"] == "ticket.escalated":
        return "ticket.escalated"
    by = " by bot" if fact.get("actor") == "bot" else ""
    if "reason" in fact:
        return f"{fact['type']} with a reason"
    return f"{fact['type']}{by}{' with flags' if 'content_flags' in fact else ''}"


def _translated(body: bytes) -> list[AnyEvent]:
    return zendesk.translate(Delivery("zendesk", "demo", body, {}, MONDAY))


def _meaning(event: AnyEvent) -> dict[str, Any]:
    told = event.model_dump(exclude_unset=True)
    told.pop("occurred_at_source", None)
    return {name: value for name, value in told.items() if name not in NOT_TOLD_BY_ZENDESK}


def _shape(value: Any) -> Any:
    """The names of the fields, at every depth."""
    return {name: _shape(each) for name, each in value.items()} if isinstance(value, dict) else None
