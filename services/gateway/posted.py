"""What POST /events takes: canonical events, one or a list, and CloudEvents 1.0 around them. All or none."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from schemas.events import EVENT, AnyEvent
from services.adapters.event_faults import Fault, fault, faults_of
from services.adapters.helpdesks.fields import shown
from services.adapters.helpdesks.strict_json import parsed
from services.errors import NoEvent, Untranslatable
from services.gateway import cloudevents

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MAX_FAULTS = 100


def posted_events(headers: Mapping[str, str], body: bytes, received_at: datetime) -> list[AnyEvent]:
    """The events of a request; ``headers`` by lower-case name.

    Fields that no event has are dropped: what is not needed for a figure is not stored.

    Raises:
        NoEvent: at least one is no event; its `faults` name each place.
    """
    faults: list[Fault] = []
    events: list[AnyEvent] = []
    enveloped, items = _items(headers, body)
    for place, item in items:
        if not isinstance(item, dict):
            faults.append(fault(place or "body", shown(item), "an object"))
            continue
        fields = cloudevents.unwrapped(item, place, faults) if enveloped else item
        if fields is None:
            continue
        try:
            event = EVENT.validate_python(fields).model_copy(update={"received_at": received_at})
        except ValidationError as error:
            faults += faults_of(error, place, fields)
            continue
        if event.model_extra:
            event.model_extra.clear()
        events.append(event)
    if faults:
        raise NoEvent(faults[:MAX_FAULTS])
    return events


def _items(headers: Mapping[str, str], body: bytes) -> tuple[bool, list[tuple[str, Any]]]:
    """Whether CloudEvents were posted, and each item with its place."""
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        content = parsed(body)
    except Untranslatable as error:
        raise NoEvent([fault("body", str(error), "JSON, in UTF-8")]) from None
    if media == STRUCTURED:
        return True, [("", content)]
    if media == BATCH and not isinstance(content, list):
        raise NoEvent([fault("body", shown(content), "a list of CloudEvents")])
    if media != BATCH and "ce-specversion" in headers:
        return True, [("", cloudevents.from_headers(headers, content))]
    if isinstance(content, list):
        return media == BATCH, [(f"[{number}]", each) for number, each in enumerate(content)]
    return False, [("", content)]
