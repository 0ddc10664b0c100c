"""What each tenant of each vendor signs with, as `DESKPULSE_WEBHOOK_SECRETS` lists it."""

import re
from collections.abc import Mapping

from services.adapters.helpdesks.vendors import VENDORS
from services.config import Settings
from services.errors import Misconfigured

MAX_SECRETS = 2
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SEPARATOR = re.compile(r"[,\n\r]")

Secrets = Mapping[tuple[str, str], tuple[bytes, ...]]
"""By vendor and tenant."""


def believed(settings: Settings) -> Secrets:
    """The secrets that `DESKPULSE_WEBHOOK_SECRETS` lists; a tenant may have two while one replaces the other.

    Raises:
        Misconfigured: an entry is not `vendor/tenant=secret`; the message names its place, never its secret.
    """
    secrets: dict[tuple[str, str], tuple[bytes, ...]] = {}
    entries = [entry.strip() for entry in _SEPARATOR.split(settings.webhook_secrets.get_secret_value())]
    for number, entry in enumerate(filter(None, entries), start=1):
        source, equals, secret = entry.partition("=")
        vendor, slash, tenant = source.strip().partition("/")
        where = f"DESKPULSE_WEBHOOK_SECRETS, entry {number}"
        if not equals or not slash or not secret.strip():
            raise Misconfigured(f"{where}: an entry is vendor/tenant=secret")
        if vendor not in VENDORS:
            raise Misconfigured(f"{where}: no vendor is called {vendor!r}; known: {', '.join(VENDORS)}")
        if not _TENANT.fullmatch(tenant):
            raise Misconfigured(f"{where}: a tenant is 1 to 64 letters, digits, '_', '.' or '-', got {tenant!r}")
        held = (*secrets.get((vendor, tenant), ()), secret.strip().encode())
        if len(held) > MAX_SECRETS:
            raise Misconfigured(f"{where}: {vendor}/{tenant} has more than {MAX_SECRETS} secrets; drop the oldest")
        secrets[vendor, tenant] = held
    return secrets
