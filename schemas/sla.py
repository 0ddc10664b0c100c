"""What was promised: SLA policies, their targets, and the rules that products differ in (docs/sla.md)."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, field_validator

from schemas.events import Instant, Priority, Status
from schemas.public_holidays import misplaced
from schemas.section import Section

Metric = Literal[
    "first_response",
    "next_response",
    "periodic_update",
    "requester_wait",
    "agent_work",
    "resolution",
    "escalation_response",
    "escalation_closure",
]
METRICS: tuple[Metric, ...] = get_args(Metric)
Matched = Literal[
    "queue", "channel", "priority", "tier", "category", "product_area", "team", "tags", "tenant", "source"
]
Hours = Literal["business", "calendar"]

_UNITS = {"h": 3600, "m": 60, "s": 1}
_EXAMPLES = "such as 8h, 1h30m, 45m or 90s"


def _seconds(value: Any) -> Any:
    """Seconds of a text such as 1h30m; anything else as it came."""
    if not isinstance(value, str):
        return value
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", value)
    if parts is None or not value:
        if re.search(r"\d\s*d", value):
            raise ValueError(f"days are of no fixed length in opening hours; a duration is in hours, {_EXAMPLES}")
        raise ValueError(f"a duration is a number of seconds, or a text {_EXAMPLES}")
    return sum(int(number) * size for number, size in zip(parts.groups("0"), _UNITS.values(), strict=True))


Duration = Annotated[int, BeforeValidator(_seconds), Field(ge=0)]
"""Seconds, or a text such as 1h30m."""
Ratio = Annotated[float, Field(gt=0, le=1)]


class Promised(Section):
    """One target: how long something may take, and which hours count."""

    within: Duration
    hours: Hours | None = None
    """Left out, those of the policy."""
    calendar: str | None = None
    """Left out, that of the policy, else the queue's."""
    pause: list[Status] | None = None
    """The statuses in which the clock stands still; left out, `sla.pause`."""
    at_risk_ratio: Ratio | None = None
    at_risk_before: Duration | None = None


def _promised(value: Any) -> Any:
    """A bare duration stands for a target with nothing beside it."""
    return {"within": value} if isinstance(value, int | float | str) and not isinstance(value, bool) else value


Target = Annotated[Promised, BeforeValidator(_promised)]


class SlaPolicy(Section):
    """One promise; a later version of the same id has an `effective_from`."""

    id: str = Field(min_length=1)
    order: int = 0
    """Of all that fit, the lowest order applies."""
    match: dict[Matched, str | list[str]] = Field({})
    """What a ticket must have, all of it: a value, or one of a list; of its tags, at least one."""
    hours: Hours = "business"
    calendar: str | None = None
    """Left out, the queue's calendar counts."""
    targets: dict[Priority | Literal["any"], dict[Metric, Target | None]]
    """By priority and metric; those of `any` count where a priority has none of its own. Null promises nothing."""
    effective_from: Instant | None = None

    @field_validator("match")
    @classmethod
    def _can_fit(cls, match: dict[Matched, str | list[str]]) -> dict[Matched, str | list[str]]:
        for field, wanted in match.items():
            values = wanted if isinstance(wanted, list) else [wanted]
            if not values:
                raise misplaced("an empty list fits no ticket; leave the field out to ask for nothing", field)
            unknown = [value for value in values if field == "priority" and value not in get_args(Priority)]
            if unknown:
                raise misplaced(
                    f"no ticket has the priority {unknown[0]!r}; known: {', '.join(get_args(Priority))}", field
                )
        return match

    def calendars_named(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Where it names which calendar."""
        if self.calendar is not None:
            yield ("calendar",), self.calendar
        for priority, by_metric in self.targets.items():
            for metric, target in by_metric.items():
                if target is not None and target.calendar is not None:
                    yield ("targets", priority, metric, "calendar"), target.calendar


class Sla(Section):
    policies: list[SlaPolicy] = Field([])
    at_risk_ratio: Ratio = 0.8
    """A running clock is at risk from this share of its target on."""
    at_risk_before: Duration | None = None
    """... or once so little is left, whichever comes first."""
    pause: dict[Metric, list[Status]] = Field(
        {
            "first_response": [],
            "next_response": [],
            "periodic_update": ["pending"],
            "resolution": ["pending"],
            "escalation_closure": ["pending"],
        }
    )
    """The statuses in which clocks stand still. By definition a requester waits in all but pending, and agents work
    in all but pending and on_hold."""
    reopen: Literal["resume", "restart", "first_resolution_only"] = "resume"
    """Of a ticket that is opened again: its clock goes on, another one begins, or nothing is promised any more."""
    time_while_solved: Literal["stands_still", "counts"] = "stands_still"
    """Whether the time for which it was solved is added when it is opened again."""
    deadline_at_closing: Literal["closing", "next_opening", "closing_final"] = "closing"
    """A deadline that falls on closing time is told as that, or as the next opening; either way an answer before the
    next opening is in time, since no opening time has passed. `closing_final`: after closing time it is late."""
    policy_chosen: Literal["at_every_event", "at_start"] = "at_every_event"
    """Whether another promise may come to hold for a clock that has begun."""
    breach_stands: bool = True
    """Whether a breach stays one when another promise comes to hold whose own deadline is not over yet."""
    escalation_note_counts: bool = False
    """Whether a private note answers an escalation, as a public reply does."""

    @field_validator("policies")
    @classmethod
    def _versions_are_apart(cls, policies: list[SlaPolicy]) -> list[SlaPolicy]:
        seen = set()
        for policy in policies:
            version = (policy.id, policy.effective_from)
            if version in seen:
                since = "from the beginning" if policy.effective_from is None else f"from {policy.effective_from}"
                raise ValueError(f"the policy {policy.id!r} is there twice {since}; give one another effective_from")
            seen.add(version)
        return policies
