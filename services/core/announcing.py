"""What is announced of a ticket's lines: each once while it holds, and taken back where history has changed."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from schemas.codec import Millis
from services.core.signals import Line, key


class Announced(NamedTuple):
    """A line that somebody was told of."""

    line: Line
    """As it was told."""
    times: int
    """How often it had been told before: a line that was taken back may become true again."""
    standing: bool
    """Not taken back since."""


class Verdict(NamedTuple):
    """What has to be said of one ticket now."""

    withdrawn: list[Announced]
    announced: list[Announced]
    known: list[Announced]
    """All that has ever been told of the ticket, after this."""


def judged(lines: Sequence[Line], known: Sequence[Announced], silent_until: Millis, upto: Millis) -> Verdict | None:
    """What follows from the lines that a ticket has crossed at ``upto``; None where nothing is to be said.

    Args:
        lines: In the order of their instants.
        known: What was told of the ticket before.
        silent_until: Nobody is told of a line that was crossed by then.
    """
    crossed = [line for line in lines if line.at <= upto]
    if not known and (not crossed or crossed[-1].at <= silent_until):
        return None
    holding = {key(line): line for line in crossed}
    told = {key(each.line): each for each in known}
    withdrawn = {name: each for name, each in told.items() if each.standing and name not in holding}
    announced = {}
    for name, line in holding.items():
        before = told.get(name)
        if line.at > silent_until and not (before is not None and before.standing):
            announced[name] = Announced(line, 0 if before is None else before.times + 1, standing=True)
    if not withdrawn and not announced:
        return None
    taken_back = {name: each._replace(standing=False) for name, each in withdrawn.items()}
    return Verdict([*withdrawn.values()], [*announced.values()], [*(told | taken_back | announced).values()])


def next_line(lines: Sequence[Line], after: Millis) -> Millis | None:
    """When the next line is crossed; ``lines`` in the order of their instants."""
    return next((line.at for line in lines if line.at > after), None)


def signal_id(ticket: str, announced: Announced) -> str:
    """The id of the signal: the same whoever announces it; another one when the line becomes true again."""
    return _id(ticket, key(announced.line), str(announced.times))


def withdrawal_id(withdrawn: str) -> str:
    """The id of the signal that withdraws another one."""
    return _id("withdrawn", withdrawn)


def _id(*parts: str) -> str:
    return "sig_" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
