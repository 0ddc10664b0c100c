import json
from datetime import datetime

import pytest

from schemas.events import AnyEvent
from services.adapters.helpdesks.vendors import VENDORS, translated
from services.errors import UnknownSource, Untranslatable
from tests.adapters.helpdesks.samples import NOW, SAMPLES, Sample, differences, events, sample


def ids(each: Sample) -> str:
    return f"{each.vendor}-{each.name}"


def of(each: Sample, at: datetime | None = None) -> list[AnyEvent]:
    return translated(each.vendor, each.body, each.headers, at or each.sent_at, "acme")


@pytest.mark.parametrize("each", SAMPLES, ids=ids)
def test_a_recorded_delivery_means_what_the_manifest_says(each: Sample) -> None:
    assert differences(each, of(each)) == []


@pytest.mark.parametrize("each", SAMPLES, ids=ids)
def test_every_event_tells_whose_it_is_and_when_it_came(each: Sample) -> None:
    for event in of(each):
        assert (event.source, event.tenant, event.received_at) == (each.vendor, "acme", each.sent_at)


@pytest.mark.parametrize("each", SAMPLES, ids=ids)
def test_a_repeated_delivery_is_the_same_event(each: Sample) -> None:
    assert [event.event_id for event in of(each)] == [event.event_id for event in of(each)]


@pytest.mark.parametrize("each", SAMPLES, ids=ids)
def test_a_field_that_nobody_knows_changes_nothing(each: Sample) -> None:
    content = {**json.loads(each.body), "a_new_field": {"deep": [1, {"er": None}]}}

    told = translated(each.vendor, json.dumps(content).encode(), each.headers, each.sent_at, "acme")

    assert differences(each, told) == []


@pytest.mark.parametrize("each", SAMPLES, ids=ids)
def test_no_message_text_is_kept(each: Sample) -> None:
    stored = " ".join(event.model_dump_json() for event in of(each))

    for text in (
        "Rechnung",
        "Guten Tag",
        "XL",
        "Thursday",
        "Lieferung",
        "zwei Teile",
        "Marta",
        "Aylin",
        "Sofia Rossi",
    ):
        assert text not in stored


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"[]", "schema"),
        (b'"text"', "schema"),
        (b"3", "schema"),
        (b"null", "schema"),
        (b"[" * 50_000, "depth"),
        (b'{"id":1,"id":2}', "dup_key"),
        (b"\xff", "utf8"),
    ],
)
def test_a_body_that_cannot_be_read_has_its_reason(vendor: str, body: bytes, reason: str) -> None:
    with pytest.raises(Untranslatable) as refused:
        translated(vendor, body, {}, NOW, "acme")

    assert refused.value.reason == reason


def test_a_vendor_that_we_do_not_know_is_named() -> None:
    with pytest.raises(UnknownSource, match=r"'nobody'.*zendesk"):
        translated("nobody", b"{}", {}, NOW, "acme")


def test_two_tenants_never_share_a_made_up_event_id() -> None:
    content = json.loads(sample("chatwoot", "conversation_created").body)

    here, there = events("chatwoot", content), events("chatwoot", content, tenant="other")

    assert here[0].event_id != there[0].event_id
