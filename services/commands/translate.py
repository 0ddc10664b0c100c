"""`deskpulse translate`: what a helpdesk's delivery becomes."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from schemas.codec import encode
from services.adapters.helpdesks.vendors import translated
from services.errors import Misconfigured


def events_of(vendor: str, body: Path, headers: Path | None, tenant: str) -> Iterator[str]:
    """The canonical events of one delivery, as JSON.

    Raises:
        Misconfigured: a file cannot be read.
        Untranslatable, UnknownSource: nothing can be made of it; the message says why.
    """
    try:
        given = {} if headers is None else json.loads(headers.read_text(encoding="utf-8"))
        content = body.read_bytes()
    except (OSError, ValueError) as error:
        raise Misconfigured(f"cannot be read: {error}") from None
    received_at = datetime.fromisoformat(given["sent_at"]) if "sent_at" in given else datetime.now(UTC)
    pairs: Mapping[str, str] = given.get("headers", given)
    for event in translated(vendor, content, pairs, received_at, tenant):
        yield encode(event).decode()
