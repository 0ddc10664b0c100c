"""Every figure of a batch of events at one instant, exact: what `deskpulse compute` and `deskpulse cases` show.

The keys are the `result_keys` of the KPI cases. Durations are whole seconds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from schemas.codec import Fact, Millis, instant
from services.core.agent import OFFLINE, Agent, replay_agent
from services.core.kpis import mean, percentile, ratio
from services.core.rules import Rules
from services.core.sla import reading
from services.core.tally import AGENT_STATES, STATUSES
from services.core.ticket import Ticket, replay, working_ms
from services.core.timeline import absorb

Figures = dict[str, Any]
SEGMENTS = ("queue", "channel", "priority", "tier", "category")


def rfc3339(at: Millis | None) -> str | None:
    """An instant as text; None stays None."""
    if at is None:
        return None
    return instant(at).isoformat(timespec="milliseconds" if at % 1000 else "seconds").replace("+00:00", "Z")


@dataclass
class Known:
    """The events known at an instant, as entities (convention 1)."""

    tickets: dict[str, Ticket] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    duplicates_ignored: int = 0


def known(arrivals: Iterable[Fact], rules: Rules, as_of: Millis) -> Known:
    """The entities that the events known at ``as_of`` tell of.

    Args:
        arrivals: In order of arrival; of two with one id the first counts.
    """
    timelines: dict[tuple[bool, str], list[Fact]] = {}
    total = 0
    for fact in arrivals:
        if fact.at <= as_of and fact.received_at <= as_of:
            total += 1
            timelines.setdefault((fact.type == "agent.state_changed", fact.entity), []).append(fact)
    result = Known(duplicates_ignored=total)
    for (about_agent, entity), facts in timelines.items():
        timeline = absorb([], facts)
        result.duplicates_ignored -= len(timeline)
        if about_agent:
            result.agents[entity] = replay_agent(timeline)
        elif (ticket := replay(timeline, rules)) is not None and not ticket.deleted:
            result.tickets[entity] = ticket
    return result


def seconds(duration_ms: Millis | None) -> int | None:
    return None if duration_ms is None else duration_ms // 1000


def ticket_figures(ticket: Ticket, rules: Rules, as_of: Millis) -> Figures:
    """`tickets.<ticket_id>` (conventions 7 to 10)."""
    responses, solves = ticket.responses, ticket.solves
    first, handover = responses.first, responses.since_handover
    spent = _status_ms(ticket, as_of)
    resolved = ticket.creation_known and bool(solves)
    full = solves[-1].at if resolved and ticket.now.solved else None
    return {
        "status": ticket.now.status,
        "frt_seconds": None if first is None else seconds(first.at - first.since),
        "frt_business_seconds": None if first is None else seconds(working_ms(ticket, first.since, first.at, rules)),
        "frt_since_handoff_seconds": None if handover is None else seconds(handover.at - handover.since),
        "frt_agent_id": None if first is None else first.agent,
        "next_response_seconds": [seconds(turn.at - turn.since) for turn in responses.turns],
        "waiting_since": rfc3339(ticket.waiting_since),
        "requester_wait_seconds": seconds(spent["new"] + spent["open"] + spent["on_hold"]),
        "agent_work_seconds": seconds(spent["new"] + spent["open"]),
        "agent_wait_seconds": seconds(spent["pending"]),
        "on_hold_seconds": seconds(spent["on_hold"]),
        "first_resolution_seconds": seconds(solves[0].at - ticket.opened_at) if resolved else None,
        "full_resolution_seconds": None if full is None else seconds(full - ticket.opened_at),
        "full_resolution_business_seconds": (
            None if full is None else seconds(working_ms(ticket, ticket.opened_at, full, rules))
        ),
        "solved_by_agent_id": solves[-1].agent if solves and ticket.now.solved else None,
        "reopens": len(ticket.reopens),
        "public_agent_replies": responses.public_agent_replies,
        "one_touch": ticket.now.solved and responses.public_agent_replies == 1,
        "transfers": ticket.transfers,
        "escalated": ticket.escalations > 0,
        "escalations": ticket.escalations,
    }


def _status_ms(ticket: Ticket, as_of: Millis) -> Counter[str]:
    ends = [*(stretch.since for stretch in ticket.stretches[1:]), as_of]
    spent: Counter[str] = Counter()
    for stretch, until in zip(ticket.stretches, ends, strict=True):
        spent[stretch.status] += until - stretch.since
    return spent


def sla_figures(ticket: Ticket, as_of: Millis) -> Figures:
    """`sla.<ticket_id>` (conventions 12 and 13); a metric that nothing is promised for is not there."""
    figures: Figures = {}
    for clock in ticket.promises:
        read = reading(clock, as_of, ticket.assignee_at)
        if read is None:
            continue
        result = asdict(read) | {"due_at": rfc3339(read.due_at), "breached_at": rfc3339(read.breached_at)}
        if clock.metric == "next_response":
            figures.setdefault(clock.metric, []).append(result)
        else:
            figures[clock.metric] = result
    return figures


def at_risk(sla: Mapping[str, Figures]) -> list[str]:
    """`ticket:metric` of every clock at risk, sorted."""
    return sorted(
        f"{ticket}:{metric}"
        for ticket, metrics in sla.items()
        for metric, read in metrics.items()
        if any(one["at_risk"] for one in (read if isinstance(read, list) else [read]))
    )


def aggregate(tickets: Sequence[Ticket]) -> Figures:
    """`aggregate`, and each of `segments` (convention 14)."""
    gross = [ticket for ticket in tickets if ticket.creation_known]
    standing = [ticket for ticket in tickets if ticket.merged_at is None]
    created = [ticket for ticket in gross if ticket.merged_at is None]
    solved = [ticket for ticket in standing if ticket.solves]
    resolved = [ticket for ticket in standing if ticket.now.solved]
    firsts = [ticket.responses.first for ticket in tickets if ticket.responses.first is not None]
    return {
        "tickets_created": len(created),
        "tickets_created_gross": len(gross),
        "tickets_merged": len(tickets) - len(standing),
        "tickets_solved": len(solved),
        "tickets_resolved_now": len(resolved),
        **_durations("frt", [(first.at - first.since) // 1000 for first in firsts]),
        **_durations("resolution", [(t.solves[-1].at - t.opened_at) // 1000 for t in resolved if t.creation_known]),
        "reopen_rate": ratio(sum(bool(ticket.reopens) for ticket in solved), len(solved)),
        "reopens": sum(len(ticket.reopens) for ticket in standing),
        "one_touch_rate": ratio(sum(t.responses.public_agent_replies == 1 for t in resolved), len(resolved)),
        "escalation_rate": ratio(sum(ticket.escalations > 0 for ticket in created), len(created)),
        "transfer_rate": ratio(sum(ticket.transfers > 0 for ticket in created), len(created)),
    }


def _durations(name: str, values: list[int]) -> Figures:
    values.sort()
    return {
        f"{name}_count": len(values),
        f"{name}_mean_seconds": mean(values),
        f"{name}_p50_seconds": percentile(values, 0.5),
        f"{name}_p90_seconds": percentile(values, 0.9),
    }


def segments(tickets: Sequence[Ticket]) -> Figures:
    """`segments.<field>.<value>`: the aggregate of the tickets created with each value."""
    figures: Figures = {}
    for name in SEGMENTS:
        parts: dict[str, list[Ticket]] = {}
        for ticket in tickets:
            value = getattr(ticket.first_traits, name)
            if value is not None:
                parts.setdefault(value, []).append(ticket)
        figures[name] = {value: aggregate(part) for value, part in sorted(parts.items())}
    return figures


def backlog(tickets: Iterable[Ticket], rules: Rules, at: Millis) -> Figures:
    """`backlog.<time>` (convention 15)."""
    statuses, actionable = rules.policy.backlog.statuses, rules.policy.backlog.actionable_statuses
    held = [(ticket, stretch) for ticket in tickets if (stretch := ticket.stretch_at(at)) is not None]
    counted = [(ticket, stretch) for ticket, stretch in held if stretch.status in statuses]
    by_status = Counter(stretch.status for _, stretch in counted)
    by_queue = Counter(stretch.traits.queue for _, stretch in counted if stretch.traits.queue is not None)
    return {
        "backlog": len(counted),
        "backlog_actionable": sum(stretch.status in actionable for _, stretch in held),
        "by_status": {status: by_status[status] for status in STATUSES if by_status[status]},
        "by_queue": dict(sorted(by_queue.items())),
        "oldest_age_seconds": seconds(max((at - ticket.opened_at for ticket, _ in counted), default=None)),
    }


def agent_figures(agent: Agent, rules: Rules, begin: Millis, end: Millis) -> Figures:
    """`agents.<agent_id>` over a window (convention 20)."""
    spent = _shown_ms(agent, begin, end)
    contact_ms, joint_ms, handled = _contact_ms([agent], begin, end)
    handling = spent["busy"] + spent["wrap_up"]
    denominator = sum(spent[state] for state in rules.policy.utilisation.denominator_states)
    return {
        "state_seconds": {state: spent[state] // 1000 for state in AGENT_STATES if spent[state]},
        "occupancy": ratio(handling, handling + spent["available"]),
        "utilisation": ratio(handling, denominator),
        "concurrency": ratio(contact_ms, joint_ms),
        "handled": handled,
        "aht_seconds": ratio(contact_ms / 1000, handled),
        "aht_concurrent_seconds": ratio(joint_ms / 1000, handled),
    }


def agents_total(agents: Sequence[Agent], begin: Millis, end: Millis) -> Figures:
    """`agents_total`: over all agents, with distinct contacts."""
    contact_ms, _, handled = _contact_ms(agents, begin, end)
    each = [count for agent in agents if (count := _contact_ms([agent], begin, end)[2])]
    return {"aht_seconds": ratio(contact_ms / 1000, handled), "handled": handled, "tickets_per_agent": mean(each)}


def _shown_ms(agent: Agent, begin: Millis, end: Millis) -> Counter[str]:
    ends = [*(since for since, _, _ in agent.shown[1:]), end]
    spent: Counter[str] = Counter()
    for (since, state, _), until in zip(agent.shown, ends, strict=True):
        spent[state] += max(0, min(until, end) - max(since, begin))
    spent[OFFLINE] += max(0, min(agent.shown[0][0], end) - begin)  # before the first event
    return spent


def _contact_ms(agents: Sequence[Agent], begin: Millis, end: Millis) -> tuple[Millis, Millis, int]:
    """Contact time, time with at least one contact (of one agent), and distinct contacts, inside a window."""
    total = joint = 0
    tickets: set[str] = set()
    for agent in agents:
        covered = begin
        for contact in agent.contacts:  # in order of their beginning
            since, until = (
                max(contact.began_at, begin),
                end if contact.ended_at is None else min(contact.ended_at, end),
            )
            if since < until or begin <= contact.began_at < end:
                tickets.add(contact.ticket_id)
            if since < until:
                total += until - since
                joint += max(0, until - max(since, covered))
                covered = max(covered, until)
    return total, joint, len(tickets)


def windows(arrivals: Iterable[Fact], rules: Rules, as_of: Millis) -> Figures:
    """`windows`: events of one type counted in windows, and what came late for them (convention 18)."""
    late = rules.policy.late_events
    size, allowed = 1000 * late.window_seconds, 1000 * late.allowed_lateness_seconds
    counts: Counter[Millis] = Counter()
    revised: set[Millis] = set()
    seen: set[tuple[str, str]] = set()
    dropped, watermark = 0, -1
    for fact in arrivals:
        identity = (fact.entity, fact.event_id)
        if fact.at > as_of or fact.received_at > as_of or identity in seen:
            continue
        seen.add(identity)
        if fact.type == late.count:
            begin = fact.at // size * size
            if begin + size + allowed <= watermark:
                dropped += 1
            else:
                counts[begin] += 1
                if begin + size <= watermark:
                    revised.add(begin)
        watermark = max(watermark, fact.at)
    return {
        "windows": {rfc3339(begin): counts[begin] for begin in sorted(counts)},
        "revised": [rfc3339(begin) for begin in sorted(revised)],
        "late_dropped": dropped,
    }
