"""JSON from strangers: what two parsers could read in two ways is refused, with a one-word reason."""

import json
import math
import re
from typing import Any

from services.errors import Untranslatable

MAX_DEPTH = 40
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parsed(body: bytes) -> Any:
    """The JSON of ``body``: UTF-8, no repeated keys, finite numbers, at most `MAX_DEPTH` levels.

    Raises:
        Untranslatable: not_json, utf8, depth, dup_key or number.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Untranslatable("utf8", f"the body is not UTF-8 at byte {error.start}") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        raise Untranslatable("not_json", f"the body is no JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise Untranslatable("depth", f"the body nests deeper than {MAX_DEPTH} levels") from None
    if _deeper_than(value, MAX_DEPTH):
        raise Untranslatable("depth", f"the body nests deeper than {MAX_DEPTH} levels")
    if _SURROGATE.search(text) and not _encodable(value):
        raise Untranslatable("utf8", "the body escapes half of a surrogate pair, which is no character")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Untranslatable("dup_key", "an object in the body has the same key twice")
    return value


def _int(digits: str) -> int:
    if len(digits) > 20:
        raise Untranslatable("number", f"a number in the body has {len(digits)} digits, more than 20")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Untranslatable("number", "a number in the body is too large")
    return value


def _constant(name: str) -> Any:
    raise Untranslatable("not_json", f"the body holds {name}, which is no JSON")


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        children = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
        ]
        level = [child for child in children if isinstance(child, (dict, list))]
        if not level:
            return False
    return True


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
