"""What a figure is made of: a formula over measures of `services.core.tally`, as data.

A reader of cells knows how to work out each of these kinds; which KPI is of which kind, and over which measures, is
said once, in the catalogue. The formulas proper are functions of `core` that the readers call.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from services.core.tally import ACTIVITIES, DOINGS, ON_QUEUE_STATES


@dataclass(frozen=True, slots=True)
class _OfOne:
    measure: str

    @property
    def measures(self) -> tuple[str, ...]:
        return (self.measure,)


@dataclass(frozen=True, slots=True)
class _OfKinds:
    kinds: tuple[tuple[str, str], ...]
    """(kind, measure)"""

    @property
    def measures(self) -> tuple[str, ...]:
        return tuple(measure for _, measure in self.kinds)


@dataclass(frozen=True, slots=True)
class Count:
    """How often something happened in the window."""

    measures: tuple[str, ...]
    headline = "value"

    @property
    def text(self) -> str:
        return " + ".join(self.measures)


@dataclass(frozen=True, slots=True)
class Duration(_OfOne):
    """How long something took, of what came to its end in the window: count, mean and percentiles."""

    headline = "p50"

    @property
    def text(self) -> str:
        return f"mean and percentiles of {self.measure}"


@dataclass(frozen=True, slots=True)
class Share:
    """Counts over counts."""

    part: tuple[str, ...]
    whole: tuple[str, ...]
    headline = "value"

    @property
    def measures(self) -> tuple[str, ...]:
        return _each(self.part, self.whole)

    @property
    def text(self) -> str:
        return _over(self.part, self.whole)


@dataclass(frozen=True, slots=True)
class ShareOfDuration:
    """The sum of one duration over that of another: whose time it was."""

    part: str
    whole: str
    headline = "value"

    @property
    def measures(self) -> tuple[str, ...]:
        return self.part, self.whole

    @property
    def text(self) -> str:
        return f"sum of {self.part} / sum of {self.whole}"


@dataclass(frozen=True, slots=True)
class ShareOfTime:
    """Time spent in some states over time spent in others, in the window."""

    part: tuple[str, ...]
    whole: tuple[str, ...]
    headline = "value"

    @property
    def measures(self) -> tuple[str, ...]:
        return _each(self.part, self.whole)

    @property
    def text(self) -> str:
        return f"time in {_over(self.part, self.whole)}"


@dataclass(frozen=True, slots=True)
class TimePerCount:
    """Time spent in a state in the window, for each of what happened in it."""

    time: str
    count: str
    headline = "value"

    @property
    def measures(self) -> tuple[str, ...]:
        return self.time, self.count

    @property
    def text(self) -> str:
        return f"time in {self.time} / {self.count}"


@dataclass(frozen=True, slots=True)
class ShareWithout(_OfOne):
    """Of what happened with a known value of a dimension, the share whose value is none of some."""

    dimension: str
    values: frozenset[str]
    headline = "value"

    @property
    def text(self) -> str:
        named = ", ".join(sorted(self.values))
        return f"{self.measure} whose {self.dimension} is none of {named} / {self.measure} with a {self.dimension}"


@dataclass(frozen=True, slots=True)
class Level(_OfKinds):
    """How many there are at the window's end, and of which kind."""

    headline = "value"

    @property
    def text(self) -> str:
        return f"level of {' + '.join(self.measures)}"


@dataclass(frozen=True, slots=True)
class Standing(_OfKinds):
    """What stands now, and since when: how many, the oldest, and by age."""

    headline = "value"

    @property
    def text(self) -> str:
        return f"number and age of {' + '.join(self.measures)}"


@dataclass(frozen=True, slots=True)
class AtRisk:
    """SLA clocks that are open now: how many hold, are about to break, are broken, or stand still."""

    clock: str
    headline = "at_risk"

    @property
    def measures(self) -> tuple[str, ...]:
        return f"at_risk_from.{self.clock}", f"due.{self.clock}", f"overdue.{self.clock}", f"paused.{self.clock}"

    @property
    def text(self) -> str:
        return f"at_risk_from.{self.clock} passed and due.{self.clock} not; due.{self.clock} passed + overdue"


@dataclass(frozen=True, slots=True)
class Attainment:
    """Promises kept, of those that were kept or broken in the window."""

    clock: str
    headline = "value"

    @property
    def measures(self) -> tuple[str, ...]:
        return f"sla_met.{self.clock}", f"sla_breached.{self.clock}", f"due.{self.clock}"

    @property
    def text(self) -> str:
        met, breached, due = self.measures
        return f"{met} / ({met} + {breached} + {due} passed in the window)"


