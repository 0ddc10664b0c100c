"""What the gateway appends: canonical events, and dead letters with everything that is needed to try them again."""

import json

from schemas.codec import encode
from schemas.events import AnyEvent
from schemas.topics import DEAD_LETTERS, route
from services.adapters.event_log import Record
from services.adapters.helpdesks.authentication import CREDENTIAL_HEADERS
from services.adapters.helpdesks.delivery import Delivery
from services.errors import Untranslatable


def event_record(event: AnyEvent) -> Record:
    """``event`` for its topic, under its entity's key."""
    topic, key = route(event)
    return Record(topic, key, encode(event))


def dead_letter(delivery: Delivery, error: Untranslatable) -> Record:
    """The delivery's exact bytes; beside them why, whose, when, and its headers without any credential."""
    kept = {name: value for name, value in delivery.headers.items() if name not in CREDENTIAL_HEADERS}
    about = {
        "reason": error.reason,
        "sentence": str(error),
        "vendor": delivery.vendor,
        "tenant": delivery.tenant,
        "received_at": delivery.received_at.isoformat(),
        "headers": json.dumps(kept),
    }
    return Record(DEAD_LETTERS, None, delivery.body, tuple((name, text.encode()) for name, text in about.items()))
