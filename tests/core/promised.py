"""Strategies: policies with promises of every kind, and tickets to which whatever moves a clock may happen."""

from functools import cache
from random import Random
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codec import Fact, Millis
from schemas.sla import METRICS
from services.core.tally import MINUTE_MS
from services.core.timeline import WAIT_INHERITED
from tests.core.histories import BEGIN, an_instant, ticket_histories
from tests.core.stories import NIGHT, OFFICE, WEEKDAYS, promise, sla, told

_BREAKS = {
    "timezone": "Europe/Berlin",
    "weekly": {day: [["08:00", "12:15"], ["13:00", "18:30"]] for day in WEEKDAYS},
    "holidays": ["2026-03-03"],
}
_STATUSES = ("pending", "on_hold", "open")
_POLICIES = 40
"""So few, that each is made once."""


def _target(random: Random) -> Any:
    within = random.choice([15, 60, 90, 240, 480, 1440]) * 60
    if random.random() < 0.6:
        return within
    options = {
        "hours": random.choice(["business", "calendar"]),
        "calendar": random.choice(["default", "night"]),
        "pause": random.sample(_STATUSES, random.randint(0, 2)),
        "at_risk_before": random.choice(["10m", "3h"]),
        "at_risk_ratio": random.choice([0.3, 1.0]),
    }
    return {"within": within} | {name: options[name] for name in random.sample(sorted(options), 2)}


def _targets(random: Random) -> dict[str, dict[str, Any]]:
    priorities = random.choice([["any"], ["any", "urgent"], ["normal", "urgent", "low"], ["any", "low"]])
    return {name: {metric: _target(random) for metric in METRICS if random.random() < 0.8} for name in priorities}


@cache
def promising(number: int) -> dict[str, Any]:
    """The config of a policy that promises, one of many."""
    random = Random(number)
    match = random.choice([{"queue": "a"}, {"tags": ["vip", "bug"]}, {"priority": ["urgent", "low"]}])
    hours = random.choice(["business", "business", "calendar"])
    switches = {
        "reopen": random.choice(["resume", "resume", "restart", "first_resolution_only"]),
        "time_while_solved": random.choice(["stands_still", "counts"]),
        "deadline_at_closing": random.choice(["closing", "next_opening", "closing_final"]),
        "policy_chosen": random.choice(["at_every_event", "at_every_event", "at_start"]),
        "escalation_note_counts": random.random() < 0.5,
        "at_risk_before": random.choice([None, "20m"]),
        "breach_stands": random.random() < 0.7,
    }
    return {
        "calendars": {"default": random.choice([OFFICE, _BREAKS]), "night": NIGHT},
        "queue_calendars": random.choice([{}, {"b": "night"}]),
        "business_calendar_change": random.choice(["per_segment", "per_segment", "last"]),
        "first_response": {"status_change_counts": random.random() < 0.3},
    } | sla(
        promise(_targets(random), id="some", order=1, hours=hours, match=match),
        promise(_targets(random), id="all", order=2, hours=hours),
        **switches,
    )


a_policy = st.integers(0, _POLICIES - 1).map(promising)
_tags: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"tags_added": ("vip",)}, {"tags_removed": ("vip",)}, {"tags_added": ("bug", "dull")}]
)


@st.composite
def _any_tickets(draw: st.DrawFn) -> list[Fact]:
    """Ticket T1, in no order; now and then it inherits the wait of another."""
    facts = [
        replace(fact, **draw(_tags)) if fact.type == "ticket.tags_changed" else fact
        for fact in draw(ticket_histories(most=10))
    ]
    if draw(st.integers(0, 5)) == 0:
        since = draw(st.one_of(an_instant, st.just(BEGIN - 3_600_000)))
        moment = draw(an_instant)
        facts.append(told(WAIT_INHERITED, moment, event_id="inherited", created_at=min(since, moment)))
    return facts


_a_wait = st.sampled_from([0, 1, 15, 30, 60, 60, 150, 480, 960, 1440]).map(lambda minutes: minutes * MINUTE_MS)
_a_step: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.sampled_from(
    [
        *(
            ("status_changed", {"status": status})
            for status in ("pending", "on_hold", "open", "pending", "solved", "open")
        ),
        ("status_changed", {"status": "open", "agent_id": "A2"}),
        *(("replied", {"author": author, "public": True}) for author in ("agent", "agent", "customer")),
        ("replied", {"author": "agent", "public": False}),
        ("escalated", {"from_tier": "1"}),
        *(("assigned", {"queue": queue}) for queue in ("a", "b", "b")),
        *(("priority_changed", {"priority": priority}) for priority in ("low", "normal", "urgent")),
        ("tags_changed", {"tags_added": ("vip",)}),
        ("tags_changed", {"tags_removed": ("vip",)}),
    ]
)


@st.composite
def _eventful_tickets(draw: st.DrawFn) -> list[Fact]:
    """Ticket T1, created and then seldom left alone; some of it on the edges of opening hours."""
    moment = BEGIN
    facts = [told("ticket.created", moment, event_id="0", queue="a", created_by="customer")]
    for wait, (kind, fields) in draw(st.lists(st.tuples(_a_wait, _a_step), max_size=12)):
        moment += wait
        facts.append(told(f"ticket.{kind}", moment, event_id=str(len(facts)), **fields))
    return facts


told_tickets = st.one_of(_eventful_tickets(), _eventful_tickets(), _any_tickets())


def on_minutes(facts: list[Fact]) -> list[Fact]:
    """The same, at whole minutes."""
    return [
        replace(fact, at=_minute(fact.at), created_at=None if fact.created_at is None else _minute(fact.created_at))
        for fact in facts
    ]


def _minute(moment: Millis) -> Millis:
    return moment // MINUTE_MS * MINUTE_MS
