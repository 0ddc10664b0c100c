import json
from pathlib import Path
from typing import Any

import pytest

from schemas.policy import DEFAULT
from services.cli import run
from services.commands.cases import differences, run_case, run_file
from services.errors import Misconfigured

CASE: dict[str, Any] = {
    "id": "X-1",
    "title": "answered after an hour",
    "kind": "events",
    "as_of": "2026-03-02T12:00:00Z",
    "events": [
        {"event_id": "e1", "type": "ticket.created", "occurred_at": "2026-03-02T09:00:00Z", "ticket_id": "T1"},
        {
            "event_id": "e2",
            "type": "ticket.replied",
            "occurred_at": "2026-03-02T10:00:00Z",
            "ticket_id": "T1",
            "author": "bot",
            "public": True,
        },
    ],
    "expected": {"tickets": {"T1": {"frt_seconds": None}}},
    "variants": [
        {
            "title": "bots count",
            "config": {"first_response": {"bot_counts": True}},
            "expected": {"tickets": {"T1": {"frt_seconds": 3600}}},
        },
        {
            "title": "looked at before",
            "as_of": "2026-03-02T09:30:00Z",
            "config": {"first_response": {"bot_counts": True}},
            "expected": {"tickets": {"T1": {"frt_seconds": None}}},
        },
    ],
}
WRONG = CASE | {"id": "X-2", "expected": {"tickets": {"T1": {"frt_seconds": 60}}}, "variants": []}


def case_file(tmp_path: Path, *cases: dict[str, Any]) -> Path:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps({"format": "kpi-cases/1", "cases": cases}), encoding="utf-8")
    return path


def test_a_case_and_its_variants_pass(tmp_path: Path) -> None:
    (outcome,) = run_file(case_file(tmp_path, CASE))

    assert (outcome.id, outcome.differences) == ("X-1", ())


def test_a_difference_is_named_by_its_place() -> None:
    assert run_case(WRONG, {}).differences == ("tickets.T1.frt_seconds: expected 60, got null",)


def test_a_variants_difference_is_named_by_its_title() -> None:
    variants = [CASE["variants"][0] | {"expected": {"duplicates_ignored": 1}}]

    assert run_case(CASE | {"variants": variants}, {}).differences == (
        "(bots count) duplicates_ignored: expected 1, got 0",
    )


def test_a_kind_that_nothing_computes_fails() -> None:
    (difference,) = run_case(CASE | {"kind": "prophecy", "variants": []}, {}).differences

    assert difference == "result: nothing computes the kind 'prophecy'; known: events, calculation"


def test_a_calculation_has_a_result_and_variants_of_it() -> None:
    inputs = {"formula": "percentiles", "values": [1, 2, 3], "p": [0.5]}
    case = {
        "id": "X-3",
        "title": "a median",
        "kind": "calculation",
        "inputs": inputs,
        "expected": {"result": {"p50": 2}},
    }
    other = {"title": "others", "inputs": inputs | {"values": [4]}, "expected": {"result": {"p50": 5}}}

    assert run_case(case, {}).differences == ()
    assert run_case(case | {"variants": [other]}, {}).differences == ("(others) result.p50: expected 5, got 4",)


def test_a_calculation_that_cannot_be_made_fails() -> None:
    case = CASE | {"kind": "calculation", "variants": []}

    assert "no formula is called None; known: erlang_c" in run_case(case, {}).differences[0]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"config": {"slaa": {}}}, id="a config that is no policy"),
        pytest.param({"events": [{"type": "ticket.exploded"}]}, id="an event that is none"),
    ],
)
def test_what_is_not_understood_fails(broken: dict[str, Any]) -> None:
    (difference,) = run_case(CASE | {"variants": []} | broken, {}).differences

    assert difference.startswith("not understood: ")


@pytest.mark.parametrize(
    ("expected", "got", "places"),
    [
        pytest.param({"a": 1}, {"a": 1, "b": 2}, [], id="only what is expected is compared"),
        pytest.param({"a": None, "b": [], "c": {"d": None}}, {}, [], id="what has no value may be missing"),
        pytest.param({"a": 0, "b": [1], "c": {"d": ""}}, {}, ["a", "b", "c.d"], id="what has one may not"),
        pytest.param({"a": "2026-03-02T10:00:00Z"}, {"a": "2026-03-02T11:00:00+01:00"}, [], id="one instant"),
        pytest.param({"a": "2026-03-02T10:00:00Z"}, {"a": "2026-03-02T10:00:01Z"}, ["a"], id="another instant"),
        pytest.param({"a": None}, {"a": 0}, ["a"], id="zero is not null"),
        pytest.param({"a": True}, {"a": 1}, ["a"], id="one is not true"),
        pytest.param({"a": 0.6667}, {"a": 2 / 3}, [], id="within 0.0001"),
        pytest.param({"a": 0.6667}, {"a": 0.6669}, ["a"], id="beyond 0.0001"),
        pytest.param({"a": 1_000_000}, {"a": 1_000_099}, [], id="above 1000: within 0.01 %"),
        pytest.param({"a": 1_000_000}, {"a": 1_000_101}, ["a"], id="beyond 0.01 %"),
        pytest.param({"a": [1, 2]}, {"a": [2, 1]}, ["a[0]", "a[1]"], id="lists are in order"),
        pytest.param({"a": [1]}, {"a": [1, 2]}, ["a"], id="lists are whole"),
        pytest.param({"a": [{"x": 1}]}, {"a": [{"x": 1, "y": 2}]}, [], id="of objects in lists only what is named"),
        pytest.param({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, ["a.b.c"], id="deep inside"),
    ],
)
def test_comparison(expected: Any, got: Any, places: list[str]) -> None:
    assert [difference.split(":")[0] for difference in differences(expected, got, "")] == places


@pytest.mark.parametrize("content", ["", "[]", '{"cases": []}', '{"format": "kpi-cases/1"}'])
def test_what_is_no_case_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "cases.json"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(Misconfigured, match=r"cases\.json"):
        list(run_file(path))


def test_the_command_ends_with_a_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = case_file(tmp_path, CASE, WRONG)

    code = run(["cases", str(path)], {})

    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert lines == [
        "X-2 failed: answered after an hour",
        "    tickets.T1.frt_seconds: expected 60, got null",
        "1 passed, 1 failed",
    ]


def test_the_command_runs_one_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = case_file(tmp_path, CASE, WRONG)

    assert run(["cases", str(path), "--id", "X-1"], {}) == 0
    assert capsys.readouterr().out == "1 passed, 0 failed\n"
    assert run(["cases", str(path), "--id", "X-9"], {}) == 1
    assert "no case has the id X-9" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["as_of", "events", "title", "id", "expected", "kind"])
def test_a_case_that_lacks_something_stops_no_other(missing: str) -> None:
    event = {"event_id": "1", "type": "ticket.created", "occurred_at": "2026-03-02T09:00:00Z", "ticket_id": "T1"}
    case = {
        "id": "X-1",
        "title": "one ticket",
        "kind": "events",
        "as_of": "2026-03-02T10:00:00Z",
        "events": [event],
        "expected": {"aggregate": {"tickets_created": 1}},
        "variants": [{"expected": {"aggregate": {"tickets_created": 1}}}],
    }
    del case[missing]

    outcome = run_case(case, dict(DEFAULT))

    named = [difference for difference in outcome.differences if missing in difference]
    assert bool(named) == (missing in ("as_of", "events", "kind"))
