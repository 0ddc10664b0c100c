"""The help centre: who reads which articles before asking, or instead."""

import math
from collections.abc import Iterator, Sequence
from random import Random

from schemas.codec import Millis
from services.simulator.agenda import Happening
from services.simulator.demand import CATEGORIES, DAY, MINUTE, SECOND, Contact, Demand, draw

_READ_BEFORE = 0.16
"""Share of the contacts whose customer has looked for an answer first, signed in."""
_INSTEAD = 0.8
"""Visits of people who do not ask, for each contact."""
_ANONYMOUS = 0.55
_SIGNS_IN_HALFWAY = 0.1
_HELPS = {"1": 0.55, "2": 0.3, "3": 0.15}
_FAILS = {"1": 0.2, "2": 0.3, "3": 0.5}
"""Which of a category's articles people read: those who need to ask no more, and those who do."""


def views(demand: Demand, midnight: Millis, contacts: Sequence[Contact]) -> Iterator[Happening]:
    """What is read on the UTC day that begins at ``midnight``, in no order.

    Args:
        contacts: Those of the day; who asks has often read something shortly before.
    """
    rng = Random(f"helpcentre/{demand.seed}/{midnight // DAY}")  # noqa: S311
    visits = 0
    for contact in contacts:
        if contact.channel != "voice" and rng.random() < _READ_BEFORE:
            visits += 1
            yield from _visit(rng, f"{midnight // DAY}-{visits}", contact, contact.requester_id, asks=True)
    for contact in contacts:
        for _ in range(math.floor(_INSTEAD + rng.random())):
            visits += 1
            requester = None if rng.random() < _ANONYMOUS else demand.requester(rng)
            yield from _visit(rng, f"{midnight // DAY}-{visits}", contact, requester, asks=False)


def _visit(rng: Random, visit_id: str, like: Contact, requester: str | None, *, asks: bool) -> Iterator[Happening]:
    """A visit about what a contact is about, around its time: before it, if it is of who asks."""
    at = like.at - int(rng.uniform(2, 50) * MINUTE) if asks else like.at + int(rng.uniform(-30, 30) * MINUTE)
    category = like.category if asks else draw(rng, CATEGORIES[like.queue])
    known = requester is not None and rng.random() >= _SIGNS_IN_HALFWAY
    for number in range(1 + min(3, int(rng.expovariate(0.9)))):
        if asks and at >= like.at:
            return
        article = f"{category.replace('_', '-')}-{draw(rng, _FAILS if asks else _HELPS)}"
        told = {"visit_id": visit_id, "article_id": article, "category": category, "actor": "customer"}
        known = known or (requester is not None and number > 0)
        yield Happening(at, "helpcenter.viewed", told | ({"requester_id": requester} if known else {}))
        at += int(rng.uniform(20, 240) * SECOND)
