"""CloudEvents 1.0: an envelope around one of our events, in the body (structured) or in headers (binary).

The envelope's type, id and time are the event's; its source and subject stand in for `source` and `ticket_id` where
the data do not tell them. The type is one of ours, plain or after a prefix: `com.deskpulse.ticket.created`.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import unquote

from schemas.events import AnyEvent
from services.adapters.event_faults import NOT_FROM_OUTSIDE, OURS, Fault, fault, joined
from services.adapters.helpdesks.fields import shown
from services.adapters.helpdesks.strict_json import parsed
from services.errors import Untranslatable

TYPES = tuple(get_args(model.model_fields["type"].annotation)[0] for model in get_args(get_args(AnyEvent)[0]))
"""The names of our event types."""
PREFIX = "ce-"


def from_headers(headers: Mapping[str, str], data: Any) -> dict[str, Any]:
    """The structured form of a binary CloudEvent."""
    attributes = {
        name.removeprefix(PREFIX): unquote(value) for name, value in headers.items() if name.startswith(PREFIX)
    }
    return {**attributes, "data": data}


def unwrapped(envelope: Mapping[str, Any], place: str, faults: list[Fault]) -> dict[str, Any] | None:
    """The fields of the event in ``envelope``, or None after adding to ``faults`` what is wrong with it."""
    found = _faults(envelope, place)
    data = _data(envelope, place, found)
    if found:
        faults += found
        return None
    fields = {**data, "type": _our_type(envelope["type"]), "event_id": envelope["id"]}
    if envelope.get("time") is not None:
        fields["occurred_at"] = envelope["time"]
    if fields.get("source") is None:
        fields["source"] = envelope["source"]
    if fields.get("ticket_id") is None and envelope.get("subject") is not None and _is_about_a_ticket(fields):
        fields["ticket_id"] = envelope["subject"]
    return fields


def _faults(envelope: Mapping[str, Any], place: str) -> list[Fault]:
    faults = [
        _fault(envelope, place, name, "text that is not empty")
        for name in ("id", "source")
        if not isinstance(envelope.get(name), str) or not envelope[name]
    ]
    if envelope.get("specversion") != "1.0":
        faults.append(_fault(envelope, place, "specversion", '"1.0"'))
    type = envelope.get("type")
    if _our_type(type) is None:
        told_inside = isinstance(type, str) and type.endswith(OURS)
        known = f"one of {', '.join(TYPES)}, plain or after a prefix"
        faults.append(_fault(envelope, place, "type", NOT_FROM_OUTSIDE if told_inside else known))
    return faults


def _fault(envelope: Mapping[str, Any], place: str, name: str, expected: str) -> Fault:
    came = shown(envelope[name]) if name in envelope else "nothing"
    return fault(at=joined(place, name), came=came, expected=expected)


def _our_type(type: Any) -> str | None:
    if not isinstance(type, str):
        return None
    return next((ours for ours in TYPES if type == ours or type.endswith("." + ours)), None)


def _is_about_a_ticket(fields: Mapping[str, Any]) -> bool:
    return str(fields["type"]).startswith("ticket.") or fields["type"] in ("survey.answered", "review.scored")


def _data(envelope: Mapping[str, Any], place: str, faults: list[Fault]) -> dict[str, Any]:
    data = envelope.get("data")
    if "data" not in envelope and isinstance(envelope.get("data_base64"), str):
        try:
            data = parsed(base64.b64decode(envelope["data_base64"].encode(), validate=True))
        except (binascii.Error, ValueError, Untranslatable):
            faults.append(fault(joined(place, "data_base64"), "something else", "JSON in base64"))
            return {}
    if isinstance(data, dict):
        return data
    faults.append(fault(joined(place, "data"), shown(data), "an object with the event's fields"))
    return {}
