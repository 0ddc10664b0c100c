import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.codec import Fact, decode, encode_derived
from tests.gateway.doubles import NOW, TOKEN, ListLog, client, metric

BEARER = {"Authorization": f"Bearer {TOKEN}"}
CREATED: dict[str, Any] = {
    "type": "ticket.created",
    "event_id": "e-1",
    "occurred_at": "2026-03-10T10:12:04+01:00",
    "ticket_id": "48213",
}
ENVELOPE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "ce-1",
    "source": "//desk.example",
    "type": "com.deskpulse.ticket.created",
    "time": "2026-03-10T09:12:04Z",
    "subject": "48213",
    "data": {},
}

STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


async def post(log: ListLog, content: Any, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    async with client(log, **more) as http:
        return await http.post("/events", content=body, headers={**BEARER, **(headers or {})})


async def test_one_event_is_taken() -> None:
    log = ListLog()
    answer = await post(log, CREATED)

    assert (answer.status_code, answer.json()) == (200, {"accepted": 1})
    (record,) = log.records
    assert (record.topic.name, record.key) == ("deskpulse.tickets", "48213")
    assert json.loads(record.value) == {
        **CREATED,
        "occurred_at": "2026-03-10T09:12:04Z",
        "received_at": NOW.isoformat().replace("+00:00", "Z"),
    }
    assert decode(record.value).event_id == "e-1"


async def test_a_list_is_taken_and_each_goes_to_its_topic() -> None:
    log = ListLog()
    presence = {
        "type": "agent.state_changed",
        "event_id": "e-2",
        "occurred_at": "2026-03-10T09:00:00Z",
        "agent_id": "7",
        "state": "busy",
        "tenant": "acme",
    }
    answer = await post(log, [CREATED, presence])

    assert answer.json() == {"accepted": 2}
    assert [(each.topic.name, each.key) for each in log.records] == [
        ("deskpulse.tickets", "48213"),
        ("deskpulse.agents", "acme/7"),
    ]


NEW: dict[str, tuple[dict[str, Any], str, str]] = {
    "a plan": (
        {
            "type": "agent.scheduled",
            "agent_id": "7",
            "begins_at": "2026-03-11T08:00:00Z",
            "ends_at": "2026-03-11T16:30:00+01:00",
            "activity": "on_queue",
        },
        "deskpulse.agents",
        "acme/7",
    ),
    "a review": ({"type": "review.scored", "ticket_id": "1", "score": 87.5}, "deskpulse.tickets", "acme/1"),
    "a review by categories": (
        {"type": "review.scored", "ticket_id": "1", "ratings": [{"rating": 4, "scale": [1, 5]}, {"rating": None}]},
        "deskpulse.tickets",
        "acme/1",
    ),
    "a survey of a ticket": (
        {"type": "survey.answered", "kind": "ces", "score": 6, "ticket_id": "1"},
        "deskpulse.tickets",
        "acme/1",
    ),
    "a visit": (
        {"type": "helpcenter.viewed", "visit_id": "v-1", "article_id": "refunds"},
        "deskpulse.requesters",
        "visit/acme/v-1",
    ),
    "tags": ({"type": "ticket.tags_changed", "ticket_id": "1", "added": ["bug"]}, "deskpulse.tickets", "acme/1"),
}


@pytest.mark.parametrize("name", NEW)
async def test_each_kind_of_event_goes_to_its_entity(name: str) -> None:
    event, topic, key = NEW[name]
    log = ListLog()
    answer = await post(log, event | {"event_id": "e", "occurred_at": "2026-03-10T09:00:00Z", "tenant": "acme"})

    assert answer.json() == {"accepted": 1}
    assert [(each.topic.name, each.key) for each in log.records] == [(topic, key)]
    assert decode(log.records[0].value).entity == key


async def test_an_empty_list_is_nothing_and_fine() -> None:
    assert (await post(ListLog(), [])).json() == {"accepted": 0}


async def test_our_clock_says_when_it_came_and_a_requester_is_hidden() -> None:
    log = ListLog()
    await post(log, {**CREATED, "received_at": "2020-01-01T00:00:00Z", "requester_id": "sofia@customer.example"})

    (event,) = log.events()
    assert event["received_at"] == "2026-03-10T09:12:06Z"
    assert len(bytes.fromhex(event["requester_id"])) == 16


async def test_a_field_that_no_event_has_is_not_stored() -> None:
    log = ListLog()
    answer = await post(log, {**CREATED, "body": "Dear desk", "deep": {"er": [1]}})

    assert answer.status_code == 200
    assert "Dear desk" not in str(log.records)


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer tökén"],
)
async def test_without_the_token_nothing_is_read(authorization: str | None) -> None:
    log = ListLog()
    headers = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]
    async with client(log) as http:
        answer = await http.post("/events", json=CREATED, headers=headers)

    assert (answer.status_code, answer.json()) == (401, {"error": "unauthorized"})
    assert answer.headers["www-authenticate"] == "Bearer"
    assert log.records == []


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}", "Bearer ", "Bearer"])
async def test_where_no_token_is_set_nobody_may_post(authorization: str) -> None:
    answer = await post(ListLog(), CREATED, {"Authorization": authorization}, events_token=None)

    assert answer.status_code == 401


