"""Who contacts the centre, when and about what: a day's and a week's shape, and an incident now and then.

A day is a pure function of the seed and the date, so no agent's doing changes who comes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from schemas.codec import Millis

SECOND: Millis = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

HOURS = (
    *(0.35, 0.30, 0.28, 0.30, 0.36, 0.50, 0.75, 1.10, 1.45, 1.62, 1.66, 1.60),
    *(1.52, 1.60, 1.72, 1.74, 1.66, 1.50, 1.26, 1.02, 0.84, 0.70, 0.56, 0.44),
)
"""Weight of each hour of the day, UTC: Europe's morning and the Americas' make the two humps."""
WEEKDAYS = (1.20, 1.16, 1.12, 1.10, 1.06, 0.70, 0.64)
"""Weight of each day, Monday first."""

CATEGORIES: Mapping[str, Mapping[str, float]] = {
    "billing": {"invoice": 5, "refund": 3, "payment_failed": 2},
    "orders": {"delivery": 6, "return": 3, "wrong_item": 1.5},
    "technical": {"login": 4, "bug": 3, "outage": 0.6, "integration": 1.5},
    "onboarding": {"setup": 4, "training": 2, "migration": 1},
    "vip": {"contract": 2, "delivery": 2, "bug": 1.5},
}
_AREAS: Mapping[str, Mapping[str, float]] = {
    "invoice": {"invoicing": 1},
    "contract": {"invoicing": 1},
    "refund": {"payments": 4, "checkout": 1},
    "payment_failed": {"payments": 3, "checkout": 2},
    "delivery": {"shipping": 1},
    "return": {"shipping": 3, "checkout": 1},
    "wrong_item": {"shipping": 1},
    "login": {"accounts": 3, "mobile_app": 1},
    "setup": {"accounts": 2, "mobile_app": 1},
    "training": {"accounts": 1},
    "integration": {"api": 1},
    "migration": {"api": 1},
    "outage": {"api": 1},
    "bug": {"mobile_app": 4, "checkout": 3, "accounts": 2, "api": 2},
}
_WISHES = {"technical": 0.05, "onboarding": 0.08, "vip": 0.08, "billing": 0.015, "orders": 0.01}
"""Share of the contacts that ask for something new."""
_OTHERS = 0.92
"""Share of the contacts that do not follow from earlier ones; customers who come back make up the rest."""
_QUEUES = {"orders": 0.30, "technical": 0.27, "billing": 0.25, "onboarding": 0.11, "vip": 0.07}
_CHANNELS: Mapping[str, Mapping[str, float]] = {
    "billing": {"email": 0.52, "chat": 0.20, "web": 0.14, "voice": 0.14},
    "orders": {"email": 0.38, "chat": 0.32, "web": 0.14, "voice": 0.16},
    "technical": {"email": 0.42, "chat": 0.24, "web": 0.22, "voice": 0.12},
    "onboarding": {"email": 0.56, "chat": 0.16, "web": 0.18, "voice": 0.10},
    "vip": {"email": 0.48, "chat": 0.18, "web": 0.08, "voice": 0.26},
}
_PRIORITIES = {"normal": 0.64, "low": 0.19, "high": 0.13, "urgent": 0.04}
_TIERS = {"standard": 0.84, "premium": 0.16}
_INCIDENTS = (("technical", "outage"), ("billing", "payment_failed"), ("orders", "delivery"))

QUEUES = (*_QUEUES, "escalations")
"""Every queue; nobody writes to `escalations`, work is handed to it."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer turns up."""

    at: Millis
    queue: str
    channel: str
    priority: str
    tier: str
    category: str
    requester_id: str
    product_area: str
    tags: tuple[str, ...] = ()
    """As the form knows them from the start."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Everybody who will ever come, day by day."""

    seed: int
    tickets_per_day: float

    def day(self, midnight: Millis) -> list[Contact]:
        """The contacts of the UTC day that begins at ``midnight``, in order."""
        rng = Random(f"demand/{self.seed}/{midnight // DAY}")  # noqa: S311
        expected = self.tickets_per_day * _OTHERS * _weekday(midnight) * rng.uniform(0.93, 1.07)
        contacts = [self._contact(rng, at) for at in _poisson_day(rng, midnight, expected)]
        contacts += self._incident(rng, midnight)
        return sorted(contacts, key=lambda contact: contact.at)

    def _contact(self, rng: Random, at: Millis) -> Contact:
        queue = draw(rng, _QUEUES)
        category = draw(rng, CATEGORIES[queue])
        return Contact(
            at,
            queue,
            draw(rng, _CHANNELS[queue]),
            draw(rng, _PRIORITIES),
            "vip" if queue == "vip" else draw(rng, _TIERS),
            category,
            self.requester(rng),
            area_of(rng, category),
            _tags(rng, queue, category),
        )

    def requester(self, rng: Random) -> str:
        """One of the customers."""
        return f"9005{rng.randrange(max(100, int(self.tickets_per_day * 40))):06d}"

    def _incident(self, rng: Random, midnight: Millis) -> list[Contact]:
        """On some days something breaks, and many write about it at once."""
        if rng.random() > 0.3 * _weekday(midnight):
            return []
        queue, category = rng.choice(_INCIDENTS)
        began_at = midnight + int(rng.uniform(7, 19) * HOUR)
        size = round(self.tickets_per_day * rng.uniform(0.025, 0.05))
        contacts = []
        for _ in range(size):
            at = began_at + int(min(rng.expovariate(1 / 30), 150) * MINUTE)
            channel = draw(rng, {"chat": 0.4, "email": 0.25, "web": 0.2, "voice": 0.15})
            priority = draw(rng, {"high": 0.5, "normal": 0.35, "urgent": 0.15})
            tier, requester_id, area = draw(rng, _TIERS), self.requester(rng), area_of(rng, category)
            contacts.append(Contact(at, queue, channel, priority, tier, category, requester_id, area))
        return contacts


