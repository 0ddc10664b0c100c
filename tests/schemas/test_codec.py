"""Events to bytes and to facts, and the order of words that both keep to."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from schemas.codec import AHEAD_MS, NOBODY, Fact, Rated, decode, encode, instant, millis, pack_facts, unpack_facts
from schemas.events import EVENT

COMMON: dict[str, Any] = {"event_id": "e1", "occurred_at": "2026-03-02T09:00:00.25Z"}
TICKET = COMMON | {"ticket_id": "T1"}

EVENTS: dict[str, dict[str, Any]] = {
    "ticket.created": TICKET
    | {
        "channel": "email",
        "queue": "a",
        "priority": "high",
        "tier": "gold",
        "category": "billing",
        "agent_id": "A1",
        "requester_id": "R1",
        "created_by": "agent",
        "status": "open",
        "product_area": "checkout",
        "team": "second_line",
        "tags": ["vip"],
    },
    "ticket.assigned": TICKET | {"agent_id": "A1", "queue": "a"},
    "ticket.replied": TICKET | {"author": "agent", "public": True, "agent_id": "A1", "content_flags": ["actionable"]},
    "ticket.status_changed": TICKET | {"status": "solved", "old_status": "open", "reason": "abandoned"},
    "ticket.escalated": TICKET | {"from_tier": "bot", "to_tier": "1", "reason": "asked for a person"},
    "ticket.priority_changed": TICKET | {"priority": "urgent", "old_priority": "low"},
    "ticket.merged": TICKET | {"into_ticket_id": "T2"},
    "ticket.snapshot": TICKET | {"status": "pending", "created_at": "2026-03-01T09:00:00Z"},
    "ticket.tags_changed": TICKET | {"added": ["vip"], "removed": []},
    "ticket.deleted": TICKET,
    "agent.state_changed": COMMON | {"agent_id": "A1", "state": "busy", "ticket_id": "T1", "queue": "a"},
    "agent.scheduled": COMMON
    | {
        "agent_id": "A1",
        "begins_at": "2026-03-03T08:00:00Z",
        "ends_at": "2026-03-03T16:00:00Z",
        "activity": "on_queue",
    },
    "review.scored": TICKET
    | {
        "agent_id": "A1",
        "score": 8,
        "scale": [0, 10],
        "ratings": [{"rating": 4, "scale": [1, 5], "weight": 2, "critical": True}, {"rating": None}],
    },
    "survey.answered": COMMON | {"kind": "csat", "score": 4, "scale": [1, 5], "ticket_id": "T1"},
    "helpcenter.viewed": COMMON | {"visit_id": "V1", "article_id": "K1", "requester_id": "R1"},
}
"""One event of each type, with all that is its own."""

REQUIRED = {
    "ticket.created": ["ticket_id"],
    "ticket.assigned": ["ticket_id"],
    "ticket.replied": ["ticket_id", "author", "public"],
    "ticket.status_changed": ["ticket_id", "status"],
    "ticket.escalated": ["ticket_id"],
    "ticket.priority_changed": ["ticket_id", "priority"],
    "ticket.merged": ["ticket_id", "into_ticket_id"],
    "ticket.snapshot": ["ticket_id"],
    "ticket.tags_changed": ["ticket_id"],
    "ticket.deleted": ["ticket_id"],
    "agent.state_changed": ["agent_id", "state"],
    "agent.scheduled": ["agent_id", "begins_at", "ends_at", "activity"],
    "review.scored": ["ticket_id"],
    "survey.answered": ["kind", "score"],
    "helpcenter.viewed": ["visit_id", "article_id"],
}


def line(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind} | EVENTS[kind] | fields).encode()


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_comes_back_from_its_bytes(kind: str) -> None:
    event = EVENT.validate_json(line(kind))

    again = EVENT.validate_json(encode(event))

    assert again == event
    assert json.loads(encode(event)).keys() == {"type", *EVENTS[kind]}


@pytest.mark.parametrize("kind", EVENTS)
def test_a_fact_holds_what_the_event_told(kind: str) -> None:
    event = EVENT.validate_json(line(kind))

    fact = decode(encode(event))

    assert (fact.type, fact.event_id, instant(fact.at)) == (kind, "e1", event.occurred_at)
    kept_as: dict[str, Callable[[Any], Any]] = {
        "created_at": millis,
        "begins_at": millis,
        "ends_at": millis,
        "ratings": _rated,
    }
    for name, value in event.model_dump(exclude_unset=True).items():
        if name in Fact.__struct_fields__ and name != "received_at":
            assert getattr(fact, name) == kept_as.get(name, lambda same: same)(value), name


def _rated(ratings: list[dict[str, Any]]) -> tuple[Rated, ...]:
    return tuple(Rated(**rating) for rating in ratings)


def test_tags_of_a_creation_are_tags_that_were_added() -> None:
    assert decode(line("ticket.created")).tags_added == ("vip",)
    assert decode(line("ticket.tags_changed")).tags_added == ("vip",)


def test_a_fact_is_the_same_from_a_raw_line_and_from_the_checked_event() -> None:
    for kind in EVENTS:
        raw = line(kind)
        assert decode(raw) == decode(encode(EVENT.validate_json(raw)))


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in REQUIRED.items() for name in names])
def test_a_field_that_the_type_needs_is_named(kind: str, name: str) -> None:
    whole = {"type": kind} | EVENTS[kind]
    missing = {key: value for key, value in whole.items() if key != name}

    for event in (missing, whole | {name: None}, whole | {name: ""}):
        with pytest.raises(msgspec.DecodeError, match=name):
            decode(json.dumps(event).encode())


@pytest.mark.parametrize("name", ["event_id", "occurred_at", "type"])
def test_a_field_that_every_event_needs_is_named(name: str) -> None:
    event = {"type": "ticket.created"} | EVENTS["ticket.created"]
    del event[name]

    with pytest.raises(msgspec.DecodeError, match=name):
        decode(json.dumps(event).encode())


@pytest.mark.parametrize(
    ("record", "message"),
    [
        pytest.param(b"", "Input data was truncated", id="nothing"),
        pytest.param(b"{", "truncated", id="half an object"),
        pytest.param(b"[]", "Expected `object`", id="a list"),
        pytest.param(line("ticket.created", type="ticket.exploded"), "type", id="an unknown type"),
        pytest.param(line("ticket.created", occurred_at="yesterday"), "occurred_at", id="no time"),
        pytest.param(line("ticket.created", occurred_at=1772442000), "occurred_at", id="a bare number as a time"),
        pytest.param(line("ticket.created", queue=7), "queue", id="a number as a name"),
        pytest.param(line("ticket.replied", author="cat"), "author", id="an unknown author"),
        pytest.param(line("ticket.replied", public="yes"), "public", id="a word as yes or no"),
        pytest.param(line("ticket.status_changed", status="done"), "status", id="an unknown status"),
        pytest.param(line("agent.state_changed", state="asleep"), "state", id="an unknown state"),
        pytest.param(line("ticket.created", event_id=""), "event_id", id="no id"),
        pytest.param(line("ticket.created", ticket_id="x" * 201), "ticket_id", id="a long id"),
        pytest.param(line("ticket.created", queue="x" * 1001), "queue", id="a long word"),
        pytest.param(line("ticket.created", requester_id="x" * 1001), "requester_id", id="a long requester"),
        pytest.param(line("ticket.created", occurred_at="1969-12-31T23:59:59Z"), "occurred_at", id="before 1970"),
        pytest.param(line("ticket.created", occurred_at="2200-01-01T00:00:00Z"), "occurred_at", id="after 2199"),
        pytest.param(line("ticket.created", received_at="2200-01-01T00:00:00Z"), "received_at", id="received then"),
        pytest.param(line("ticket.snapshot", created_at="0001-01-01T00:00:00Z"), "created_at", id="created then"),
        pytest.param(b'{"derived":[-1,"ticket.taken_up","e","1",1]}', "at", id="told before 1970"),
        pytest.param(b'{"derived":[1]}', "length", id="told by half"),
    ],
)
def test_what_is_no_event_is_refused(record: bytes, message: str) -> None:
    with pytest.raises(msgspec.DecodeError, match=message):
        decode(record)


def test_unknown_fields_are_let_through_and_ignored() -> None:
    raw = line("ticket.created", mood="sunny", nested={"a": [1]})

    assert decode(raw) == decode(line("ticket.created"))
    assert json.loads(encode(EVENT.validate_json(raw)))["mood"] == "sunny"


@pytest.mark.parametrize("name", ["agent_id", "queue"])
def test_nobody_is_told_apart_from_not_told(name: str) -> None:
    event = {"type": "ticket.assigned"} | TICKET

    def fact(**fields: Any) -> Any:
        return getattr(decode(encode(EVENT.validate_python(event | fields))), name)

    assert fact() is None
    assert fact(**{name: None}) == NOBODY
    assert fact(**{name: ""}) == NOBODY
    assert fact(**{name: "x"}) == "x"


def test_when_it_was_received_is_when_it_happened_unless_told() -> None:
    assert decode(line("ticket.deleted")).received_at == decode(line("ticket.deleted")).at
    later = decode(line("ticket.deleted", received_at="2026-03-02T09:00:01Z"))
    assert later.received_at == later.at + 750


def test_instants_are_cut_to_milliseconds_and_zones_are_taken_into_account() -> None:
    assert decode(line("ticket.deleted", occurred_at="2026-03-02T10:00:00.2509+01:00")).at == 1772442000250


def test_a_requester_is_the_same_person_in_every_source_of_a_tenant() -> None:
    told = {"tenant": "acme", "requester_id": "R1"}

    keys = [
        decode(line("ticket.created", source="zendesk", **told)).requester_id,
        decode(line("helpcenter.viewed", source="portal", **told)).requester_id,
        decode(line("survey.answered", source="portal", ticket_id=None, **told)).entity,
    ]

    assert keys == ["acme/R1"] * 3
    assert decode(line("ticket.created", tenant="acme", requester_id=None)).requester_id is None


def test_views_are_about_their_visit_whoever_it_is() -> None:
    views = [decode(line("helpcenter.viewed", tenant="acme", requester_id=who)) for who in ("R1", None)]

    assert [(view.entity, view.requester_id) for view in views] == [
        ("visit/acme/V1", "acme/R1"),
        ("visit/acme/V1", None),
    ]


def test_an_answer_of_nobody_stands_alone() -> None:
    answer = decode(line("survey.answered", tenant="acme", ticket_id=None))

    assert (answer.entity, answer.requester_id) == ("acme/e1", None)


def test_a_fact_that_was_stored_before_fields_were_added_is_still_read() -> None:
    fact = decode(line("ticket.snapshot"))
    (stored,) = msgspec.msgpack.decode(pack_facts([fact]))

    assert unpack_facts(msgspec.msgpack.encode([stored[:22]])) == [fact]


def test_facts_come_back_from_the_store() -> None:
    facts = [decode(line(kind)) for kind in EVENTS]

    assert unpack_facts(pack_facts(facts)) == facts
    assert unpack_facts(pack_facts([])) == []


@pytest.mark.parametrize(
    ("occurred_at", "received_at", "expected"),
    [
        pytest.param("2026-03-02T09:00:00Z", None, "2026-03-02T09:00:00Z", id="received as it happened"),
        pytest.param("2026-03-02T09:00:00Z", "2026-03-02T12:00:00Z", "2026-03-02T09:00:00Z", id="late: its own time"),
        pytest.param(
            "2026-03-02T09:04:00Z", "2026-03-02T09:00:00Z", "2026-03-02T09:04:00Z", id="a clock a bit ahead"
        ),
        pytest.param("2099-01-01T00:00:00Z", "2026-03-02T09:00:00Z", "2026-03-02T09:05:00Z", id="no clock of 2099"),
    ],
)
def test_a_senders_clock_is_believed_to_run_ahead_by_five_minutes(
    occurred_at: str, received_at: str | None, expected: str
) -> None:
    event = {"type": "ticket.created", "event_id": "1", "ticket_id": "T", "occurred_at": occurred_at}

    fact = decode(json.dumps(event | ({"received_at": received_at} if received_at else {})).encode())

    assert fact.at == millis(datetime.fromisoformat(expected))


def test_the_log_had_it_when_it_was_received_or_little_later() -> None:
    raw = line("ticket.created", occurred_at="2190-01-01T00:00:00Z", received_at="2190-01-01T00:00:00Z")
    logged_at = millis(datetime(2026, 3, 2, 9, tzinfo=UTC))

    assert decode(raw, logged_at).received_at == logged_at + AHEAD_MS
    assert decode(raw, logged_at).at == logged_at + 2 * AHEAD_MS


@pytest.mark.parametrize("name", ["occurred_at", "received_at", "created_at"])
def test_a_time_without_a_zone_is_no_event(name: str) -> None:
    event = {"type": "ticket.snapshot", "event_id": "1", "ticket_id": "T", "occurred_at": "2026-03-02T09:00:00Z"}

    with pytest.raises(msgspec.DecodeError, match=name):
        decode(json.dumps(event | {name: "2026-03-02T09:00:00"}).encode())
