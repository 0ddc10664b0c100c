import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from services.adapters.helpdesks import delivery
from services.adapters.helpdesks.authentication import SCHEMES, Request, Scheme, SignedTime, authenticate
from services.errors import BadSignature
from tests.adapters.helpdesks.samples import SAMPLES, SECRET, Sample, sample

TOLERANCE = timedelta(seconds=300)
ZENDESK = sample("zendesk", "ticket_created")
CHATWOOT = sample("chatwoot", "message_created_outgoing")
FRESHDESK = sample("freshdesk", "simple_ticket_created")
SIGNED = [each for each in SAMPLES if each.vendor != "freshdesk"]


def authentic(
    vendor: str, headers: Mapping[str, str], body: bytes, now: datetime, secrets: tuple[bytes, ...] = (SECRET,)
) -> bool:
    request = Request(delivery.headers(headers.items()), body)
    try:
        authenticate(SCHEMES[vendor], request, secrets, now, TOLERANCE)
    except BadSignature:
        return False
    return True


def ids(each: Sample) -> str:
    return f"{each.vendor}-{each.name}"


@pytest.mark.parametrize("each", SAMPLES, ids=ids)
def test_a_recorded_delivery_proves_who_sent_it(each: Sample) -> None:
    assert authentic(each.vendor, each.headers, each.body, each.sent_at)


@pytest.mark.parametrize("each", SAMPLES, ids=ids)
def test_the_case_of_header_names_changes_nothing(each: Sample) -> None:
    assert authentic(each.vendor, {n.upper(): v for n, v in each.headers.items()}, each.body, each.sent_at)
    assert authentic(each.vendor, {n.lower(): v for n, v in each.headers.items()}, each.body, each.sent_at)


@pytest.mark.parametrize("each", SIGNED, ids=ids)
@pytest.mark.parametrize("change", [b" ", b"\n", b"\xef\xbb\xbf"], ids=["space", "newline", "bom"])
def test_a_byte_more_is_refused(each: Sample, change: bytes) -> None:
    assert not authentic(each.vendor, each.headers, each.body + change, each.sent_at)
    assert not authentic(each.vendor, each.headers, change + each.body, each.sent_at)


@pytest.mark.parametrize("each", SIGNED, ids=ids)
def test_each_single_byte_counts(each: Sample) -> None:
    for place in (0, len(each.body) // 2, len(each.body) - 1):
        body = bytearray(each.body)
        body[place] ^= 1
        assert not authentic(each.vendor, each.headers, bytes(body), each.sent_at)


@pytest.mark.parametrize("each", SIGNED, ids=ids)
@pytest.mark.parametrize(("seconds", "taken"), [(299, True), (301, False), (-299, True), (-301, False), (600, False)])
def test_a_signed_time_may_be_five_minutes_off(each: Sample, seconds: int, taken: bool) -> None:
    assert authentic(each.vendor, each.headers, each.body, each.sent_at + timedelta(seconds=seconds)) is taken


def test_where_no_time_is_signed_a_late_delivery_is_taken() -> None:
    assert authentic("freshdesk", FRESHDESK.headers, FRESHDESK.body, FRESHDESK.sent_at + timedelta(minutes=10))


def test_an_old_chatwoot_that_signs_nothing_is_refused() -> None:
    assert not authentic("chatwoot", {"Content-Type": "application/json"}, CHATWOOT.body, CHATWOOT.sent_at)


GOOD = ZENDESK.headers["X-Zendesk-Webhook-Signature"]


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param("", id="empty"),
        pytest.param(GOOD[:-1], id="padding missing"),
        pytest.param(GOOD + " ", id="a space after it"),
        pytest.param(GOOD + "\n", id="a line end after it"),
        pytest.param(GOOD + ", " + GOOD, id="twice"),
        pytest.param(GOOD.lower(), id="lower case"),
        pytest.param("ü" + GOOD[1:], id="not ASCII"),
        pytest.param("A" * 10_000, id="10,000 characters"),
        pytest.param(base64.b64decode(GOOD).hex(), id="hex, not base64"),
        pytest.param("sha256=" + GOOD, id="a prefix"),
    ],
)
def test_a_signature_that_is_nearly_right_is_refused(signature: str) -> None:
    headers = {**ZENDESK.headers, "X-Zendesk-Webhook-Signature": signature}

    assert not authentic("zendesk", headers, ZENDESK.body, ZENDESK.sent_at)


