"""What a ticket tells of itself to its requester, for the figures that depend on what else that person asked.

A figure is a function of one entity's own timeline. Whether a customer came back is told by other tickets of theirs;
so each ticket tells its story to the requester, whose timeline has them all, and the requester adds those figures. A
ticket whose requester nobody told adds them itself, as that of a requester with one ticket.
"""

from schemas.codec import Millis, TicketStory
from services.core.automation import automated
from services.core.fcr import judged
from services.core.returns import Openings, came_back_at
from services.core.rules import Rules
from services.core.tally import Tallies, add, dims_of
from services.core.ticket import Ticket

AGES: Millis = 2**62
"""An instant after which nothing is pending any more."""


def story_of(key: str, ticket: Ticket) -> TicketStory:
    """What the requester's timeline has to know of ``ticket``, whose key is ``key``."""
    solve = ticket.solves[0] if ticket.solves and ticket.merged_at is None else None
    solved_at = None if solve is None else solve.at
    people = [message.at for message in ticket.messages if message.author == "agent"]
    upto = ticket.opened_at - 1 if solved_at is None else solved_at
    return TicketStory(
        ticket=key,
        opened_at=ticket.opened_at,
        asked=ticket.creation_known and not ticket.outbound,
        category=ticket.first_traits.category,
        merged_into=ticket.merged_into,
        solved_at=solved_at,
        dims=dims_of(
            ticket.first_traits, None if solve is None else solve.agent, None if solve is None else solve.outcome
        ),
        escalated=any(at <= upto for at in ticket.escalated_at),
        replies=sum(at <= upto for at in people),
        reopened_at=ticket.reopens[0].at if solve is not None and ticket.reopens else None,
        bot_answered=any(message.author == "bot" and message.at <= upto for message in ticket.messages),
        people_at=min([*people, *ticket.escalated_at, *ticket.handed_over_at], default=None),
    )


def add_story(story: TicketStory, openings: Openings, rules: Rules, tallies: Tallies) -> None:
    """What a solved ticket adds that takes a quiet window to show.

    Counted is who came back, and what a bot did as far as is known: whether the window is over is for the reader to
    look at, who knows the time.
    """
    if story.solved_at is None:
        return
    policy = rules.policy
    came_back = came_back_at(story, openings, policy.fcr.repeat_match)
    for place, days in enumerate(policy.fcr.windows_days):
        if judged(story, came_back, days, policy.fcr, AGES).verdict is False:
            add(tallies, (f"came_back.{place}", story.solved_at, story.dims, 0), 1, 0)
    if automated(story, came_back, 1000 * policy.automation.window_seconds, AGES) is True:
        add(tallies, ("automated", story.solved_at, story.dims, 0), 1, 0)
