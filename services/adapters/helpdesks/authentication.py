"""Who sent a delivery: what each vendor signs, how, and where it puts the proof. A new vendor is a row.

The proof is computed over the exact bytes received. Every secret is tried, always all of them, and compared in
constant time; which algorithm counts is ours to say, never the request's.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from services.adapters.helpdesks.instants import rfc3339
from services.errors import BadSignature


@dataclass(frozen=True)
class SignedTime:
    """A time that is part of what is signed, so that an old delivery cannot be sent again."""

    header: str
    unit: Literal["rfc3339", "seconds", "milliseconds"]


@dataclass(frozen=True)
class Scheme:
    """One way to prove who sends.

    ``signed`` is what goes under the HMAC: `{body}`, `{time}` (the time header's value), `{method}`, `{url}` stand
    for their bytes, the rest for itself. Without ``algorithm`` the header holds the secret itself, as HTTP Basic's
    password (any user) or plain.
    """

    header: str
    encoding: Literal["hex", "base64", "basic", "plain"]
    algorithm: Literal["sha1", "sha256"] | None = None
    prefix: str = ""
    signed: tuple[str, ...] = ("{body}",)
    time: SignedTime | None = None


SCHEMES: Mapping[str, tuple[Scheme, ...]] = {
    "zendesk": (
        Scheme(
            header="x-zendesk-webhook-signature",
            encoding="base64",
            algorithm="sha256",
            signed=("{time}", "{body}"),
            time=SignedTime("x-zendesk-webhook-signature-timestamp", "rfc3339"),
        ),
    ),
    # Before 2026 (about v4.12) Chatwoot signed nothing: such a delivery has no proof and is refused.
    "chatwoot": (
        Scheme(
            header="x-chatwoot-signature",
            encoding="hex",
            algorithm="sha256",
            prefix="sha256=",
            signed=("{time}", ".", "{body}"),
            time=SignedTime("x-chatwoot-timestamp", "seconds"),
        ),
    ),
    # An automation rule signs nothing; it can send a password or a header of its own.
    "freshdesk": (
        Scheme(header="authorization", encoding="basic", prefix="Basic "),
        Scheme(header="x-deskpulse-secret", encoding="plain"),
    ),
}
"""By vendor; where there are several ways, any one will do."""

CREDENTIAL_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key"}
    | {scheme.header for schemes in SCHEMES.values() for scheme in schemes}
)
"""Headers that are never written down."""


@dataclass(frozen=True)
class Request:
    """What of a request can be signed; headers by lower-case name."""

    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"
    url: str = ""


def authenticate(
    schemes: Sequence[Scheme], request: Request, secrets: Sequence[bytes], now: datetime, tolerance: timedelta
) -> None:
    """Return when ``request`` proves, by one of ``schemes``, that its sender knows one of ``secrets``.

    Raises:
        BadSignature: it does not; the message says no more than that.
    """
    proven = False
    for scheme in schemes:
        proven |= _proves(scheme, request, secrets, now, tolerance)
    if not proven:
        raise BadSignature("the delivery does not prove who sent it")


def _proves(scheme: Scheme, request: Request, secrets: Sequence[bytes], now: datetime, tolerance: timedelta) -> bool:
    proof = _decoded(scheme, request.headers.get(scheme.header))
    if proof is None:
        return False
    if scheme.time is not None:
        signed_at = _signed_at(scheme.time, request.headers.get(scheme.time.header))
        if signed_at is None or abs(now - signed_at) > tolerance:
            return False
    matched = False
    for secret in secrets:
        matched |= hmac.compare_digest(proof, _expected(scheme, request, secret))
    return matched


def _expected(scheme: Scheme, request: Request, secret: bytes) -> bytes:
    if scheme.algorithm is None:
        return hashlib.sha256(secret).digest()
    mac = hmac.new(secret, digestmod=scheme.algorithm)
    for part in scheme.signed:
        mac.update(_signed_bytes(scheme, request, part))
    return mac.digest()


def _signed_bytes(scheme: Scheme, request: Request, part: str) -> bytes:
    match part:
        case "{body}":
            return request.body
        case "{time}" if scheme.time is not None:
            return request.headers[scheme.time.header].encode("latin-1")
        case "{method}":
            return request.method.encode()
        case "{url}":
            return request.url.encode()
    return part.encode()


_HEX = re.compile(r"[0-9a-f]+")


def _decoded(scheme: Scheme, value: str | None) -> bytes | None:
    """The proof's bytes, decoded strictly; None when the header is missing or is not what it should be.

    A static credential comes back as its SHA-256, so that the comparison leaks no length either.
    """
    if value is None:
        return None
    start, text = value[: len(scheme.prefix)], value[len(scheme.prefix) :]
    if start != scheme.prefix and not (scheme.encoding == "basic" and start.lower() == scheme.prefix.lower()):
        return None
    try:
        match scheme.encoding:
            case "hex":
                return bytes.fromhex(text) if _HEX.fullmatch(text) else None
            case "base64":
                return base64.b64decode(text.encode("ascii"), validate=True)
            case "basic":
                _, colon, password = base64.b64decode(text.encode("ascii"), validate=True).partition(b":")
                return hashlib.sha256(password).digest() if colon else None
            case "plain":
                return hashlib.sha256(text.encode("latin-1")).digest()
    except (binascii.Error, ValueError):
        return None


_DIGITS = re.compile(r"[0-9]{1,15}")


def _signed_at(time: SignedTime, value: str | None) -> datetime | None:
    if value is None:
        return None
    if time.unit == "rfc3339":
        return rfc3339(value)
    if not _DIGITS.fullmatch(value):
        return None
    try:
        return datetime.fromtimestamp(int(value) / (1000 if time.unit == "milliseconds" else 1), UTC)
    except (OverflowError, ValueError, OSError):
        return None
