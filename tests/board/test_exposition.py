"""/metrics: the same KPIs as the wall, in formats that Prometheus takes without a complaint."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client import generate_latest as plain
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parsed_text
from prometheus_client.registry import Collector

from schemas.codec import Millis
from schemas.policy import Policy
from services.board.columns import Columns
from services.board.exposition import Exposition, KpiCollector, documented
from services.board.freshness import Reading
from services.board.series import Guard, LabelTexts
from services.core.tally import DAY_MS, HOUR_MS, MINUTE_MS, Tallies, step_of
from tests.board.written import NOW_MS, SHARD, dims, flow, level, put, stands, together

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
DEFAULTS = Policy()
LIVE = Reading(read_at=NOW_MS, answering=True, tickets_at=NOW_MS, agents_at=NOW_MS)
BILLING, CHAT, NO_QUEUE = dims("billing"), dims("billing", channel="chat"), dims(None)

CENTRE = together(
    *[level("backlog.open", NOW_MS - n * HOUR_MS, values=BILLING) for n in (1, 2)],
    level("backlog.new", NOW_MS - MINUTE_MS, values=NO_QUEUE),
    level("backlog.pending", NOW_MS - MINUTE_MS, values=dims("billing", "zenobia")),
    stands("opened_at.open", NOW_MS - HOUR_MS, BILLING),
    stands("opened_at.open", NOW_MS - 2 * HOUR_MS, BILLING),
    *[flow("opened", NOW_MS - n * HOUR_MS, values=BILLING) for n in (1, 2)],
    flow("opened", NOW_MS - MINUTE_MS, values=NO_QUEUE),
    flow("solved", NOW_MS - 50 * DAY_MS, values=BILLING),
    stands("waiting", NOW_MS - HOUR_MS, CHAT),
    stands("waiting", NOW_MS + HOUR_MS, NO_QUEUE),
    *[
        flow("first_response", NOW_MS - MINUTE_MS, s * 1000, step_of(s * 1000), BILLING)
        for s in (30, 31, 300, 400_000)
    ],
    stands("at_risk_from.resolution", NOW_MS - MINUTE_MS, BILLING, 3),
    stands("due.resolution", NOW_MS - 1, BILLING),
    stands("due.resolution", NOW_MS + 1, BILLING, 2),
    flow("sla_met.resolution", NOW_MS - HOUR_MS, values=BILLING),
    level("agent.busy", NOW_MS - HOUR_MS, values=dims("billing", "zenobia", None)),
)


class Stand:
    """What a collector reads of a follower."""

    def __init__(self, tallies: Tallies, reading: Reading = LIVE) -> None:
        self.columns = Columns()
        self.reading = reading
        self.policies = frozenset({"p"})
        put(self.columns, SHARD, tallies)


def exposition(
    stand: Stand, now: Callable[[], Millis] = lambda: NOW_MS, most_values: int = 100, policy: Policy = DEFAULTS
) -> Exposition:
    return Exposition(KpiCollector(stand, now, policy, LabelTexts(most_values)))


def samples(shown: Exposition, accept: str = "") -> dict[str, float]:
    body, _ = shown.text(accept)
    parse = parsed_openmetrics if accept else parsed_text
    return {
        f"{s.name}{{{','.join(f'{k}={v}' for k, v in sorted(s.labels.items()))}}}": s.value
        for family in parse(body.decode())
        for s in family.samples
    }


def test_kpis_with_their_labels() -> None:
    found = samples(exposition(Stand(CENTRE)))

    assert found["deskpulse_tickets_open{channel=email,priority=normal,queue=billing,state=open}"] == 2
    assert found["deskpulse_tickets_open{channel=email,priority=normal,queue=none,state=new}"] == 1
    assert found["deskpulse_tickets_open{channel=email,priority=normal,queue=none,state=pending}"] == 0
    assert found["deskpulse_tickets_unassigned{queue=billing}"] == 2
    assert found["deskpulse_tickets_opened_total{queue=billing}"] == 2
    assert found["deskpulse_tickets_solved_total{queue=billing}"] == 1
    assert found["deskpulse_tickets_reopened_total{queue=none}"] == 0
    assert found["deskpulse_sla_at_risk_tickets{queue=billing,sla=resolution}"] == 2
    assert found["deskpulse_sla_overdue_tickets{queue=billing,sla=resolution}"] == 1
    assert found["deskpulse_sla_evaluated_total{queue=billing,sla=resolution}"] == 2
    assert found["deskpulse_sla_breached_total{queue=billing,sla=resolution}"] == 1
    assert found["deskpulse_agents{queue=billing,status=busy}"] == 1
    assert found["deskpulse_agents{queue=billing,status=available}"] == 0
    assert found["deskpulse_exporter_redis_up{}"] == 1
    assert found["deskpulse_event_time_timestamp_seconds{}"] == NOW_MS / 1000


def test_standing_instants_of_the_future_and_none_at_all_have_no_sample() -> None:
    found = samples(exposition(Stand(CENTRE)))

    assert (
        found["deskpulse_oldest_waiting_timestamp_seconds{channel=chat,queue=billing}"] == (NOW_MS - HOUR_MS) / 1000
    )
    assert not [name for name in found if name.startswith("deskpulse_oldest") and "queue=none" in name]


def test_a_promise_is_kept_at_its_last_instant() -> None:
    running = together(stands("due.resolution", NOW_MS), stands("at_risk_from.resolution", NOW_MS))
    clock = together(running, flow("opened", NOW_MS))

    kept = samples(exposition(Stand(clock)))
    broken = samples(exposition(Stand(clock), lambda: NOW_MS + 1))

    for found, at_risk, late in ((kept, 1, 0), (broken, 0, 1)):
        assert found["deskpulse_sla_at_risk_tickets{queue=billing,sla=resolution}"] == at_risk
        assert found["deskpulse_sla_overdue_tickets{queue=billing,sla=resolution}"] == late
        assert found["deskpulse_sla_breached_total{queue=billing,sla=resolution}"] == late


def test_histograms_count_exactly_at_their_edges() -> None:
    found = samples(exposition(Stand(CENTRE)))

    def bucket(edge: str) -> float:
        return found[f"deskpulse_first_response_seconds_bucket{{channel=email,le={edge},queue=billing}}"]

    assert [bucket(edge) for edge in ("30.0", "60.0", "300.0", "259200.0", "+Inf")] == [1, 2, 3, 3, 4]
    assert found["deskpulse_first_response_seconds_sum{channel=email,queue=billing}"] == 400_361


def test_openmetrics_has_the_gauge_histogram() -> None:
    body, content_type = exposition(Stand(CENTRE)).text(OPENMETRICS)
    found = samples(exposition(Stand(CENTRE)), OPENMETRICS)

    assert content_type.startswith("application/openmetrics-text")
    assert b"# TYPE deskpulse_backlog_age_seconds gaugehistogram" in body
    assert found["deskpulse_backlog_age_seconds_bucket{le=3600.0,queue=billing}"] == 1
    assert found["deskpulse_backlog_age_seconds_gcount{queue=billing}"] == 2
    assert found["deskpulse_backlog_age_seconds_gsum{queue=billing}"] == 3 * 3600


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("tallies", [CENTRE, {}], ids=["a contact centre", "an empty store"])
def test_promtool_finds_nothing_to_say(tallies: Tallies) -> None:
    body, _ = exposition(Stand(tallies)).text("")

    said = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False)

    assert (said.stdout + said.stderr).decode() == ""
    assert said.returncode == 0


def test_a_count_that_a_late_event_took_back_holds_its_last_value() -> None:
    stand = Stand(CENTRE)
    shown = exposition(stand)
    samples(shown)
    less = {entry: tally for entry, tally in CENTRE.items() if entry[0] not in ("opened", "first_response")}
    put(stand.columns, SHARD, together(less, flow("opened", NOW_MS - HOUR_MS, values=BILLING)))

    found = samples(shown)

    assert found["deskpulse_tickets_opened_total{queue=billing}"] == 2
    assert found["deskpulse_first_response_seconds_count{channel=email,queue=billing}"] == 4
    assert found["deskpulse_exporter_regressions_total{}"] > 0


def test_state_under_another_policy_may_fall() -> None:
    guard = Guard()
    guard.enter(frozenset({"old"}))
    assert guard.held("family", {("a",): (5, 2)}) == {("a",): (5, 2)}
    guard.enter(frozenset())
    assert guard.held("family", {("a",): (3, 4)}) == {("a",): (5, 4)}

    guard.enter(frozenset({"new"}))

    assert guard.held("family", {("a",): (3, 4)}) == {("a",): (3, 4)}
    assert guard.regressions == 1


def test_what_fell_is_held_until_it_is_passed_and_what_vanished_stays() -> None:
    guard = Guard()
    found = [guard.held("family", {("a",): (value,)})["a",] for value in (5, 3, 4, 6)]

    assert found == [(5,), (5,), (5,), (6,)]
    assert guard.held("family", {}) == {("a",): (6,)}
    assert guard.held("another", {("a",): (1,)}) == {("a",): (1,)}
    assert guard.regressions == 2


def test_a_store_away_for_long_takes_the_kpis_with_it() -> None:
    away = replace(LIVE, answering=False)

    short = samples(exposition(Stand(CENTRE, away), lambda: NOW_MS + 119_000))
    long = samples(exposition(Stand(CENTRE, away), lambda: NOW_MS + 121_000))

    assert short["deskpulse_tickets_opened_total{queue=billing}"] == 2
    assert short["deskpulse_exporter_redis_up{}"] == 0
    assert {name.partition("{")[0] for name in long} == {
        "deskpulse_exporter_redis_up",
        "deskpulse_exporter_policy_mismatch",
        "deskpulse_exporter_snapshot_timestamp_seconds",
        "deskpulse_exporter_collect_duration_seconds",
        "deskpulse_exporter_series",
        "deskpulse_exporter_regressions_total",
        "deskpulse_exporter_series_dropped_total",
    }
    assert long["deskpulse_exporter_series{}"] == 0
    assert long["deskpulse_exporter_snapshot_timestamp_seconds{}"] == NOW_MS / 1000


def test_too_many_values_of_a_label_are_one() -> None:
    many = together(*[flow("opened", NOW_MS - n, values=dims(f"queue {n}")) for n in range(5)])

    found = samples(exposition(Stand(many), most_values=3))

    assert found["deskpulse_tickets_opened_total{queue=queue 2}"] == 1
    assert found["deskpulse_tickets_opened_total{queue=__other__}"] == 2
    assert found["deskpulse_exporter_series_dropped_total{}"] > 0


def test_a_queue_that_comes_later_is_shown() -> None:
    stand = Stand(CENTRE)
    shown = exposition(stand)
    samples(shown)
    put(stand.columns, SHARD, together(CENTRE, flow("opened", NOW_MS, values=dims("sales", channel="web"))))

    found = samples(shown)

    assert found["deskpulse_tickets_opened_total{queue=sales}"] == 1
    assert found["deskpulse_first_response_seconds_count{channel=web,queue=sales}"] == 0


def test_nobody_is_named() -> None:
    body, _ = exposition(Stand(CENTRE)).text("")

    assert b"zenobia" not in body


def test_a_queue_called_none_is_not_the_tickets_without_one() -> None:
    names = (None, "none", "none_", "__other__")
    centre = together(*[flow("opened", NOW_MS - n, values=dims(name)) for n, name in enumerate(names)])

    found = samples(exposition(Stand(centre)))

    for shown in ("none", "none_", "none__", "__other___"):
        assert found[f"deskpulse_tickets_opened_total{{queue={shown}}}"] == 1


def test_long_names_that_begin_alike_stay_apart_and_are_the_same_on_every_board() -> None:
    names = ["x" * 63, "x" * 64, "x" * 64 + "a", "x" * 64 + "b"]
    centre = together(*[flow("opened", NOW_MS - n, values=dims(name)) for n, name in enumerate(names)])

    shown = {name for name in samples(exposition(Stand(centre))) if name.startswith("deskpulse_tickets_opened_total")}

    assert len(shown) == 4
    assert f"deskpulse_tickets_opened_total{{queue={names[1]}}}" in shown
    assert f"deskpulse_tickets_opened_total{{queue={'x' * 55}~{sha256(names[2].encode()).hexdigest()[:8]}}}" in shown


def test_the_policy_says_which_statuses_are_backlog() -> None:
    pending = Policy.model_validate({"backlog": {"statuses": ["pending"]}})
    nothing_live = Policy.model_validate({"backlog": {"statuses": ["solved"]}})

    found = samples(exposition(Stand(CENTRE), policy=pending))

    assert found["deskpulse_tickets_open{channel=email,priority=normal,queue=billing,state=pending}"] == 1
    assert not [name for name in found if name.startswith("deskpulse_tickets_open{") and "state=open" in name]
    assert found["deskpulse_tickets_unassigned{queue=billing}"] == 0
    assert found["deskpulse_backlog_age_seconds_bucket{le=+Inf,queue=billing}"] == 0
    assert not [
        n for n in samples(exposition(Stand(CENTRE), policy=nothing_live)) if n.startswith("deskpulse_tickets_open{")
    ]


def test_another_policy_than_the_boards_is_a_one() -> None:
    same = samples(exposition(Stand(CENTRE)))
    other = samples(exposition(Stand(CENTRE, replace(LIVE, other_policy=True))))

    assert same["deskpulse_exporter_policy_mismatch{}"] == 0
    assert other["deskpulse_exporter_policy_mismatch{}"] == 1


def test_the_documentation_has_the_same_table() -> None:
    lines = Path("docs/metrics.md").read_text().split("## The gateway")[0].splitlines()

    assert [line for line in lines if line.startswith("| `")] == documented()


def test_every_family_of_a_scrape_is_in_the_table() -> None:
    body, _ = exposition(Stand(CENTRE)).text(OPENMETRICS)
    types = [line.split()[2:] for line in body.decode().splitlines() if line.startswith("# TYPE")]

    listed = [line.split("`")[1] for line in documented()]
    assert [f"{name}_total" if kind == "counter" else name for name, kind in types] == listed


@pytest.mark.parametrize("encode", [plain, openmetrics], ids=["plain", "OpenMetrics"])
def test_the_text_is_that_of_the_library(encode: Callable[[Collector], bytes]) -> None:
    odd = together(CENTRE, *[flow("opened", NOW_MS, values=dims(name)) for name in ('a "b"', "c\\d", "e\nf", "ü")])
    registry = CollectorRegistry()
    registry.register(KpiCollector(Stand(odd), lambda: NOW_MS, DEFAULTS))

    expected = encode(registry)

    shown = exposition(Stand(odd))
    for _ in range(2):
        body, _ = shown.text(OPENMETRICS if encode is openmetrics else "")
        assert body.decode() == expected.decode()
