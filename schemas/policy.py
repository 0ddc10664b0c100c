"""What was promised: targets, calendars and the meaning of each figure, as one validated document.

The keys and defaults are those of `default_config` in the KPI cases; a policy file is laid over them (convention 2).
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from schemas.events import AgentState, Instant, Priority, Status
from schemas.opening_hours import ROUND_THE_CLOCK, WorkingHours
from schemas.presets import PRESETS, Preset, rules_of
from schemas.public_holidays import misplaced
from schemas.section import Section
from schemas.sla import Sla as Sla

MOST_FCR_WINDOWS = 5
Seconds = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class FirstResponse(Section):
    bot_counts: bool = False
    private_note_counts: bool = False
    agent_created: Literal["from_first_customer_message", "from_creation_second_reply", "exclude"] = (
        "from_first_customer_message"
    )
    reopen_restarts: bool = True
    status_change_counts: bool = False
    """Whether an agent who takes the ticket out of new or open has answered, here and in each later turn."""


class Backlog(Section):
    statuses: list[Status] = ["new", "open", "pending", "on_hold"]
    actionable_statuses: list[Status] = ["new", "open"]


class AlertRule(Section):
    id: str
    metric: Literal["backlog", "backlog_actionable"]
    threshold: float
    for_seconds: Seconds
    clear_at_or_below: float


class Merge(Section):
    inherit_oldest_wait: bool = True


class Fcr(Section):
    windows_days: list[Annotated[int, Field(gt=0)]] = Field(default=[7, 14, 30], max_length=MOST_FCR_WINDOWS)
    default_window_days: int = 7
    """The window that is shown where there is room for one."""
    first_contact: Literal["conversation", "one_reply"] = "conversation"
    repeat_match: Literal["requester_category", "requester"] = "requester_category"
    escalation_fails: bool = True


class ServiceLevel(Section):
    channels: list[str] = ["voice", "chat"]
    threshold_seconds: Seconds = 20
    method: Literal["answered_of_offered", "answered_only", "removed_from_queue"] = "answered_of_offered"
    short_abandon_seconds: Seconds = 5
    count_short_abandoned: bool = False
    count_waiting_over_threshold: bool = True


class Utilisation(Section):
    denominator_states: list[AgentState] = ["available", "busy", "wrap_up", "training", "meeting"]


class Adherence(Section):
    count_outside_shift: bool = False


class PlannedActivity(Section):
    """One stretch of an agent's schedule."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    begins: Instant = Field(alias="from")
    ends: Instant = Field(alias="to")
    activity: Literal["on_queue", "break", "training", "meeting"]


class Csat(Section):
    scale: tuple[float, float] = (1, 5)
    satisfied_from: float = 4


class Nps(Section):
    scale: tuple[float, float] = (0, 10)


class Ces(Section):
    scale: tuple[float, float] = (1, 7)
    easy_from: float = 5
    higher_is_easier: bool = True


class Deflection(Section):
    window_seconds: Seconds = 86_400


class Automation(Section):
    window_seconds: Seconds = 259_200


class Marks(Section):
    """What marks a ticket as feedback on the product: one of these, at any time."""

    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class Feedback(Section):
    bug_report: Marks = Marks(tags=("bug", "bug_report"), categories=("bug", "bug_report"))
    feature_request: Marks = Marks(tags=("feature_request",), categories=("feature", "feature_request"))


OUTCOMES = (
    *("fixed", "workaround", "answered", "advice", "configuration", "refund", "replaced", "duplicate", "known_issue"),
    *("no_response", "not_reproducible", "wont_fix", "out_of_scope", "abandoned", "canceled", "spam", "automated"),
)


class Economy(Section):
    monthly_costs: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}
    """What a month of support costs, by what it is for; leaving one out flatters."""
    not_digital: tuple[str, ...] = ("in_person", "phone", "post", "voice")
    """Channels that are no digital ones."""


class LateEvents(Section):
    count: str = "ticket.created"
    window_seconds: Annotated[int, Field(gt=0)] = 3600
    allowed_lateness_seconds: Seconds = 86_400


