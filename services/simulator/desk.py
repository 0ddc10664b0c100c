"""Sorts facts into parcels: a webhook where Zendesk would send one, else canonical events in a list."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from services.simulator.agenda import Fields
from services.simulator.zendesk_shape import Zendesk

_LIST = 250
"""Canonical events sent in one list."""
NOT_TOLD_BY_ZENDESK = ("tier", "category", "product_area", "team", "tags")
"""Of what Zendesk does send an event for; it goes beside, as an event of ours about the same ticket."""

_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Parcel:
    """One request to the gateway."""

    body: bytes
    webhook: bool
    """Signed as Zendesk does; else for `POST /events`."""
    facts: Sequence[Fields]
    """What it tells."""


class Desk:
    """The simulated account: its Zendesk, and the list of what Zendesk cannot tell."""

    def __init__(self, tenant: str) -> None:
        self._zendesk = Zendesk()
        self._home: Fields = {"source": "zendesk", "tenant": tenant}
        self._list: list[Fields] = []

    def parcels(self, facts: Iterable[Fields]) -> Iterator[Parcel]:
        """What to send for ``facts``, roughly in their order; a list that is not full waits for `rest`."""
        for fact in facts:
            body = self._zendesk.body(fact)
            if body is None:
                yield from self._listed(fact)
                continue
            told = {name: value for name, value in fact.items() if name not in NOT_TOLD_BY_ZENDESK}
            yield Parcel(body, webhook=True, facts=(told,))
            if len(told) < len(fact):
                yield from self._listed(_beside(fact))

    def rest(self) -> Iterator[Parcel]:
        """The list that was begun, if there is one."""
        if self._list:
            facts, self._list = self._list, []
            yield Parcel(_json(facts), webhook=False, facts=facts)

    def in_lists(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """The same events in a fraction of the requests: all of them canonical, with the same ids."""
        for parcel in parcels:
            for fact in parcel.facts:
                yield from self._listed(fact)
        yield from self.rest()

    def _listed(self, fact: Fields) -> Iterator[Parcel]:
        self._list.append(fact | self._home)
        if len(self._list) >= _LIST:
            yield from self.rest()


def _beside(fact: Fields) -> Fields:
    """What Zendesk leaves out of ``fact``: told at the same time, by an event that changes nothing else."""
    told = {name: fact[name] for name in NOT_TOLD_BY_ZENDESK if name in fact}
    if fact["type"] != "ticket.assigned":
        told |= {"type": "ticket.tags_changed", "added": told.pop("tags", ()), "removed": ()}
    about = {"type": fact["type"], "occurred_at": fact["occurred_at"], "ticket_id": fact["ticket_id"]}
    return about | {"event_id": f"{fact['event_id']}/beside", "actor": "system"} | told
