"""Satisfaction, recommendation, effort: KPI cases, convention 23."""

from typing import Any

import pytest

from schemas.codec import Fact
from services.core.surveys import nps
from tests.core.stories import at, computed, created, told


def answered(kind: str, score: float, when: str = "09:00", **fields: Any) -> Fact:
    """About ticket T1, unless the ticket is taken away; then of the requester, or of nobody."""
    ticket, requester = fields.get("ticket_id", "T1"), fields.get("requester_id")
    event_id = fields.pop("event_id", f"{kind}/{ticket}/{requester}/{score}@{at(when)}")
    entity = ticket or requester or event_id
    return told("survey.answered", when, kind=kind, score=score, event_id=event_id, **{"entity": entity} | fields)


def by(requester: str, kind: str, score: float, when: str = "09:00") -> Fact:
    """Of a requester, about no ticket."""
    return answered(kind, score, when, ticket_id=None, requester_id=requester)


def of_ticket(kind: str, *scores: float) -> list[Fact]:
    """One answer each about many tickets."""
    return [answered(kind, score, ticket_id=f"T{number}") for number, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("facts", "config", "expected"),
    [
        pytest.param([], {}, (0, None, None), id="no answers: no value"),
        pytest.param(of_ticket("csat", 3, 4), {}, (2, 0.5, 3.5), id="satisfied from 4 on, inclusive"),
        pytest.param(of_ticket("csat", 3, 4), {"satisfied_from": 3}, (2, 1.0, 3.5), id="satisfied from 3 on"),
        pytest.param(
            [answered("csat", 5, "09:00"), answered("csat", 1, "09:01")], {}, (1, 0.0, 1.0), id="the last of a ticket"
        ),
        pytest.param(
            [answered("csat", 1, "09:01"), answered("csat", 5, "09:00")], {}, (1, 0.0, 1.0), id="last by event time"
        ),
        pytest.param(
            [answered("csat", 5, event_id="a"), answered("csat", 1, event_id="b")],
            {},
            (1, 0.0, 1.0),
            id="at one instant, by the event's id",
        ),
        pytest.param(
            [answered("csat", 5, ticket_id=None), answered("csat", 1, ticket_id=None)],
            {},
            (2, 0.5, 3.0),
            id="of nobody about nothing: each counts",
        ),
        pytest.param(
            [by("R1", "csat", 5), by("R1", "csat", 1, "09:01")],
            {},
            (1, 0.0, 1.0),
            id="without a ticket, the last of a requester",
        ),
        pytest.param(
            [answered("csat", 1, scale=(1.0, 2.0), ticket_id="T2"), answered("csat", 2, scale=(1.0, 2.0))],
            {},
            (2, 0.5, 3.0),
            id="good and bad are the ends of the policy's scale",
        ),
        pytest.param([answered("csat", 4, scale=(5.0, 1.0))], {}, (1, 0.0, 2.0), id="a scale whose best is 1"),
        pytest.param([answered("nps", 9)], {}, (0, None, None), id="another kind"),
    ],
)
def test_csat(facts: list[Fact], config: dict[str, Any], expected: tuple[Any, ...]) -> None:
    figures = computed("surveys", facts, {"csat": config})["csat"]

    assert (figures["responses"], figures["satisfied_rate"], figures["mean"]) == expected


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        pytest.param([], (0, 0, 0, None), id="no answers: no value"),
        pytest.param([0, 6, 7, 8, 9, 10], (2, 2, 2, 0.0), id="0 to 6, 7 and 8, 9 and 10"),
        pytest.param([6.5, 8.9], (0, 2, 0, 0.0), id="between the classes is passive"),
        pytest.param([10], (1, 0, 0, 100.0), id="the most"),
        pytest.param([0], (0, 0, 1, -100.0), id="the least"),
    ],
)
def test_nps(scores: list[float], expected: tuple[Any, ...]) -> None:
    figures = nps(scores)

    assert (figures.promoters, figures.passives, figures.detractors, figures.score) == expected


@pytest.mark.parametrize(
    ("facts", "responses"),
    [
        pytest.param(
            [answered("nps", 9, requester_id="R1"), answered("nps", 1, requester_id="R1", ticket_id="T2")],
            1,
            id="one requester, two tickets",
        ),
        pytest.param(
            [
                answered("nps", 9, ticket_id=None, requester_id="R1"),
                answered("nps", 1, ticket_id=None, requester_id="R2"),
            ],
            2,
            id="two requesters",
        ),
        pytest.param(
            [
                created("08:00", requester_id="R1"),
                answered("nps", 9),
                answered("nps", 1, ticket_id=None, requester_id="R1"),
            ],
            1,
            id="whose the ticket is, is known",
        ),
        pytest.param([answered("nps", 9), answered("nps", 1)], 1, id="one ticket of nobody knows whom"),
        pytest.param([answered("nps", 9, ticket_id=None), answered("nps", 1, ticket_id=None)], 2, id="of nobody"),
    ],
)
def test_nps_takes_the_last_answer_of_a_requester(facts: list[Fact], responses: int) -> None:
    assert computed("surveys", facts)["nps"]["responses"] == responses


@pytest.mark.parametrize(
    ("scores", "config", "expected"),
    [
        pytest.param([], {}, (0, None, None), id="no answers: no value"),
        pytest.param([4, 5], {}, (2, 4.5, 0.5), id="easy from 5 on, inclusive"),
        pytest.param([4, 3, 1], {"higher_is_easier": False}, (3, 16 / 3, 2 / 3), id="mirrored first: 4, 5, 7"),
        pytest.param(
            [1, 2], {"higher_is_easier": False, "scale": [1, 5], "easy_from": 5}, (2, 4.5, 0.5), id="of another scale"
        ),
    ],
)
def test_ces(scores: list[float], config: dict[str, Any], expected: tuple[Any, ...]) -> None:
    figures = computed("surveys", of_ticket("ces", *scores), {"ces": config})["ces"]

    assert (figures["responses"], figures["mean"], figures["easy_rate"]) == pytest.approx(expected)


def test_answers_about_a_deleted_ticket_leave_with_it() -> None:
    facts = [created("08:00"), answered("csat", 1), told("ticket.deleted", "10:00")]

    assert computed("surveys", facts)["csat"]["responses"] == 0
