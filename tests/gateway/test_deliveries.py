import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from schemas.events import EVENT
from services.adapters.event_log import Record
from services.errors import Unstorable
from services.gateway import bodies
from tests.adapters.helpdesks.samples import SAMPLES, SECRET, Sample, differences, sample
from tests.gateway.doubles import NOW, ListLog, client, deliver, metric

ZENDESK = sample("zendesk", "ticket_created")
HOOK = "/webhooks/zendesk/acme"


def ids(each: Sample) -> str:
    return f"{each.vendor}-{each.name}"


def signed(body: bytes, secret: bytes = SECRET) -> dict[str, str]:
    """Zendesk's headers for ``body``, sent now."""
    time = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    signature = base64.b64encode(hmac.new(secret, time.encode() + body, hashlib.sha256).digest()).decode()
    return {"X-Zendesk-Webhook-Signature-Timestamp": time, "X-Zendesk-Webhook-Signature": signature}


@pytest.mark.parametrize("each", SAMPLES, ids=ids)
async def test_a_recorded_delivery_is_taken_as_it_is(each: Sample) -> None:
    log = ListLog()
    async with client(log, each.sent_at, requester_ids="plain") as http:
        answer = await deliver(http, each)

    assert answer.status_code == 200
    assert answer.json() == {"accepted": 1}
    assert differences(each, [EVENT.validate_python(event) for event in log.events()]) == []


@pytest.mark.parametrize("each", SAMPLES, ids=ids)
async def test_the_same_delivery_again_is_the_same_event(each: Sample) -> None:
    log = ListLog()
    async with client(log, each.sent_at) as http:
        for _ in range(2):
            assert (await deliver(http, each)).status_code == 200

    assert len({event["event_id"] for event in log.events()}) == 1


@pytest.mark.parametrize("each", SAMPLES, ids=ids)
async def test_a_delivery_that_proves_nothing_is_refused_and_nothing_is_kept(each: Sample) -> None:
    log = ListLog()
    proofs = {"authorization", "x-zendesk-webhook-signature", "x-chatwoot-signature"}
    bare = {name: value for name, value in each.headers.items() if name.lower() not in proofs}
    async with client(log, each.sent_at) as http:
        answer = await deliver(http, each, headers=bare)
        refused = await metric(http, f'deskpulse_gateway_rejected_total{{reason="signature",source="{each.vendor}"}}')

    assert (answer.status_code, answer.json()) == (401, {"error": "unauthorized"})
    assert log.records == []
    assert refused == 1


async def test_ten_minutes_later_a_signed_time_is_refused() -> None:
    log = ListLog()
    async with client(log, ZENDESK.sent_at + timedelta(minutes=10)) as http:
        assert (await deliver(http, ZENDESK)).status_code == 401
    assert log.records == []


async def test_the_same_json_printed_again_is_refused() -> None:
    log = ListLog()
    async with client(log) as http:
        answer = await deliver(http, ZENDESK, content=json.dumps(json.loads(ZENDESK.body)).encode())

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/webhooks/nobody/acme", 404),
        ("/webhooks/zendesk/stranger", 404),
        ("/webhooks/zendesk/", 404),
        ("/webhooks/zendesk", 404),
        ("/webhooks/zendesk/acme/more", 404),
        ("/webhooks/%2e%2e/admin", 404),
        ("/webhooks/zendesk/%00", 404),
        ("/webhooks/zendesk/%ff", 404),
        ("/webhooks/Zendesk/acme", 404),
        ("/webhooks/zendesk/other", 401),
        ("/", 404),
    ],
)
async def test_only_a_vendor_and_tenant_that_we_know_are_heard(path: str, status: int) -> None:
    log = ListLog()
    async with client(log) as http:
        answer = await http.post(path, content=ZENDESK.body, headers=dict(ZENDESK.headers))

    assert answer.status_code == status
    assert log.records == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", [HOOK, "/events"])
async def test_another_method_is_405(method: str, path: str) -> None:
    async with client(ListLog()) as http:
        answer = await http.request(method, path, headers={"X-HTTP-Method-Override": "POST"})

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


