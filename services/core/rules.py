"""The policy, made ready to be asked often: calendars compiled, promises looked up by what they match."""

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, Self

from schemas.codec import Fact, Millis, millis
from schemas.policy import Policy, SlaPolicy
from services.core.calendar import Calendar
from services.core.schedules import Planned, plan

OTHER = "other"
"""An outcome that the policy does not name."""
ROUND_THE_CLOCK = ""
"""In place of a calendar's name: every hour counts."""


class Traits(NamedTuple):
    """What of a ticket decides which promise holds."""

    queue: str | None
    channel: str | None
    priority: str | None
    tier: str | None
    category: str | None
    product_area: str | None = None
    team: str | None = None

    @classmethod
    def told_by(cls, fact: Fact) -> Self:
        """Those that an event tells."""
        return cls(
            fact.queue or None,
            fact.channel,
            fact.priority,
            fact.tier,
            fact.category,
            fact.product_area,
            fact.team or None,
        )


@dataclass(frozen=True, slots=True)
class Target:
    """What is promised for one clock."""

    policy: str
    target_ms: Millis
    hours: str
    """The calendar that counts, or ROUND_THE_CLOCK."""
    at_risk_ms: Millis
    """How much used time makes a running clock at risk."""


class Rules:
    """Everything that `measure` needs besides the timeline. Does not change."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.calendars = {name: Calendar(hours) for name, hours in policy.calendars.items()}
        self.calendars.setdefault("default", Calendar(Policy().calendars["default"]))
        self.calendars[ROUND_THE_CLOCK] = Calendar(Policy().calendars["default"])
        self.recount_with_last_calendar = policy.business_calendar_change == "last"
        self._outcomes = frozenset(policy.outcomes)
        self._plans = {agent_id: tuple(plan(stretches)) for agent_id, stretches in policy.schedules.items()}
        self._paused = {(metric, status) for metric, statuses in policy.sla.pause.items() for status in statuses}
        self._ratio = Fraction(str(policy.sla.at_risk_ratio))
        self._edges = sorted({millis(p.effective_from) for p in policy.sla.policies if p.effective_from is not None})
        self._in_force = lru_cache(maxsize=None)(self._versions)
        self._lookup = lru_cache(maxsize=10_000)(self._selected)

    def calendar_of(self, queue: str | None) -> str:
        """The name of a queue's calendar."""
        return self.policy.queue_calendars.get(queue or "", "default")

    def outcome_of(self, reason: str | None) -> str | None:
        """What a solve's reason says of the resolution; None when it says nothing."""
        return (reason if reason in self._outcomes else OTHER) if reason else None

    def plan_of(self, agent_id: str) -> tuple[Planned, ...]:
        """What the policy plans for an agent."""
        return self._plans.get(agent_id, ())

    def pauses(self, metric: str, status: str) -> bool:
        """Whether a clock stands still in a status."""
        return (metric, status) in self._paused

    def targets(self, at: Millis, traits: Traits) -> dict[str, Target]:
        """What is promised at ``at``, by metric; a metric without a promise is not there (convention 12)."""
        return self._lookup(bisect_right(self._edges, at), traits)

    def _versions(self, edge: int) -> list[SlaPolicy]:
        """The newest version of each policy after that many effective dates, by order."""
        newest: dict[str, tuple[int, SlaPolicy]] = {}
        for policy in self.policy.sla.policies:
            since = 0 if policy.effective_from is None else bisect_right(self._edges, millis(policy.effective_from))
            if since <= edge and (policy.id not in newest or since >= newest[policy.id][0]):
                newest[policy.id] = (since, policy)
        return sorted((policy for _, policy in newest.values()), key=lambda policy: policy.order)

    def _selected(self, edge: int, traits: Traits) -> dict[str, Target]:
        for policy in self._in_force(edge):
            if all(_fits(getattr(traits, field), wanted) for field, wanted in policy.match.items()):
                break
        else:
            return {}
        hours = ROUND_THE_CLOCK
        if policy.hours == "business":
            hours = policy.calendar or self.calendar_of(traits.queue)
        by_metric = policy.targets.get(traits.priority or self.policy.default_priority, {})  # type: ignore[call-overload]
        return {
            metric: Target(policy.id, 1000 * target, hours, -int(-self._ratio * 1000 * target // 1))
            for metric, target in by_metric.items()
        }


def _fits(value: str | None, wanted: str | list[str]) -> bool:
    return value in wanted if isinstance(wanted, list) else value == wanted
