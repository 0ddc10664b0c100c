from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.events import EVENT
from schemas.topics import AGENTS, REQUESTERS, TICKETS, Topic, route
from tests.schemas.test_codec import EVENTS, REQUIRED


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in REQUIRED.items() for name in names])
def test_the_door_asks_for_what_the_stream_needs(kind: str, name: str) -> None:
    event = {"type": kind} | EVENTS[kind]
    del event[name]

    with pytest.raises(ValidationError, match=name):
        EVENT.validate_python(event)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"occurred_at": 1772442000}, id="a bare number as a time"),
        pytest.param({"occurred_at": "2026-03-02T09:00:00"}, id="a time without a zone"),
        pytest.param({"occurred_at": "1969-12-31T23:59:59Z"}, id="before 1970"),
        pytest.param({"occurred_at": "2200-01-01T00:00:00Z"}, id="after 2199"),
        pytest.param({"event_id": ""}, id="an empty id"),
        pytest.param({"event_id": "a b"}, id="an id with a space"),
        pytest.param({"ticket_id": "{T1}"}, id="an id with braces, which the store's keys use"),
        pytest.param({"ticket_id": "x" * 201}, id="an id too long"),
        pytest.param({"queue": "a\nb"}, id="a name of two lines"),
        pytest.param({"priority": "meh"}, id="an unknown priority"),
        pytest.param({"type": "ticket.exploded"}, id="an unknown type"),
    ],
)
def test_what_is_no_event_is_refused_at_the_door(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EVENT.validate_python({"type": "ticket.created"} | EVENTS["ticket.created"] | fields)


@pytest.mark.parametrize(
    ("kind", "fields", "topic", "key"),
    [
        pytest.param("ticket.created", {}, TICKETS, "T1", id="a bare ticket"),
        pytest.param(
            "ticket.created", {"tenant": "acme", "source": "zendesk"}, TICKETS, "acme/zendesk/T1", id="full"
        ),
        pytest.param("ticket.created", {"tenant": "acme"}, TICKETS, "acme/T1", id="a tenant without a source"),
        pytest.param("ticket.created", {"source": "zendesk"}, TICKETS, "/zendesk/T1", id="a source without a tenant"),
        pytest.param(
            "agent.state_changed",
            {"tenant": "acme", "source": "zendesk"},
            AGENTS,
            "acme/A1",
            id="an agent is the same person in every source, and his contact does not decide",
        ),
        pytest.param("survey.answered", {}, TICKETS, "T1", id="a survey about a ticket"),
        pytest.param(
            "survey.answered", {"ticket_id": None, "requester_id": "R1"}, REQUESTERS, "R1", id="a survey of a person"
        ),
        pytest.param("survey.answered", {"ticket_id": None}, REQUESTERS, "e1", id="a survey of nobody known"),
        pytest.param("helpcenter.viewed", {"ticket_id": "T1"}, REQUESTERS, "visit//V1", id="a visit"),
        pytest.param("helpcenter.viewed", {"requester_id": None}, REQUESTERS, "visit//V1", id="an anonymous visit"),
    ],
)
def test_an_entitys_events_share_topic_and_key(kind: str, fields: dict[str, Any], topic: Topic, key: str) -> None:
    event = EVENT.validate_python({"type": kind} | EVENTS[kind] | fields)

    assert route(event) == (topic, key)


def test_a_topics_stream_is_its_short_name() -> None:
    assert TICKETS.stream == "tickets"


PART = st.text("a/%2F5", min_size=1, max_size=4)


@given(st.lists(st.tuples(st.none() | PART, st.none() | PART, PART), min_size=2, max_size=2, unique=True))
def test_no_two_tickets_share_a_key(tickets: list[tuple[str | None, str | None, str]]) -> None:
    keys = {
        route(EVENT.validate_python({"type": "ticket.created"} | EVENTS["ticket.created"] | fields))[1]
        for fields in ({"tenant": t, "source": s, "ticket_id": i} for t, s, i in tickets)
    }

    assert len(keys) == 2


def test_a_slash_in_an_id_is_no_border() -> None:
    within = {"tenant": "a", "ticket_id": "zendesk/5"}
    apart = {"tenant": "a", "source": "zendesk", "ticket_id": "5"}
    keys = [
        route(EVENT.validate_python({"type": "ticket.created"} | EVENTS["ticket.created"] | fields))[1]
        for fields in (within, apart)
    ]

    assert keys == ["a/zendesk%2F5", "a/zendesk/5"]
