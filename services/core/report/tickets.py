"""What a ticket's figures are at one instant, exact: `tickets`, `sla`, `at_risk`."""

from collections.abc import Mapping
from dataclasses import asdict

from schemas.codec import Millis
from services.core.fcr import Judged, judged
from services.core.promises import ONE_A_TICKET
from services.core.report.known import Known
from services.core.report.notation import Figures, rfc3339, seconds
from services.core.rules import Rules
from services.core.sla import reading
from services.core.ticket import Ticket, status_ms, working_ms


def ticket_figures(ticket: Ticket, rules: Rules, as_of: Millis) -> Figures:
    """`tickets.<ticket_id>` (conventions 7 to 10)."""
    responses, solves = ticket.responses, ticket.solves
    first, handover = responses.first, responses.since_handover
    spent = status_ms(ticket, as_of)
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
        "transfers": len(ticket.transferred_at),
        "escalated": bool(ticket.escalated_at),
        "escalations": len(ticket.escalated_at),
    }


def fcr_verdicts(known: Known, rules: Rules, as_of: Millis) -> dict[str, dict[str, Judged]]:
    """`tickets.<ticket_id>.fcr`: by ticket and by days, with whether the window is over (convention 11)."""
    policy = rules.policy.fcr
    return {
        key: {str(days): judged(story, known.came_back_at[key], days, policy, as_of) for days in policy.windows_days}
        for key, story in known.stories.items()
    }


def sla_figures(ticket: Ticket, as_of: Millis) -> Figures:
    """`sla.<ticket_id>` (conventions 12 and 13); a metric that nothing is promised for is not there."""
    figures: Figures = {}
    for clock in ticket.promises:
        read = reading(clock, as_of, ticket.assignee_at)
        if read is None:
            continue
        result = asdict(read) | {"due_at": rfc3339(read.due_at), "breached_at": rfc3339(read.breached_at)}
        if clock.metric in ONE_A_TICKET:
            figures[clock.metric] = result
        else:
            figures.setdefault(clock.metric, []).append(result)
    return figures


def at_risk(sla: Mapping[str, Figures]) -> list[str]:
    """`ticket:metric` of every clock at risk, sorted."""
    return sorted(
        f"{ticket}:{metric}"
        for ticket, metrics in sla.items()
        for metric, read in metrics.items()
        if any(one["at_risk"] for one in (read if isinstance(read, list) else [read]))
    )
