"""Who works when: people with skills, and shifts around the clock with their breaks.

Shifts follow demand, flatter than it is (people have days, not minutes), and leave no hour without anybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from schemas.codec import Millis
from services.simulator.demand import DAY, HOUR, MINUTE, week_shape

SHIFT_LENGTH = 8 * HOUR + 30 * MINUTE
WEEK_HOURS = 168
MONDAY: Millis = 4 * DAY
"""The first Monday after the epoch, which was a Thursday."""

_NAMES = (
    *("amara", "bruno", "chloe", "daniel", "elif", "farid", "greta", "hana", "ivan", "jonas", "keiko", "luca"),
    *("marta", "noor", "olga", "pedro", "quinn", "rosa", "sven", "tara", "umar", "vera", "wei", "ximena"),
    *("yusuf", "zoe", "anton", "bianca", "carlos", "divya", "emil", "fatima", "goran", "helena", "ines", "jakub"),
)
_SKILLS = (
    ("commerce", ("orders", "billing")),
    ("product", ("technical", "onboarding")),
    ("key_accounts", ("billing", "orders", "vip")),
    ("second_line", ("technical", "escalations", "vip")),
    ("commerce", ("orders", "onboarding")),
    ("product", ("technical", "billing")),
    ("commerce", ("orders", "technical")),
    ("second_line", ("billing", "escalations", "onboarding")),
)
"""Teams, and the queues that their people serve, the main one first."""
_CARE = (1.0, 1.1, 0.9, 1.0, 1.25, 0.95, 0.55, 1.05, 1.0, 1.15, 0.85)
_EVERYBODY_OFF_LEAST = 2.0
"""Agents that every hour of the week should have, whatever demand says."""
_FLATNESS = 0.8
_ABSENT = 0.025
"""Share of the shifts to which nobody comes."""


@dataclass(frozen=True, slots=True)
class Person:
    """An agent's contract."""

    agent_id: str
    team: str
    skills: tuple[str, ...]
    care: float
    """1 is usual; with less, customers are less content and come back more often."""
    begins: Millis
    """When shifts begin, after midnight UTC."""
    days: frozenset[int]
    """Days of work, Monday is 0."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A planned time away from contacts; it waits for the contact at hand."""

    state: str
    due_at: Millis
    length: Millis


@dataclass(frozen=True, slots=True)
class Planned:
    """A stretch of the plan."""

    activity: str
    begins_at: Millis
    ends_at: Millis


@dataclass(frozen=True, slots=True)
class Shift:
    """One person's working day."""

    person: Person
    begins_at: Millis
    ends_at: Millis
    pauses: tuple[Pause, ...]
    """As they will be wished for: near to the plan, and some that were never planned."""
    plan: tuple[Planned, ...]
    """The whole shift first, then what is laid over it."""
    absent: bool
    """The person will not come."""


def people_for(tickets_per_day: float) -> int:
    """How many agents the centre employs."""
    return max(12, round(tickets_per_day / 33))


def employ(count: int) -> tuple[Person, ...]:
    """``count`` people, each given the week that helps most where too few work."""
    need = _need(count)
    have = [0.0] * WEEK_HOURS
    people = []
    for number in range(count):
        begin, days = max(
            ((begin, days) for begin in range(24) for days in _WEEKS),
            key=lambda week: (_gain(need, have, *week), -week[0]),
        )
        for hour in _hours(begin, days):
            have[hour] += 1
        name = _NAMES[number % len(_NAMES)]
        lap = number // len(_NAMES)
        team, skills = _SKILLS[number % len(_SKILLS)]
        people.append(
            Person(
                f"{name}-{lap + 1}" if lap else name,
                team,
                skills,
                _CARE[number % len(_CARE)],
                begin * HOUR + (number % 4) * 10 * MINUTE,
                days,
            )
        )
    return tuple(people)


def shifts(people: Sequence[Person], seed: int, midnight: Millis) -> list[Shift]:
    """The shifts that begin on the UTC day of ``midnight``."""
    rng = Random(f"roster/{seed}/{midnight // DAY}")  # noqa: S311
    weekday = (midnight - MONDAY) // DAY % 7
    return [_shift(rng, person, midnight + person.begins) for person in people if weekday in person.days]


def _shift(rng: Random, person: Person, begins_at: Millis) -> Shift:
    planned = [
        _planned(rng, "break", begins_at, 1.7, 2.4, 10),
        _planned(rng, "break", begins_at, 3.8, 4.7, 30),
        _planned(rng, "break", begins_at, 6.2, 6.8, 10),
    ]
    if rng.random() < 0.35:
        planned.append(_planned(rng, "meeting", begins_at, 0.5, 1.1, 30))
    if rng.random() < 0.15:
        planned.append(_planned(rng, "training", begins_at, 5.0, 5.5, 40))
    pauses = [_pause(rng, each) for each in planned]
    if rng.random() < 0.25:
        pauses.append(Pause("away", begins_at + int(rng.uniform(2.6, 3.6) * HOUR), 5 * MINUTE))
    ends_at = begins_at + SHIFT_LENGTH
    return Shift(
        person,
        begins_at + int(rng.uniform(0, 4) * MINUTE),
        ends_at,
        tuple(sorted(pauses, key=lambda pause: pause.due_at)),
        (Planned("on_queue", begins_at, ends_at), *planned),
        absent=rng.random() < _ABSENT,
    )


def _planned(rng: Random, activity: str, begins_at: Millis, least: float, most: float, minutes: int) -> Planned:
    """Some hours into a shift, on five minutes."""
    at = begins_at + round(rng.uniform(least, most) * 12) * 5 * MINUTE
    return Planned(activity, at, at + minutes * MINUTE)


def _pause(rng: Random, planned: Planned) -> Pause:
    """Nobody pauses to the minute, though meetings end when they end."""
    length = planned.ends_at - planned.begins_at
    if planned.activity == "break":
        length += int(rng.uniform(-1, 4) * MINUTE)
    return Pause(planned.activity, planned.begins_at + int(rng.uniform(-1, 3) * MINUTE), length)


_WEEKS = tuple(frozenset(range(7)) - {day, (day + 1) % 7} for day in range(7))
"""Five days of work, two days off in a row."""


def _need(count: int) -> list[float]:
    """Agents wanted in each hour of the week, as many in all as ``count`` people can give."""
    shape = [weight**_FLATNESS for weight in week_shape()]
    scale = count * 5 * SHIFT_LENGTH / HOUR / sum(shape)
    return [max(_EVERYBODY_OFF_LEAST, weight * scale) for weight in shape]


def _hours(begin: int, days: frozenset[int]) -> list[int]:
    return [(day * 24 + begin + hour) % WEEK_HOURS for day in days for hour in range(8)]


def _gain(need: Sequence[float], have: Sequence[float], begin: int, days: frozenset[int]) -> float:
    gain = 0.0
    for hour in _hours(begin, days):
        lack = need[hour] - have[hour]
        gain += lack / need[hour] + (2.0 if have[hour] < _EVERYBODY_OFF_LEAST else 0.0)
    return gain
