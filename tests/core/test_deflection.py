"""Self-service: KPI cases, convention 24."""

from typing import Any

import pytest

from schemas.codec import Fact
from tests.core.stories import at, computed, created, merged, of, part, told

HOUR = {"deflection": {"window_seconds": 3600}}


def viewed(when: str, visit: str = "v1", article: str = "a", requester: str | None = "R1") -> Fact:
    event_id = f"{visit}/{article}@{at(when)}"
    fields = {"entity": f"visit//{visit}", "ticket_id": None, "requester_id": requester}
    return told("helpcenter.viewed", when, event_id=event_id, visit_id=visit, article_id=article, **fields)


def asked(when: str, **fields: Any) -> Fact:
    return created(when, **{"requester_id": "R1"} | fields)


@pytest.mark.parametrize(
    ("facts", "as_of", "deflected", "pending"),
    [
        pytest.param([viewed("09:00")], "09:59:59", 0, 1, id="undecided"),
        pytest.param([viewed("09:00")], "10:00", 1, 0, id="decided at the last instant of the window"),
        pytest.param([viewed("09:00"), asked("09:00")], "12:00", 0, 0, id="a ticket at the instant of the view"),
        pytest.param([viewed("09:00"), asked("10:00")], "12:00", 0, 0, id="a ticket at the end of the window"),
        pytest.param([viewed("09:00"), asked("10:00:01")], "12:00", 1, 0, id="a ticket after the window"),
        pytest.param([viewed("09:00"), asked("08:59:59")], "12:00", 1, 0, id="a ticket before the view"),
        pytest.param(
            [viewed("09:00"), viewed("09:30"), asked("10:15")], "12:00", 0, 0, id="the window begins at the last view"
        ),
        pytest.param(
            [viewed("09:00"), asked("09:10"), viewed("09:30")],
            "12:00",
            1,
            0,
            id="a ticket between two views",
        ),
        pytest.param([viewed("09:00"), asked("09:10")], "09:30", 0, 0, id="decided before the window is over"),
        pytest.param([viewed("09:00"), asked("09:10", created_by="agent")], "12:00", 1, 0, id="an agent opened it"),
        pytest.param([viewed("09:00"), asked("09:10", requester_id="R2")], "12:00", 1, 0, id="somebody else asked"),
        pytest.param([viewed("09:00"), asked("09:10"), merged("09:20")], "12:00", 0, 0, id="asked, and merged away"),
        pytest.param(
            [viewed("09:00", requester=None), viewed("09:05", article="b"), asked("09:10")],
            "12:00",
            0,
            0,
            id="who signs in halfway was the same before",
        ),
    ],
)
def test_a_visit(facts: list[Fact], as_of: str, deflected: int, pending: int) -> None:
    figures = computed("deflection", facts, HOUR, as_of)

    expected = {"visits": 1, "visits_identified": 1, "visits_pending": pending, "deflected": deflected}
    assert part(figures, expected) == expected
    assert figures["deflection_rate"] == (None if pending else deflected)


def test_anonymous_visits_are_counted_and_not_judged() -> None:
    figures = computed("deflection", [viewed("09:00", requester=None)], HOUR)

    assert figures == {
        "visits": 1,
        "visits_identified": 0,
        "visits_pending": 0,
        "deflected": 0,
        "deflection_rate": None,
        "by_article": {"a": None},
    }


def test_an_article_is_judged_by_the_decided_visits_that_saw_it() -> None:
    facts = [
        *(viewed("09:00", "v1", "a"), viewed("09:01", "v1", "b"), viewed("09:02", "v1", "b")),
        viewed("09:00", "v2", "a", "R2"),
        *of("T2", asked("09:30", requester_id="R2")),
        viewed("11:30", "v3", "a", "R3"),
        viewed("11:30", "v4", "c", "R4"),
    ]

    figures = computed("deflection", facts, HOUR, "12:00")

    assert figures["by_article"] == {"a": 0.5, "b": 1.0, "c": None}
    assert (figures["deflection_rate"], figures["visits_pending"]) == (0.5, 2)


def test_without_visits_there_is_no_rate() -> None:
    assert computed("deflection", [asked("09:00")])["deflection_rate"] is None
