"""What bots resolved alone, and it stayed resolved (KPI cases, convention 25)."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.codec import Millis, TicketStory
from services.core.kpis import ratio
from services.core.returns import Verdict, quiet


def automated(ticket: TicketStory, came_back_at: Millis | None, window_ms: Millis, as_of: Millis) -> Verdict:
    """Whether a bot resolved ``ticket`` without people, and the customer did not come back in the window.

    Args:
        came_back_at: When the customer first came back after the first solve (`returns.came_back_at`).
        window_ms: How long after the first solve all must be quiet; what comes at its end still counts.

    Returns:
        True when a public bot answer came before the first solve and, up to the end of the window, no public agent
        reply, no escalation, no hand-off, no reopening and no repeat contact; "pending" if that can still change;
        else False. None when it was never solved, or merged away.

    Source:
        KPI cases, convention 25; docs/kpis.md, Automation share.
    """
    if ticket.solved_at is None:
        return None
    if not ticket.bot_answered:
        return False
    broken_at = min((at for at in (ticket.people_at, came_back_at) if at is not None), default=None)
    return quiet(ticket.solved_at, window_ms, broken_at, as_of)


@dataclass(frozen=True, slots=True)
class AutomationFigures:
    """Named as in the cases' `automation`."""

    solved: int
    automated_confirmed: int
    automated_pending: int
    automation_share: float | None


def automation(verdicts: Iterable[Verdict]) -> AutomationFigures:
    """The share of tickets ever solved that bots resolved for certain; None when nothing was solved."""
    known = [verdict for verdict in verdicts if verdict is not None]
    confirmed = sum(verdict is True for verdict in known)
    return AutomationFigures(
        solved=len(known),
        automated_confirmed=confirmed,
        automated_pending=sum(verdict == "pending" for verdict in known),
        automation_share=ratio(confirmed, len(known)),
    )
