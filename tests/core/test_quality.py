"""The first response's quality (KPI cases, convention 26) and review scores (convention 29)."""

import pytest

from schemas.codec import Fact
from services.core.quality import Rating, review_score
from tests.core.stories import answer, becomes, bot, computed, created, customer, merged, note, of, part

ASKED = created("09:00")


def helping(when: str, *flags: str) -> Fact:
    return answer(when, content_flags=flags)


@pytest.mark.parametrize(
    ("facts", "helpful", "stubs"),
    [
        pytest.param([ASKED, helping("09:10", "actionable")], 1, 0, id="actionable"),
        pytest.param([ASKED, helping("09:10", "article_link", "template")], 1, 0, id="an article, in a template"),
        pytest.param([ASKED, helping("09:10", "troubleshooting")], 1, 0, id="troubleshooting"),
        pytest.param([ASKED, helping("09:10", "template")], 0, 0, id="a template alone"),
        pytest.param([ASKED, answer("09:10")], 0, 0, id="nothing is told of it"),
        pytest.param([ASKED, answer("09:10"), helping("09:20", "actionable")], 0, 0, id="only the first is judged"),
        pytest.param([ASKED, answer("09:10"), answer("09:25")], 0, 1, id="a second one, a quarter of an hour later"),
        pytest.param([ASKED, answer("09:10"), answer("09:24:59")], 0, 0, id="a second one right away"),
        pytest.param([ASKED, helping("09:10", "actionable"), answer("10:00")], 1, 0, id="helpful is no stub"),
        pytest.param(
            [ASKED, answer("09:10"), customer("09:30"), answer("10:00")], 0, 0, id="the customer asked again"
        ),
        pytest.param(
            [ASKED, answer("09:10"), bot("09:30"), answer("10:00")], 0, 1, id="a bot in between says nothing"
        ),
        pytest.param([ASKED, answer("09:10"), note("09:30"), answer("10:00")], 0, 1, id="nor does a note"),
        pytest.param([ASKED, answer("09:10"), note("10:00")], 0, 0, id="a note is no second reply"),
        pytest.param([ASKED, answer("09:10"), merged("09:20"), answer("10:00")], 0, 0, id="nothing after a merge"),
    ],
)
def test_a_first_reply(facts: list[Fact], helpful: int, stubs: int) -> None:
    figures = computed("response_quality", facts)

    expected = {"first_responses": 1, "helpful_first_responses": helpful, "stub_first_responses": stubs}
    assert part(figures, expected) == expected
    assert figures["first_response_quality"] == helpful


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param([], id="no tickets"),
        pytest.param([ASKED, bot("09:10"), note("09:20")], id="no public agent reply"),
        pytest.param([becomes("open", "09:00"), answer("09:10")], id="first seen in the middle of its life"),
    ],
)
def test_without_a_first_reply_there_is_no_quality(facts: list[Fact]) -> None:
    figures = computed("response_quality", facts)

    assert (figures["first_responses"], figures["first_response_quality"]) == (0, None)


@pytest.mark.parametrize(
    ("ratings", "expected"),
    [
        pytest.param([], None, id="nothing rated: no score"),
        pytest.param([Rating(None)], None, id="not applicable"),
        pytest.param([Rating(4, (1, 5))], 75, id="where it lies on its scale"),
        pytest.param([Rating(100), Rating(0, weight=3)], 25, id="weighted"),
        pytest.param([Rating(100), Rating(None, weight=3)], 100, id="what is not rated has no weight"),
        pytest.param([Rating(100), Rating(49, critical=True)], 0, id="a critical category under 50"),
        pytest.param([Rating(100), Rating(50, critical=True)], 75, id="a critical category at 50"),
        pytest.param([Rating(100), Rating(None, critical=True)], 100, id="a critical category that is not rated"),
        pytest.param([Rating(100, weight=0)], None, id="no weight at all"),
    ],
)
def test_a_review_score(ratings: list[Rating], expected: float | None) -> None:
    assert review_score(ratings) == expected


def test_a_scale_of_one_point_is_refused() -> None:
    with pytest.raises(ValueError, match="from least to most"):
        review_score([Rating(1, (1, 1))])


def test_what_tickets_said_first_counts_together() -> None:
    assert computed(
        "response_quality", [ASKED, helping("09:10", "actionable"), *of("T2", ASKED, answer("09:10"))]
    ) == {
        "first_responses": 2,
        "helpful_first_responses": 1,
        "first_response_quality": 0.5,
        "stub_first_responses": 0,
    }
