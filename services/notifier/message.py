"""Signals as they come, and as endpoints get them: Standard Webhooks, or a sentence for a chat."""

import base64
import hmac
import re
from collections.abc import Container, Sequence
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from services.adapters.signal_endpoints import Endpoint

_Zoned = Annotated[datetime, msgspec.Meta(tz=True)]
TEST = "deskpulse.test"
NO_SIGNAL = (msgspec.DecodeError, ValueError, RecursionError)
"""What `read_signal` raises for bytes that are no signal."""


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """What of a `schemas.signals.Signal` decides where it goes and what a chat reads; endpoints get all of it.

    Less is asked of it than its schema does: what a newer processor says is passed on as well.
    """

    type: str
    # It is signed as `id.time.body`: a full stop in it could be taken for the next part's beginning.
    signal_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
    occurred_at: _Zoned
    announced_at: _Zoned
    ticket: str
    """The ticket's key."""
    ticket_id: str | None = None
    metric: str | None = None
    policy: str | None = None
    due_at: _Zoned | None = None
    withdraws: str | None = None
    withdrawn_type: str | None = None
    clock_started_at: datetime | None = None
    status: str | None = None
    queue: str | None = None
    channel: str | None = None
    priority: str | None = None
    tier: str | None = None
    category: str | None = None
    product_area: str | None = None
    team: str | None = None
    agent_id: str | None = None
    tenant: str | None = None
    source: str | None = None
    namespace: str | None = None
    whole: msgspec.Raw = msgspec.Raw()
    """The JSON that it was read from."""


_read = msgspec.json.Decoder(Signal).decode


def read_signal(value: bytes) -> Signal:
    """The signal of one record.

    Raises:
        NO_SIGNAL: it is none; the message names what is missing or of another type.
    """
    return msgspec.structs.replace(_read(value), whole=msgspec.Raw(value))


def wanted(signal: Signal, endpoint: Endpoint, told: Container[str] = ()) -> bool:
    """Whether the endpoint asked for it.

    A withdrawal of what an endpoint did not ask for is nothing to it either; and one of what it was ``told`` (by
    `signal_id`) is for it wherever the ticket has moved since. So is the end of a breach (by `clock_of`).
    """
    types = endpoint.types
    if types is not None and (signal.type not in types or (signal.withdrawn_type or signal.type) not in types):
        return False
    if signal.withdraws is not None and signal.withdraws in told:
        return True
    if signal.type == "sla.met_late" and clock_of(signal) in told:
        return True
    return all(getattr(signal, trait) in values for trait, values in endpoint.match.items())


def clock_of(signal: Signal) -> str:
    """Which clock of all tickets it is about."""
    return f"{signal.ticket} {signal.metric} {signal.clock_started_at}"


def body_of(signal: Signal, endpoint: Endpoint) -> bytes:
    """What the endpoint is sent, the same at each attempt."""
    if endpoint.format == "slack":
        return msgspec.json.encode({"text": sentence(signal, endpoint.timezone)})
    return msgspec.json.encode({"type": signal.type, "timestamp": signal.occurred_at, "data": signal.whole})


def headers_of(signal_id: str, sent_at_s: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """The headers of Standard Webhooks: who signs with several secrets believes in each of them."""
    headers = {"content-type": "application/json", "webhook-id": signal_id, "webhook-timestamp": str(sent_at_s)}
    signed = f"{signal_id}.{sent_at_s}.".encode() + body
    proofs = [base64.b64encode(hmac.digest(secret, signed, "sha256")).decode() for secret in secrets]
    if proofs:
        headers["webhook-signature"] = " ".join(f"v1,{proof}" for proof in proofs)
    return headers


_TOLD = {
    "sla.at_risk": "At risk",
    "sla.breached": "Breached",
    "sla.met_late": "Met late",
    "sla.withdrawn": "Withdrawn",
}
_LONGEST_WORD = 80
_CALLS = re.compile(r"@(?=(?:all|channel|everyone|here)\b)", re.IGNORECASE)


def sentence(signal: Signal, zone: ZoneInfo) -> str:
    """Who, what and by when, for people who read it in a chat."""
    if signal.type == TEST:
        return "Test: deskpulse reaches this chat."
    due = ""
    if signal.due_at is not None:
        due = f", {'due' if signal.type == 'sla.at_risk' else 'was due'} {_time(signal.due_at, zone)}"
    held = "" if signal.agent_id is None else f", agent {_word(signal.agent_id)}"
    told = _TOLD.get(signal.type, signal.type)
    if signal.withdrawn_type is not None:
        told += f' ("{_TOLD.get(signal.withdrawn_type, signal.withdrawn_type).lower()}" does not hold any more)'
    return f"{told}: {_word(signal.metric or 'a target').replace('_', ' ')} of {_whose(signal)}{due}{held}."


def _whose(signal: Signal) -> str:
    desk = "/".join(_word(part) for part in (signal.tenant, signal.source) if part)
    about = {"": desk, "queue ": signal.queue, "priority ": signal.priority, "policy ": signal.policy}
    parts = [label + (_word(value) if label else value) for label, value in about.items() if value]
    return f"ticket {_word(signal.ticket_id or signal.ticket)}" + (f" ({', '.join(parts)})" if parts else "")


def _time(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _word(text: str) -> str:
    """``text`` so that a chat shows it and does not act on it: no links, no calls to everybody, no line ends."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if len(plain) > _LONGEST_WORD:
        plain = plain[: _LONGEST_WORD - 1] + "…"
    escaped = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _CALLS.sub("@\N{ZERO WIDTH SPACE}", escaped)
