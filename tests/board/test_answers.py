"""The KPI answers: windows, cuts, filters, and what stands beside what was before."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from schemas.codec import Millis, millis
from schemas.policy import DEFAULT, Policy, laid_over
from services.board.answers import answer
from services.board.asking import question
from services.core.report import rfc3339
from services.core.rules import Rules
from services.core.tally import DAY_MS, HOUR_MS, MINUTE_MS, Tallies, step_of
from tests.board.written import NOW_MS, columns_of, dims, flow, level, stands, together
from tests.core.stories import MONDAY

MIDNIGHT = millis(MONDAY)
Words = Mapping[str, str | Sequence[str]]


def asked(
    tallies: Tallies,
    words: Words | None = None,
    config: Mapping[str, Any] | None = None,
    now: Millis = NOW_MS,
    watermark: Millis | None = None,
) -> dict[str, Any]:
    """The whole document."""
    policy = Policy.model_validate(laid_over(DEFAULT, config or {}))
    pairs = [
        (name, each)
        for name, value in (words or {}).items()
        for each in ([value] if isinstance(value, str) else value)
    ]
    return answer(columns_of(tallies, watermark=watermark), Rules(policy), question(pairs, policy), now)


def window(tallies: Tallies, words: Words | None = None, **more: Any) -> dict[str, Any]:
    """The only window of the document."""
    [only] = asked(tallies, words, **more)["windows"]
    assert isinstance(only, dict)
    return only


def kpi(tallies: Tallies, name: str, words: Words | None = None, **more: Any) -> dict[str, Any]:
    """One KPI of the whole, with the period before it."""
    [group] = window(tallies, {"kpi": name, "window": "1h", **(words or {})}, **more)["groups"]
    assert group["key"] == {}
    figures = group["kpis"][name]
    assert isinstance(figures, dict)
    return figures


def by(tallies: Tallies, name: str, cut: str, words: Words | None = None, **more: Any) -> dict[Any, Any]:
    """The current figures of one KPI in each group."""
    groups = window(tallies, {"kpi": name, "window": "1h", "by": cut, **(words or {})}, **more)["groups"]
    return {tuple(group["key"].values()): group["kpis"][name]["current"] for group in groups}


def took(measure: str, at: Millis, seconds: float, values: Any = None) -> Tallies:
    return flow(measure, at, round(1000 * seconds), step_of(round(1000 * seconds)), values)


def opened(*minutes_ago: float, values: Any = None) -> Tallies:
    return together(*(flow("opened", NOW_MS - round(ago * MINUTE_MS), values=values) for ago in minutes_ago))


def test_a_window_ends_with_the_minute_so_that_what_just_happened_is_in_it() -> None:
    its = window(opened(0, 59, 60), {"window": "1h", "kpi": "tickets_opened"}, now=NOW_MS + 500)

    assert (its["from"], its["to"]) == ("2026-03-02T09:01:00Z", "2026-03-02T10:01:00Z")
    assert its["previous"] == {"from": "2026-03-02T08:01:00Z", "to": "2026-03-02T09:01:00Z"}
    assert its["groups"][0]["kpis"]["tickets_opened"] == {
        "current": {"value": 2},
        "previous": {"value": 1},
        "change": {"value": 1.0},
    }


@pytest.mark.parametrize(
    ("name", "length"), [("15m", 15 * MINUTE_MS), ("24h", DAY_MS), ("7d", 7 * DAY_MS), ("28d", 28 * DAY_MS)]
)
def test_a_window_has_its_length_and_so_has_the_period_before(name: str, length: Millis) -> None:
    its = window(opened(1), {"window": name})

    assert its["from"] == rfc3339(NOW_MS + MINUTE_MS - length)
    assert its["previous"] == {"from": rfc3339(NOW_MS + MINUTE_MS - 2 * length), "to": its["from"]}


def test_the_rolling_window_is_the_policys() -> None:
    its = window(opened(1), {"window": "rolling"}, config={"rolling_window_days": 3})

    assert its["from"] == rfc3339(NOW_MS + MINUTE_MS - 3 * DAY_MS)


def test_where_minutes_are_no_longer_kept_edges_are_whole_hours() -> None:
    its = window(opened(1), {"window": "7d"}, watermark=NOW_MS)

    assert its["from"] == rfc3339(NOW_MS - 7 * DAY_MS)
    assert its["to"] == rfc3339(NOW_MS + MINUTE_MS)


def test_all_begins_with_the_first_that_is_known_and_has_nothing_before() -> None:
    its = window(opened(1, 5000), {"window": "all", "kpi": "tickets_opened"})

    assert its["from"] == rfc3339(NOW_MS - 5000 * MINUTE_MS)
    assert its["groups"][0]["kpis"]["tickets_opened"] == {"current": {"value": 2}, "previous": None, "change": None}


def test_before_anything_was_known_there_is_nothing_to_compare_with() -> None:
    document = asked(opened(5), {"window": "1h", "kpi": "tickets_opened"})

    assert document["known_since"] == rfc3339(NOW_MS - 5 * MINUTE_MS)
    assert document["windows"][0]["groups"][0]["kpis"]["tickets_opened"]["previous"] is None


def test_with_no_cells_at_all_figures_are_null_and_not_zero() -> None:
    document = asked({}, {"window": ["1h", "today", "all"]})

    assert document["known_since"] is None
    for its in document["windows"]:
        [group] = its["groups"]
        assert group["kpis"]["first_response_seconds"]["current"]["p50"] is None
        assert group["kpis"]["reopen_rate"]["current"] == {"value": None, "numerator": 0, "denominator": 0}


ZONES = {
    "calendars": {"eu": {"timezone": "Europe/Berlin"}, "jp": {"timezone": "Asia/Tokyo"}},
    "queue_calendars": {"berlin": "eu", "tokyo": "jp"},
}


def test_today_is_each_queues_own_day_and_all_is_their_sum() -> None:
    """It is 11:00 in Berlin since midnight at 23:00 UTC, and 19:00 in Tokyo since midnight at 15:00 UTC."""
    at_1530, at_2330 = MIDNIGHT - round(8.5 * HOUR_MS), MIDNIGHT - HOUR_MS // 2
    tallies = together(
        *(
            flow("opened", at, values=dims(queue))
            for at in (at_1530, at_2330, MIDNIGHT)
            for queue in ("berlin", "tokyo", "paris")
        )
    )
    words = {"window": "today", "kpi": "tickets_opened"}

    its = window(tallies, words, config=ZONES)

    assert [(day["timezone"], day["from"]) for day in its["days"]] == [
        ("Asia/Tokyo", "2026-03-01T15:00:00Z"),
        ("Europe/Berlin", "2026-03-01T23:00:00Z"),
        ("UTC", "2026-03-02T00:00:00Z"),
    ]
    assert its["from"] == "2026-03-01T15:00:00Z"
    assert its["groups"][0]["kpis"]["tickets_opened"]["current"] == {"value": 3 + 2 + 1}
    each = by(tallies, "tickets_opened", "queue", {"window": "today"}, config=ZONES)
    assert {queue: figures["value"] for (queue,), figures in each.items()} == {"berlin": 2, "tokyo": 3, "paris": 1}


def test_the_day_before_is_told_up_to_the_same_time() -> None:
    tallies = together(
        *(flow("opened", MIDNIGHT - DAY_MS + round(h * HOUR_MS)) for h in (-0.1, 0, 9.9, 10.5)), opened(1)
    )

    its = window(tallies, {"window": "today", "kpi": "tickets_opened"})

    assert its["previous"] == {"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T10:01:00Z"}
    assert its["groups"][0]["kpis"]["tickets_opened"]["previous"] == {"value": 2}


def test_the_day_that_the_clocks_change_has_23_hours() -> None:
    noon = MIDNIGHT + 27 * DAY_MS + 10 * HOUR_MS  # Sunday 29 March, noon in Berlin

    its = window(
        flow("opened", noon, values=dims("berlin")),
        {"window": "today"},
        config=ZONES | {"queue_calendars": {"berlin": "eu"}},
        now=noon,
    )

    assert [its["from"], its["to"]] == ["2026-03-28T23:00:00Z", "2026-03-29T10:01:00Z"]
    assert its["previous"] == {"from": "2026-03-27T23:00:00Z", "to": "2026-03-28T11:01:00Z"}


CUT = together(
    opened(1, 2, 3, values=dims("a", "A1", "email")),
    opened(4, 5, values=dims("a", "A2", "chat")),
    opened(6, values=dims("b", "A1", None)),
)


def test_a_cut_has_a_group_for_each_value_and_the_largest_comes_first() -> None:
    assert list(by(CUT, "tickets_opened", "queue").items()) == [(("a",), {"value": 5}), (("b",), {"value": 1})]
    assert list(by(CUT, "tickets_opened", "channel").items()) == [
        (("email",), {"value": 3}),
        (("chat",), {"value": 2}),
        ((None,), {"value": 1}),
    ]


def test_a_cut_by_a_pair_has_a_group_for_each_pair_that_is_there() -> None:
    assert by(CUT, "tickets_opened", "agent,queue") == {
        ("A1", "a"): {"value": 3},
        ("A2", "a"): {"value": 2},
        ("A1", "b"): {"value": 1},
    }


@pytest.mark.parametrize(
    ("words", "count"),
    [
        pytest.param({"queue": "a"}, 5, id="one value"),
        pytest.param({"queue": ["a", "b"]}, 6, id="one of two"),
        pytest.param({"channel": ""}, 1, id="not told"),
        pytest.param({"channel": ["", "chat"]}, 3, id="not told or one value"),
        pytest.param({"queue": "a", "agent": "A1"}, 3, id="both"),
        pytest.param({"queue": "c"}, 0, id="a value that is not there"),
    ],
)
def test_filters_let_through_what_has_one_of_their_values(words: Words, count: int) -> None:
    assert kpi(CUT, "tickets_opened", words)["current"] == {"value": count}


def test_the_answer_says_what_was_let_through() -> None:
    document = asked(CUT, {"by": "agent", "channel": ["", "chat"]})

    assert document["by"] == ["agent"]
    assert document["filters"] == {"channel": ["chat", None]}


def test_a_filter_and_a_cut_go_together() -> None:
    assert by(CUT, "tickets_opened", "queue", {"agent": "A1"}) == {("a",): {"value": 3}, ("b",): {"value": 1}}


def test_a_group_that_fell_silent_is_still_told_of() -> None:
    its = window(together(opened(90), opened(5, values=dims("b"))), {"window": "1h", "by": "queue"})

    figures = {group["key"]["queue"]: group["kpis"]["tickets_opened"] for group in its["groups"]}
    assert figures["billing"] == {"current": {"value": 0}, "previous": {"value": 1}, "change": {"value": -1.0}}
    assert figures["b"] == {"current": {"value": 1}, "previous": {"value": 0}, "change": {"value": None}}


def test_a_limit_cuts_the_smallest_and_says_so() -> None:
    its = window(CUT, {"kpi": "tickets_opened", "by": "channel", "limit": "2"})

    assert (its["groups_total"], its["groups_told"]) == (3, 2)
    assert [group["key"]["channel"] for group in its["groups"]] == ["email", "chat"]


def test_what_stands_is_of_no_instant_but_now() -> None:
    tallies = together(opened(90), stands("waiting", NOW_MS - HOUR_MS))

    past = kpi(tallies, "waiting", {"at": rfc3339(NOW_MS - HOUR_MS) or ""})
    now = kpi(tallies, "waiting")

    assert past["current"] == dict.fromkeys(("value", "oldest_at", "longest_seconds", "by_age", "by_kind"))
    assert now["current"]["value"] == 1
    assert now["previous"] == past["current"]


def test_an_earlier_instant_has_the_windows_that_ended_then() -> None:
    its = window(opened(1, 61, 62), {"window": "1h", "kpi": "tickets_opened", "at": "2026-03-02T09:00:30Z"})

    assert (its["from"], its["to"]) == ("2026-03-02T08:01:00Z", "2026-03-02T09:01:00Z")
    assert its["groups"][0]["kpis"]["tickets_opened"]["current"] == {"value": 2}


def test_a_figure_does_not_depend_on_what_else_is_asked_for() -> None:
    tallies = together(
        took("first_response", NOW_MS - MINUTE_MS, 60), level("backlog.open", NOW_MS - 5 * HOUR_MS), CUT
    )
    everything = window(tallies, {"window": "1h"})["groups"][0]["kpis"]

    for name in ("first_response_seconds", "backlog", "tickets_opened", "occupancy"):
        assert kpi(tallies, name) == everything[name]


def test_level_in_the_middle_of_a_minute_that_is_not_over() -> None:
    tallies = level("backlog.open", NOW_MS + 100)

    assert kpi(tallies, "backlog", now=NOW_MS + 200)["current"]["value"] == 1
