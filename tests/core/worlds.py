"""Strategies: a small contact centre in no order. Its people come again, its tickets become parts of each other, its
agents are busy with them, and everybody is asked for an opinion."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codec import Fact, Rated
from tests.core.histories import agent_histories, an_instant, ticket_histories
from tests.core.stories import told

TICKETS = ("T1", "T2", "T3")


def _one_of_each(**options: Iterable[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """One choice for every field, in one draw."""
    return st.sampled_from([dict(zip(options, values, strict=True)) for values in product(*options.values())])


_at_creation = _one_of_each(
    requester_id=("R1", "R1", "R2", None),
    category=("c1", "c1", "bug", None),
    channel=("voice", "email", None),
    team=(None, "day"),
    tags_added=(None, ("bug",), ("feature_request", "vip")),
)
_nothing: dict[str, Any] = {}
_in_passing = st.sampled_from(
    [
        *(_nothing,) * 12,
        {"requester_id": "R1"},
        {"requester_id": "R2"},
        {"category": "c1"},
        {"category": "feature"},
        {"channel": "voice"},
        {"product_area": "app"},
        {"product_area": "web", "tier": "gold"},
        {"team": "night"},
        {"queue": "b"},
    ]
)
_of_a_kind = {
    "ticket.created": _at_creation,
    "ticket.replied": st.sampled_from(
        [_nothing, {"content_flags": ("actionable",)}, {"content_flags": ("template", "article_link")}]
    ),
    "ticket.status_changed": st.sampled_from(
        [_nothing, {"reason": "abandoned"}, {"reason": "fixed"}, {"reason": "duplicate"}]
    ),
    "ticket.tags_changed": st.sampled_from(
        [{"tags_added": ("bug_report",)}, {"tags_removed": ("bug",)}, {"tags_removed": ("vip", "feature_request")}]
    ),
    "ticket.merged": _one_of_each(into_ticket_id=(*TICKETS, "elsewhere")),
}


@st.composite
def _tickets(draw: st.DrawFn, most: int) -> list[Fact]:
    """Up to three tickets, each merged into another or itself now and then."""
    facts = []
    for name in TICKETS[: draw(st.integers(1, 3))]:
        for fact in draw(ticket_histories(name, most=most)):
            fields = draw(_in_passing) | draw(_of_a_kind.get(fact.type, st.just(_nothing)))
            facts.append(replace(fact, **fields))
        if draw(st.integers(0, 3)) == 0:
            fields = draw(_of_a_kind["ticket.merged"])
            merge_id = draw(st.sampled_from(["a", "m", "z"])) + name
            facts.append(
                told("ticket.merged", draw(an_instant), event_id=merge_id, entity=name, ticket_id=name, **fields)
            )
    return facts


_an_answer = _one_of_each(
    question=(
        *(("csat", 5.0, None), ("csat", 2.0, (0.0, 5.0)), ("nps", 9.0, None), ("nps", 3.0, (1.0, 5.0))),
        *(("ces", 6.5, None), ("ces", 1.0, (1.0, 7.0))),
    ),
    ticket_id=("T1", "T2", "T9", None),
    requester_id=("R1", "R2", None, None),
    agent_id=(None, None, "A2"),
)
_a_review = _one_of_each(
    ticket_id=("T1", "T2", "T9"),
    agent_id=(None, "A2"),
    verdict=(
        {"score": 87.5},
        {"score": 4.0, "scale": (1.0, 5.0)},
        {"ratings": (Rated(3, (1, 5), weight=2), Rated(None, (1, 5)), Rated(100))},
        {"ratings": (Rated(80), Rated(1, (0, 5), critical=True))},
        {"ratings": (Rated(None),)},
    ),
)


@st.composite
def opinions(draw: st.DrawFn) -> list[Fact]:
    """Answers to surveys and reviews, of tickets, of people and of nobody."""
    facts = []
    for number in draw(st.permutations(range(draw(st.integers(0, 4))))):
        event_id, moment = f"opinion/{number}", draw(an_instant)
        if draw(st.integers(0, 3)) == 0:
            fields = dict(draw(_a_review))
            fields |= fields.pop("verdict")
            facts.append(told("review.scored", moment, event_id=event_id, entity=fields["ticket_id"], **fields))
            continue
        fields = dict(draw(_an_answer))
        fields["kind"], fields["score"], fields["scale"] = fields.pop("question")
        entity = fields["ticket_id"] or fields["requester_id"] or event_id
        facts.append(told("survey.answered", moment, event_id=event_id, entity=entity, **fields))
    return facts


_a_view = _one_of_each(visit_id=("v1", "v2"), requester_id=("R1", "R2", None), article_id=("a", "b"))


@st.composite
def _views(draw: st.DrawFn) -> list[Fact]:
    """What people read in the help centre; who signs in halfway is known from then on."""
    facts = []
    for number in draw(st.permutations(range(draw(st.integers(0, 3))))):
        fields = draw(_a_view)
        key = f"visit//{fields['visit_id']}"
        facts.append(
            told(
                "helpcenter.viewed",
                draw(an_instant),
                event_id=f"view/{number}",
                entity=key,
                ticket_id=None,
                **fields,
            )
        )
    return facts


@st.composite
def worlds(draw: st.DrawFn, most: int = 6) -> list[Fact]:
    """Everything that helpdesks may tell, in no order.

    Args:
        most: How many events a ticket or an agent has at most.
    """
    facts = draw(_tickets(most))
    for agent in draw(st.sampled_from([(), ("A1",), ("A1", "A2")])):
        facts += draw(agent_histories(agent, most=most, agent=agent))
    return [*facts, *draw(opinions()), *draw(_views())]
