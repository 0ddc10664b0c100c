"""First contact resolution: solved, and the customer did not come back (KPI cases, convention 11)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from schemas.codec import Millis, TicketStory
from schemas.policy import Fcr
from services.core.kpis import ratio
from services.core.returns import Verdict, quiet
from services.core.tally import DAY_MS


class Judged(NamedTuple):
    """A ticket's verdict for one window, and whether the window is over."""

    verdict: Verdict
    matured: bool


def judged(ticket: TicketStory, came_back_at: Millis | None, days: int, policy: Fcr, as_of: Millis) -> Judged:
    """Whether ``ticket`` was resolved at the first contact, as far as ``days`` days after the first solve tell.

    Args:
        came_back_at: When the customer first came back after the first solve (`returns.came_back_at`).
        days: The window, of 86,400 seconds each; what comes at its end still counts.

    Returns:
        False once it failed; "pending" while the window is not over; else True. None when it was never solved, or
        merged away. A window may be over or not where the verdict is False already.

    Source:
        KPI cases, convention 11; docs/kpis.md, First contact resolution.
    """
    solved_at = ticket.solved_at
    if solved_at is None:
        return Judged(None, False)
    matured = as_of >= solved_at + days * DAY_MS
    if policy.escalation_fails and ticket.escalated:
        return Judged(False, matured)
    if policy.first_contact == "one_reply" and ticket.replies > 1:
        return Judged(False, matured)
    return Judged(quiet(solved_at, days * DAY_MS, came_back_at, as_of), matured)


@dataclass(frozen=True, slots=True)
class FcrFigures:
    """First contact resolution of many tickets for one window, with its parts."""

    matured: int
    """Tickets whose window is over."""
    resolved: int
    """Of those, resolved at the first contact."""
    solved: int
    """Tickets ever solved."""
    pending: int

    @property
    def confirmed(self) -> float | None:
        """Of the tickets whose window is over, the share that was resolved at the first contact; None without any."""
        return ratio(self.resolved, self.matured)

    @property
    def provisional(self) -> float | None:
        """The share if all that is pending holds; None when nothing was solved."""
        return ratio(self.resolved + self.pending, self.solved)


def fcr(judgements: Iterable[Judged]) -> FcrFigures:
    """First contact resolution of the tickets that have a verdict; the newest flatter, so two shares are told."""
    known = [judgement for judgement in judgements if judgement.verdict is not None]
    return FcrFigures(
        matured=sum(matured for _, matured in known),
        resolved=sum(verdict is True for verdict, _ in known),
        solved=len(known),
        pending=sum(verdict == "pending" for verdict, _ in known),
    )
