"""Agents whose figures stand out among their peers, in ways that point to a habit (KPI cases, convention 29).

Signs to talk about, never a verdict: a specialist's tickets differ.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, NamedTuple

_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Peer:
    """One agent's figures; None where there is none."""

    agent_id: str
    handled: int
    aht_seconds: float | None = None
    csat: float | None = None
    escalation_rate: float | None = None
    reopen_rate: float | None = None
    easy_share: float | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """From where on a figure stands out; named as in the cases' `inputs`."""

    min_handled: int = 0
    fast_ratio: float = 0.7
    csat_drop: float = 0.3
    low_escalation_ratio: float = 0.5
    high_reopen_ratio: float = 1.5
    easy_share_delta: float = 0.2


class Flag(NamedTuple):
    """What stands out about whom."""

    agent_id: str
    flag: Literal["rushing", "under_escalating", "cherry_picking"]


def peer_outliers(peers: Sequence[Peer], lines: Lines) -> list[Flag]:
    """What stands out, in the order of the agents.

    Args:
        peers: Agents who do the same work. Those who handled fewer than ``min_handled`` are neither judged nor a
            part of the medians.

    Returns:
        Lines are inclusive. A figure that is not known flags nobody; a median of zero is no yardstick for fast or
        rare, and no reopening at all is never many.

    Source:
        KPI cases, convention 29; docs/kpis.md, Peer outliers.
    """
    judged = [peer for peer in peers if peer.handled >= lines.min_handled]
    aht = _median(judged, lambda peer: peer.aht_seconds)
    csat = _median(judged, lambda peer: peer.csat)
    escalation = _median(judged, lambda peer: peer.escalation_rate)
    reopen = _median(judged, lambda peer: peer.reopen_rate)
    easy = _median(judged, lambda peer: peer.easy_share)
    flags: list[Flag] = []
    for peer in judged:
        if _rare(peer.aht_seconds, aht, lines.fast_ratio) and _at_most(peer.csat, csat, -lines.csat_drop):
            flags.append(Flag(peer.agent_id, "rushing"))
        rare = _rare(peer.escalation_rate, escalation, lines.low_escalation_ratio)
        if rare and _frequent(peer.reopen_rate, reopen, lines.high_reopen_ratio):
            flags.append(Flag(peer.agent_id, "under_escalating"))
        if None not in (peer.easy_share, easy) and _at_most(easy, peer.easy_share, -lines.easy_share_delta):
            flags.append(Flag(peer.agent_id, "cherry_picking"))
    return flags


def _median(peers: Iterable[Peer], figure: Callable[[Peer], float | None]) -> float | None:
    values = [value for peer in peers if (value := figure(peer)) is not None]
    return median(values) if values else None


def _rare(value: float | None, usual: float | None, share: float) -> bool:
    return value is not None and usual is not None and usual > 0 and value <= share * usual + _SLACK


def _frequent(value: float | None, usual: float | None, factor: float) -> bool:
    return value is not None and usual is not None and value > 0 and value >= factor * usual - _SLACK


def _at_most(value: float | None, other: float | None, apart: float) -> bool:
    """Whether ``value`` is at most ``other`` and ``apart`` together."""
    return value is not None and other is not None and value <= other + apart + _SLACK
