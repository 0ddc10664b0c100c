"""What a merge hands over: the ticket that remains takes on the longer wait (KPI cases, convention 17).

A figure is a function of one ticket's own timeline, and a merge is told on the timeline of the ticket that goes away.
So what the other has to know becomes a fact of its own, `ticket.wait_inherited`, on the timeline of the ticket that
remains: made from the merged ticket alone, at the time of the merge, with the beginning of the wait as `created_at`.
`Ticket.tell` asks whether this ticket was still unanswered then.

Live, the processor that measures the merged ticket sends this fact to the partition of the other, keyed by it. Its
id is that of the merge with `/wait`, so that a repeat is a repeat. When a late event changes the merged ticket's
story, the fact sent anew has the same id: the receiver has to replace the one that it holds, and to withdraw it with
one that says nothing any more (`created_at` left out).
"""

from collections.abc import Mapping

from schemas.codec import Fact, Millis
from services.core.rules import Rules
from services.core.ticket import Ticket, merged_into, replay
from services.core.timeline import WAIT_INHERITED, absorb, place


def wait_of(merged: Ticket) -> Millis | None:
    """Since when the customer of a merged ticket was waiting for a first response when it was merged.

    Returns:
        Its creation, or what it had inherited itself; of a ticket that an agent opened, the customer's first message.
        None when it had a first response, when nobody asked, or when its creation is not known.
    """
    responses = merged.responses
    if responses.answered:
        return None
    if merged.outbound:
        return responses.awaited_since
    return min(at for at in (merged.opened_at, responses.awaited_since) if at is not None)


def inherited_wait(merged: Ticket, merge: Fact) -> Fact | None:
    """The fact that ``merge`` adds to the timeline of the ticket that remains; None when it adds nothing.

    Args:
        merged: The ticket merged away, after its whole timeline.
        merge: The event that merged it away.
    """
    target, since = merged_into(merge), wait_of(merged)
    if target is None or target == merge.entity or since is None or merged.deleted:
        return None
    return inherited(merge, target, since)


def inherited(merge: Fact, target: str, since: Millis | None) -> Fact:
    """What ``merge`` tells the ticket that remains; None for ``since`` tells it nothing."""
    return Fact(
        at=merge.at,
        type=WAIT_INHERITED,
        event_id=f"{merge.event_id}/wait",
        entity=target,
        received_at=merge.received_at,
        ticket_id=merge.into_ticket_id,
        created_at=since,
    )


def with_inherited_waits(timelines: Mapping[str, list[Fact]], rules: Rules) -> dict[str, list[Fact]]:
    """The timelines of tickets, by key, with what merges hand over; in order of time, so that chains hand it on.

    Returns:
        A new dict; unchanged timelines are the same lists.
    """
    result = dict(timelines)
    if not rules.policy.merge.inherit_oldest_wait:
        return result
    first_merges = (next((f for f in facts if f.type == "ticket.merged"), None) for facts in timelines.values())
    for merge in sorted((merge for merge in first_merges if merge is not None), key=place):
        merged = replay(result[merge.entity], rules)
        fact = None if merged is None or merged.merged_at is None else inherited_wait(merged, merge)
        if fact is not None and fact.entity in result:
            result[fact.entity] = absorb(result[fact.entity], [fact])
    return result
