"""Alerts on the backlog: KPI cases, convention 16."""

from typing import Any

import pytest

from schemas.codec import Fact
from schemas.policy import AlertRule
from services.core.alerts import Firing, firings
from tests.core.stories import at, becomes, computed, created, merged, of, solved

RULE = AlertRule(id="high", metric="backlog", threshold=3, for_seconds=300, clear_at_or_below=2)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        pytest.param([], [], id="no tickets"),
        pytest.param([("09:00", 3)], [], id="at the line is not above it"),
        pytest.param([("09:00", 4)], [("09:05", None)], id="above for long enough"),
        pytest.param([("09:55:01", 4)], [], id="not for long enough yet"),
        pytest.param([("09:55", 4)], [("10:00", None)], id="just long enough now"),
        pytest.param([("09:00", 4), ("09:04:59", 3)], [], id="a break in time"),
        pytest.param([("09:00", 4), ("09:05", 3)], [("09:05", None)], id="falls at the instant at which it fires"),
        pytest.param([("09:00", 4), ("09:05", 2)], [("09:05", "09:05")], id="and clears at it"),
        pytest.param([("09:00", 4), ("09:03", 9), ("09:04", 5)], [("09:05", None)], id="changes above the line"),
        pytest.param(
            [("09:00", 4), ("09:03", 3), ("09:04", 4)], [("09:09", None)], id="after a break the time starts anew"
        ),
        pytest.param([("09:00", 4), ("09:20", 3)], [("09:05", None)], id="not clear until the lower line"),
        pytest.param([("09:00", 4), ("09:20", 3), ("09:30", 2)], [("09:05", "09:30")], id="clear at the lower line"),
        pytest.param(
            [("09:00", 4), ("09:20", 2), ("09:30", 4)], [("09:05", "09:20"), ("09:35", None)], id="it fires again"
        ),
        pytest.param(
            [("09:00", 4), ("09:20", 3), ("09:30", 4), ("09:40", 1)], [("09:05", "09:40")], id="one firing all along"
        ),
    ],
)
def test_firings(levels: list[tuple[str, int]], expected: list[tuple[str, str | None]]) -> None:
    found = firings([(at(when), level) for when, level in levels], RULE, at("10:00"))

    assert found == [Firing(at(begin), None if end is None else at(end)) for begin, end in expected]


def test_without_a_time_it_fires_at_once() -> None:
    at_once = RULE.model_copy(update={"for_seconds": 0})

    assert firings([(at("09:00"), 4), (at("09:00:01"), 1)], at_once, at("10:00")) == [
        Firing(at("09:00"), at("09:00:01"))
    ]


def alerts(facts: list[Fact], metric: str = "backlog", **fields: Any) -> list[tuple[str, str, str | None]]:
    rule = {"id": metric, "metric": metric, "threshold": 0, "for_seconds": 60, "clear_at_or_below": 0} | fields
    found = computed("alerts", facts, {"alerts": [rule]}, "10:00")
    return [(each["rule"], each["firing_at"][11:16], (each["resolved_at"] or "")[11:16] or None) for each in found]


@pytest.mark.parametrize(
    ("facts", "metric", "expected"),
    [
        pytest.param([created("09:00")], "backlog", ("09:01", None), id="opened"),
        pytest.param([created("09:00"), solved("09:10")], "backlog", ("09:01", "09:10"), id="solved"),
        pytest.param([created("09:00"), merged("09:10")], "backlog", ("09:01", "09:10"), id="merged away"),
        pytest.param(
            [created("09:00"), becomes("pending", "09:10")], "backlog_actionable", ("09:01", "09:10"), id="not now"
        ),
        pytest.param([created("09:00"), becomes("pending", "09:10")], "backlog", ("09:01", None), id="still there"),
        pytest.param(
            [created("09:00"), solved("09:10"), *of("T2", created("09:10"))],
            "backlog",
            ("09:01", None),
            id="one more",
        ),
    ],
)
def test_the_metric_is_the_backlog(facts: list[Fact], metric: str, expected: tuple[str, str | None]) -> None:
    assert alerts(facts, metric) == [(metric, *expected)]


def test_rules_come_in_the_order_of_the_policy() -> None:
    rule = {"metric": "backlog", "threshold": 0, "clear_at_or_below": 0}
    config = {"alerts": [rule | {"id": "slow", "for_seconds": 600}, rule | {"id": "fast", "for_seconds": 60}]}

    found = computed("alerts", [created("09:00")], config)

    assert [alert["rule"] for alert in found] == ["slow", "fast"]
