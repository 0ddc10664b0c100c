"""How good answers are: the first response (KPI cases, convention 26), and review scores (convention 29)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.codec import Millis
from services.core.kpis import ratio
from services.core.ticket import Message, Ticket

HELPFUL = frozenset({"actionable", "article_link", "troubleshooting"})


@dataclass(frozen=True, slots=True)
class FirstReply:
    """A ticket's first public agent reply, judged."""

    at: Millis
    agent: str | None
    helpful: bool
    stub: bool
    """Only there to stop the clock: unhelpful, and the agent had to write again unasked, much later."""


def first_reply(ticket: Ticket, stub_followup_ms: Millis) -> FirstReply | None:
    """How the first public agent reply helped.

    Args:
        stub_followup_ms: From how long after it on the agent's next message makes an unhelpful reply a stub.

    Returns:
        None when there was none, or when it is not known whether there was one before.

    Source:
        KPI cases, convention 26; docs/kpis.md, First response quality.
    """
    spoken = [message for message in ticket.messages if message.author in ("agent", "customer")]
    place = next((number for number, message in enumerate(spoken) if message.author == "agent"), None)
    if place is None or not ticket.created:
        return None
    helpful = not HELPFUL.isdisjoint(spoken[place].flags)
    following = spoken[place + 1] if place + 1 < len(spoken) else None
    stub = not helpful and _unasked(spoken[place], following, stub_followup_ms)
    return FirstReply(spoken[place].at, spoken[place].agent, helpful, stub)


def _unasked(reply: Message, following: Message | None, stub_followup_ms: Millis) -> bool:
    return following is not None and following.author == "agent" and following.at - reply.at >= stub_followup_ms


@dataclass(frozen=True, slots=True)
class ResponseQuality:
    """Named as in the cases' `response_quality`."""

    first_responses: int
    helpful_first_responses: int
    first_response_quality: float | None
    stub_first_responses: int


def response_quality(replies: Iterable[FirstReply | None]) -> ResponseQuality:
    """The share of first replies that helped; None when there was none."""
    given = [reply for reply in replies if reply is not None]
    helpful = sum(reply.helpful for reply in given)
    return ResponseQuality(len(given), helpful, ratio(helpful, len(given)), sum(reply.stub for reply in given))


@dataclass(frozen=True, slots=True)
class Rating:
    """What a reviewer gave in one category."""

    rating: float | None
    """None: not applicable."""
    scale: tuple[float, float] = (0, 100)
    """Least and most."""
    weight: float = 1
    critical: bool = False

    @property
    def percent(self) -> float | None:
        """Where the rating lies on its scale, from 0 to 100; None when it was not rated."""
        if self.rating is None:
            return None
        low, high = self.scale
        return 100 * (self.rating - low) / (high - low)


def review_score(ratings: Sequence[Rating]) -> float | None:
    """A review's score: the weighted mean over the rated categories.

    Returns:
        From 0 to 100; 0 if a critical category is under 50. None when nothing with a weight was rated.

    Raises:
        ValueError: a scale on which least and most are the same.

    Source:
        KPI cases, convention 29; Zendesk QA's reviews; docs/kpis.md, Review score.
    """
    for rating in ratings:
        if rating.scale[0] == rating.scale[1]:
            raise ValueError(f"a rating scale goes from least to most, got {list(rating.scale)}")
    rated = [(percent, each) for each in ratings if (percent := each.percent) is not None]
    if any(each.critical and percent < 50 for percent, each in rated):
        return 0
    return ratio(sum(percent * each.weight for percent, each in rated), sum(each.weight for _, each in rated))
