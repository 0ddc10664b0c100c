"""What endpoints are sent, and that others can verify it."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

import schemas.signals
from services.notifier.message import NO_SIGNAL, Signal, body_of, clock_of, headers_of, read_signal, sentence, wanted
from tests.notifier.receiving import KEY, SECRET, endpoint, signal, signal_json

OTHER = b"another key of thirty-two bytes.."


def test_a_message_can_be_verified_with_the_library_of_the_standard() -> None:
    sent, now = signal(7), int(time.time())
    body = body_of(sent, endpoint())

    verified = Webhook(SECRET).verify(body, headers_of(sent.signal_id, now, body, [KEY]))

    assert verified == {
        "type": "sla.breached",
        "timestamp": "2026-03-10T09:00:00Z",
        "data": json.loads(signal_json(7)),
    }


def test_the_signature_of_the_standard_s_own_example() -> None:
    secret = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    headers = headers_of("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [secret._whsecret])

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("key", [KEY, OTHER])
def test_while_secrets_change_either_of_them_verifies(key: bytes) -> None:
    body = b"{}"
    headers = headers_of("sig_1", int(time.time()), body, [OTHER, KEY])

    assert len(headers["webhook-signature"].split(" ")) == 2
    Webhook(key).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(b"a key that nobody gave").verify(body, headers)


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body"])
def test_what_is_changed_on_the_way_is_noticed(changed: str) -> None:
    now, body = int(time.time()), b"{}"
    headers = headers_of("sig_1", now, body, [KEY])
    headers |= {"webhook-id": "sig_2"} if changed == "webhook-id" else {}
    headers |= {"webhook-timestamp": str(now + 1)} if changed == "webhook-timestamp" else {}

    with pytest.raises(WebhookVerificationError):
        Webhook(KEY).verify(b"{ }" if changed == "body" else body, headers)


def test_without_secrets_nothing_is_signed() -> None:
    assert "webhook-signature" not in headers_of("sig_1", 0, b"{}", [])


def test_fields_that_we_do_not_know_are_passed_on() -> None:
    sent = signal(more_than_we_know={"deep": [1]})

    assert json.loads(body_of(sent, endpoint()))["data"]["more_than_we_know"] == {"deep": [1]}


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"no json",
        b"[]",
        b"\xff",
        signal_json(signal_id="sig.1.{}"),
        signal_json(signal_id=""),
        signal_json(occurred_at="2026-03-10T09:00:00"),
        signal_json(metric=7),
        b"[" * 100_000,
    ],
)
def test_what_is_no_signal_is_named_as_such(value: bytes) -> None:
    with pytest.raises(NO_SIGNAL):
        read_signal(value)


@pytest.mark.parametrize(
    ("asked", "told", "is_wanted"),
    [
        pytest.param({}, {}, True, id="everything"),
        pytest.param({"types": {"sla.breached"}}, {}, True, id="its type"),
        pytest.param({"types": {"sla.at_risk"}}, {}, False, id="another type"),
        pytest.param({"match": {"queue": {"billing", "orders"}}}, {}, True, id="one of its queues"),
        pytest.param({"match": {"queue": {"orders"}}}, {}, False, id="another queue"),
        pytest.param({"match": {"queue": {"billing"}, "priority": {"urgent"}}}, {}, False, id="one of two"),
        pytest.param({"match": {"queue": {"billing"}}}, {"queue": None}, False, id="no queue"),
        pytest.param({"match": {"tenant": {"acme"}}}, {"tenant": "other"}, False, id="another tenant"),
        pytest.param(
            {"types": {"sla.breached", "sla.withdrawn"}},
            {"type": "sla.withdrawn", "withdrawn_type": "sla.breached"},
            True,
            id="what it was told is withdrawn",
        ),
        pytest.param(
            {"types": {"sla.breached", "sla.withdrawn"}},
            {"type": "sla.withdrawn", "withdrawn_type": "sla.at_risk"},
            False,
            id="what it was not told is withdrawn",
        ),
        pytest.param(
            {"types": {"sla.breached"}},
            {"type": "sla.withdrawn", "withdrawn_type": "sla.breached"},
            False,
            id="it did not ask for withdrawals",
        ),
    ],
)
def test_an_endpoint_gets_what_it_asked_for(asked: dict[str, Any], told: dict[str, Any], is_wanted: bool) -> None:
    assert wanted(signal(**told), endpoint(**asked)) is is_wanted


def test_what_an_endpoint_was_told_is_withdrawn_there_wherever_the_ticket_is_now() -> None:
    moved = signal(2, type="sla.withdrawn", withdraws="sig_1", withdrawn_type="sla.breached", queue="orders")
    to = endpoint(match={"queue": {"billing"}}, types={"sla.breached", "sla.withdrawn"})

    assert wanted(moved, to, told={"sig_1"})
    assert not wanted(moved, to, told={"sig_0"})


def test_who_was_told_of_a_breach_is_told_of_its_end_wherever_the_ticket_is_now() -> None:
    breach, end = signal(1), signal(2, type="sla.met_late", priority="low")
    to = endpoint(match={"priority": {"high"}})

    assert wanted(end, to, told={clock_of(breach)})
    assert not wanted(end, to)


def test_a_signal_of_the_schema_is_read_with_all_its_fields() -> None:
    written = schemas.signals.Signal.model_validate_json(signal_json(withdraws="sig_1", tier="t2", team="night"))

    read = read_signal(schemas.signals.encode_signal(written))

    for name in {*Signal.__struct_fields__} - {"whole"}:
        assert getattr(read, name) == getattr(written, name)
    assert json.loads(body_of(read, endpoint()))["data"] == json.loads(written.model_dump_json())


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            {"type": "sla.at_risk"},
            "At risk: first response of ticket 17 (acme/zendesk, queue billing, priority high, policy gold), "
            "due 2026-03-10 10:00 CET, agent a-7.",
        ),
        (
            {"agent_id": None, "queue": None, "priority": None, "tenant": None, "source": None},
            "Breached: first response of ticket 17 (policy gold), was due 2026-03-10 10:00 CET.",
        ),
        (
            {"type": "sla.met_late", "policy": None, "metric": "resolution", "due_at": "2026-07-10T09:00:00Z"},
            "Met late: resolution of ticket 17 (acme/zendesk, queue billing, priority high), "
            "was due 2026-07-10 11:00 CEST, agent a-7.",
        ),
        (
            {"type": "sla.withdrawn", "withdrawn_type": "sla.at_risk", "due_at": None},
            'Withdrawn ("at risk" does not hold any more): first response of ticket 17 '
            "(acme/zendesk, queue billing, priority high, policy gold), agent a-7.",
        ),
    ],
)
def test_a_chat_reads_who_what_and_by_when(told: dict[str, Any], said: str) -> None:
    assert sentence(signal(**told), BERLIN) == said
    assert json.loads(body_of(signal(**told), endpoint(format="slack", timezone=BERLIN))) == {"text": said}


def test_what_a_helpdesk_calls_things_does_nothing_in_a_chat() -> None:
    said = sentence(signal(queue="<!channel> & @all\n@Here me@all.example", ticket_id="x" * 500), BERLIN)

    assert "queue &lt;!channel&gt; &amp; @\u200ball @\u200bHere me@\u200ball.example" in said
    assert "\n" not in said
    assert f"ticket {'x' * 79}… " in said


PAGE = Path("docs/webhooks-out.md").read_text()


def fenced(language: str, holding: str) -> str:
    """The page's piece of code that has this in it."""
    (found,) = [code for code in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if holding in code]
    return str(found)


def test_the_page_s_python_verifies_what_we_send() -> None:
    body = body_of(signal(), endpoint())
    headers = headers_of("sig_1", int(time.time()), body, [OTHER, KEY])
    names: dict[str, Any] = {}
    exec(fenced("python", "def ours"), names)

    assert names["ours"](SECRET, headers, body)
    assert not names["ours"](SECRET, headers, body + b" ")
    assert not names["ours"](SECRET, headers | {"webhook-timestamp": "1773133200"}, body)
    exec(fenced("python", "from standardwebhooks").replace("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SECRET), names)
    names["received"](headers, body)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_page_s_shell_verifies_what_we_send(tmp_path: Path) -> None:
    body = body_of(signal(queue="Zürich"), endpoint())
    headers = headers_of("sig_1", 1773133200, body, [KEY])
    (tmp_path / "body").write_bytes(body)
    variables = {"secret": SECRET, "id": "sig_1", "timestamp": "1773133200", "PATH": os.environ["PATH"]}

    said = subprocess.run(
        ["sh", "-c", fenced("sh", "hexkey")], cwd=tmp_path, env=variables, capture_output=True, text=True, check=True
    )

    assert headers["webhook-signature"] == f"v1,{said.stdout.strip()}"
