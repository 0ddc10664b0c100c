"""A ticket's or an agent's story in a few words, and what `core` makes of it."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from schemas.codec import Fact, Millis, millis
from schemas.policy import DEFAULT, Policy, laid_over
from services.commands.compute import Question, figures
from services.core import report
from services.core.rules import Rules
from services.core.ticket import Ticket

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LATER = "Sun 23:59"


def at(when: str) -> Millis:
    """`09:30` or `09:30:05` on Monday 2 March 2026; `Wed 09:30` in that week, `+Wed 09:30` in the next; UTC."""
    day, _, clock = when.rpartition(" ")
    begin = MONDAY + timedelta(days=7 * day.startswith("+") + (_DAYS.index(day.lstrip("+")) if day else 0))
    hours, minutes, seconds = (int(part) for part in f"{clock}:00".split(":")[:3])
    return millis(begin + timedelta(hours=hours, minutes=minutes, seconds=seconds))


def told(kind: str, when: str | Millis, /, **fields: Any) -> Fact:
    """An event of ticket T1; its id tells type and time."""
    moment = at(when) if isinstance(when, str) else when
    event_id = fields.pop("event_id", f"{kind}@{moment}")
    fields = {"entity": "T1", "received_at": moment, "ticket_id": "T1", **fields}
    return Fact(moment, kind, event_id, **fields)


def created(when: str, **fields: Any) -> Fact:
    return told("ticket.created", when, **fields)


def customer(when: str, **fields: Any) -> Fact:
    return told("ticket.replied", when, **{"author": "customer", "public": True} | fields)


def answer(when: str, agent_id: str = "A1", **fields: Any) -> Fact:
    """A public reply by an agent."""
    return told("ticket.replied", when, author="agent", public=True, agent_id=agent_id, **fields)


def note(when: str, **fields: Any) -> Fact:
    return told("ticket.replied", when, author="agent", public=False, agent_id="A9", **fields)


def bot(when: str, **fields: Any) -> Fact:
    return told("ticket.replied", when, **{"author": "bot", "public": True} | fields)


def becomes(status: str, when: str, **fields: Any) -> Fact:
    return told("ticket.status_changed", when, status=status, **fields)


def solved(when: str, **fields: Any) -> Fact:
    return becomes("solved", when, **fields)


def reopened(when: str, **fields: Any) -> Fact:
    return becomes("open", when, **fields)


def assigned(when: str, **fields: Any) -> Fact:
    return told("ticket.assigned", when, **fields)


def prioritised(priority: str, when: str) -> Fact:
    return told("ticket.priority_changed", when, priority=priority)


def escalated(when: str, **fields: Any) -> Fact:
    return told("ticket.escalated", when, **fields)


def merged(when: str, into: str = "T2") -> Fact:
    return told("ticket.merged", when, into_ticket_id=into)


def snapshot(when: str, **fields: Any) -> Fact:
    return told("ticket.snapshot", when, **fields)


def presence(state: str, when: str | Millis, ticket_id: str | None = None, **fields: Any) -> Fact:
    """An event of agent A1."""
    moment = at(when) if isinstance(when, str) else when
    event_id = f"{state}/{ticket_id}@{moment}"
    return told(
        "agent.state_changed",
        moment,
        **{"event_id": event_id, "entity": "A1", "agent_id": "A1", "ticket_id": ticket_id, "state": state} | fields,
    )


def rules(config: Mapping[str, Any] | None = None) -> Rules:
    """The rules of a policy laid over the defaults."""
    return _rules(json.dumps(config or {}))


@lru_cache(maxsize=300)
def _rules(config: str) -> Rules:
    """Rules do not change, and reading a calendar takes its time."""
    return Rules(Policy.model_validate(laid_over(DEFAULT, json.loads(config))))


def promise(targets: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """An SLA policy: a target of seconds by metric, for normal tickets, or by priority and metric."""
    nested = all(isinstance(value, Mapping) for value in targets.values())
    return {
        "id": "std",
        "hours": "calendar",
        "targets": dict(targets) if nested else {"normal": dict(targets)},
    } | fields


def sla(*policies: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A config with these SLA policies."""
    return {"sla": {"policies": list(policies), **fields}}


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
OFFICE = {"timezone": "UTC", "weekly": {day: [["09:00", "17:00"]] for day in WEEKDAYS}}
NIGHT = {"timezone": "UTC", "weekly": {day: [["17:00", "09:00"]] for day in WEEKDAYS}}


def ticket(facts: Sequence[Fact], config: Mapping[str, Any] | None = None, as_of: str = LATER) -> Ticket:
    """Ticket T1 as it is known at ``as_of``."""
    return report.known(facts, rules(config), at(as_of)).tickets["T1"]


def ticket_figures(
    facts: Sequence[Fact], config: Mapping[str, Any] | None = None, as_of: str = LATER
) -> dict[str, Any]:
    """`tickets.T1`."""
    return report.ticket_figures(ticket(facts, config, as_of), rules(config), at(as_of))


def sla_figures(facts: Sequence[Fact], config: Mapping[str, Any], as_of: str = LATER) -> dict[str, Any]:
    """`sla.T1`."""
    return report.sla_figures(ticket(facts, config, as_of), at(as_of))


def of(ticket_id: str, *facts: Fact) -> list[Fact]:
    """The same told of another ticket."""
    changes = {"entity": ticket_id, "ticket_id": ticket_id}
    return [replace(fact, event_id=f"{ticket_id}/{fact.event_id}", **changes) for fact in facts]


def computed(name: str, facts: Sequence[Fact], config: Mapping[str, Any] | None = None, as_of: str = LATER) -> Any:
    """One part of what `deskpulse compute` prints."""
    question = Question(at(as_of), only=frozenset({name}))
    return figures(facts, rules(config), question)[name]


def part(whole: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Of ``whole`` what ``wanted`` names."""
    return {name: whole.get(name, "nothing") for name in wanted}
