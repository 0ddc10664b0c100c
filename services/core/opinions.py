"""What customers and reviewers say of a ticket: surveys and review scores, on the ticket's own timeline."""

from collections.abc import Iterable

from schemas.codec import Fact, altered
from services.core.quality import Rating, review_score
from services.core.requester import told_dims
from services.core.rules import Rules, Traits
from services.core.surveys import add_answers, add_score, on_scale
from services.core.tally import Dims, Tallies, dims_of
from services.core.ticket import Ticket


def asks_the_person(fact: Fact) -> bool:
    """Whether an answer is about the customer's relation to us, and not about one ticket: NPS is."""
    return fact.type == "survey.answered" and fact.kind == "nps"


def asked_person(fact: Fact, ticket: Ticket | None) -> str | None:
    """Whose answer it is; None when nobody told."""
    return fact.requester_id or (None if ticket is None else ticket.requester_id)


def recommendation(answer: Fact, ticket: Ticket | None) -> Fact:
    """An answer to the NPS question about a ticket, for the timeline of its requester, cut as the ticket is."""
    dims = _dims(answer, ticket)
    traits, agent = Traits(*dims[: len(Traits._fields)]), dims[len(Traits._fields)]
    return altered(
        answer,
        event_id=recommendation_id(answer),
        entity=asked_person(answer, ticket) or answer.entity,
        ticket_id=None,
        agent_id=agent,
        **traits._asdict(),
    )


def recommendation_id(answer: Fact) -> str:
    """On the timeline of the requester, who may answer two helpdesks that count alike.

    Ids have no spaces, so it is nobody else's, and stands where the id of ``answer`` alone would.
    """
    return f"{answer.event_id} {answer.entity}"


def opinion_tallies(ticket: Ticket | None, timeline: Iterable[Fact], rules: Rules) -> Tallies:
    """What surveys and reviews of a ticket add; a ticket of which nothing else is told has opinions as well.

    The last answer to each kind of question counts, and every review.
    """
    tallies: Tallies = {}
    opinions = [fact for fact in timeline if fact.type in ("survey.answered", "review.scored")]
    if not opinions:
        return tallies
    own = [fact for fact in opinions if not (asks_the_person(fact) and asked_person(fact, ticket))]
    add_answers(own, ("csat", "nps", "ces"), lambda fact: _dims(fact, ticket), rules.policy, tallies)
    for fact in opinions:
        if fact.type == "review.scored" and (score := _review_score(fact)) is not None:
            add_score("review", fact.at, score, _dims(fact, ticket), tallies)
    return tallies


def _review_score(fact: Fact) -> float | None:
    """From 0 to 100; None when nothing was rated."""
    if fact.score is not None:
        return on_scale(fact.score, fact.scale, (0, 100))
    each = [Rating(rated.rating, rated.scale, rated.weight, rated.critical) for rated in fact.ratings or ()]
    return on_scale(review_score([rating for rating in each if rating.scale[0] != rating.scale[1]]), None, (0, 100))


def _dims(fact: Fact, ticket: Ticket | None) -> Dims:
    """What an opinion is cut by: the ticket's traits, and who is meant, else whose the ticket was at that time."""
    if ticket is None:
        return told_dims(fact)
    stretch = ticket.stretch_at(fact.at) or ticket.stretches[0]
    return dims_of(ticket.first_traits, fact.agent_id or stretch.agent)
