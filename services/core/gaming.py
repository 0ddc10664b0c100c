"""Patterns that make figures look better than the service was (KPI cases, convention 27). Signs, not proof."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from schemas.codec import Millis
from schemas.policy import Gaming
from services.core.ticket import Change, Ticket


class Sign(NamedTuple):
    """Something to look into. Sorts by instant, kind, ticket."""

    at: Millis
    kind: Literal["pause_without_reply", "premature_solve"]
    ticket: str
    agent: str | None


def pauses_without_reply(ticket: Ticket, lookback_ms: Millis) -> list[Change]:
    """Changes to pending with no public agent reply shortly before: the clock paused, and the customer not asked.

    Args:
        lookback_ms: How long before, inclusive; a reply at the very instant of the change counts.
    """
    replies = [message.at for message in ticket.messages if message.author == "agent"]
    return [pause for pause in ticket.pauses if not any(pause.at - lookback_ms <= at <= pause.at for at in replies)]


def premature_solves(ticket: Ticket, reopen_ms: Millis) -> list[Change]:
    """Solves that were followed by a reopening no later than ``reopen_ms``, inclusive."""
    # A ticket is solved and reopened by turns, and the first of them is a solve.
    together = zip(ticket.solves, ticket.reopens, strict=False)
    return [solve for solve, reopen in together if reopen.at - solve.at <= reopen_ms]


def gaming(tickets: Iterable[tuple[str, Ticket]], policy: Gaming) -> list[Sign]:
    """Every sign, by instant, kind and ticket.

    Args:
        tickets: With their keys.
    """
    lookback_ms, reopen_ms = 1000 * policy.pause_reply_lookback_seconds, 1000 * policy.premature_reopen_seconds
    signs: list[Sign] = []
    for key, ticket in tickets:
        paused, early = pauses_without_reply(ticket, lookback_ms), premature_solves(ticket, reopen_ms)
        signs += [Sign(pause.at, "pause_without_reply", key, pause.agent) for pause in paused]
        signs += [Sign(solve.at, "premature_solve", key, solve.agent) for solve in early]
    return sorted(signs, key=lambda sign: sign[:3])
