"""The table of KPI families: what each line says, and that the table keeps the rules of Prometheus."""

import shutil
import subprocess
from collections.abc import Iterable
from itertools import product

import pytest

from schemas.codec import Millis
from schemas.policy import Policy
from services.board.exported import FAMILIES
from services.board.families import Family
from services.core.tally import (
    DAY_MS,
    HOUR_MS,
    MEASURES,
    MINUTE_MS,
    NOTHING_TOLD,
    Kind,
    Tallies,
    score_step,
    step_of,
)
from tests.board.test_exposition import DEFAULTS, OPENMETRICS, Stand, exposition, samples
from tests.board.written import NOW_MS, dims, flow, level, stands, together

CHAT, PHONE = dims("billing", channel="chat"), dims("billing", channel="voice")
AGENT = dims("billing", "zenobia", None)
LABELS = {
    *("queue", "channel", "priority", "state", "status", "sla", "window", "stat", "content"),
    *("activity", "answer", "sign"),
}
NOT_EXPORTED = {"on_hold", "article_visits", "article_visits_asked"}
"""Time on hold is requester wait less agent work; articles are too many for labels, and in the API."""


def took(measure: str, seconds: float, before: Millis = MINUTE_MS, values: tuple[str | None, ...] = CHAT) -> Tallies:
    ms = round(1000 * seconds)
    return flow(measure, NOW_MS - before, ms, step_of(ms), values)


def scored(measure: str, *scores: float) -> Tallies:
    return together(
        *[flow(measure, NOW_MS - HOUR_MS, round(1000 * s), score_step(s), dims()) for s in scores],
        flow("opened", NOW_MS - HOUR_MS),
    )


def happened(measure: str, times: int, before: Millis, values: tuple[str | None, ...] | None = None) -> Tallies:
    return together(*[flow(measure, NOW_MS - before - n, values=values) for n in range(times)])


def scrape(*tallies: Tallies, policy: Policy = DEFAULTS) -> dict[str, float]:
    return samples(exposition(Stand(together(*tallies)), policy=policy))


def policy(**sections: object) -> Policy:
    return Policy.model_validate(sections)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_line_keeps_the_rules(family: Family) -> None:
    assert family.name.startswith("deskpulse_")
    assert family.name.endswith("_total") == (family.type == "counter")
    assert not family.name.endswith(("_created", "_count", "_sum", "_bucket", "_info"))
    assert family.name.endswith("_ratio") or "_ratio" not in family.name
    assert family.text.endswith(".")
    assert family.text[0].isupper()
    assert set(family.labels) <= LABELS
    assert family.labels[: len(family.dimensions)] == family.dimensions


def test_no_name_is_there_twice() -> None:
    names = [family.name for family in FAMILIES]

    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("measure", sorted(MEASURES))
def test_every_measure_is_exported_or_said_not_to_be(measure: str) -> None:
    before = 2 * HOUR_MS if MEASURES[measure] is Kind.LEVEL else MINUTE_MS
    known = together(flow("opened", NOW_MS - HOUR_MS), level("agent.meeting", NOW_MS - HOUR_MS))

    windows = policy(fcr={"windows_days": [1, 2, 3, 4, 5]})
    changed = scrape(known, flow(measure, NOW_MS - before), policy=windows) != scrape(known, policy=windows)

    assert changed == (measure not in NOT_EXPORTED)


@pytest.mark.parametrize(
    ("family", "measure"),
    [
        ("tickets_merged_away", "merged_away"),
        ("tickets_resolved", "resolved"),
        ("tickets_reopened", "reopened"),
        ("tickets_solved_reopened", "reopened_tickets"),
        ("tickets_solved_now", "solved_now"),
        ("tickets_one_touch", "one_touch"),
        ("tickets_escalated", "escalated_tickets"),
        ("escalations", "escalated"),
        ("tickets_transferred", "transferred_tickets"),
        ("transfers", "transferred"),
        ("handovers", "handed_over"),
        ("first_replies", "first_reply"),
        ("first_replies_helpful", "first_reply_helpful"),
        ("first_replies_stub", "first_reply_stub"),
        ("tickets_automated", "automated"),
        ("bug_reports", "bug_reports"),
        ("feature_requests", "feature_requests"),
    ],
)
def test_a_flow_is_counted_for_each_queue_that_had_a_ticket(family: str, measure: str) -> None:
    found = scrape(happened(measure, 3, DAY_MS), flow("opened", NOW_MS - DAY_MS, values=dims("sales")))

    assert found[f"deskpulse_{family}_total{{queue=billing}}"] == 3
    assert found[f"deskpulse_{family}_total{{queue=sales}}"] == 0


