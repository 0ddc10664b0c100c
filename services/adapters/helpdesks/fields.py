"""Fields out of a vendor's JSON, and events of them; what is missing or odd becomes a sentence that names it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from schemas.events import EVENT, AnyEvent
from services.errors import Untranslatable

NOBODY = ("", "0", "null", "nil", "none")


def obj(value: Any, where: str) -> Mapping[str, Any]:
    """``value`` as an object.

    Raises:
        Untranslatable: schema.
    """
    if isinstance(value, dict):
        return value
    raise Untranslatable("schema", f"{where} is {kind(value)}, it should be an object")


def optional_obj(value: Any) -> Mapping[str, Any]:
    """``value`` when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def optional_id(value: Any, where: str) -> str | None:
    """An id as text; None when it is told to be nobody: null, empty or 0.

    Raises:
        Untranslatable: number (a fraction), or id.
    """
    if value is None:
        return None
    if isinstance(value, float):
        raise Untranslatable("number", f"{where} is {value}, an id is a whole number or text")
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise Untranslatable("id", f"{where} is {kind(value)}, an id is a whole number or text")
    text = str(value).strip()
    return None if text.lower() in NOBODY else text


def required_id(value: Any, where: str) -> str:
    """An id as text.

    Raises:
        Untranslatable: schema (it is missing), number, or id.
    """
    text = optional_id(value, where)
    if text is None:
        raise Untranslatable("schema", f"{where} is {kind(value)}, the id of somebody or something is needed")
    return text


def word(value: Any) -> str:
    """``value`` in lower case when it is text, else an empty text."""
    return value.strip().lower() if isinstance(value, str) else ""


def words(value: Any) -> list[str]:
    """The texts of a list."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def at(value: Any, where: str, read: Callable[[Any], datetime | None]) -> datetime:
    """The instant of ``value``.

    Raises:
        Untranslatable: time.
    """
    instant = read(value)
    if instant is None:
        raise Untranslatable("time", f"{where} is {shown(value)}, no instant that we can read")
    return instant


def known(table: Mapping[str, str], value: Any, where: str) -> str:
    """What ``table`` makes of ``value``.

    Raises:
        Untranslatable: schema.
    """
    found = table.get(word(value))
    if found is None:
        raise Untranslatable("schema", f"{where} is {shown(value)}; known: {', '.join(table)}")
    return found


def fingerprint(*parts: Any) -> str:
    """A deterministic event id for a delivery whose vendor gives none: equal parts, equal id."""
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def event(**fields: Any) -> AnyEvent:
    """One event of our vocabulary; a field of `...` is left out: the delivery does not tell it.

    Raises:
        Untranslatable: id, time, number or schema, by the field that does not fit.
    """
    told = {name: value for name, value in fields.items() if value is not ...}
    try:
        return EVENT.validate_python(told)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = str(fault["loc"][-1]) if fault["loc"] else "event"
        raise Untranslatable(_reason(field), f"{field} is {shown(told.get(field))}: {fault['msg']}") from None


def told(value: Any) -> Any:
    """``value``, or `...` (leave it out) for None."""
    return ... if value is None else value


def _reason(field: str) -> str:
    if field.endswith("_at"):
        return "time"
    if field.endswith("_id"):
        return "id"
    return "number" if field == "score" else "schema"


def kind(value: Any) -> str:
    """What sort of JSON value it is, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "missing or null"}
    return names.get(type(value), "a number")


def shown(value: Any) -> str:
    """``value`` as it may appear in a sentence: short, on one line, without control characters."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
