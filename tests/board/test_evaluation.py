"""Each kind of formula, from cells written by hand."""

from typing import Any

import pytest

from services.core.tally import DAY_MS, HOUR_MS, MINUTE_MS, Tallies, dims_of, score_step
from tests.board.test_answers import by, kpi, opened, took, window
from tests.board.written import NOW_MS, dims, flow, level, stands, together


def times(number: int, tallies: Tallies) -> Tallies:
    return {entry: (number * count, number * total) for entry, (count, total) in tallies.items()}


def scored(measure: str, *scores: float, values: Any = None) -> Tallies:
    at = NOW_MS - MINUTE_MS
    return together(*(flow(measure, at, round(1000 * score), score_step(score), values) for score in scores))


def test_a_duration_has_mean_and_percentiles_side_by_side() -> None:
    tallies = together(*(took("first_response", NOW_MS - MINUTE_MS, s) for s in (10, 20, 30, 40, 400)))

    figures = kpi(tallies, "first_response_seconds")["current"]

    assert (figures["count"], figures["mean"]) == (5, 100.0)
    assert {name: figures[name] for name in ("p50", "p75", "p90", "p95", "p99")} == pytest.approx(
        {"p50": 30, "p75": 40, "p90": 256, "p95": 328, "p99": 385.6}, rel=0.01
    )


def test_a_share_has_its_parts() -> None:
    tallies = together(times(8, flow("solved", NOW_MS)), times(2, flow("reopened_tickets", NOW_MS)))

    assert kpi(tallies, "reopen_rate")["current"] == {"value": 0.25, "numerator": 2, "denominator": 8}


def test_whose_time_it_was_is_a_share_of_sums() -> None:
    tallies = together(took("resolution", NOW_MS, 400), took("agent_wait", NOW_MS, 100))

    assert kpi(tallies, "agent_wait_share")["current"] == {"value": 0.25, "numerator": 100.0, "denominator": 400.0}


def test_a_level_is_told_at_the_end_and_by_kind() -> None:
    tallies = together(
        level("backlog.open", NOW_MS - 2 * HOUR_MS),
        level("backlog.new", NOW_MS - 2 * HOUR_MS, NOW_MS - 30 * MINUTE_MS),
        level("backlog.pending", NOW_MS - 10 * MINUTE_MS),
    )

    figures = kpi(tallies, "backlog")

    assert figures["current"] == {"value": 2, "by_kind": {"new": 0, "open": 1, "pending": 1, "on_hold": 0}}
    assert figures["previous"] == {"value": 2, "by_kind": {"new": 1, "open": 1, "pending": 0, "on_hold": 0}}
    assert kpi(tallies, "backlog_actionable")["current"]["value"] == 1


def test_what_is_open_by_age() -> None:
    hour = NOW_MS - HOUR_MS
    tallies = together(
        stands("opened_at.open", hour),  # just one hour old is not yet older
        stands("opened_at.open", hour - 1),
        stands("opened_at.pending", NOW_MS - 40 * DAY_MS),
        stands("opened_at.new", NOW_MS + MINUTE_MS),  # a clock that is ahead of ours
    )

    assert kpi(tallies, "backlog_age")["current"] == {
        "value": 3,
        "oldest_at": "2026-01-21T10:00:00Z",
        "longest_seconds": 40 * 86_400,
        "by_age": {"1h": 1, "4h": 1, "1d": 0, "3d": 0, "7d": 0, "28d": 0, "older": 1},
        "by_kind": {"new": 0, "open": 2, "pending": 1, "on_hold": 0},
    }


def test_who_waits_in_each_queue() -> None:
    tallies = together(
        stands("waiting", NOW_MS - 90_000, dims("a")),
        stands("waiting", NOW_MS - 30_000, dims("a")),
        stands("waiting", NOW_MS - 60_000, dims("b")),
    )

    found = by(tallies, "waiting", "queue")

    assert {queue: (its["value"], its["longest_seconds"]) for (queue,), its in found.items()} == {
        "a": (2, 90.0),
        "b": (1, 60.0),
    }