@pytest.mark.parametrize(
    "time",
    ["", "abc", "1e9", "-1", "9223372036854775808", "1773135222.0", "١٧٧٣١٣٥٢٢٢", " 1773135222", "99999999999999"],
)
def test_a_time_that_is_no_whole_number_of_seconds_is_refused(time: str) -> None:
    signed = time.encode("utf-8") + b"." + CHATWOOT.body
    digest = hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
    headers = {"X-Chatwoot-Timestamp": time, "X-Chatwoot-Signature": f"sha256={digest}"}

    assert not authentic("chatwoot", headers, CHATWOOT.body, CHATWOOT.sent_at)


@pytest.mark.parametrize("time", ["2026-03-10T09:12:06", "2026-02-30T09:12:06Z", "now", "1773133926"])
def test_a_time_that_is_no_instant_with_a_zone_is_refused(time: str) -> None:
    signature = base64.b64encode(hmac.new(SECRET, time.encode() + ZENDESK.body, hashlib.sha256).digest()).decode()
    headers = {"X-Zendesk-Webhook-Signature-Timestamp": time, "X-Zendesk-Webhook-Signature": signature}

    assert not authentic("zendesk", headers, ZENDESK.body, ZENDESK.sent_at)


def test_while_a_secret_is_replaced_both_are_believed() -> None:
    known = {"headers": ZENDESK.headers, "body": ZENDESK.body, "now": ZENDESK.sent_at}

    assert authentic("zendesk", **known, secrets=(b"new", SECRET))  # type: ignore[arg-type]
    assert authentic("zendesk", **known, secrets=(SECRET, b"old"))  # type: ignore[arg-type]
    assert not authentic("zendesk", **known, secrets=(b"new", b"old"))  # type: ignore[arg-type]


def basic(credentials: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        pytest.param(basic("kpi:test-secret"), True, id="the secret as password"),
        pytest.param(basic("anybody:test-secret"), True, id="any user"),
        pytest.param(basic(":test-secret"), True, id="no user"),
        pytest.param(
            {"Authorization": basic("a:test-secret")["Authorization"].replace("Basic", "basic")}, True, id="basic"
        ),
        pytest.param({"X-Deskpulse-Secret": "test-secret"}, True, id="a header of ours"),
        pytest.param(basic("kpi:test-secret2"), False, id="more than the secret"),
        pytest.param(basic("test-secret"), False, id="no colon"),
        pytest.param({"Authorization": "Basic %%%"}, False, id="no base64"),
        pytest.param({"Authorization": "Bearer test-secret"}, False, id="another scheme"),
        pytest.param({"Authorization": "Basic "}, False, id="nothing in it"),
        pytest.param({"X-Deskpulse-Secret": "tést-secret"}, False, id="not ASCII"),
        pytest.param({"X-Deskpulse-Secret": "t\u0161st"}, False, id="not latin-1"),
        pytest.param({"X-Deskpulse-Secret": ""}, False, id="empty"),
        pytest.param({}, False, id="nothing at all"),
    ],
)
def test_a_freshdesk_rule_shows_its_secret(headers: dict[str, str], taken: bool) -> None:
    assert authentic("freshdesk", headers, FRESHDESK.body, FRESHDESK.sent_at) is taken


def test_another_vendor_is_a_row_of_the_table() -> None:
    scheme = Scheme(
        header="x-signature",
        encoding="base64",
        algorithm="sha1",
        signed=("{method}", "{url}", "{body}", "{time}"),
        time=SignedTime("x-time", "milliseconds"),
    )
    now = datetime(2026, 3, 10, 8, 41, 6, tzinfo=UTC)
    time = str(int(now.timestamp() * 1000))
    signed = b"POSThttps://kpi.example.com/hooks{}" + time.encode()
    signature = base64.b64encode(hmac.new(SECRET, signed, "sha1").digest()).decode()
    request = Request({"x-signature": signature, "x-time": time}, b"{}", "POST", "https://kpi.example.com/hooks")

    authenticate((scheme,), request, (SECRET,), now, TOLERANCE)

    with pytest.raises(BadSignature):
        authenticate((scheme,), request, (SECRET,), now + timedelta(minutes=10), TOLERANCE)