UNUSABLE: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "not_json"),
    ("half an object", b"{", "not_json"),
    ("NaN", b'{"id":NaN}', "not_json"),
    ("no object", b"[]", "schema"),
    ("a deep nest", b"[" * 100_000, "depth"),
    ("a key twice", b'{"id":1,"id":2}', "dup_key"),
    ("no UTF-8", b'{"id":"\xff"}', "utf8"),
    ("half a surrogate pair", rb'{"type":"\ud800"}', "utf8"),
    ("a number without end", b'{"id":1e999}', "number"),
    ("400 digits", b'{"id":' + b"9" * 400 + b"}", "number"),
    ("an unknown type", b'{"type":"zen:event-type:ticket.sung"}', "unknown_type"),
    ("a type that is a list", b'{"type":["a"]}', "unknown_type"),
    ("no fields", b'{"type":"zen:event-type:ticket.created"}', "schema"),
    ("compressed bytes", b"\x1f\x8b\x08\x00", "utf8"),
]


@pytest.mark.parametrize(("body", "reason"), [each[1:] for each in UNUSABLE], ids=[each[0] for each in UNUSABLE])
async def test_what_is_authentic_and_cannot_be_used_is_kept_and_answered_200(body: bytes, reason: str) -> None:
    log = ListLog()
    async with client(log) as http:
        answer = await http.post(HOOK, content=body, headers={**signed(body), "X-Zendesk-Account-Id": "4711"})
        counted = await metric(http, f'deskpulse_gateway_rejected_total{{reason="{reason}",source="zendesk"}}')
        produced = await metric(http, 'deskpulse_gateway_produced_total{topic="deskpulse.dead-letters"}')

    assert answer.status_code == 200
    assert (answer.json()["accepted"], answer.json()["reason"]) == (0, reason)
    assert log.events() == []
    (letter,) = log.dead_letters()
    assert letter.value == body
    about = dict(letter.headers)
    assert about["reason"] == reason.encode()
    assert (about["vendor"], about["tenant"]) == (b"zendesk", b"acme")
    assert json.loads(about["headers"])["x-zendesk-account-id"] == "4711"
    assert counted == produced == 1


async def test_a_dead_letter_holds_no_credential() -> None:
    log = ListLog()
    freshdesk = sample("freshdesk", "simple_ticket_created")
    headers = {**freshdesk.headers, "Cookie": "session=1", "X-Deskpulse-Secret": "test-secret"}
    async with client(log) as http:
        assert (await deliver(http, freshdesk, content=b"{", headers=headers)).status_code == 200
        assert (await http.post(HOOK, content=b"{", headers=signed(b"{"))).status_code == 200

    assert len(log.dead_letters()) == 2
    for letter in log.dead_letters():
        kept = json.loads(dict(letter.headers)["headers"])
        assert not {"authorization", "cookie", "x-deskpulse-secret", "x-zendesk-webhook-signature"} & set(kept)
        assert "test-secret" not in str(letter)


async def test_a_dead_letter_keeps_the_headers_that_fit() -> None:
    log = ListLog()
    many = {f"X-Filler-{n}": "\xff" * 1000 for n in range(20)}
    async with client(log) as http:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in {**many, **signed(b"{")}.items()]
        assert (await http.post(HOOK, content=b"{", headers=headers)).status_code == 200

    (letter,) = log.dead_letters()
    about = dict(letter.headers)
    assert len(about["headers"]) <= 16 * 1024
    assert "x-zendesk-webhook-signature-timestamp" in json.loads(about["headers"])
    assert int(about["headers_left_out"]) >= 17


async def test_an_event_larger_than_its_topic_takes_is_413_and_not_asked_for_again() -> None:
    class SmallLog(ListLog):
        async def append(self, records: Sequence[Record]) -> None:
            raise Unstorable("deskpulse.tickets takes 10 bytes, this is 600")

    async with client(SmallLog()) as http:
        answer = await deliver(http, ZENDESK)
        counted = await metric(http, 'deskpulse_gateway_rejected_total{reason="too_large",source="zendesk"}')

    assert (answer.status_code, answer.json()) == (413, {"error": "deskpulse.tickets takes 10 bytes, this is 600"})
    assert counted == 1


async def test_what_no_figure_depends_on_is_answered_200_and_counted() -> None:
    log = ListLog()
    body = b'{"type":"zen:event-type:ticket.subject_changed"}'
    async with client(log) as http:
        answer = await http.post(HOOK, content=body, headers=signed(body))
        ignored = await metric(http, 'deskpulse_gateway_ignored_total{source="zendesk"}')

    assert (answer.status_code, answer.json()) == (200, {"accepted": 0, "ignored": True})
    assert log.records == []
    assert ignored == 1