def test_promises_at_risk_and_broken() -> None:
    """Three clocks run: one is past its line, one past its target, and one was broken before. Three stand still."""
    tallies = together(
        stands("at_risk_from.resolution", NOW_MS - 1000),
        stands("due.resolution", NOW_MS + 60_000),
        stands("at_risk_from.resolution", NOW_MS - 50_000),
        stands("due.resolution", NOW_MS - 10_000),
        stands("overdue.resolution", NOW_MS - 20_000),
        times(3, stands("paused.resolution", NOW_MS - 20_000)),
        stands("paused.resolution", NOW_MS + 1),
        flow("sla_breached.resolution", NOW_MS - 20_000),
        times(2, flow("sla_met.resolution", NOW_MS - 20_000)),
    )

    assert kpi(tallies, "sla_at_risk_resolution")["current"] == {
        "at_risk": 1,
        "overdue": 2,
        "running": 1,
        "paused": 3,
        "next_due_at": "2026-03-02T10:01:00Z",
        "longest_overdue_seconds": 20.0,
    }
    assert kpi(tallies, "sla_attainment_resolution")["current"] == {"value": 0.5, "numerator": 2, "denominator": 4}


def test_a_target_that_was_passed_before_the_window_is_broken_in_an_earlier_one() -> None:
    tallies = together(opened(200), stands("due.resolution", NOW_MS - 90 * MINUTE_MS))

    assert kpi(tallies, "sla_attainment_resolution")["current"]["denominator"] == 0
    assert kpi(tallies, "sla_attainment_resolution")["previous"]["denominator"] == 1
    assert kpi(tallies, "sla_attainment_resolution", {"window": "2h"})["current"]["denominator"] == 1


QUEUE = together(
    took("answered", NOW_MS - MINUTE_MS, 10),
    flow("answered_in_time", NOW_MS - MINUTE_MS),
    took("answered", NOW_MS - MINUTE_MS, 50),
    times(2, took("abandoned", NOW_MS - MINUTE_MS, 4)),
    times(2, flow("abandoned_in_time", NOW_MS - MINUTE_MS)),
    times(2, flow("abandoned_shortly", NOW_MS - MINUTE_MS)),
    took("abandoned", NOW_MS - MINUTE_MS, 60),
    stands("offered", NOW_MS - 30_000),
    stands("offered", NOW_MS - 20_000),  # just the threshold is not beyond it
)


@pytest.mark.parametrize(
    ("method", "part", "whole"),
    [
        pytest.param("answered_of_offered", 1, 2 + 1 + 1, id="short abandons and who waits in time are left out"),
        pytest.param("answered_only", 1, 2, id="answered only"),
        pytest.param("removed_from_queue", 1 + 2, 2 + 3 + 2, id="who left in time was served"),
    ],
)
def test_the_service_level_is_counted_as_the_policy_says(method: str, part: int, whole: int) -> None:
    figures = kpi(QUEUE, "service_level", config={"service_level": {"method": method}})["current"]

    assert figures == {
        "value": part / whole,
        "numerator": part,
        "denominator": whole,
        "answered": 2,
        "abandoned": 3,
        "short_abandoned": 2,
        "waiting": 2,
    }


def test_abandonment_and_the_speed_of_answer() -> None:
    abandoned = kpi(QUEUE, "abandonment_rate")["current"]

    assert (abandoned["value"], abandoned["numerator"], abandoned["denominator"]) == (1 / 3, 1, 3)
    assert kpi(QUEUE, "speed_of_answer_seconds")["current"]["mean"] == 30.0


def test_first_contact_resolution_is_confirmed_only_when_its_window_is_over() -> None:
    week = NOW_MS - 7 * DAY_MS
    tallies = together(
        times(3, flow("solved", week - MINUTE_MS)),
        flow("came_back.0", week - MINUTE_MS),
        times(4, flow("solved", NOW_MS - HOUR_MS)),
        times(2, flow("came_back.0", NOW_MS - HOUR_MS)),
    )

    figures = kpi(tallies, "first_contact_resolution_7d", {"window": "28d"})["current"]

    assert figures == {
        "confirmed": 2 / 3,
        "provisional": (2 + 2) / 7,
        "resolved": 2,
        "matured": 3,
        "pending": 2,
        "solved": 7,
    }
    newest = kpi(tallies, "first_contact_resolution_7d", {"window": "24h"})["current"]
    assert (newest["confirmed"], newest["provisional"]) == (None, 0.5)


