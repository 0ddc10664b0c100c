"""The explanation of a ticket that the store holds."""

from schemas.codec import Millis
from schemas.topics import REQUESTERS, TICKETS
from services.adapters.entities import Entities, possible_keys
from services.core.explanation import Explanation, explanation, latest
from services.core.rules import Rules
from services.core.ticket import replay
from services.core.timeline import known_at


async def stored_explanation(
    ticket: str, entities: Entities, rules: Rules, as_of: Millis | None, now: Millis
) -> Explanation | None:
    """Why the figures of ``ticket`` are what they are; None when it is not known, or was not yet.

    Args:
        ticket: Its key.
        as_of: An instant of the past, whose events alone count; None is ``now``, with all that the store holds.

    Raises:
        Unavailable: the store does not answer.
    """
    meant = possible_keys(ticket)
    timelines = await entities.timelines(TICKETS, meant)
    key = next((key for key in meant if key in timelines), None)
    timeline = timelines[key] if key is not None else []
    if as_of is not None:
        timeline = known_at(timeline, as_of)
    if key is None or not timeline:
        return None
    replayed = replay(timeline, rules)
    requester = None
    if replayed is not None and replayed.requester_id is not None:
        requester = await entities.timeline(REQUESTERS, replayed.requester_id)
        requester = requester if as_of is None else known_at(requester, as_of)
    at = max(now, latest(timeline)) if as_of is None else as_of
    return explanation(key, timeline, rules, at, requester=requester)