@pytest.mark.parametrize(
    ("family", "measure"),
    [
        ("first_response_business", "first_response_business"),
        ("first_response_since_handover", "first_response_since_handover"),
        ("next_response", "next_response"),
        ("first_resolution", "first_resolution"),
        ("resolution_business", "resolution_business"),
        ("requester_wait", "requester_wait"),
        ("agent_work", "agent_work"),
        ("agent_wait", "agent_wait"),
        ("handle_time", "handle_time"),
    ],
)
def test_durations_lie_below_their_edges(family: str, measure: str) -> None:
    found = scrape(took(measure, 300), took(measure, 301), took(measure, 999_999))

    def bucket(edge: str) -> float:
        return found[f"deskpulse_{family}_seconds_bucket{{le={edge},queue=billing}}"]

    assert [bucket(edge) for edge in ("300.0", "900.0", "+Inf")] == [1, 2, 3]
    assert found[f"deskpulse_{family}_seconds_sum{{queue=billing}}"] == 300 + 301 + 999_999


def test_a_histogram_is_there_at_zero_where_tickets_were() -> None:
    found = scrape(flow("opened", NOW_MS))

    assert found["deskpulse_first_response_seconds_bucket{channel=email,le=+Inf,queue=billing}"] == 0
    assert not [name for name in found if name.startswith("deskpulse_first_response_since_handover")]


