"""What is wrong with a canonical event, in plain words: where, what came, and what would have been right."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from services.adapters.helpdesks.fields import shown
from services.core.timeline import TAKEN_UP, TICKET_TOLD, VISIT_TOLD, WAIT_INHERITED

INSTANT = "an instant with its zone, from 1970 to 2199, such as 2026-03-02T09:00:00Z"
ID = "an id: 1 to 200 characters, no spaces, no braces"
WORD = "text of at most 200 characters on one line"
OURS = (TAKEN_UP, WAIT_INHERITED, TICKET_TOLD, VISIT_TOLD)
"""The types of what deskpulse's own entities tell each other."""
NOT_FROM_OUTSIDE = "an event of a helpdesk: what entities tell each other is made in deskpulse, never sent to it"
_WORDS = {
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "tuple_type": "a list",
}


Fault = dict[str, str]
"""One thing that is wrong with an event: `at`, `came`, `expected`."""


def fault(at: str, came: str, expected: str) -> Fault:
    """A fault of these three."""
    return {"at": at, "came": came, "expected": expected}


def joined(place: str, name: str) -> str:
    """`[3].occurred_at`, or `occurred_at` where only one event was posted."""
    return f"{place}.{name}" if place else name


def faults_of(error: ValidationError, place: str, fields: Mapping[str, Any]) -> list[Fault]:
    """Each fault that pydantic found in the event at ``place``."""
    return [_fault(each, place, fields) for each in error.errors(include_url=False)]


def _fault(error: Any, place: str, fields: Mapping[str, Any]) -> Fault:
    kind: str = error["type"]
    if kind == "union_tag_not_found" and "derived" in fields:
        return fault(joined(place, "derived"), shown(fields["derived"]), NOT_FROM_OUTSIDE)
    if kind == "union_tag_not_found":
        return fault(joined(place, "type"), "nothing", "an event type, such as 'ticket.created'")
    if kind == "union_tag_invalid":
        expected = NOT_FROM_OUTSIDE if fields["type"] in OURS else f"one of {error['ctx']['expected_tags']}"
        return fault(joined(place, "type"), shown(fields["type"]), expected)
    path = error["loc"][1:]  # the first is the event's type
    came = "nothing" if kind == "missing" else shown(error["input"])
    return fault(_path(place, path), came, _expected(error, str(path[0]) if path else ""))


def _path(place: str, path: Sequence[Any]) -> str:
    at = place
    for step in path:
        at = f"{at}[{step}]" if isinstance(step, int) else joined(at, str(step))
    return at or "body"


def _expected(error: Any, name: str) -> str:
    kind: str = error["type"]
    if kind == "literal_error":
        return f"one of {error['ctx']['expected']}"
    if name.endswith("_at"):
        return INSTANT
    if kind in _WORDS:
        return _WORDS[kind]
    if name.endswith("_id") and kind != "string_too_long":
        return ID
    if kind.startswith("string_"):
        return ID if name.endswith("_id") else WORD
    if kind == "missing":
        return "a value"
    return str(error["msg"]).removeprefix("Value error, ")
