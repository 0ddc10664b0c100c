"""Contacts that wait in a queue to be taken up: service level, abandonment, speed of answer (convention 22)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from schemas.codec import Millis
from schemas.policy import ServiceLevel
from services.core.kpis import mean, ratio
from services.core.tally import Tallies, add, dims_of, step_of
from services.core.ticket import Ticket


class Offer(NamedTuple):
    """A contact that was offered to the queue, how it ended there, and how long it waited for that."""

    outcome: Literal["answered", "abandoned", "waiting"]
    wait_ms: Millis


def offer(ticket: Ticket, taken_up_at: Millis | None, as_of: Millis) -> Offer | None:
    """What became of a contact in the queue.

    Args:
        taken_up_at: When an agent first was busy with it; None for never.

    Returns:
        Abandoned when the customer left before that instant. A contact that was resolved though nobody took it up
        waits no more and was never answered: None, as for one merged away, or whose creation is not known.
    """
    if ticket.merged_at is not None or not ticket.creation_known:
        return None
    opened_at, abandoned_at = ticket.opened_at, ticket.abandoned_at
    if abandoned_at is not None and (taken_up_at is None or abandoned_at < taken_up_at):
        return Offer("abandoned", abandoned_at - opened_at)
    if taken_up_at is not None:
        return Offer("answered", max(0, taken_up_at - opened_at))
    return None if ticket.now.solved else Offer("waiting", as_of - opened_at)


def add_offer(ticket: Ticket, policy: ServiceLevel, tallies: Tallies) -> None:
    """What a ticket in a channel of ``policy`` adds: how its wait in the queue ended, or since when it waits."""
    if ticket.first_traits.channel not in policy.channels:
        return
    offered = offer(ticket, ticket.taken_up_at, ticket.last_at)
    if offered is None:
        return
    dims, wait_ms = dims_of(ticket.first_traits, None), offered.wait_ms
    if offered.outcome == "waiting":
        add(tallies, ("offered", ticket.opened_at, dims, 0), 1, 0)
        return
    at = ticket.opened_at + wait_ms
    add(tallies, (offered.outcome, at, dims, step_of(wait_ms)), 1, wait_ms)
    if wait_ms <= 1000 * policy.threshold_seconds:
        add(tallies, (f"{offered.outcome}_in_time", at, dims, 0), 1, 0)
    if offered.outcome == "abandoned" and wait_ms <= 1000 * policy.short_abandon_seconds:
        add(tallies, ("abandoned_shortly", at, dims, 0), 1, 0)


@dataclass(frozen=True, slots=True)
class Counts:
    """Offers, counted: what adds up, and what every method of the service level is made of."""

    answered: int
    abandoned: int
    short_abandoned: int
    waiting: int
    answered_within: int
    abandoned_within: int
    waiting_beyond: int
    """Longer than the threshold already."""


def counts(offers: Iterable[Offer], policy: ServiceLevel) -> Counts:
    """How many ended how; within the threshold, and within what makes an abandoned contact a short one, inclusive."""
    threshold_ms, short_ms = 1000 * policy.threshold_seconds, 1000 * policy.short_abandon_seconds
    waits: dict[str, list[Millis]] = {"answered": [], "abandoned": [], "waiting": []}
    for outcome, wait_ms in offers:
        waits[outcome].append(wait_ms)
    return Counts(
        answered=len(waits["answered"]),
        abandoned=len(waits["abandoned"]),
        short_abandoned=sum(wait <= short_ms for wait in waits["abandoned"]),
        waiting=len(waits["waiting"]),
        answered_within=sum(wait <= threshold_ms for wait in waits["answered"]),
        abandoned_within=sum(wait <= threshold_ms for wait in waits["abandoned"]),
        waiting_beyond=sum(wait > threshold_ms for wait in waits["waiting"]),
    )


def served(count: Counts, policy: ServiceLevel) -> tuple[int, int]:
    """Contacts that were served in time, and those that they are a share of: the parts of `service_level`."""
    if policy.method == "answered_only":
        return count.answered_within, count.answered
    if policy.method == "removed_from_queue":
        gone = count.answered_within + count.abandoned_within
        return gone, count.answered + count.abandoned + count.waiting
    offered = count.answered + count.abandoned
    offered -= 0 if policy.count_short_abandoned else count.short_abandoned
    offered += count.waiting_beyond if policy.count_waiting_over_threshold else 0
    return count.answered_within, offered


def service_level(count: Counts, policy: ServiceLevel) -> float | None:
    """Share of contacts answered within the threshold.

    Args:
        policy: Its ``method`` says of what it is a share. "answered_of_offered": of what was answered, abandoned
            (short ones only if so wished) and, if so wished, has waited too long already; "answered_only": of what
            was answered; "removed_from_queue": of all, and who left in time counts as served.

    Returns:
        A ratio in [0, 1], or None when no contact is left to judge: no data is not zero.

    Source:
        KPI cases, convention 22; the "80/20" habit of telephone queues; docs/kpis.md, Service level.
    """
    return ratio(*served(count, policy))


def gave_up(count: Counts) -> tuple[int, int]:
    """Contacts whose customer gave up, and those that they are a share of: the parts of `abandonment_rate`."""
    given_up = count.abandoned - count.short_abandoned
    return given_up, count.answered + given_up


def abandonment_rate(count: Counts) -> float | None:
    """Share of contacts whose customer gave up, short ones left out on both sides; None without any."""
    return ratio(*gave_up(count))


def average_speed_of_answer(offers: Iterable[Offer]) -> float | None:
    """Mean wait in seconds of what was answered; None when nothing was."""
    return mean([wait_ms // 1000 for outcome, wait_ms in offers if outcome == "answered"])


@dataclass(frozen=True, slots=True)
class ServiceFigures:
    """Named as in the cases' `service_level`."""

    answered: int
    abandoned: int
    short_abandoned: int
    waiting: int
    service_level: float | None
    asa_seconds: float | None
    abandonment_rate: float | None
    longest_wait_seconds: int | None
    """Of those that wait now."""


def service_figures(offers: Sequence[Offer], policy: ServiceLevel) -> ServiceFigures:
    """Every figure of the queue, of the contacts offered to it."""
    count = counts(offers, policy)
    longest = max((wait_ms for outcome, wait_ms in offers if outcome == "waiting"), default=None)
    return ServiceFigures(
        answered=count.answered,
        abandoned=count.abandoned,
        short_abandoned=count.short_abandoned,
        waiting=count.waiting,
        service_level=service_level(count, policy),
        asa_seconds=average_speed_of_answer(offers),
        abandonment_rate=abandonment_rate(count),
        longest_wait_seconds=None if longest is None else longest // 1000,
    )
