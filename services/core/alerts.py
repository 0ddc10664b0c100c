"""Alerts on the backlog: above a line for some time, and a lower line to clear (KPI cases, convention 16)."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from schemas.codec import Millis
from schemas.policy import AlertRule
from services.core.ticket import Ticket


class Firing(NamedTuple):
    """From when to when an alert fired; None while it does."""

    firing_at: Millis
    resolved_at: Millis | None


def levels(tickets: Iterable[Ticket], statuses: Collection[str]) -> list[tuple[Millis, int]]:
    """How many tickets are in one of ``statuses``: (since, how many) at each instant of a change, in order.

    Tickets merged away are in none. What happens at one instant shows as one change.
    """
    steps: Counter[Millis] = Counter()
    for ticket in tickets:
        for stretch, following in pairwise([*ticket.stretches, None]):
            if stretch is not None and stretch.status in statuses:
                steps[stretch.since] += 1
                if following is not None:
                    steps[following.since] -= 1
    level, found = 0, []
    for at in sorted(steps):
        level += steps[at]
        found.append((at, level))
    return found


def firings(levels: Sequence[tuple[Millis, int]], rule: AlertRule, as_of: Millis) -> list[Firing]:
    """When ``rule`` fired.

    Args:
        levels: The metric, as (since, value), in order and up to ``as_of``.

    Returns:
        In order. It fires once the metric has been above the threshold for `for_seconds` without a break, that
        instant included even if the metric falls at it, and resolves at the first change after which the metric is
        not above `clear_at_or_below`.

    Source:
        KPI cases, convention 16; docs/kpis.md, Alerts.
    """
    found: list[Firing] = []
    above_since: Millis | None = None
    firing_at: Millis | None = None
    for at, level in levels:
        if firing_at is None and above_since is not None and above_since + 1000 * rule.for_seconds <= at:
            firing_at = above_since + 1000 * rule.for_seconds
        if firing_at is not None and level <= rule.clear_at_or_below:
            found.append(Firing(firing_at, at))
            firing_at = above_since = None
        if level <= rule.threshold:
            above_since = None
        elif above_since is None:
            above_since = at
    if firing_at is None and above_since is not None and above_since + 1000 * rule.for_seconds <= as_of:
        firing_at = above_since + 1000 * rule.for_seconds
    return found if firing_at is None else [*found, Firing(firing_at, None)]
