"""The simulator against a gateway that counts, stumbles or refuses."""

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from rich.console import Console

from schemas.codec import decode, encode
from schemas.events import EVENT
from services.adapters.helpdesks import authentication, zendesk
from services.adapters.helpdesks.delivery import Delivery
from services.adapters.policy_file import load_policy
from services.config import Settings
from services.core.exchange import exchanged
from services.core.rules import Rules
from services.core.tally import Cells, spread
from services.errors import Misconfigured
from services.simulator import app
from services.simulator.agenda import Fields
from services.simulator.app import _squeezed, simulate
from services.simulator.centre import Centre
from services.simulator.courier import addresses
from services.simulator.desk import NOT_TOLD_BY_ZENDESK, Desk
from services.simulator.past import Past, opening

POLICY = Path(app.__file__).parent / "policy.yaml"


class Gateway:
    """Takes what is signed, and keeps it."""

    def __init__(self, stumble: int = 0, refuse: int | None = None) -> None:
        self.events: list[Any] = []
        self.tried: set[str] = set()
        self.tries = 0
        self._stumble = stumble
        self._refuse = refuse

    async def webhook(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        authentication.authenticate(
            authentication.SCHEMES["zendesk"],
            authentication.Request(headers, body),
            [b"s3cret"],
            datetime.now(UTC),
            timedelta(seconds=300),
        )
        return self._answer(zendesk.translate(Delivery("zendesk", "acme", body, headers, datetime.now(UTC))))

    async def posted(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer token"
        facts = await request.json()
        assert all((fact["tenant"], fact["source"]) == ("acme", "zendesk") for fact in facts)
        return self._answer([EVENT.validate_python(fact) for fact in facts])

    def _answer(self, events: list[Any]) -> web.Response:
        self.tries += 1
        self.tried.update(event.event_id for event in events)
        if self._refuse is not None:
            return web.Response(status=self._refuse)
        if self.tries <= self._stumble:
            return web.Response(status=503, headers={"Retry-After": "0"})
        self.events += events
        return web.json_response({"accepted": len(events)})


def _about_tickets(events: list[Any]) -> set[str]:
    """The tickets that events tell of."""
    about = ("ticket.", "survey.", "review.")
    return {event.ticket_id for event in events if event.type.startswith(about) and event.ticket_id is not None}


async def _well(_: web.Request) -> web.Response:
    return web.Response()


@asynccontextmanager
async def serving(gateway: Gateway) -> AsyncIterator[int]:
    app = web.Application(client_max_size=1 << 21)
    app.add_routes([web.post("/webhooks/zendesk/acme", gateway.webhook), web.post("/events", gateway.posted)])
    app.add_routes([web.get("/healthz", _well)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def settings(port: int, **more: Any) -> Settings:
    return Settings.model_validate(
        {
            "gateway_port": port,
            "webhook_secrets": "chatwoot/acme=other, zendesk/acme=s3cret",
            "events_token": "token",
            "simulator_tenant": "acme",
            "simulator_tickets_per_day": 60,
        }
        | more
    )


async def _until(simulation: asyncio.Task[None], condition: Callable[[], bool]) -> None:
    while not condition() and not simulation.done():  # noqa: ASYNC110 - it is other tasks that change it
        await asyncio.sleep(0.01)


async def _until_said(console: Console, phrase: str, simulation: asyncio.Task[None]) -> None:
    await _until(simulation, lambda: phrase in _said(console))


def _said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


async def _stopped(simulation: asyncio.Task[None]) -> None:
    simulation.cancel()
    with suppress(asyncio.CancelledError):
        await simulation


async def test_the_history_arrives_whole_and_makes_sense_alone() -> None:
    gateway, console = Gateway(), _quiet()
    async with serving(gateway) as port, asyncio.timeout(60):
        simulation = asyncio.create_task(simulate(settings(port), console))
        await _until_said(console, "going on live", simulation)
        await _stopped(simulation)

    created = {event.ticket_id for event in gateway.events if event.type == "ticket.created"}
    assert _about_tickets(gateway.events) == created, "no event about a ticket that was never opened"
    assert len(gateway.events) > 300
    assert max(Counter(event.event_id for event in gateway.events).values()) == 1


async def test_a_stumbling_gateway_loses_nothing() -> None:
    gateway, console = Gateway(stumble=40), _quiet()
    async with serving(gateway) as port, asyncio.timeout(60):
        simulation = asyncio.create_task(simulate(settings(port, simulator_tickets_per_day=30), console))
        await _until_said(console, "going on live", simulation)
        await _stopped(simulation)

    taken = Counter(event.event_id for event in gateway.events)
    assert set(taken) == gateway.tried
    assert max(taken.values()) == 1
    assert "trying again" in _said(console)
    assert "the gateway is back" in _said(console)


async def test_a_slow_gateway_gets_the_same_history_in_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.simulator.app._WEBHOOKS_AT_MOST_S", -1)
    gateway, console = Gateway(), _quiet()
    async with serving(gateway) as port, asyncio.timeout(60):
        simulation = asyncio.create_task(simulate(settings(port), console))
        await _until_said(console, "going on live", simulation)
        tries = gateway.tries
        await _stopped(simulation)

    created = {event.ticket_id for event in gateway.events if event.type == "ticket.created"}
    assert _about_tickets(gateway.events) == created
    assert "0 of them as webhooks" in _said(console)
    assert tries < len(gateway.events) / 20


def test_lists_tell_what_webhooks_tell() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    desk = Desk("acme")
    facts = list(Centre(7, start, 300).facts(start + timedelta(hours=6)))
    parcels = [*desk.parcels(facts), *desk.rest()]

    listed = [fact for parcel in desk.in_lists(parcels) for fact in parcel.facts]

    assert {fact["event_id"].removesuffix("/beside") for fact in listed} == {fact["event_id"] for fact in facts}
    assert len({fact["event_id"] for fact in listed}) == len(listed) == sum(len(each.facts) for each in parcels)
    assert all(fact["tenant"] == "acme" for fact in listed)


def test_what_zendesk_cannot_tell_comes_beside() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    facts = list(Centre(7, start, 300).facts(start + timedelta(days=1)))
    desk = Desk("acme")
    parcels = [*desk.parcels(facts), *desk.rest()]
    rules = Rules(load_policy(POLICY))

    def cells(sent: Iterable[Fields]) -> Cells:
        whole: Cells = {}
        arrived = [
            decode(encode(EVENT.validate_python(fact | {"tenant": "acme", "source": "zendesk"}))) for fact in sent
        ]
        for entity in exchanged(arrived, rules).values():
            spread(entity.told.tallies, whole)
        return whole

    assert cells(fact for parcel in parcels for fact in parcel.facts) == cells(facts)
    webhooks = [fact for parcel in parcels if parcel.webhook for fact in parcel.facts]
    assert not any(name in fact for fact in webhooks for name in NOT_TOLD_BY_ZENDESK)
    assert len(webhooks) > len(facts) / 4


def test_a_time_lapse_squeezes_plans_as_well() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    plan = {
        "type": "agent.scheduled",
        "occurred_at": start,
        "begins_at": start,
        "ends_at": start + timedelta(hours=8),
    }

    assert _squeezed(plan, start, 10) == plan | {"ends_at": start + timedelta(minutes=48)}


async def test_live_traffic_goes_on_after_the_history() -> None:
    gateway, console = Gateway(), _quiet()
    async with serving(gateway) as port, asyncio.timeout(60):
        simulation = asyncio.create_task(simulate(settings(port, simulator_speed=1000), console))
        await _until_said(console, "going on live", simulation)
        sent = len(gateway.events)
        await _until(simulation, lambda: len(gateway.events) >= sent + 20)
        await _stopped(simulation)

    assert len(gateway.events) >= sent + 20
    now = datetime.now(UTC)
    assert all(event.occurred_at <= now for event in gateway.events), "a time lapse never reaches the future"


async def test_a_gateway_that_does_not_know_us_ends_it_with_a_sentence() -> None:
    async with serving(Gateway(refuse=401)) as port, asyncio.timeout(60):
        with pytest.RaisesGroup(
            pytest.RaisesExc(Misconfigured, match="DESKPULSE_WEBHOOK_SECRETS"), allow_unwrapped=True
        ):
            await simulate(settings(port), _quiet())


async def test_it_waits_for_a_gateway_that_is_away(unused_tcp_port: int) -> None:
    console = _quiet()
    simulation = asyncio.create_task(simulate(settings(unused_tcp_port), console))
    async with asyncio.timeout(60):
        await _until_said(console, "waiting for the gateway", simulation)

    assert not simulation.done()
    await _stopped(simulation)


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ({"webhook_secrets": "zendesk/other=x"}, "DESKPULSE_WEBHOOK_SECRETS=zendesk/acme"),
        ({"events_token": None}, "DESKPULSE_EVENTS_TOKEN"),
    ],
)
def test_a_missing_credential_is_named(missing: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Misconfigured, match=sentence):
        addresses(settings(1, **missing))


def test_the_gateway_is_found_where_it_listens() -> None:
    assert addresses(settings(1, gateway_host="0.0.0.0")).webhook == "http://127.0.0.1:1/webhooks/zendesk/acme"
    assert addresses(settings(1, gateway_host="::")).events == "http://[::1]:1/events"
    assert addresses(settings(1, gateway_url="https://kpi.example.com/")).events == "https://kpi.example.com/events"


def test_a_second_start_in_the_same_week_tells_the_same() -> None:
    day = timedelta(days=1)
    morning = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)

    assert opening(morning, day) == opening(morning + timedelta(hours=9), day) == datetime(2026, 3, 9, tzinfo=UTC)
    assert opening(morning - day, day) == datetime(2026, 3, 2, tzinfo=UTC)


def test_the_past_keeps_open_tickets_and_agents_at_work() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    centre, past = Centre(7, start), Past()
    facts = list(centre.facts(start + timedelta(days=2)))
    for fact in facts:
        past.note(fact)

    kept = past.kept(centre.unfinished)

    of_tickets = [fact for fact in facts if fact.get("ticket_id") in centre.unfinished]
    busy = [fact for fact in of_tickets if fact["type"] == "agent.state_changed"]
    assert [fact for fact in kept if fact.get("ticket_id") in centre.unfinished] == of_tickets
    assert busy, "who took a ticket up goes with it, or its customer would seem to wait still"
    assert 0 < sum(fact["type"] == "agent.state_changed" for fact in kept) < 2000
    plans = [fact for fact in kept if fact["type"] == "agent.scheduled"]
    assert plans
    assert all(fact["ends_at"] > start + timedelta(days=1, hours=23) for fact in plans), "what is over is left out"
