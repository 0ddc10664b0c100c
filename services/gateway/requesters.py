"""Requesters are customers: what is stored of one is a keyed hash, the same for the same person."""

import hashlib
import hmac
import logging
import secrets

from schemas.events import AnyEvent
from services.config import Settings

log = logging.getLogger(__name__)
HASH_BYTES = 16


class Requesters:
    """Hides who asked, unless the operator wants it plain."""

    def __init__(self, settings: Settings) -> None:
        self._plain = settings.requester_ids == "plain"
        if settings.privacy_key is not None:
            self._key = settings.privacy_key.get_secret_value().encode()
            return
        self._key = secrets.token_bytes(32)
        if not self._plain:
            log.warning("no DESKPULSE_PRIVACY_KEY: after the next start the same requester has another hash")

    def hidden(self, event: AnyEvent) -> AnyEvent:
        """``event`` with its requester's HMAC-SHA256, cut to 128 bits, as hexadecimal text."""
        if self._plain or event.requester_id is None:
            return event
        mac = hmac.new(self._key, event.requester_id.encode(), hashlib.sha256)
        return event.model_copy(update={"requester_id": mac.digest()[:HASH_BYTES].hex()})