async def faults(content: Any, headers: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    log = ListLog()
    answer = await post(log, content, headers)
    assert answer.status_code == 422
    assert log.records == [], "the whole list is refused"
    told: list[dict[str, str]] = answer.json()["faults"]
    return told


async def test_each_fault_is_named_by_place_and_the_whole_list_is_refused() -> None:
    found = await faults(
        [
            CREATED,
            {**CREATED, "occurred_at": "yesterday", "priority": "P1"},
            7,
            {"type": "ticket.sung"},
            {},
            {k: v for k, v in CREATED.items() if k != "ticket_id"},
        ]
    )

    assert [(each["at"], each["came"]) for each in found] == [
        ("[1].occurred_at", '"yesterday"'),
        ("[1].priority", '"P1"'),
        ("[2]", "7"),
        ("[3].type", '"ticket.sung"'),
        ("[4].type", "nothing"),
        ("[5].ticket_id", "nothing"),
    ]
    assert found[0]["expected"].startswith("an instant with its zone")
    assert found[1]["expected"] == "one of 'low', 'normal', 'high' or 'urgent'"
    assert "'ticket.created'" in found[3]["expected"]
    assert found[5]["expected"].startswith("an id")


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"occurred_at": 1773133924}, "occurred_at"),
        ({"occurred_at": "2026-03-10T09:12:04"}, "occurred_at"),
        ({"occurred_at": "1969-12-31T23:59:59Z"}, "occurred_at"),
        ({"occurred_at": "2200-01-01T00:00:00Z"}, "occurred_at"),
        ({"event_id": ""}, "event_id"),
        ({"ticket_id": "a b"}, "ticket_id"),
        ({"ticket_id": "x" * 201}, "ticket_id"),
        ({"ticket_id": 48213}, "ticket_id"),
        ({"queue": "a\nb"}, "queue"),
        ({"status": "singing"}, "status"),
        ({"type": ["ticket.created"]}, "type"),
        ({"type": "ticket.replied", "author": "agent"}, "public"),
        ({"type": "ticket.replied", "author": "agent", "public": "maybe"}, "public"),
        ({"type": "survey.answered", "kind": "csat", "score": "high"}, "score"),
    ],
)
async def test_a_single_events_fault_is_named_by_its_field(change: Mapping[str, Any], at: str) -> None:
    assert [each["at"] for each in await faults({**CREATED, **change})] == [at]


@pytest.mark.parametrize(
    "kind", ["ticket.taken_up", "ticket.wait_inherited", "requester.ticket_told", "requester.visit_told"]
)
async def test_what_entities_tell_each_other_is_not_taken_from_outside(kind: str) -> None:
    [plain] = await faults({**CREATED, "type": kind})
    [enveloped] = await faults({**ENVELOPE, "type": f"com.deskpulse.{kind}"}, STRUCTURED)

    assert (plain["at"], enveloped["at"]) == ("type", "type")
    assert "made in deskpulse, never sent to it" in plain["expected"]
    assert "made in deskpulse, never sent to it" in enveloped["expected"]


async def test_a_record_as_entities_tell_each_other_is_not_taken_from_outside() -> None:
    told = Fact(1, "ticket.taken_up", "e", "acme/1", 1, ticket_id="1")
    [fault] = await faults(encode_derived(told))

    assert fault["at"] == "derived"
    assert "made in deskpulse, never sent to it" in fault["expected"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"type": "agent.scheduled", "begins_at": "2026-03-10T16:00:00Z", "ends_at": "2026-03-10T08:00:00Z"},
            "a planned stretch ends later than it begins",
        ),
        ({"type": "review.scored", "ticket_id": "1"}, "a review tells a score or ratings"),
    ],
)
async def test_what_does_not_fit_together_is_said_in_a_sentence(change: Mapping[str, Any], expected: str) -> None:
    [fault] = await faults({**CREATED, "agent_id": "7", "activity": "on_queue", **change})

    assert fault["expected"].startswith(expected)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"3", b"[" * 100_000, b'{"a":' * 500 + b"1" + b"}" * 500, b'{"id":1,"id":1}', b"[1e999]"],
)
async def test_a_body_that_is_no_event_is_a_fault_and_no_accident(body: bytes) -> None:
    assert all(each["expected"] for each in await faults(body))


async def test_without_a_broker_it_is_503_and_over_the_limit_413() -> None:
    log = ListLog()
    log.connected = False

    assert (await post(log, CREATED)).status_code == 503
    assert (await post(ListLog(), b"x" * 2048, max_body_bytes=1024)).status_code == 413


