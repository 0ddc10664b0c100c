"""A requester's timeline: the tickets, the visits to the help centre and the answers of one person.

Tickets and visits are entities of their own and tell this one their stories (`services.core.story`).
"""

from collections.abc import Iterable, Sequence

from schemas.codec import Fact, TicketStory, VisitStory
from services.core.deflection import article_dims, asked_after
from services.core.returns import Openings
from services.core.rules import Rules, Traits
from services.core.story import add_story
from services.core.surveys import add_answers
from services.core.tally import NOTHING_TOLD, SURVEYS, Dims, Tallies, add, dims_of


def stories(timeline: Iterable[Fact]) -> list[TicketStory]:
    """Of the requester's tickets."""
    return [fact.ticket_story for fact in timeline if fact.ticket_story is not None]


def requester_tallies(timeline: Sequence[Fact], rules: Rules) -> Tallies:
    """What a requester adds: who came back, what bots resolved, whom the help centre answered, and what they said."""
    tallies: Tallies = {}
    tickets = stories(timeline)
    openings = Openings(tickets)
    for story in tickets:
        add_story(story, openings, rules, tallies)
    for fact in timeline:
        if fact.visit_story is not None:
            _add_visit(fact.visit_story, openings, rules, tallies)
    add_answers(timeline, SURVEYS, told_dims, rules.policy, tallies)
    return tallies


def _add_visit(visit: VisitStory, openings: Openings, rules: Rules, tallies: Tallies) -> None:
    if not asked_after(visit.last_view_at, openings, 1000 * rules.policy.deflection.window_seconds):
        return
    add(tallies, ("visits_asked", visit.last_view_at, NOTHING_TOLD, 0), 1, 0)
    for article in visit.articles:
        add(tallies, ("article_visits_asked", visit.last_view_at, article_dims(article), 0), 1, 0)


def told_dims(fact: Fact) -> Dims:
    """The dimensions that an event tells itself."""
    return dims_of(Traits.told_by(fact), fact.agent_id or None)
