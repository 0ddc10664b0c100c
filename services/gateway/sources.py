"""Whom the gateway believes: the secrets of each tenant of each vendor, and the token of POST /events."""

import hmac

from services.adapters.helpdesks.secrets import Secrets
from services.config import Settings
from services.errors import BadSignature, UnknownSource


def secrets_of(secrets: Secrets, vendor: str, tenant: str) -> tuple[bytes, ...]:
    """What a delivery of this tenant may be signed with.

    Raises:
        UnknownSource: no such vendor or tenant.
    """
    held = secrets.get((vendor, tenant))
    if held is None:
        raise UnknownSource("no such vendor or tenant")
    return held


def check_token(settings: Settings, authorization: str | None) -> None:
    """Return when ``authorization`` bears the token of POST /events.

    Raises:
        BadSignature: it does not, or there is no token, so that nobody may post.
    """
    given = (authorization or "").encode("latin-1", errors="replace")
    expected = b"" if settings.events_token is None else settings.events_token.get_secret_value().encode()
    scheme, _, token = given.partition(b" ")
    if not hmac.compare_digest(token.strip(), expected) or scheme.lower() != b"bearer" or not expected:
        raise BadSignature("the request bears no token that we know")