def binary(**attributes: str) -> dict[str, str]:
    known = {name: value for name, value in ENVELOPE.items() if name != "data"}
    return {"Content-Type": "application/json"} | {f"ce-{n}": v for n, v in {**known, **attributes}.items()}


async def test_a_structured_cloudevent_is_unwrapped() -> None:
    log = ListLog()
    answer = await post(log, {**ENVELOPE, "data": {"priority": "high"}}, STRUCTURED)

    assert answer.json() == {"accepted": 1}
    (event,) = log.events()
    assert event == {
        "type": "ticket.created",
        "event_id": "ce-1",
        "occurred_at": "2026-03-10T09:12:04Z",
        "received_at": "2026-03-10T09:12:06Z",
        "source": "//desk.example",
        "ticket_id": "48213",
        "priority": "high",
    }


async def test_the_subject_of_a_review_is_its_ticket() -> None:
    log = ListLog()
    await post(log, {**ENVELOPE, "type": "review.scored", "data": {"score": 80}}, STRUCTURED)

    assert log.events()[0]["ticket_id"] == "48213"


async def test_the_data_say_source_and_ticket_before_the_envelope_does() -> None:
    log = ListLog()
    await post(log, {**ENVELOPE, "type": "ticket.created", "data": {"source": "desk", "ticket_id": "1"}}, STRUCTURED)

    (event,) = log.events()
    assert (event["source"], event["ticket_id"]) == ("desk", "1")


async def test_a_binary_cloudevent_is_unwrapped() -> None:
    log = ListLog()
    answer = await post(log, {"priority": "low"}, binary())

    assert answer.json() == {"accepted": 1}
    (event,) = log.events()
    assert (event["event_id"], event["ticket_id"], event["priority"]) == ("ce-1", "48213", "low")


async def test_header_values_of_a_binary_cloudevent_are_percent_decoded() -> None:
    log = ListLog()
    await post(log, {}, binary(source="desk%20caf%C3%A9"))

    assert log.events()[0]["source"] == "desk café"


async def test_a_batch_of_cloudevents_is_taken_whole_or_not_at_all() -> None:
    log = ListLog()
    data = base64.b64encode(b'{"priority":"low"}').decode()
    without_data = {name: value for name, value in ENVELOPE.items() if name != "data"}
    answer = await post(log, [ENVELOPE, {**without_data, "id": "ce-2", "data_base64": data}], BATCH)

    assert answer.json() == {"accepted": 2}
    found = await faults([ENVELOPE, {**ENVELOPE, "specversion": "0.3", "data": None}, {**ENVELOPE, "id": ""}], BATCH)
    assert [each["at"] for each in found] == ["[1].specversion", "[1].data", "[2].id"]


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"type": "com.deskpulse.ticket.sung"}, "type"),
        ({"type": None}, "type"),
        ({"source": 3}, "source"),
        ({"time": "noon"}, "occurred_at"),
        ({"time": None}, "occurred_at"),
        ({"subject": None}, "ticket_id"),
        ({"data": [1]}, "data"),
    ],
)
async def test_what_is_wrong_with_an_envelope_is_named(change: Mapping[str, Any], at: str) -> None:
    assert [each["at"] for each in await faults({**ENVELOPE, **change}, STRUCTURED)] == [at]


@pytest.mark.parametrize(
    ("content", "headers"),
    [(ENVELOPE, BATCH), ([ENVELOPE], STRUCTURED), ([{}], binary()), ({}, binary(specversion="0.3"))],
)
async def test_a_mode_that_is_not_kept_to_is_a_fault(content: Any, headers: Mapping[str, str]) -> None:
    assert len(await faults(content, headers)) == 1


async def test_bad_base64_is_a_fault() -> None:
    without_data = {name: value for name, value in ENVELOPE.items() if name != "data"}

    assert (await faults({**without_data, "data_base64": "%"}, STRUCTURED))[0]["at"] == "data_base64"


async def test_posts_are_counted_as_a_source_of_their_own() -> None:
    async with client(ListLog()) as http:
        await http.post("/events", json=CREATED, headers=BEARER)
        await http.post("/events", json=CREATED)
        requests = await metric(http, 'deskpulse_gateway_requests_total{source="events"}')
        refused = await metric(http, 'deskpulse_gateway_rejected_total{reason="signature",source="events"}')

    assert (requests, refused) == (2, 1)


def _examples() -> list[str]:
    """Every block of JSON in docs/events.md."""
    return re.findall(r"```json\n(.*?)```", Path("docs/events.md").read_text(), re.DOTALL)


async def test_the_examples_of_the_docs_are_taken_and_tell_only_what_events_have() -> None:
    assert len(_examples()) >= 6
    for example in _examples():
        log = ListLog()
        answer = await post(log, example.encode())

        assert answer.json() == {"accepted": len(json.loads(example))}, example
        for sent, kept in zip(json.loads(example), log.events(), strict=True):
            assert sent.keys() <= kept.keys()
