"""`deskpulse compute --policy a.yaml --against b.yaml`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.codec import millis
from services.board.asking import question
from services.cli import run
from services.commands.against import compared_policies
from services.commands.kpis import kpi_document
from services.core.rules import Rules
from services.core.tally import CLOCKS, DAY_MS
from tests.commands.test_compute import LINES
from tests.commands.test_kpis import RULES, UNTIL, facts
from tests.core.stories import answer, at, created, of, promise, rules, sla, solved

__all__ = ["facts"]  # a fixture

OTHER = rules(
    sla(
        promise(
            {
                "any": {"first_response": 900, "next_response": 2700, "resolution": 7200, "periodic_update": 3600},
                "urgent": {"first_response": 1200},
            }
        ),
        reopen="restart",
    )
)


@pytest.mark.parametrize("window", ["all", "24h", "3h"])
@pytest.mark.parametrize("later", [0, 40 * DAY_MS])
def test_the_counts_are_those_of_the_kpis(facts: list[Any], window: str, later: int) -> None:
    as_of = millis(UNTIL) + later
    document = compared_policies(facts, (RULES, OTHER), question([("window", window)], RULES.policy), as_of)

    for side, its in (("policy", RULES), ("against", OTHER)):
        kpis = _by_queue(facts, its, window, as_of)
        told = {
            each["clock"]: {queue["queue"]: queue[side] for queue in each["queues"]} for each in document["clocks"]
        }
        assert told or window != "all"
        for clock in CLOCKS:
            for queue, figures in told.get(clock, {}).items():
                kept = kpis[queue][f"sla_attainment_{clock}"]
                assert (figures["met"], figures["attainment"]) == (kept["numerator"], kept["value"])
                assert figures["met"] + figures["breached"] == kept["denominator"]
                risk = kpis[queue][f"sla_at_risk_{clock}"]
                assert {name: figures[name] for name in ("at_risk", "overdue")} == {
                    name: risk[name] for name in ("at_risk", "overdue")
                }
    alone = [each["breached_under"] for each in document["tickets"]]
    grown = document["in_all"]["against"]["breached"] - document["in_all"]["policy"]["breached"]
    assert grown == alone.count("against") - alone.count("policy")
    assert alone or later or window == "3h"


def _by_queue(facts: list[Any], its: Rules, window: str, as_of: int) -> dict[str | None, dict[str, Any]]:
    put = question([("window", window), ("by", "queue"), ("limit", "1000")], its.policy)
    [told] = kpi_document(facts, its, put, as_of)["windows"]
    return {
        group["key"]["queue"]: {name: kpi["current"] for name, kpi in group["kpis"].items()}
        for group in told["groups"]
    }


def test_a_policy_against_itself_differs_in_nothing(facts: list[Any]) -> None:
    as_of = millis(UNTIL)

    document = compared_policies(facts, (OTHER, OTHER), question([("window", "all")], OTHER.policy), as_of)

    assert document["tickets"] == []
    assert document["in_all"]["policy"] == document["in_all"]["against"]
    assert document["in_all"]["policy"]["breached"] > 0


def test_the_newest_breach_comes_first_and_a_filter_is_kept_to() -> None:
    story = [
        *of("T1", created("09:00", queue="a"), answer("10:00"), solved("10:05")),
        *of("T2", created("09:10", queue="b"), answer("10:00"), solved("10:05")),
        *of("T3", created("09:20", queue="a"), answer("10:00"), solved("10:05")),
    ]
    policies = [rules(sla(promise({"first_response": within}))) for within in (3600, 1800)]

    def tickets(*words: tuple[str, str]) -> list[str]:
        put = question([("window", "all"), *words], policies[0].policy)
        return [
            each["ticket"]
            for each in compared_policies(story, (policies[0], policies[1]), put, at("11:00"))["tickets"]
        ]

    assert tickets() == ["T3", "T2", "T1"]
    assert tickets(("queue", "a")) == ["T3", "T1"]


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., list[str]]:
    """The words of a command over two tickets, under promises of an hour and of twenty minutes."""
    events = tmp_path / "events.ndjson"
    events.write_text("\n".join(LINES), encoding="utf-8")
    paths = []
    for name, within in (("a", 3600), ("b", 1200)):
        paths.append(tmp_path / f"{name}.yaml")
        paths[-1].write_text(yaml.safe_dump(sla(promise({"first_response": within}, id=f"[{name}]"))), "utf-8")
    return lambda *words: ["compute", str(events), "--policy", str(paths[0]), "--against", str(paths[1]), *words]


def test_the_command_prints_a_document(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command("--json", "--limit", "1"), {}) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["window"] == "all"
    assert document["clocks"][0]["policy"]["met"] == 2
    assert document["clocks"][0]["against"]["breached"] == 1
    [ticket] = document["tickets"]
    assert (ticket["ticket"], ticket["against"]["policy"], ticket["against"]["target_seconds"]) == ("T1", "[b]", 1200)


def test_the_command_prints_tables_for_people(
    command: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert run(command(), {}) == 0

    out = capsys.readouterr().out
    assert "first response" in out
    assert "100.0 % -> 50.0 %" in out
    assert "(no queue)" in out
    assert "Breached only under the other policy: 1; only under the policy: 0." in out
    assert (
        "T1  first_response: met 2026-03-02 09:30:00Z ([a], 1 h) -> breached 2026-03-02 09:20:00Z ([b], 20 min)"
        in out
    )


def test_no_more_tickets_are_listed_than_asked_for(
    command: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    two = [line.replace("T1", "T9").replace('"event_id": "e', '"event_id": "x') for line in LINES]
    (tmp_path / "events.ndjson").write_text("\n".join([*LINES, *two]), encoding="utf-8")

    assert run(command("--limit", "1"), {}) == 0

    assert "and 1 more: --limit says how many are listed" in capsys.readouterr().out


def test_policies_that_keep_the_same_promises_say_so(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command("--where", "queue=nowhere"), {}) == 0

    assert "No ticket is breached under one policy alone." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--windows", "1h,7d"], "--against compares one window, got 1h, 7d"),
        (["--by", "queue"], "--by goes with --kpis, and not with --against"),
        (["--kpis"], "--kpis and --against are different documents"),
        (["--where", "colour=red"], "there is no parameter 'colour'"),
    ],
)
def test_what_is_unclear_is_said_in_a_sentence(
    words: list[str], sentence: str, command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command(*words), {}) == 1

    assert sentence in capsys.readouterr().err
