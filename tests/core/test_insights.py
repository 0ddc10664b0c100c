"""What stands out, in words: KPI cases, convention 28."""

import pytest

from services.core.insights import Insight, insights, sentence
from tests.core.stories import answer, computed, created, of


@pytest.mark.parametrize(
    ("values", "min_ratio", "min_samples", "expected"),
    [
        pytest.param({}, 2, 1, [], id="nothing to compare"),
        pytest.param({"a": [10]}, 2, 1, [], id="one segment"),
        pytest.param({"a": [20], "b": [10]}, 2, 1, [("a", "b", 2.0)], id="just the ratio"),
        pytest.param({"a": [19], "b": [10]}, 2, 1, [], id="less than the ratio"),
        pytest.param({"a": [10], "b": [20]}, 2, 1, [("b", "a", 2.0)], id="the slower one is named first"),
        pytest.param({"a": [90, 20, 10], "b": [10, 10]}, 2, 2, [("a", "b", 2.0)], id="medians, in any order"),
        pytest.param({"a": [20], "b": [10, 10]}, 2, 2, [], id="too few values"),
        pytest.param({"a": [20], "b": [0]}, 2, 1, [], id="no factor of nothing"),
        pytest.param({"a": [0], "b": [0]}, 1, 1, [], id="both are nothing"),
        pytest.param({"a": [], "b": [1]}, 1, 0, [], id="no values at all"),
        pytest.param(
            {"c": [40], "a": [20], "b": [10]},
            2,
            1,
            [("a", "b", 2.0), ("c", "a", 2.0), ("c", "b", 4.0)],
            id="every pair, by name",
        ),
        pytest.param({"a": [5], "b": [5]}, 1, 1, [("a", "b", 1.0), ("b", "a", 1.0)], id="a ratio of 1 is both ways"),
    ],
)
def test_pairs(
    values: dict[str, list[float]], min_ratio: float, min_samples: int, expected: list[tuple[str, str, float]]
) -> None:
    found = insights(values, "frt", min_ratio, min_samples)

    assert [each[1:] for each in found] == expected


@pytest.mark.parametrize(
    ("factor", "text"),
    [
        pytest.param(3.0, "First response for a is 3x slower than for b", id="a whole factor"),
        pytest.param(2.26, "First response for a is 2.3x slower than for b", id="else with a decimal"),
        pytest.param(10.0, "First response for a is 10x slower than for b", id="ten"),
    ],
)
def test_the_sentence_names_both_and_the_factor(factor: float, text: str) -> None:
    assert sentence(Insight("frt", "a", "b", factor), "First response") == text


def test_tickets_are_compared_by_what_they_were_created_with() -> None:
    facts = [
        *(created("09:00", queue="a"), answer("09:30")),
        *of("T2", created("09:00", queue="b"), answer("09:10")),
        *of("T3", created("09:00"), answer("09:01")),
        *of("T4", created("09:00", queue="b")),
    ]

    (insight,) = computed("insights", facts, {"insights": {"segment": "queue", "min_samples": 1}})

    assert insight == {
        "metric": "frt_p50_seconds",
        "segment": "a",
        "versus": "b",
        "ratio": 3,
        "sentence": "First response for a is 3x slower than for b",
    }
