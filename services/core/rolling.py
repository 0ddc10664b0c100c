"""The last days against as many before them (KPI cases, convention 19)."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from schemas.codec import Millis
from services.core.kpis import percentile, ratio
from services.core.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Period:
    """Named as in the cases' `rolling.current`."""

    created: int
    solved: int
    """Solved for the first time."""
    frt_p50_seconds: float | None
    frt_count: int
    """First responses, by when they were given."""


def period(tickets: Iterable[Ticket], begin: Millis, end: Millis) -> Period:
    """What happened later than ``begin`` and not later than ``end``: periods side by side share no instant.

    Merged-away tickets are not counted; a first response that one had is.
    """
    created = solved = 0
    waits = []
    for ticket in tickets:
        if ticket.merged_at is None:
            created += ticket.creation_known and begin < ticket.opened_at <= end
            solved += bool(ticket.solves) and begin < ticket.solves[0].at <= end
        first = ticket.responses.first
        if first is not None and begin < first.at <= end:
            waits.append((first.at - first.since) // 1000)
    return Period(created, solved, percentile(sorted(waits), 0.5), len(waits))


def growth(now: float | None, before: float | None) -> float | None:
    """By how much a figure grew, relative to before; None where there was none, or nothing, before."""
    return None if now is None or before is None else ratio(now - before, before)


def change(current: Period, previous: Period) -> dict[str, float | None]:
    """By how much each figure grew (`growth`).

    Source:
        KPI cases, convention 19; docs/kpis.md, Rolling windows.
    """
    return {
        field.name: growth(getattr(current, field.name), getattr(previous, field.name)) for field in fields(Period)
    }