def area_of(rng: Random, category: str) -> str:
    """The part of the product that a contact of a category is about."""
    return draw(rng, _AREAS[category])


def _tags(rng: Random, queue: str, category: str) -> tuple[str, ...]:
    """Of two bugs the form knows one; agents find the other."""
    tags = ("bug",) if category == "bug" and rng.random() < 0.5 else ()
    return (*tags, "feature_request") if rng.random() < _WISHES[queue] else tags


def draw(rng: Random, weights: Mapping[str, float]) -> str:
    """One of the words, each as often as its weight says."""
    point = rng.random() * sum(weights.values())
    for word, weight in weights.items():
        point -= weight
        if point < 0:
            return word
    return word


def hour_weight(at: Millis) -> float:
    """The day's shape at ``at``, straight lines between the middles of the hours."""
    hours = (at % DAY) / HOUR - 0.5
    left = math.floor(hours)
    share = hours - left
    return HOURS[left % 24] * (1 - share) + HOURS[(left + 1) % 24] * share


def week_shape() -> Sequence[float]:
    """Weight of each of the 168 hours of a week, from Monday 00:00 UTC."""
    return [day * hour for day in WEEKDAYS for hour in HOURS]


def _weekday(midnight: Millis) -> float:
    day = datetime.fromtimestamp(midnight / 1000, UTC).weekday()
    return WEEKDAYS[day] * 7 / sum(WEEKDAYS)


def _poisson_day(rng: Random, midnight: Millis, expected: float) -> list[Millis]:
    """Arrivals of a Poisson process with the day's shape, by thinning."""
    peak = max(HOURS)
    per_milli = expected / DAY * peak / (sum(HOURS) / 24)
    at, arrivals = float(midnight), []
    while (at := at + rng.expovariate(per_milli)) < midnight + DAY:
        if rng.random() * peak < hour_weight(int(at)):
            arrivals.append(int(at))
    return arrivals
