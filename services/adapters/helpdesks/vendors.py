"""Every helpdesk that we understand: how it proves itself, and what its deliveries mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.events import AnyEvent
from services.adapters.helpdesks import chatwoot, freshdesk, zendesk
from services.adapters.helpdesks.authentication import SCHEMES, Scheme
from services.adapters.helpdesks.delivery import Delivery, headers
from services.errors import UnknownSource


@dataclass(frozen=True)
class Vendor:
    """One helpdesk product."""

    schemes: tuple[Scheme, ...]
    translate: Callable[[Delivery], list[AnyEvent]]
    """Pure. An empty list: the delivery is understood, and no figure depends on it."""


VENDORS: Mapping[str, Vendor] = {
    "chatwoot": Vendor(SCHEMES["chatwoot"], chatwoot.translate),
    "freshdesk": Vendor(SCHEMES["freshdesk"], freshdesk.translate),
    "zendesk": Vendor(SCHEMES["zendesk"], zendesk.translate),
}


def vendor_called(name: str) -> Vendor:
    """The vendor of that name.

    Raises:
        UnknownSource: there is none.
    """
    vendor = VENDORS.get(name)
    if vendor is None:
        raise UnknownSource(f"no vendor is called {name!r}; known: {', '.join(VENDORS)}")
    return vendor


def events_of(delivery: Delivery) -> list[AnyEvent]:
    """The events of ``delivery``, with whose they are and when they came.

    Raises:
        UnknownSource: no such vendor.
        Untranslatable: nothing that we can use; its `reason` is one word.
    """
    came = {"source": delivery.vendor, "tenant": delivery.tenant, "received_at": delivery.received_at}
    return [each.model_copy(update=came) for each in vendor_called(delivery.vendor).translate(delivery)]


def translated(
    vendor: str, body: bytes, request_headers: Mapping[str, str], received_at: datetime, tenant: str
) -> list[AnyEvent]:
    """What a delivery becomes, without asking who sent it; requesters are as the helpdesk names them.

    Raises:
        UnknownSource: no such vendor.
        Untranslatable: nothing that we can use; its `reason` is one word.
    """
    return events_of(Delivery(vendor, tenant, body, headers(request_headers.items()), received_at))
