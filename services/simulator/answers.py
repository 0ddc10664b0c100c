"""What agents' answers hold, and what a resolution was."""

from collections.abc import Mapping

from services.simulator.chance import Chance
from services.simulator.ticket import Ticket

_REPAIRS: Mapping[str, float] = {"fixed": 5, "workaround": 3, "answered": 2}
_GOODS: Mapping[str, float] = {"fixed": 4, "answered": 5, "workaround": 0.5}
_MONEY: Mapping[str, float] = {"fixed": 6, "answered": 3, "workaround": 1}
_QUESTIONS: Mapping[str, float] = {"answered": 7, "fixed": 2, "workaround": 1}
_OUTCOMES = {
    "bug": _REPAIRS,
    "outage": _REPAIRS,
    "integration": _REPAIRS,
    "login": _REPAIRS,
    "delivery": _GOODS,
    "return": _GOODS,
    "wrong_item": _GOODS,
    "refund": _MONEY,
    "payment_failed": _MONEY,
}
_OUTCOME_TOLD = 0.9
"""Share of the solves for which agents fill in what it was."""
_FLAGS = {
    "voice": {"actionable": 0.8, "troubleshooting": 0.3},
    "chat": {"template": 0.5, "actionable": 0.5, "troubleshooting": 0.2, "article_link": 0.15},
    "written": {"actionable": 0.62, "troubleshooting": 0.28, "article_link": 0.24, "template": 0.22},
}
"""How often a first answer holds what; the parts of an answer do not exclude each other."""


def flags_of_first(chance: Chance, ticket: Ticket) -> tuple[str, ...]:
    """What an agent's first answer to a ticket holds."""
    kind = ticket.channel if ticket.live else "written"
    return tuple(flag for flag, share in _FLAGS[kind].items() if chance.once_in(share))


def outcome_of(chance: Chance, ticket: Ticket) -> str | None:
    """What an agent's resolution was; None when it was not filled in."""
    if not chance.once_in(_OUTCOME_TOLD):
        return None
    if ticket.duplicate_of is not None:
        return "duplicate"
    return chance.word(_OUTCOMES.get(ticket.category, _QUESTIONS))