def test_contacts_are_told_by_how_they_ended() -> None:
    found = scrape(
        took("answered", 20), took("answered", 21), *[took("abandoned", s) for s in (4, 10, 30)],
        happened("answered_in_time", 1, HOUR_MS, CHAT), happened("abandoned_in_time", 2, HOUR_MS, CHAT),
        happened("abandoned_shortly", 1, HOUR_MS, CHAT),
        stands("offered", NOW_MS - 20_000, CHAT), stands("offered", NOW_MS - 20_001, PHONE), flow("opened", NOW_MS),
    )  # fmt: skip

    def count(name: str) -> float:
        return found[f"deskpulse_contacts_{name}{{channel=chat,queue=billing}}"]

    assert found["deskpulse_answer_wait_seconds_bucket{channel=chat,le=20.0,queue=billing}"] == 1
    assert found["deskpulse_answer_wait_seconds_sum{channel=chat,queue=billing}"] == 41
    assert count("offered_total") == 5
    assert count("answered_in_time_total") == 1
    assert count("abandoned_total") == 3
    assert count("abandoned_in_time_total") == 2
    assert count("abandoned_shortly_total") == 1
    assert count("waiting") == 1
    assert not [name for name in found if name.startswith("deskpulse_answer_wait") and "email" in name]
    oldest = found["deskpulse_oldest_contact_waiting_timestamp_seconds{channel=voice,queue=billing}"]
    assert oldest == (NOW_MS - 20_001) / 1000


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("answered_only", 3 / 4),
        ("answered_of_offered", 3 / (4 + 2 - 1 + 1)),  # without the short one, with what waited too long
        ("removed_from_queue", (3 + 1) / (4 + 2 + 2)),
    ],
)
def test_the_policy_says_how_service_level_is_counted(method: str, expected: float) -> None:
    found = scrape(
        happened("answered", 4, HOUR_MS // 2, CHAT),
        happened("answered_in_time", 3, HOUR_MS // 2, CHAT),
        happened("abandoned", 2, HOUR_MS // 2, CHAT),
        happened("abandoned_in_time", 1, HOUR_MS // 2, CHAT),
        happened("abandoned_shortly", 1, HOUR_MS // 2, CHAT),
        stands("offered", NOW_MS - 20_000, CHAT),
        stands("offered", NOW_MS - 20_001, CHAT),
        happened("answered", 90, 3 * HOUR_MS, dims("sales")),
        policy=policy(service_level={"method": method}),
    )

    assert found["deskpulse_service_level_ratio{queue=billing,window=1h}"] == expected
    assert found["deskpulse_abandonment_ratio{queue=billing,window=1h}"] == 1 / 5
    assert "deskpulse_service_level_ratio{queue=sales,window=1h}" not in found
    assert found["deskpulse_service_level_ratio{queue=sales,window=24h}"] == 0


def test_the_backlog_that_agents_can_go_on_with() -> None:
    backlog = [level(f"backlog.{status}", NOW_MS - HOUR_MS) for status in ("new", "open", "pending", "on_hold")]
    waits = stands("waiting", NOW_MS - HOUR_MS, count=2)

    found = scrape(flow("opened", NOW_MS - HOUR_MS, values=dims("sales")), waits, *backlog)

    assert found["deskpulse_tickets_actionable{queue=billing}"] == 2
    assert found["deskpulse_tickets_actionable{queue=sales}"] == 0
    assert found["deskpulse_customers_waiting{channel=email,queue=billing}"] == 2
    assert found["deskpulse_customers_waiting{channel=email,queue=sales}"] == 0


def test_zeros_stay_for_what_was_open_lately() -> None:
    found = scrape(flow("opened", NOW_MS - 6 * DAY_MS), flow("opened", NOW_MS - 8 * DAY_MS, values=dims("old")))

    shown = [name for name in found if name.startswith("deskpulse_tickets_open{")]
    assert len(shown) == 4
    assert all("queue=billing" in name and "priority=normal" in name for name in shown)


def test_clocks_are_counted_by_how_they_stand_and_told_until_when_the_next_one_holds() -> None:
    clock, sales = "escalation_response", dims("sales")
    found = scrape(
        flow("opened", NOW_MS - HOUR_MS),
        flow("opened", NOW_MS - HOUR_MS, values=sales),
        *[stands(f"due.{clock}", NOW_MS + offset) for offset in (-1, 0, 60_000, HOUR_MS)],
        *[stands(f"at_risk_from.{clock}", NOW_MS + offset) for offset in (-60_000, -50_000, 1, 2)],
        stands(f"paused.{clock}", NOW_MS - HOUR_MS, count=2),
        stands(f"due.{clock}", NOW_MS + HOUR_MS, sales),
    )

    def told(kind: str, queue: str) -> float:
        return found[f"deskpulse_sla_{kind}_tickets{{queue={queue},sla={clock}}}"]

    kinds = ("running", "at_risk", "overdue", "paused")
    assert [told(kind, "billing") for kind in kinds] == [3, 1, 1, 2]
    assert [told(kind, "sales") for kind in kinds] == [1, 0, 0, 0]
    next_due = "deskpulse_sla_next_due_timestamp_seconds"
    assert found[f"{next_due}{{queue=billing,sla={clock}}}"] == NOW_MS / 1000
    assert found[f"{next_due}{{queue=sales,sla={clock}}}"] == NOW_MS / 1000 + 3600


def test_clocks_that_nobody_promised_anything_for_have_no_series() -> None:
    promised = {"id": "p", "targets": {"normal": {"periodic_update": 3600}}}
    found = scrape(flow("opened", NOW_MS), policy=policy(sla={"policies": [promised]}))

    clocks = {name.partition("sla=")[2].rstrip("}") for name in found if "sla=" in name}
    assert clocks == {"periodic_update"}
    assert not [name for name in scrape(flow("opened", NOW_MS)) if "sla=" in name]


def test_who_is_not_where_the_plan_says() -> None:
    found = scrape(
        level("plan.on_queue.on_queue", NOW_MS - HOUR_MS, NOW_MS + HOUR_MS, AGENT),
        level("plan.on_queue.offline", NOW_MS - HOUR_MS, NOW_MS + HOUR_MS, AGENT),
        level("plan.on_queue.away", NOW_MS - HOUR_MS, NOW_MS + HOUR_MS, AGENT),
        level("plan.break.break", NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS, AGENT),
    )

    assert found["deskpulse_agents_planned{activity=on_queue,queue=billing}"] == 3
    assert found["deskpulse_agents_off_plan{activity=on_queue,queue=billing}"] == 2
    assert found["deskpulse_agents_planned{activity=break,queue=billing}"] == 0


def test_time_and_its_shares() -> None:
    at = NOW_MS - HOUR_MS
    found = scrape(
        level("agent.busy", at, at + 15 * MINUTE_MS, AGENT),
        level("agent.wrap_up", at + 15 * MINUTE_MS, at + 30 * MINUTE_MS, AGENT),
        level("agent.available", at + 30 * MINUTE_MS, at + 40 * MINUTE_MS, AGENT),
        level("agent.break", at + 40 * MINUTE_MS, None, AGENT),
        level("agent.meeting", at - 2 * HOUR_MS, None, dims("sales", "yusuf", None)),
        level("contacts", at, at + 15 * MINUTE_MS, AGENT),
        level("contacts", at, None, AGENT),
        level("in_contact", at, None, AGENT),
    )

    def share(name: str) -> float:
        return found[f"deskpulse_{name}_ratio{{queue=billing,window=1h}}"]

    assert found["deskpulse_agent_window_seconds{queue=billing,status=busy,window=1h}"] == 900
    assert found["deskpulse_agent_window_seconds{queue=billing,status=break,window=24h}"] == 1200
    assert found["deskpulse_agent_window_seconds{queue=sales,status=meeting,window=1h}"] == 3600
    assert found["deskpulse_contact_window_seconds{queue=billing,window=1h}"] == 4500
    assert found["deskpulse_in_contact_window_seconds{queue=billing,window=1h}"] == 3600
    assert found["deskpulse_contacts_in_progress{queue=billing}"] == 1
    assert found["deskpulse_agents_in_contact{queue=billing}"] == 1
    assert share("occupancy") == 30 / 40
    assert share("utilisation") == 30 / 40
    assert share("utilisation_signed_in") == 30 / 60


def test_the_plan_and_what_was_done_instead() -> None:
    at = NOW_MS - HOUR_MS
    plan = [
        level("plan.on_queue.on_queue", at, at + 30 * MINUTE_MS, AGENT),
        level("plan.on_queue.meeting", at + 30 * MINUTE_MS, at + 40 * MINUTE_MS, AGENT),
        level("plan.break.offline", at + 40 * MINUTE_MS, at + 50 * MINUTE_MS, AGENT),
        level("agent.busy", at, at + 30 * MINUTE_MS, AGENT),
        level("agent.available", at + 50 * MINUTE_MS, NOW_MS, AGENT),
    ]

    found = scrape(*plan)
    strict = scrape(*plan, policy=policy(adherence={"count_outside_shift": True}))

    def share(name: str) -> float:
        return found[f"deskpulse_{name}_ratio{{queue=billing,window=1h}}"]

    assert share("adherence") == pytest.approx(30 / 50)
    assert share("conformance") == pytest.approx(40 / 40)
    assert share("shrinkage_internal") == pytest.approx(10 / 50)
    assert share("shrinkage_external") == pytest.approx(10 / 50)
    assert strict["deskpulse_adherence_ratio{queue=billing,window=1h}"] == pytest.approx(1 - 30 / 60)


def test_a_cohort_is_what_is_old_enough_to_tell() -> None:
    found = scrape(
        happened("solved", 4, 8 * DAY_MS),
        happened("came_back.0", 1, 8 * DAY_MS),
        happened("came_back.1", 2, 8 * DAY_MS),
        happened("automated", 3, 8 * DAY_MS),
        happened("solved", 9, 2 * DAY_MS),
        happened("came_back.0", 5, 2 * DAY_MS),
        happened("automated", 9, 2 * DAY_MS),
        happened("solved", 9, 90 * DAY_MS),
    )

    assert found["deskpulse_fcr_matured_tickets{queue=billing,window=7d}"] == 4
    assert found["deskpulse_fcr_resolved_tickets{queue=billing,window=7d}"] == 3
    assert "deskpulse_fcr_matured_tickets{queue=billing,window=14d}" not in found
    assert found["deskpulse_automation_matured_tickets{queue=billing}"] == 4
    assert found["deskpulse_automation_resolved_tickets{queue=billing}"] == 3
    assert found["deskpulse_tickets_came_back_total{queue=billing,window=7d}"] == 6


def test_visits_have_no_queue() -> None:
    found = scrape(
        happened("visits", 5, 2 * DAY_MS, NOTHING_TOLD),
        happened("visits_identified", 4, 2 * DAY_MS, NOTHING_TOLD),
        happened("visits_asked", 1, 2 * DAY_MS, NOTHING_TOLD),
        happened("visits_identified", 1, DAY_MS - HOUR_MS, NOTHING_TOLD),
    )

    assert found["deskpulse_help_visits_total{}"] == 5
    assert found["deskpulse_help_visits_identified_total{}"] == 5
    assert found["deskpulse_help_visits_asked_total{}"] == 1
    assert found["deskpulse_help_visits_matured{}"] == 4
    assert found["deskpulse_help_visits_deflected{}"] == 3


@pytest.mark.parametrize(
    ("kind", "scores", "classes"),
    [
        ("csat", (1, 3.99, 4, 5), {"satisfied": 2, "not_satisfied": 2}),
        ("nps", (0, 6, 7, 8, 9, 10), {"promoter": 2, "passive": 2, "detractor": 2}),
        ("ces", (4, 5, 7), {"easy": 2, "not_easy": 1}),
    ],
)
def test_answers_by_what_they_mean(kind: str, scores: tuple[float, ...], classes: dict[str, int]) -> None:
    found = scrape(scored(kind, *scores))

    for answer, count in classes.items():
        assert found[f"deskpulse_{kind}_responses_total{{answer={answer},queue=billing}}"] == count
    assert found[f"deskpulse_{kind}_score_count{{queue=billing}}"] == len(scores)
    assert found[f"deskpulse_{kind}_score_sum{{queue=billing}}"] == sum(scores)


def test_effort_where_high_is_hard() -> None:
    found = scrape(scored("ces", 1, 7), policy=policy(ces={"higher_is_easier": False}))

    assert found["deskpulse_ces_responses_total{answer=easy,queue=billing}"] == 1


def test_reviews_content_and_signs() -> None:
    found = scrape(
        scored("review", 80, 90.5),
        took("first_response.template", 30),
        took("first_response.template", 90),
        happened("paused_unasked", 2, HOUR_MS),
        happened("solved_early", 1, HOUR_MS),
    )

    assert found["deskpulse_review_score_sum{queue=billing}"] == 170.5
    assert found["deskpulse_first_response_content_seconds_sum{content=template,queue=billing}"] == 120
    assert found["deskpulse_first_response_content_seconds_count{content=template,queue=billing}"] == 2
    assert found["deskpulse_gaming_signs_total{queue=billing,sign=pause_without_reply}"] == 2
    assert found["deskpulse_gaming_signs_total{queue=billing,sign=premature_solve}"] == 1


def test_percentiles_slide() -> None:
    found = scrape(
        *[took(m, 100, HOUR_MS // 2) for m in ("next_response", "answered", "resolution")],
        *[took(m, 900, 2 * HOUR_MS) for m in ("next_response", "answered", "resolution")],
    )

    for name in ("next_response", "answer_wait", "resolution"):
        family = f"deskpulse_{name}_window_seconds"
        assert found[f"{family}{{queue=billing,stat=p50,window=1h}}"] == pytest.approx(100, rel=0.01)
        assert found[f"{family}{{queue=billing,stat=p50,window=24h}}"] == pytest.approx(500, rel=0.01)


def large_centre(queues: int, channels: Iterable[str]) -> Tallies:
    """Every queue and channel with something of every measure."""
    parts = []
    for queue, channel in product((f"queue {n}" for n in range(queues)), channels):
        values = dims(queue, channel=channel)
        for measure, kind in MEASURES.items():
            long_ago = measure.startswith("came_back") or measure == "solved"
            at = NOW_MS - (9 * DAY_MS if long_ago else HOUR_MS)
            if kind is Kind.STANDING:
                ahead = 2 * HOUR_MS if measure.startswith("due.") else 0
                parts.append(stands(measure, at + ahead, values))
            elif kind is Kind.LEVEL:
                parts.append(level(measure, at, values=values))
            elif not measure.startswith(("answered", "abandoned")) or channel in DEFAULTS.service_level.channels:
                parts.append(flow(measure, at, 1000, step_of(1000), values))
    return together(*parts)


def test_a_large_centre_stays_within_the_budget() -> None:
    centre = large_centre(30, ("email", "chat", "voice", "web"))

    found = samples(exposition(Stand(centre)), OPENMETRICS)

    assert 10_000 < found["deskpulse_exporter_series{}"] < 20_000
    assert found["deskpulse_exporter_series_dropped_total{}"] == 0


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say_of_any_family() -> None:
    body, _ = exposition(Stand(large_centre(2, ("email", "voice")))).text("")

    said = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False)

    assert (said.stdout + said.stderr).decode() == ""
    assert said.returncode == 0
    visits = {"deskpulse_help_visits_matured", "deskpulse_help_visits_deflected"}  # a day old at least
    empty = {family.name for family in FAMILIES if f"\n{family.name}".encode() not in body} - visits
    assert empty == set()
