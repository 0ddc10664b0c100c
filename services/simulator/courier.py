"""Carries what the centre tells to the gateway, and tries again until it is taken."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

from services.adapters.helpdesks.secrets import believed
from services.adapters.serving import url_of
from services.config import Settings
from services.errors import Misconfigured
from services.simulator.desk import Parcel
from services.simulator.zendesk_shape import signed_headers

CONNECTIONS = 32
_WAITING = 400
"""Parcels that may wait here; then whoever brings more has to wait."""
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_TIMEOUT = aiohttp.ClientTimeout(total=30)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where things go, and what proves that they come from us."""

    gateway: str
    tenant: str
    secret: bytes
    token: str

    @property
    def webhook(self) -> str:
        return f"{self.gateway}/webhooks/zendesk/{self.tenant}"

    @property
    def events(self) -> str:
        return f"{self.gateway}/events"


def addresses(settings: Settings) -> Addresses:
    """The addresses and credentials of the simulated account.

    Raises:
        Misconfigured: the secret or the token is missing.
    """
    account = f"zendesk/{settings.simulator_tenant}"
    secrets = believed(settings).get(("zendesk", settings.simulator_tenant))
    if not secrets:
        raise Misconfigured(
            f"the simulator signs as {account}, and no secret is set for it; "
            f"set DESKPULSE_WEBHOOK_SECRETS={account}=<secret>, the same for gateway and simulator"
        )
    if settings.events_token is None:
        raise Misconfigured(
            "the simulator sends presence to POST /events, which needs a token; "
            "set DESKPULSE_EVENTS_TOKEN, the same for gateway and simulator"
        )
    gateway = settings.gateway_url or url_of(settings.gateway_host, settings.gateway_port)
    token = settings.events_token.get_secret_value()
    return Addresses(gateway.rstrip("/"), settings.simulator_tenant, secrets[0], token)


class Courier:
    """Some connections to the gateway, each carrying one parcel at a time. Order is kept roughly."""

    def __init__(self, session: aiohttp.ClientSession, to: Addresses, say: Say) -> None:
        self._session = session
        self._to = to
        self._say = say
        self._parcels: asyncio.Queue[Parcel] = asyncio.Queue(_WAITING)
        self._away = False

    async def send(self, parcel: Parcel) -> None:
        """Have ``parcel`` carried; returns when there is room for it."""
        await self._parcels.put(parcel)

    async def arrived(self) -> None:
        """Returns when the gateway has taken everything so far."""
        await self._parcels.join()

    async def gateway_answers(self) -> None:
        """Returns when somebody answers at the gateway's address."""
        pause_s, told = _FIRST_PAUSE_S, False
        while True:
            try:
                async with self._session.get(f"{self._to.gateway}/healthz"):
                    return
            except (aiohttp.ClientError, TimeoutError, OSError):
                if not told:
                    self._say(f"waiting for the gateway at {self._to.gateway} ...")
                    told = True
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 1)

    async def carry(self) -> None:
        """Carry one parcel after another, for ever.

        Raises:
            Misconfigured: the gateway does not know us.
        """
        while True:
            parcel = await self._parcels.get()
            pause_s = _FIRST_PAUSE_S
            while (wait_s := await self._post(parcel)) is not None:
                self._note_away(True)
                await asyncio.sleep(max(wait_s, pause_s))
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            self._note_away(False)
            self._parcels.task_done()

    async def _post(self, parcel: Parcel) -> float | None:
        """Try once: None when it was taken, else how many seconds the gateway asks us to wait."""
        url = self._to.webhook if parcel.webhook else self._to.events
        # Signed at each try: a signature grows too old while the gateway is away.
        headers = (
            signed_headers(parcel.body, self._to.secret, datetime.now(UTC))
            if parcel.webhook
            else {"Content-Type": "application/json", "Authorization": f"Bearer {self._to.token}"}
        )
        try:
            async with self._session.post(url, data=parcel.body, headers=headers) as answer:
                if answer.status < 300:
                    await answer.read()
                    return None
                if answer.status == 429 or answer.status >= 500:
                    return _seconds(answer.headers.get("Retry-After"))
                raise Misconfigured(_refusal(url, answer.status, await answer.text()))
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0.0

    def _note_away(self, away: bool) -> None:
        if away != self._away:
            self._away = away
            self._say("the gateway takes nothing at the moment; trying again" if away else "the gateway is back")


@asynccontextmanager
async def open_courier(to: Addresses, say: Say) -> AsyncIterator[Courier]:
    """A courier on its way; what it carries at the end is let go.

    Raises:
        Misconfigured: the gateway does not know us (as the member of a group).
    """
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=60)
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session, asyncio.TaskGroup() as group:
        courier = Courier(session, to, say)
        carriers = [group.create_task(courier.carry()) for _ in range(CONNECTIONS)]
        try:
            yield courier
        finally:
            for carrier in carriers:
                carrier.cancel()


def _seconds(retry_after: Any) -> float:
    try:
        return min(max(float(retry_after), 0), 60)
    except (TypeError, ValueError):
        return 0.0


def _refusal(url: str, status: int, text: str) -> str:
    if status in (401, 403, 404):
        return (
            f"the gateway answered {status} at {url}: its DESKPULSE_WEBHOOK_SECRETS or DESKPULSE_EVENTS_TOKEN "
            "are not the simulator's; give both the same"
        )
    return f"the gateway answered {status} at {url}: {text[:300]}"
