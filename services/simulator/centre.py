"""A contact centre that behaves like one. Pure: a seed and a start give the same events, whenever it runs.

`Demand` says who comes, the roster who works, `Conversations` what becomes of a ticket and `Floor` who takes it, the
`Aftermath` what follows from a solve; `Workforce` tells the plan, the help centre who reads what. The `Agenda` lets
it all happen in order. Nothing here knows a helpdesk, the network or today's date.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from itertools import chain
from random import Random

from schemas.codec import Millis, millis
from schemas.events import EVENT, AnyEvent
from services.simulator.agenda import Agenda, Fields
from services.simulator.conversations import Conversations
from services.simulator.demand import DAY, Demand
from services.simulator.helpcentre import views
from services.simulator.mailing import recommendations
from services.simulator.roster import employ, people_for, shifts
from services.simulator.workforce import Workforce


class Centre:
    """A centre that opens at ``start``, without a backlog.

    Args:
        seed: Another seed, another centre.
        start: When it opens; who wants a centre in full swing opens it a few days before.
        tickets_per_day: How busy it is, averaged over a week; the staff follows.
    """

    def __init__(self, seed: int, start: datetime, tickets_per_day: float = 900) -> None:
        begins_at = millis(start)
        name = f"{seed}/{begins_at}/{tickets_per_day}"
        self._agenda = Agenda(name, begins_at)
        self._seed = seed
        self._demand = Demand(seed, tickets_per_day)
        self._people = employ(people_for(tickets_per_day))
        rng = Random(f"conversations/{name}")  # noqa: S311
        # Centres of different starts give different tickets; Zendesk's numbers are as long.
        self._conversations = Conversations(self._agenda, rng, begins_at // DAY * 1_000_000)
        self._workforce = Workforce(self._agenda)
        midnight = begins_at - begins_at % DAY
        self._day(midnight - DAY)
        for day in (midnight - DAY, midnight):
            self._agenda.at(begins_at, partial(self._publish, day))
        self._agenda.at(begins_at, partial(self._midnight, midnight))

    def facts(self, until: datetime) -> Iterator[Fields]:
        """What happens up to ``until`` as plain fields; a later call goes on from there."""
        return self._agenda.run(millis(until))

    def events(self, until: datetime) -> Iterator[AnyEvent]:
        """What happens up to ``until``, in order of `occurred_at`; a later call goes on from there."""
        return map(EVENT.validate_python, self.facts(until))

    @property
    def unfinished(self) -> frozenset[str]:
        """Ids of the tickets about which more will happen."""
        return frozenset(self._conversations.unfinished)

    def _midnight(self, midnight: Millis) -> None:
        self._day(midnight)
        self._publish(midnight + DAY)
        self._agenda.at(midnight + DAY, partial(self._midnight, midnight + DAY))

    def _day(self, midnight: Millis) -> None:
        """Enter who comes on a day, customers and agents, as far as they are still to come."""
        now = self._agenda.now
        contacts = self._demand.day(midnight)
        for contact in contacts:
            if contact.at >= now:
                self._agenda.at(contact.at, partial(self._conversations.open, contact))
        for happening in chain(views(self._demand, midnight, contacts), recommendations(self._demand, midnight)):
            self._agenda.enter(happening)
        for shift in shifts(self._people, self._seed, midnight):
            if shift.ends_at > now and not shift.absent:
                arrives_at = max(shift.begins_at, now)
                self._agenda.at(arrives_at, partial(self._conversations.sign_in, shift))

    def _publish(self, midnight: Millis) -> None:
        """Tell the plan of a day's shifts that are not over."""
        for shift in shifts(self._people, self._seed, midnight):
            if shift.ends_at > self._agenda.now:
                self._workforce.publish(shift)
