"""What the gateway appends: canonical events, and dead letters with everything that is needed to try them again."""

import json
from collections.abc import Mapping

from schemas.codec import encode
from schemas.events import AnyEvent
from schemas.topics import DEAD_LETTERS, route
from services.adapters.event_log import Record
from services.adapters.helpdesks.authentication import CREDENTIAL_HEADERS
from services.adapters.helpdesks.delivery import Delivery
from services.errors import Untranslatable

KEPT_HEADERS_BYTES = 16 * 1024
"""Of a dead letter, as JSON: a sender may name any, and escapes make each six times longer."""


def event_record(event: AnyEvent) -> Record:
    """``event`` for its topic, under its entity's key."""
    topic, key = route(event)
    return Record(topic, key, encode(event))


def dead_letter(delivery: Delivery, error: Untranslatable) -> Record:
    """The delivery's exact bytes; beside them why, whose, when, and its headers without any credential."""
    kept, left_out = _kept_headers(delivery.headers)
    about = {
        "reason": error.reason,
        "sentence": str(error),
        "vendor": delivery.vendor,
        "tenant": delivery.tenant,
        "received_at": delivery.received_at.isoformat(),
        "headers": json.dumps(kept),
    }
    if left_out:
        about["headers_left_out"] = str(left_out)
    return Record(DEAD_LETTERS, None, delivery.body, tuple((name, text.encode()) for name, text in about.items()))


def _kept_headers(headers: Mapping[str, str]) -> tuple[dict[str, str], int]:
    """Those that fit, the shortest first, and how many do not."""
    safe = [(name, value) for name, value in headers.items() if name not in CREDENTIAL_HEADERS]
    kept: dict[str, str] = {}
    room = KEPT_HEADERS_BYTES
    for name, value in sorted(safe, key=lambda pair: len(pair[0]) + len(pair[1])):
        room -= len(json.dumps({name: value}))
        if room < 0:
            break
        kept[name] = value
    return kept, len(safe) - len(kept)