def test_what_was_solved_long_ago_is_ripe_by_now_though_asked_about_then() -> None:
    long_ago = NOW_MS - 20 * DAY_MS
    tallies = together(times(2, flow("solved", long_ago)), flow("came_back.0", long_ago))

    figures = kpi(tallies, "first_contact_resolution_7d", {"window": "24h", "at": "2026-02-10T12:00:00Z"})["current"]

    assert (figures["confirmed"], figures["matured"]) == (0.5, 2)


def test_automation_is_confirmed_only_when_its_window_is_over() -> None:
    ripe = NOW_MS - 3 * DAY_MS - MINUTE_MS
    tallies = together(
        flow("solved", ripe),
        flow("automated", ripe),
        times(3, flow("solved", NOW_MS - HOUR_MS)),
        times(2, flow("automated", NOW_MS - HOUR_MS)),
    )

    assert kpi(tallies, "automation_share", {"window": "7d"})["current"] == {
        "value": 0.25,
        "numerator": 1,
        "denominator": 4,
        "pending": 2,
    }


def article(name: str) -> tuple[str | None, ...]:
    return *dims_of((None,) * 7, None)[:-1], name


def test_a_visit_is_decided_when_a_ticket_followed_or_when_its_window_is_over() -> None:
    ripe, fresh = NOW_MS - DAY_MS - MINUTE_MS, NOW_MS - HOUR_MS
    nowhere = dims_of((None,) * 7, None)
    tallies = together(
        *(times(3, flow(measure, ripe, values=nowhere)) for measure in ("visits", "visits_identified")),
        flow("visits_asked", ripe, values=nowhere),
        times(4, flow("visits", fresh, values=nowhere)),
        times(3, flow("visits_identified", fresh, values=nowhere)),
        flow("visits_asked", fresh, values=nowhere),
        times(2, flow("article_visits", ripe, values=article("K1"))),
        flow("article_visits_asked", ripe, values=article("K1")),
        flow("article_visits", fresh, values=article("K2")),
    )

    assert kpi(tallies, "deflection_rate", {"window": "7d"})["current"] == {
        "value": 0.5,
        "numerator": 2,
        "denominator": 4,
        "visits": 7,
        "identified": 6,
        "pending": 2,
    }
    articles = by(tallies, "article_deflection_rate", "article", {"window": "7d"})
    assert {name: figures["value"] for (name,), figures in articles.items()} == {"K1": 0.5, "K2": None}


BEGAN = NOW_MS - 2 * HOUR_MS
ON_THE_FLOOR = together(
    level("agent.available", BEGAN, NOW_MS - 39 * MINUTE_MS, dims(agent="A1")),
    level("agent.busy", NOW_MS - 39 * MINUTE_MS, NOW_MS - 9 * MINUTE_MS, dims(agent="A1")),
    level("agent.break", NOW_MS - 9 * MINUTE_MS, values=dims(agent="A1")),
    level("in_contact", NOW_MS - 39 * MINUTE_MS, NOW_MS - 9 * MINUTE_MS, dims(agent="A1")),
    level("contacts", NOW_MS - 39 * MINUTE_MS, NOW_MS - 9 * MINUTE_MS, dims(agent="A1")),
    level("contacts", NOW_MS - 29 * MINUTE_MS, NOW_MS - 14 * MINUTE_MS, dims(agent="A1")),
    times(2, flow("handled", NOW_MS - 30 * MINUTE_MS, values=dims(agent="A1"))),
)


def test_time_is_counted_up_to_now_and_not_to_the_end_of_the_minute() -> None:
    """In the hour up to 10:01, of which 59 minutes are over: 20 available, 30 busy, 9 on a break."""
    occupancy = kpi(ON_THE_FLOOR, "occupancy")["current"]

    assert occupancy == {"value": 0.6, "numerator": 1800.0, "denominator": 3000.0}
    assert kpi(ON_THE_FLOOR, "utilisation")["current"]["denominator"] == 3000.0
    assert kpi(ON_THE_FLOOR, "utilisation_of_signed_in")["current"]["denominator"] == 59 * 60.0
    assert kpi(ON_THE_FLOOR, "utilisation_of_signed_in", now=NOW_MS + 30_000)["current"]["denominator"] == 59.5 * 60