async def test_without_a_broker_the_sender_is_asked_to_try_again() -> None:
    log = ListLog()
    log.connected = False
    async with client(log) as http:
        good = await deliver(http, ZENDESK)
        unusable = await http.post(HOOK, content=b"{", headers=signed(b"{"))
        failures = await metric(http, 'deskpulse_gateway_produce_failures_total{topic="deskpulse.tickets"}')
        health = await http.get("/healthz")

    for answer in (good, unusable):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    assert failures == 1
    assert (health.status_code, health.json()) == (200, {"status": "ok", "broker": "away"})


async def in_pieces(pieces: int, size: int = 1024) -> AsyncIterator[bytes]:
    for _ in range(pieces):
        yield b"x" * size


async def test_a_body_over_the_limit_is_413_announced_or_not() -> None:
    log = ListLog()
    async with client(log, max_body_bytes=4096) as http:
        announced = await http.post(HOOK, content=b"x" * 4097)
        unannounced = await http.post(HOOK, content=in_pieces(5))
        absurd = await http.post(HOOK, content=b"x", headers={"Content-Length": "9" * 30})
        fits = await http.post(HOOK, content=b"x" * 4096, headers=signed(b"x" * 4096))

    assert [each.status_code for each in (announced, unannounced, absurd, fits)] == [413, 413, 413, 200]
    assert announced.headers["connection"] == "close"


async def test_a_body_that_does_not_come_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_S", 0.01)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with client(ListLog()) as http:
        answer = await http.post(HOOK, content=stalled())

    assert answer.status_code == 408


async def test_a_requester_is_stored_as_a_keyed_hash() -> None:
    log = ListLog()
    async with client(log) as http:
        await deliver(http, ZENDESK)
    async with client(log, privacy_key=None) as http:
        await deliver(http, ZENDESK)

    hashed, other_key = (event["requester_id"] for event in log.events())
    assert hashed == hmac.new(b"privacy-key", b"900500777", hashlib.sha256).digest()[:16].hex()
    assert other_key != hashed


async def test_logs_hold_no_secret_and_no_body(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    log = ListLog()
    async with client(log) as http:
        await deliver(http, ZENDESK)
        await http.post(HOOK, content=b'{"Rechnung":', headers=signed(b'{"Rechnung":'))
        await http.post("/events", content=b"{", headers={"Authorization": "Bearer events-token"})

    for text in ("test-secret", "events-token", "Rechnung", "privacy-key"):
        assert text not in caplog.text


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def twisted(draw: st.DrawFn) -> bytes:
    """A recorded delivery with one of its values replaced by anything."""
    content = json.loads(draw(st.sampled_from(SAMPLES)).body)
    place = content
    for _ in range(draw(st.integers(0, 3))):
        nested = [key for key, value in place.items() if isinstance(value, dict) and value]
        if not nested:
            break
        place = place[draw(st.sampled_from(sorted(nested)))]
    place[draw(st.sampled_from(sorted(place)))] = draw(JSON)
    return json.dumps(content).encode("utf-8", errors="surrogatepass")


@pytest.mark.parametrize("vendor", ["chatwoot", "freshdesk", "zendesk"])
@given(body=st.binary(max_size=200) | JSON.map(json.dumps).map(str.encode) | twisted())
@hypothesis_settings(deadline=None, max_examples=60)
async def test_no_body_whatsoever_is_an_error_of_ours(vendor: str, body: bytes) -> None:
    log = ListLog()
    chatwoot_time = str(int(NOW.timestamp()))
    digest = hmac.new(SECRET, f"{chatwoot_time}.".encode() + body, hashlib.sha256).hexdigest()
    headers: Mapping[str, str] = {
        **signed(body),
        "X-Chatwoot-Timestamp": chatwoot_time,
        "X-Chatwoot-Signature": f"sha256={digest}",
        "X-Deskpulse-Secret": "test-secret",
    }
    async with client(log) as http:
        answer = await http.post(f"/webhooks/{vendor}/acme", content=body, headers=headers)
        posted = await http.post("/events", content=body, headers={"Authorization": "Bearer events-token"})

    assert answer.status_code == 200
    assert posted.status_code in (200, 422)
    assert log.records or answer.json().get("ignored")


async def test_an_address_with_a_slash_behind_it_is_not_ours_and_sends_nobody_elsewhere() -> None:
    async with client(ListLog(), NOW) as http:
        answer = await http.post("/webhooks/zendesk/acme/", content=b"{}")

    assert answer.status_code == 404