class Insights(Section):
    segment: Literal["queue", "channel", "priority", "tier", "category"] = "category"
    min_ratio: float = 2.0
    min_samples: int = 20


class Gaming(Section):
    pause_reply_lookback_seconds: Seconds = 600
    premature_reopen_seconds: Seconds = 86_400
    stub_followup_seconds: Seconds = 900


ONLY_READ: Mapping[str, Any] = {
    **dict.fromkeys(("adherence", "alerts", "backlog", "economy", "insights", "late_events", "utilisation"), True),
    "rolling_window_days": True,
    "fcr": {"default_window_days": True},
    "service_level": {"method": True, "count_short_abandoned": True, "count_waiting_over_threshold": True},
    "csat": {"satisfied_from": True},
    "ces": {"easy_from": True, "higher_is_easier": True},
}
"""What decides how the state is read, and not what is kept: a change of it needs no rebuilding."""


class Policy(Section):
    """Everything that decides what a figure means."""

    preset: Preset | None = None
    """The product whose rules take the place of the defaults (docs/presets); what the file says goes before them."""
    calendars: dict[str, WorkingHours] = {"default": ROUND_THE_CLOCK}
    queue_calendars: dict[str, str] = {}
    """Queue to calendar; others have the calendar `default`."""
    business_calendar_change: Literal["per_segment", "last"] = "per_segment"
    default_priority: Priority = "normal"
    first_response: FirstResponse = FirstResponse()
    sla: Sla = Sla()
    backlog: Backlog = Backlog()
    alerts: list[AlertRule] = []
    merge: Merge = Merge()
    fcr: Fcr = Fcr()
    service_level: ServiceLevel = ServiceLevel()
    utilisation: Utilisation = Utilisation()
    adherence: Adherence = Adherence()
    schedules: dict[str, list[PlannedActivity]] = {}
    csat: Csat = Csat()
    nps: Nps = Nps()
    ces: Ces = Ces()
    deflection: Deflection = Deflection()
    automation: Automation = Automation()
    feedback: Feedback = Feedback()
    outcomes: tuple[str, ...] = OUTCOMES
    """What a resolution can be; any other reason of a solve is `other`: free text would make cuts without end."""
    economy: Economy = Economy()
    rolling_window_days: Annotated[int, Field(gt=0)] = 28
    late_events: LateEvents = LateEvents()
    insights: Insights = Insights()
    gaming: Gaming = Gaming()

    @model_validator(mode="after")
    def _calendars_exist(self) -> Self:
        for queue, name in self.queue_calendars.items():
            if name not in self.calendars:
                raise ValueError(f"queue_calendars.{queue}: no calendar is called {name!r}; {self._known()}")
        for number, policy in enumerate(self.sla.policies):
            for place, named in policy.calendars_named():
                if named not in self.calendars:
                    sentence = f"no calendar is called {named!r}; {self._known()}"
                    raise misplaced(sentence, "sla", "policies", number, *place)
        return self

    def _known(self) -> str:
        return f"there are: {', '.join(sorted(self.calendars))}"

    def fingerprint(self) -> str:
        """The same for policies under which the same state is kept; another for any other."""
        document = self.model_dump(mode="json", by_alias=True, exclude={**ONLY_READ, "preset": True})
        for calendar in document["calendars"].values():
            calendar["holidays"].sort()
            del calendar["public_holidays"]  # the days count, however they are said
        document["public_holidays"] = {name: hours.told_apart_by() for name, hours in self.calendars.items()}
        document["outcomes"].sort()
        for marks in document["feedback"].values():
            marks["tags"].sort()
            marks["categories"].sort()
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


Document = Mapping[str, Any]

DEFAULT: Document = Policy().model_dump(mode="json", by_alias=True)


def laid_over(under: Document, over: Document) -> dict[str, Any]:
    """``over`` laid over ``under``: objects are merged one level inside each top-level key (convention 2).

    The rules of a preset that ``over`` names lie between the two.
    """
    if over.get("preset") in PRESETS:
        under = laid_over(under, rules_of(over["preset"]))
    result = dict(under)
    for key, value in over.items():
        below = under.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = {**below, **value} if both else value  # type: ignore[dict-item]
    return result
