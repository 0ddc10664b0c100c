"""What many tickets come to, exact: `aggregate`, `segments`, `backlog`."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from schemas.codec import Millis
from services.core.fcr import Judged, fcr
from services.core.kpis import mean, percentile, ratio
from services.core.report.notation import Figures, seconds
from services.core.rules import Rules
from services.core.tally import STATUSES
from services.core.ticket import Ticket

SEGMENTS = ("queue", "channel", "priority", "tier", "category")


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
        "escalation_rate": ratio(sum(bool(ticket.escalated_at) for ticket in created), len(created)),
        "transfer_rate": ratio(sum(bool(ticket.transferred_at) for ticket in created), len(created)),
    }


def fcr_totals(verdicts: Iterable[Mapping[str, Judged]], rules: Rules) -> Figures:
    """First contact resolution of many tickets, by the days of its window (convention 11)."""
    each = list(verdicts)
    totals = {days: fcr(one[days] for one in each) for days in map(str, rules.policy.fcr.windows_days)}
    return {
        "fcr_matured": {days: total.matured for days, total in totals.items()},
        "fcr_confirmed": {days: total.confirmed for days, total in totals.items()},
        "fcr_provisional": {days: total.provisional for days, total in totals.items()},
    }


def _durations(name: str, values: list[int]) -> Figures:
    values.sort()
    return {
        f"{name}_count": len(values),
        f"{name}_mean_seconds": mean(values),
        f"{name}_p50_seconds": percentile(values, 0.5),
        f"{name}_p90_seconds": percentile(values, 0.9),
    }


def segments(tickets: Mapping[str, Ticket], figures_of: Callable[[Mapping[str, Ticket]], Figures]) -> Figures:
    """`segments.<field>.<value>`: ``figures_of`` the tickets created with each value."""
    figures: Figures = {}
    for name in SEGMENTS:
        parts: dict[str, dict[str, Ticket]] = {}
        for key, ticket in tickets.items():
            value = getattr(ticket.first_traits, name)
            if value is not None:
                parts.setdefault(value, {})[key] = ticket
        figures[name] = {value: figures_of(part) for value, part in sorted(parts.items())}
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