def test_time_is_exact_within_buckets_of_every_size() -> None:
    """From a minute long ago to one of today: into the middle of a day, of an hour and of a minute."""
    begins, ends = NOW_MS - 3 * DAY_MS - 12_345, NOW_MS - HOUR_MS - 1_234
    tallies = together(level("agent.busy", begins, ends), level("agent.available", begins))

    day, hour = (kpi(tallies, "occupancy", {"window": window})["current"] for window in ("7d", "1h"))

    assert day["numerator"] == (ends - begins) / 1000
    assert day["denominator"] == (ends - begins + NOW_MS - begins) / 1000
    assert (hour["numerator"], hour["denominator"]) == (0.0, 59 * 60.0)


def test_contacts_at_once_and_the_time_that_each_takes() -> None:
    assert kpi(ON_THE_FLOOR, "concurrency")["current"]["value"] == 1.5
    assert kpi(ON_THE_FLOOR, "average_handle_time_seconds")["current"] == {
        "value": 1350.0,
        "numerator": 2700.0,
        "denominator": 2,
    }
    assert kpi(ON_THE_FLOOR, "average_handle_time_concurrent_seconds")["current"]["value"] == 900.0


def test_the_hour_before_has_all_of_its_time() -> None:
    assert kpi(ON_THE_FLOOR, "utilisation_of_signed_in")["previous"]["denominator"] == 3600.0


PLANNED = together(
    ON_THE_FLOOR,
    level("plan.on_queue.on_queue", NOW_MS - 59 * MINUTE_MS, NOW_MS - 19 * MINUTE_MS, dims(agent="A1")),
    level("plan.break.on_queue", NOW_MS - 19 * MINUTE_MS, NOW_MS - 9 * MINUTE_MS, dims(agent="A1")),
    level("plan.on_queue.break", NOW_MS - 9 * MINUTE_MS, NOW_MS + 8 * HOUR_MS, dims(agent="A1")),
    # Without a plan: no part of any figure.
    level("agent.busy", BEGAN, values=dims(agent="A2")),
)


@pytest.mark.parametrize(
    ("name", "part", "whole"),
    [
        pytest.param("adherence", 40, 59, id="adherence"),
        pytest.param("conformance", 50, 49, id="conformance"),
        pytest.param("shrinkage", 9, 59, id="shrinkage"),
        pytest.param("shrinkage_internal", 9, 59, id="internal"),
        pytest.param("shrinkage_external", 0, 59, id="external"),
    ],
)
def test_the_day_against_the_plan(name: str, part: int, whole: int) -> None:
    figures = kpi(PLANNED, name)["current"]

    assert figures["value"] == pytest.approx(part / whole)
    assert (figures["numerator"], figures["denominator"]) == (60.0 * part, 60.0 * whole)


def test_work_outside_the_plan_counts_against_adherence_if_so_wished() -> None:
    tallies = together(
        PLANNED, level("agent.busy", NOW_MS - 49 * MINUTE_MS, NOW_MS - 39 * MINUTE_MS, dims(agent="A1"))
    )

    figures = kpi(tallies, "adherence", config={"adherence": {"count_outside_shift": True}})["current"]

    assert (figures["numerator"], figures["denominator"]) == (60.0 * 40, 60.0 * 69)
    assert figures["value"] == pytest.approx(40 / 69)


def test_the_plan_by_agent_and_who_has_none() -> None:
    found = by(PLANNED, "adherence", "agent")

    assert found[("A1",)]["value"] == pytest.approx(40 / 59)
    assert found[("A2",)] == {"value": None, "numerator": 0.0, "denominator": 0.0}


def test_how_evenly_work_is_spread_over_agents() -> None:
    tallies = together(
        times(4, flow("handled", NOW_MS, values=dims("a", "A1"))),
        times(2, flow("handled", NOW_MS, values=dims("a", "A2"))),
        times(6, flow("handled", NOW_MS, values=dims("b", "A1"))),
        level("backlog.open", NOW_MS, values=dims("a", "A1")),
        times(3, level("backlog.open", NOW_MS, values=dims("a", None))),
    )

    assert kpi(tallies, "tickets_per_agent")["current"] == {
        "mean": 6.0,
        "most": 10,
        "evenness": 144 / 208,
        "agents": 2,
    }
    assert by(tallies, "tickets_per_agent", "queue") == {
        ("a",): {"mean": 3.0, "most": 4, "evenness": 0.9, "agents": 2},
        ("b",): {"mean": 6.0, "most": 6, "evenness": 1.0, "agents": 1},
    }
    # What nobody holds is nobody's.
    assert kpi(tallies, "open_tickets_per_agent")["current"]["mean"] == 1.0


