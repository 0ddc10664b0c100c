"""`deskpulse compute --kpis`: the board's answers from a file, equal to the exact figures of the same events."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.codec import Fact, Millis, encode_derived, millis
from schemas.policy import DEFAULT, Policy, laid_over
from services.board.asking import question
from services.cli import run
from services.commands.compute import Question, Window, figures, read_events
from services.commands.kpis import kpi_document
from services.core.exchange import exchanged
from services.core.report import rfc3339
from services.core.rules import Rules
from services.core.tally import DAY_MS, MINUTE_MS
from services.simulator.to_file import write_events
from tests.commands.test_compute import LINES

UNTIL = datetime(2026, 3, 4, tzinfo=UTC)
SLA = {
    "sla": {
        "policies": [
            {
                "id": "std",
                "hours": "calendar",
                "targets": {
                    "normal": {"first_response": 1800, "next_response": 900, "resolution": 14_400},
                    "urgent": {"first_response": 600, "next_response": 300, "resolution": 3600},
                },
            }
        ]
    }
}
RULES = Rules(Policy.model_validate(laid_over(DEFAULT, SLA)))


def whole_seconds(fact: Fact) -> Fact:
    """Exact figures are of whole seconds, so the events are too."""
    return replace(fact, at=fact.at // 1000 * 1000, received_at=fact.received_at // 1000 * 1000)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> list[Fact]:
    path = tmp_path_factory.mktemp("kpis") / "events.ndjson"
    write_events(path, days=2, until=UNTIL, tickets_per_day=250, faults=0.05)
    return [whole_seconds(fact) for fact in read_events(str(path), skipped=lambda *_: pytest.fail("no event"))]


NEWEST, LATER = millis(UNTIL), millis(UNTIL) + 40 * DAY_MS
WHEN = pytest.mark.parametrize(
    "as_of", [pytest.param(NEWEST, id="at its end"), pytest.param(LATER, id="all is ripe")]
)


class Both:
    """The answers of the board and the exact figures, of everything that is known at an instant."""

    def __init__(self, facts: Sequence[Fact], as_of: Millis) -> None:
        document = kpi_document(facts, RULES, question([("window", "all")], RULES.policy), as_of)
        [window] = document["windows"]
        self.kpis = {name: its["current"] for name, its in window["groups"][0]["kpis"].items()}
        begin = millis(datetime.fromisoformat(window["from"]))
        self.exact = figures(facts, RULES, Question(as_of, window=Window(begin, as_of)))


@pytest.fixture(scope="module", params=[NEWEST, LATER], ids=["at its end", "when all is ripe"])
def both(facts: list[Fact], request: pytest.FixtureRequest) -> Both:
    return Both(facts, request.param)


@pytest.mark.parametrize(
    ("name", "exact"), [("first_response_seconds", "frt"), ("full_resolution_seconds", "resolution")]
)
def test_durations_agree(both: Both, name: str, exact: str) -> None:
    ours, theirs = both.kpis[name], both.exact["aggregate"]

    assert ours["count"] == theirs[f"{exact}_count"] > 100
    assert ours["mean"] == pytest.approx(theirs[f"{exact}_mean_seconds"], rel=1e-12)
    assert ours["p50"] == pytest.approx(theirs[f"{exact}_p50_seconds"], rel=0.01)
    assert ours["p90"] == pytest.approx(theirs[f"{exact}_p90_seconds"], rel=0.01)


def test_counts_and_rates_agree(both: Both) -> None:
    ours, theirs = both.kpis, both.exact["aggregate"]

    for name, exact in {
        "tickets_opened": "tickets_created",
        "tickets_opened_gross": "tickets_created_gross",
        "tickets_merged": "tickets_merged",
        "tickets_solved": "tickets_solved",
        "reopens": "reopens",
        "reopen_rate": "reopen_rate",
        "one_touch_rate": "one_touch_rate",
        "escalation_rate": "escalation_rate",
        "transfer_rate": "transfer_rate",
    }.items():
        assert ours[name]["value"] == theirs[exact], name
    assert ours["one_touch_rate"]["denominator"] == theirs["tickets_resolved_now"]


def test_first_contact_resolution_agrees(both: Both) -> None:
    theirs = both.exact["aggregate"]

    for days in ("7", "14", "30"):
        ours = both.kpis[f"first_contact_resolution_{days}d"]
        assert ours["matured"] == theirs["fcr_matured"][days]
        assert ours["confirmed"] == theirs["fcr_confirmed"][days]
        assert ours["provisional"] == theirs["fcr_provisional"][days]


def test_the_queue_agrees(both: Both) -> None:
    ours, theirs = both.kpis, both.exact["service_level"]

    for name in ("answered", "abandoned", "short_abandoned", "waiting"):
        assert ours["service_level"][name] == theirs[name], name
    assert ours["service_level"]["value"] == theirs["service_level"]
    assert ours["abandonment_rate"]["value"] == theirs["abandonment_rate"]
    assert ours["speed_of_answer_seconds"]["mean"] == theirs["asa_seconds"]
    assert ours["queueing"]["longest_seconds"] == theirs["longest_wait_seconds"]


def test_surveys_agree(both: Both) -> None:
    ours, theirs = both.kpis, both.exact["surveys"]

    assert ours["csat"]["responses"] > 0
    for kind, names in {
        "csat": ("responses", "mean", "satisfied_rate"),
        "nps": ("responses", "score", "promoters", "passives", "detractors"),
        "ces": ("responses", "mean", "easy_rate"),
    }.items():
        assert [ours[kind][name] for name in names] == [theirs[kind][name] for name in names], kind


def test_deflection_and_automation_agree(both: Both) -> None:
    visits, bots = both.kpis["deflection_rate"], both.kpis["automation_share"]
    deflection, automation = both.exact["deflection"], both.exact["automation"]

    assert (visits["visits"], visits["identified"]) == (deflection["visits"], deflection["visits_identified"])
    assert (visits["pending"], visits["numerator"]) == (deflection["visits_pending"], deflection["deflected"])
    assert visits["value"] == deflection["deflection_rate"]
    assert (bots["denominator"], bots["numerator"]) == (automation["solved"], automation["automated_confirmed"])
    assert (bots["pending"], bots["value"]) == (automation["automated_pending"], automation["automation_share"])


def test_quality_and_gaming_agree(both: Both) -> None:
    quality, signs = both.exact["response_quality"], both.exact["gaming"]

    assert both.kpis["first_response_quality"]["denominator"] == quality["first_responses"]
    assert both.kpis["first_response_quality"]["value"] == quality["first_response_quality"]
    assert both.kpis["first_response_stub_rate"]["numerator"] == quality["stub_first_responses"]
    kinds = [sign["kind"] for sign in signs]
    assert both.kpis["pauses_without_reply"]["value"] == kinds.count("pause_without_reply")
    assert both.kpis["premature_solves"]["value"] == kinds.count("premature_solve")


def test_backlog_agrees(both: Both) -> None:
    [theirs] = both.exact["backlog"].values()

    assert both.kpis["backlog"]["value"] == theirs["backlog"] > 0
    assert both.kpis["backlog_actionable"]["value"] == theirs["backlog_actionable"]
    assert both.kpis["backlog_age"]["longest_seconds"] == theirs["oldest_age_seconds"]
    kinds = both.kpis["backlog_age"]["by_kind"]
    assert {status: count for status, count in kinds.items() if count} == theirs["by_status"]


def test_promises_agree(both: Both) -> None:
    read = [
        (metric, one)
        for metrics in both.exact["sla"].values()
        for metric, each in metrics.items()
        for one in (each if isinstance(each, list) else [each])
    ]
    for clock in ("first_response", "next_response", "resolution"):
        states = [one["state"] for metric, one in read if metric == clock]
        attained = both.kpis[f"sla_attainment_{clock}"]
        broken = sum(
            metric == clock and one["breached_at"] is not None and one["state"] != "cancelled" for metric, one in read
        )
        assert attained["numerator"] == states.count("met") > 0
        assert attained["denominator"] == attained["numerator"] + broken
        at_risk = sum(metric == clock and one["at_risk"] and one["state"] == "running" for metric, one in read)
        assert both.kpis[f"sla_at_risk_{clock}"]["at_risk"] == at_risk


def test_next_responses_and_whose_time_it_was_agree(both: Both) -> None:
    tickets = both.exact["tickets"].values()
    turns = [seconds for ticket in tickets for seconds in ticket["next_response_seconds"]]

    assert both.kpis["next_response_seconds"]["count"] == len(turns)
    assert both.kpis["next_response_seconds"]["mean"] == pytest.approx(sum(turns) / len(turns), rel=1e-12)
    assert both.kpis["escalations"]["value"] == sum(ticket["escalations"] for ticket in tickets)
    since_handoff = [t["frt_since_handoff_seconds"] for t in tickets if t["frt_since_handoff_seconds"] is not None]
    assert both.kpis["first_response_since_handoff_seconds"]["count"] == len(since_handoff)


@WHEN
def test_each_agents_time_agrees(facts: list[Fact], as_of: Millis) -> None:
    kpis = ("occupancy", "utilisation", "concurrency", "adherence", "conformance", "shrinkage", "shrinkage_internal")
    asked = question([("window", "all"), ("by", "agent"), ("kpi", ",".join(kpis))], RULES.policy)
    [window] = kpi_document(facts, RULES, asked, as_of)["windows"]
    begin = millis(datetime.fromisoformat(window["from"]))
    theirs = figures(facts, RULES, Question(as_of, window=Window(begin, as_of), only=frozenset({"agents"})))["agents"]

    ours = {group["key"]["agent"]: group["kpis"] for group in window["groups"]}

    assert len(ours) > 5
    for name, exact in theirs.items():
        if name not in ours:  # planned for later, and not seen yet
            assert [exact[kpi] for kpi in kpis] == [None] * len(kpis)
            continue
        for kpi in kpis:
            expected = None if exact[kpi] is None else pytest.approx(exact[kpi])
            assert ours[name][kpi]["current"]["value"] == expected, (name, kpi)


@pytest.mark.parametrize("dimension", ["queue", "channel", "priority", "tier", "category"])
def test_a_cut_agrees_with_the_segments(facts: list[Fact], dimension: str) -> None:
    asked = question([("window", "all"), ("by", dimension)], RULES.policy)
    [window] = kpi_document(facts, RULES, asked, NEWEST)["windows"]
    segments = figures(facts, RULES, Question(NEWEST, only=frozenset({"segments"})))["segments"][dimension]

    ours = {group["key"][dimension]: group["kpis"] for group in window["groups"]}
    for value, theirs in segments.items():
        its = ours[value]
        assert its["tickets_opened"]["current"]["value"] == theirs["tickets_created"], value
        assert its["first_response_seconds"]["current"]["count"] == theirs["frt_count"], value
        assert its["reopen_rate"]["current"]["value"] == theirs["reopen_rate"], value
        assert its["one_touch_rate"]["current"]["value"] == theirs["one_touch_rate"], value


def test_groups_of_a_pair_add_up_to_the_whole(facts: list[Fact]) -> None:
    def opened(by: str) -> int:
        asked = question([("window", "24h"), ("by", by), ("kpi", "tickets_opened")], RULES.policy)
        [window] = kpi_document(facts, RULES, asked, NEWEST)["windows"]
        return sum(group["kpis"]["tickets_opened"]["current"]["value"] for group in window["groups"])

    assert opened("queue,category") == opened("tier,channel") == opened("") > 100


def test_a_window_counts_what_lies_in_it_and_the_one_before_the_rest(facts: list[Fact]) -> None:
    asked = question([("window", "24h"), ("kpi", "tickets_opened_gross")], RULES.policy)
    [window] = kpi_document(facts, RULES, asked, NEWEST)["windows"]
    created: dict[str, Millis] = {}
    for fact in facts:
        if fact.type == "ticket.created" and fact.received_at <= NEWEST >= fact.at:
            created.setdefault(fact.entity, fact.at)
    line = NEWEST + MINUTE_MS - DAY_MS

    told = window["groups"][0]["kpis"]["tickets_opened_gross"]

    assert window["from"] == rfc3339(line)
    assert told["current"]["value"] == sum(at >= line for at in created.values())
    begin = millis(datetime.fromisoformat(window["previous"]["from"]))
    assert told["previous"]["value"] == sum(begin <= at < line for at in created.values()) > 100


@pytest.fixture
def events(tmp_path: Path) -> str:
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return str(path)


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert run(["compute", *words], {}) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def test_the_command_prints_the_document(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = printed(
        capsys, events, "--kpis", "--windows", "1h,all", "--by", "queue", "--kpi", "first_response_seconds"
    )

    assert [window["window"] for window in document["windows"]] == ["1h", "all"]
    groups = {group["key"]["queue"]: group["kpis"] for group in document["windows"][1]["groups"]}
    assert groups["a"]["first_response_seconds"]["current"]["mean"] == 1800
    assert groups[None]["first_response_seconds"]["current"]["mean"] == 600


def test_the_command_tells_every_window_when_none_is_named(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = printed(capsys, events, "--kpis", "--kpi", "csat")

    assert [window["window"] for window in document["windows"]] == ["15m", "1h", "today", "24h", "7d", "28d"]


def test_the_command_filters(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--kpis", "--windows", "all", "--kpi", "tickets_opened"]

    [alone] = printed(capsys, events, *words, "--where", "queue=a")["windows"]
    [both] = printed(capsys, events, *words, "--where", "queue=a", "--where", "queue=")["windows"]

    assert alone["groups"][0]["kpis"]["tickets_opened"]["current"]["value"] == 1
    assert both["groups"][0]["kpis"]["tickets_opened"]["current"]["value"] == 2


def test_as_of_decides_what_is_known(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--kpis", "--windows", "all", "--kpi", "tickets_opened", "--as-of", "2026-03-02T09:15:00Z"]

    [window] = printed(capsys, events, *words)["windows"]

    assert window["groups"][0]["kpis"]["tickets_opened"]["current"]["value"] == 1


def test_what_entities_told_each_other_in_a_recorded_log_is_told_anew(
    events: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrivals = read_events(events, skipped=lambda *_: None)
    derived = [
        encode_derived(fact).decode()
        for entity in exchanged(arrivals, RULES).values()
        for fact in entity.told.others.values()
    ]
    recorded = tmp_path / "recorded.ndjson"
    recorded.write_text("\n".join([*derived, *LINES, *derived]), encoding="utf-8")

    assert derived
    assert printed(capsys, str(recorded)) == printed(capsys, events)
    assert printed(capsys, str(recorded), "--kpis") == printed(capsys, events, "--kpis")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["--kpis", "--by", "colour"], "there is no dimension 'colour'", id="dimension"),
        pytest.param(["--kpis", "--windows", "2w"], "there is no window '2w'", id="window"),
        pytest.param(["--kpis", "--where", "queue"], "--where queue names no value", id="filter"),
        pytest.param(["--kpis", "--where", "colour=red"], "there is no parameter 'colour'", id="filter's dimension"),
        pytest.param(["--by", "queue"], "--by goes with --kpis, which is missing", id="a cut of nothing"),
        pytest.param(["--kpis", "--variants"], "--kpis and --variants are different documents", id="two documents"),
        pytest.param(["--variants", "--by", "queue"], "--by goes with --kpis, and not with --variants", id="cut"),
        pytest.param(["--variants", "--windows", "1h,7d"], "compares one window, got 1h, 7d", id="two windows"),
    ],
)
def test_what_is_unclear_is_said_in_a_sentence(
    words: list[str], sentence: str, events: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compute", events, *words], {}) == 1

    assert sentence in capsys.readouterr().err
