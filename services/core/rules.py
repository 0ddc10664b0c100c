"""The policy, made ready to be asked often: calendars compiled, promises looked up by what they match."""

from bisect import bisect_right
from collections.abc import Iterator, Set
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, Self

from schemas.codec import Fact, Millis, millis
from schemas.policy import Policy
from schemas.sla import Matched, Metric, Promised, SlaPolicy
from schemas.topics import origin_of
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


class Beside(NamedTuple):
    """What else decides which promise holds, and cuts no figure."""

    tags: frozenset[str] = frozenset()
    """Of those that some policy asks for."""
    tenant: str | None = None
    source: str | None = None


NOTHING_BESIDE = Beside()
STANDS_STILL = {"requester_wait": frozenset({"pending"}), "agent_work": frozenset({"pending", "on_hold"})}
"""By definition: a requester waits in no other status than those, and agents work in none of them."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is promised for one clock."""

    policy: str
    target_ms: Millis
    hours: str
    """The calendar that counts, or ROUND_THE_CLOCK."""
    at_risk_ms: Millis
    """How much used time makes a running clock at risk."""
    pauses: frozenset[str]
    """The statuses in which the clock stands still."""


class Rules:
    """Everything that `measure` needs besides the timeline. Does not change."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.calendars = {name: Calendar(hours) for name, hours in policy.calendars.items()}
        self.calendars.setdefault("default", Calendar(Policy().calendars["default"]))
        self.calendars[ROUND_THE_CLOCK] = Calendar(Policy().calendars["default"])
        self.recount_with_last_calendar = policy.business_calendar_change == "last"
        self.closing_is_final = policy.sla.deadline_at_closing == "closing_final"
        self.due_at_next_opening = policy.sla.deadline_at_closing == "next_opening"
        self.chosen_at_start = policy.sla.policy_chosen == "at_start"
        self.breach_stands = policy.sla.breach_stands
        self._outcomes = frozenset(policy.outcomes)
        self._plans = {agent_id: tuple(plan(stretches)) for agent_id, stretches in policy.schedules.items()}
        self.promised = {
            metric
            for promise in policy.sla.policies
            for by_metric in promise.targets.values()
            for metric, promised in by_metric.items()
            if promised is not None
        }
        """The metrics that anything is promised for, to anybody."""
        asked = [promise.match for promise in policy.sla.policies]
        self._tags_asked = {tag for match in asked for tag in _listed(match.get("tags", []))}
        self._beside_asked = any({"tags", "tenant", "source"} & match.keys() for match in asked)
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

    def pauses(self, metric: str) -> frozenset[str]:
        """The statuses in which a clock stands still whose target says nothing of that."""
        return STANDS_STILL.get(metric, frozenset()) | set(self.policy.sla.pause.get(metric, ()))  # type: ignore[call-overload]

    def beside(self, key: str, tags: Set[str]) -> Beside:
        """Of the ticket ``key``, what policies ask for beside its traits."""
        if not self._beside_asked:
            return NOTHING_BESIDE
        tenant, source = origin_of(key)
        return Beside(frozenset(tags & self._tags_asked), tenant, source)

    def targets(self, at: Millis, traits: Traits, beside: Beside = NOTHING_BESIDE) -> dict[str, Target]:
        """What is promised at ``at``, by metric; a metric without a promise is not there (convention 12)."""
        return self._lookup(bisect_right(self._edges, at), traits, beside)

    def considered(
        self, at: Millis, traits: Traits, beside: Beside = NOTHING_BESIDE
    ) -> Iterator[tuple[SlaPolicy, list[Matched]]]:
        """The policies in force at ``at``, in order, up to the one that applies; and in what each does not fit."""
        for policy in self._in_force(bisect_right(self._edges, at)):
            misfits = [field for field, wanted in policy.match.items() if not _fits(field, wanted, traits, beside)]
            yield policy, misfits
            if not misfits:
                return

    def _versions(self, edge: int) -> list[SlaPolicy]:
        """The newest version of each policy after that many effective dates, by order."""
        newest: dict[str, tuple[int, SlaPolicy]] = {}
        for policy in self.policy.sla.policies:
            since = 0 if policy.effective_from is None else bisect_right(self._edges, millis(policy.effective_from))
            if since <= edge and (policy.id not in newest or since >= newest[policy.id][0]):
                newest[policy.id] = (since, policy)
        return sorted((policy for _, policy in newest.values()), key=lambda policy: policy.order)

    def _selected(self, edge: int, traits: Traits, beside: Beside) -> dict[str, Target]:
        for policy in self._in_force(edge):
            if all(_fits(field, wanted, traits, beside) for field, wanted in policy.match.items()):
                break
        else:
            return {}
        priority = traits.priority or self.policy.default_priority
        nothing: dict[Metric, Promised | None] = {}
        by_metric = {**policy.targets.get("any", nothing), **policy.targets.get(priority, nothing)}  # type: ignore[call-overload]
        return {
            metric: self._target(metric, promised, policy, traits)
            for metric, promised in by_metric.items()
            if promised is not None
        }

    def _target(self, metric: str, promised: Promised, policy: SlaPolicy, traits: Traits) -> Target:
        hours = ROUND_THE_CLOCK
        if (promised.hours or policy.hours) == "business":
            hours = promised.calendar or policy.calendar or self.calendar_of(traits.queue)
        sla, target_ms = self.policy.sla, 1000 * promised.within
        ratio = sla.at_risk_ratio if promised.at_risk_ratio is None else promised.at_risk_ratio
        at_risk_ms = -int(-Fraction(str(ratio)) * target_ms // 1)
        before = promised.at_risk_before or sla.at_risk_before
        if before is not None:
            at_risk_ms = min(at_risk_ms, max(0, target_ms - 1000 * before))
        pauses = self.pauses(metric)
        if promised.pause is not None:
            pauses = STANDS_STILL.get(metric, frozenset()) | set(promised.pause)
        return Target(policy.id, target_ms, hours, at_risk_ms, pauses)


def _fits(field: str, wanted: str | list[str], traits: Traits, beside: Beside) -> bool:
    if field == "tags":
        return not beside.tags.isdisjoint(_listed(wanted))
    value = getattr(beside if field in Beside._fields else traits, field)
    return value in _listed(wanted)


def _listed(wanted: str | list[str]) -> list[str]:
    return wanted if isinstance(wanted, list) else [wanted]