def test_csat_has_mean_rate_and_distribution() -> None:
    assert kpi(scored("csat", 5, 5, 4, 2), "csat")["current"] == {
        "responses": 4,
        "mean": 4.0,
        "satisfied_rate": 0.75,
        "satisfied": 3,
        "distribution": {"1": 0, "2": 1, "3": 0, "4": 1, "5": 2},
    }


def test_nps_counts_promoters_and_detractors() -> None:
    figures = kpi(scored("nps", 10, 9, 8, 6, 0), "nps")["current"]

    assert (figures["score"], figures["promoters"], figures["passives"], figures["detractors"]) == (0.0, 2, 1, 2)
    assert figures["mean"] == 6.6


@pytest.mark.parametrize(
    ("easier", "mean", "easy"),
    [pytest.param(True, 5.0, 2, id="7 is easy"), pytest.param(False, 3.0, 1, id="1 is easy")],
)
def test_ces_is_mirrored_where_high_is_hard(easier: bool, mean: float, easy: int) -> None:
    figures = kpi(scored("ces", 7, 6, 2), "ces", config={"ces": {"higher_is_easier": easier}})["current"]

    assert (figures["mean"], figures["easy"], figures["easy_rate"]) == (mean, easy, easy / 3)
    assert figures["distribution"]["7"] == 1  # as answered


def test_reviews_by_tens() -> None:
    figures = kpi(scored("review", 100, 90, 89.5, 0), "review_score")["current"]

    assert (figures["responses"], figures["mean"], figures["p50"]) == (4, 69.875, 89.75)
    assert list(figures["distribution"].values()) == [1, 0, 0, 0, 0, 0, 0, 0, 1, 2]


def test_without_answers_there_is_no_score() -> None:
    figures = window(opened(1), {"window": "1h", "theme": "quality"})["groups"][0]["kpis"]

    assert figures["csat"]["current"]["satisfied_rate"] is None
    assert figures["nps"]["current"]["score"] is None
    assert figures["ces"]["current"]["easy_rate"] is None
    assert figures["review_score"]["current"]["mean"] is None


COSTS = {"economy": {"monthly_costs": {"salaries": 30_000, "software": 437.5}}}


def test_costs_are_those_of_the_time_that_is_over() -> None:
    """A month has 30.4375 days, so a day costs 1,000."""
    tallies = together(opened(5000), times(10, flow("solved", NOW_MS)), times(20, flow("customer_contacts", NOW_MS)))
    words = {"window": "24h"}

    resolution = kpi(tallies, "cost_per_resolution", words, config=COSTS, now=NOW_MS + 59_999)["current"]

    assert resolution["value"] == pytest.approx(100, rel=1e-6)
    assert resolution["denominator"] == 10
    contact = kpi(tallies, "cost_per_contact", words, config=COSTS, now=NOW_MS + 59_999)["current"]
    assert contact["value"] == pytest.approx(50, rel=1e-6)


def test_costs_are_not_told_of_a_part_nor_without_any() -> None:
    tallies = times(10, flow("solved", NOW_MS))

    assert by(tallies, "cost_per_resolution", "queue", config=COSTS)[("billing",)]["value"] is None
    assert kpi(tallies, "cost_per_resolution", {"queue": "billing"}, config=COSTS)["current"]["value"] is None
    assert kpi(tallies, "cost_per_resolution")["current"] == {"value": None, "numerator": None, "denominator": 10}


def test_digital_is_every_known_channel_that_the_policy_does_not_name() -> None:
    tallies = together(
        opened(1, 2, 3, values=dims(channel="email")),
        opened(4, values=dims(channel="voice")),
        opened(5, 6, values=dims(channel=None)),
    )

    assert kpi(tallies, "digital_share")["current"] == {"value": 0.75, "numerator": 3, "denominator": 4}