@dataclass(frozen=True, slots=True)
class Score(_OfOne):
    """What was answered or rated: responses, mean, rate, distribution."""

    measure: Literal["csat", "nps", "ces", "review"]

    @property
    def headline(self) -> str:
        return {"csat": "satisfied_rate", "nps": "score", "ces": "easy_rate", "review": "mean"}[self.measure]

    @property
    def text(self) -> str:
        return f"{self.headline} and distribution of {self.measure}"


@dataclass(frozen=True, slots=True)
class Queueing:
    """What became of the contacts that waited to be taken up."""

    figure: Literal["service_level", "abandonment_rate"]
    headline = "value"

    @property
    def measures(self) -> tuple[str, ...]:
        endings = ("answered", "answered_in_time", "abandoned", "abandoned_in_time", "abandoned_shortly")
        return endings if self.figure == "abandonment_rate" else (*endings, "offered")

    @property
    def text(self) -> str:
        return f"{self.figure} of {', '.join(self.measures)}"


@dataclass(frozen=True, slots=True)
class FirstContact:
    """First contact resolution of what was first solved in the window."""

    place: int
    """Among the policy's windows."""
    days: int
    headline = "confirmed"

    @property
    def measures(self) -> tuple[str, ...]:
        return "solved", f"came_back.{self.place}"

    @property
    def text(self) -> str:
        return f"(solved - came_back within {self.days} days) / solved, where {self.days} days are over"


@dataclass(frozen=True, slots=True)
class Automated:
    """What bots resolved alone, of what was first solved in the window."""

    headline = "value"
    measures = ("automated", "solved")
    text = "automated, where the window is over / solved"


@dataclass(frozen=True, slots=True)
class Deflected:
    """Visits that no ticket followed, of those that are decided."""

    visits: str
    identified: str
    asked: str
    headline = "value"

    @property
    def measures(self) -> tuple[str, ...]:
        return _each((self.visits, self.identified, self.asked))

    @property
    def text(self) -> str:
        return f"({self.identified} - {self.asked}) / {self.identified}, where decided"


@dataclass(frozen=True, slots=True)
class Spread:
    """How much each agent has: mean, most, and how evenly."""

    flows: tuple[str, ...] = ()
    """Counted over the window ..."""
    levels: tuple[str, ...] = ()
    """... or at its end."""
    headline = "mean"

    @property
    def measures(self) -> tuple[str, ...]:
        return self.flows + self.levels

    @property
    def text(self) -> str:
        return f"{' + '.join(self.measures)}, by agent"


PlanFigure = Literal["adherence", "conformance", "shrinkage", "shrinkage_internal", "shrinkage_external"]


@dataclass(frozen=True, slots=True)
class AgainstPlan:
    """What agents did against what was planned for them."""

    figure: PlanFigure
    headline = "value"

    @property
    def measures(self) -> tuple[str, ...]:
        planned = [f"plan.{activity}.{did}" for activity in ACTIVITIES for did in DOINGS]
        return *planned, *(f"agent.{state}" for state in ON_QUEUE_STATES)

    @property
    def text(self) -> str:
        return f"{self.figure} of time in plan.<planned>.<did>"


@dataclass(frozen=True, slots=True)
class Cost:
    """The costs of the window, for each of what happened in it."""

    per: Literal["resolution", "contact"]
    headline = "value"

    @property
    def measures(self) -> tuple[str, ...]:
        return ("solved",) if self.per == "resolution" else ("customer_contacts",)

    @property
    def text(self) -> str:
        return f"costs of the window / {self.measures[0]}"


Formula = (
    Count
    | Duration
    | Share
    | ShareOfDuration
    | ShareOfTime
    | TimePerCount
    | ShareWithout
    | Level
    | Standing
    | AtRisk
    | Attainment
    | Score
    | Queueing
    | FirstContact
    | Automated
    | Deflected
    | Spread
    | AgainstPlan
    | Cost
)


def _each(*groups: Iterable[str]) -> tuple[str, ...]:
    """Every measure once, in order."""
    return tuple(dict.fromkeys(measure for group in groups for measure in group))


def _over(part: tuple[str, ...], whole: tuple[str, ...]) -> str:
    below = " + ".join(whole)
    return f"{' + '.join(part)} / {below if len(whole) == 1 else f'({below})'}"
