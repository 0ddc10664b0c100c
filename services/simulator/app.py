"""The simulator: sends the last 24 hours as fast as the gateway takes them, then goes on live."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice

import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.config import Settings
from services.errors import Misconfigured
from services.simulator.agenda import Fields
from services.simulator.centre import Centre
from services.simulator.courier import Courier, addresses, open_courier
from services.simulator.desk import Desk, Parcel
from services.simulator.past import Past, opening

HISTORY = timedelta(hours=24)
HISTORY_AT_MOST_S = 20.0
_WEBHOOKS_AT_MOST_S = 9.0
"""After which what is left of the history goes in lists of canonical events: the same events, far fewer requests."""
_SLOWLY_S = 0.5
"""Pause between the lists of a history that took too long, beside live traffic."""
_TICK_S = 0.2
_SLICE = 1000
"""Events made in one go before others may run."""


InLists = Callable[[Iterable[Parcel]], Iterator[Parcel]]


def main(settings: Settings) -> None:
    """Simulate until SIGINT or SIGTERM.

    Raises:
        Misconfigured: a secret is missing, or the gateway does not know us.
    """
    try:
        uvloop.run(_until_signalled(settings))
    except ExceptionGroup as group:
        refused = group.subgroup(Misconfigured)
        if refused is None:
            raise
        raise Misconfigured(str(refused.exceptions[0])) from None


async def _until_signalled(settings: Settings) -> None:
    simulation = asyncio.ensure_future(simulate(settings, Console()))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, simulation.cancel)
    with suppress(asyncio.CancelledError):
        await simulation


async def simulate(settings: Settings, console: Console) -> None:
    """Send the past, then the present, for ever."""

    def say(sentence: str) -> None:
        console.print(f"simulator: {sentence}", highlight=False, soft_wrap=True)

    async with open_courier(addresses(settings), say) as courier:
        await courier.gateway_answers()
        now = datetime.now(UTC)
        centre = Centre(settings.simulator_seed, opening(now, HISTORY), settings.simulator_tickets_per_day)
        desk = Desk(settings.simulator_tenant)
        history = History([parcel async for parcel in _history(centre, desk, now)], desk.in_lists, console)
        sending = asyncio.create_task(history.send(courier))
        try:
            await asyncio.wait({sending}, timeout=HISTORY_AT_MOST_S)
            if sending.done():
                sending.result()
            else:
                history.pause_s = _SLOWLY_S
                say(f"{HISTORY_AT_MOST_S:.0f} s are over; the rest of the history goes beside the live traffic")
            await _live(centre, desk, courier, now, settings.simulator_speed)
        finally:
            sending.cancel()


async def _history(centre: Centre, desk: Desk, now: datetime) -> AsyncIterator[Parcel]:
    """The parcels of the last 24 hours, and of what from before they do not make sense without."""
    past = Past()
    async for facts in _slices(centre.facts(now - HISTORY)):
        for fact in facts:
            past.note(fact)
    for parcel in desk.parcels(past.kept(centre.unfinished)):
        yield parcel
    async for facts in _slices(centre.facts(now)):
        for parcel in desk.parcels(facts):
            yield parcel
    for parcel in desk.rest():
        yield parcel


async def _slices(facts: Iterator[Fields]) -> AsyncIterator[Sequence[Fields]]:
    """Some facts at a time, so that a signal or a connection is answered in between."""
    while some := list(islice(facts, _SLICE)):
        yield some
        await asyncio.sleep(0)


class History:
    """The last 24 hours on their way, with a progress bar on a terminal and a line at the end elsewhere."""

    pause_s = 0.0
    """Between two parcels."""

    def __init__(self, parcels: Sequence[Parcel], in_lists: InLists, console: Console) -> None:
        self._parcels = parcels
        self._in_lists = in_lists
        self._console = console
        self._webhooks = 0

    async def send(self, courier: Courier) -> None:
        """Returns when the gateway has taken all of it."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        events = sum(len(parcel.facts) for parcel in self._parcels)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal, transient=True)
        with bar:
            task = bar.add_task("simulator: the last 24 hours", total=events)
            for parcel in self._within(began_s + _WEBHOOKS_AT_MOST_S):
                await courier.send(parcel)
                self._webhooks += parcel.webhook
                bar.advance(task, len(parcel.facts))
                if self.pause_s:
                    await asyncio.sleep(self.pause_s)
            await courier.arrived()
        self._console.print(
            f"simulator: sent the last 24 hours, {events} events, {self._webhooks} of them as webhooks, "
            f"in {loop.time() - began_s:.1f} s; going on live",
            highlight=False,
            soft_wrap=True,
        )

    def _within(self, deadline_s: float) -> Iterator[Parcel]:
        clock = asyncio.get_running_loop().time
        for number, parcel in enumerate(self._parcels):
            if clock() > deadline_s:
                yield from self._in_lists(self._parcels[number:])
                return
            yield parcel


def _squeezed(fact: Fields, origin: datetime, speed: float) -> Fields:
    """``fact`` as it would be told if everything since ``origin`` took a fraction of its time."""
    instants = {name: told for name, told in fact.items() if isinstance(told, datetime)}
    return fact | {name: origin + (at - origin) / speed for name, at in instants.items()}


async def _live(centre: Centre, desk: Desk, courier: Courier, origin: datetime, speed: float) -> None:
    """Send what happens as it happens; at another speed than 1, a time lapse whose instants are squeezed.

    So nothing ever happens in the future, and at speed 10 everything takes a tenth of its time.
    """
    while True:
        elapsed = datetime.now(UTC) - origin
        facts = centre.facts(origin + elapsed * speed)
        if speed != 1:
            facts = (_squeezed(fact, origin, speed) for fact in facts)
        for parcels in (desk.parcels(facts), desk.rest()):
            for parcel in parcels:
                await courier.send(parcel)
        await asyncio.sleep(_TICK_S)
