"""Presets: each does what its page says, and what the examples of its product want."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.policy import DEFAULT, Policy, laid_over
from schemas.presets import PRESETS, Preset, rules_of
from services.adapters.policy_file import parse_policy
from services.commands.cases import run_case

PAGES, GUIDE = Path("docs/presets"), Path("docs/sla.md")
CASES: dict[str, dict[str, Any]] = {
    case["id"]: case for case in json.loads(Path("tests/kpi_cases/presets.json").read_text(encoding="utf-8"))["cases"]
}
OFFICE = {"office": {"weekly": {"mon": [["09:00", "17:00"]]}}}
PROMISE = {"id": "all", "targets": {"any": {"resolution": "8h"}}}


def document(policy: Mapping[str, Any]) -> dict[str, Any]:
    return Policy.model_validate(laid_over(DEFAULT, policy)).model_dump(mode="json", by_alias=True)


def switches(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The rules that products differ in: what every page has to speak of."""
    sla = {key: value for key, value in policy["sla"].items() if key not in ("policies", "pause")}
    return {
        "business_calendar_change": policy["business_calendar_change"],
        "merge.inherit_oldest_wait": policy["merge"]["inherit_oldest_wait"],
        **{f"first_response.{key}": value for key, value in policy["first_response"].items()},
        **{f"sla.{key}": value for key, value in sla.items()},
        **{f"sla.pause.{metric}": statuses for metric, statuses in policy["sla"]["pause"].items()},
    }


def rows(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Of each table row that begins with a switch, its path and the other cells."""
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| `") and (path := cells[0].strip("`")) in switches(DEFAULT):
            yield path, cells[1:]


def written(value: Any) -> str:
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


@pytest.mark.parametrize("name", PRESETS)
def test_the_table_of_its_page_says_what_a_preset_sets(name: Preset) -> None:
    default, preset = switches(DEFAULT), switches(document({"preset": name}))

    told = {path: cells[:2] for path, cells in rows(PAGES / f"{name}.md")}

    assert told == {
        path: [written(was), written(preset[path]) if preset[path] == was else f"**{written(preset[path])}**"]
        for path, was in default.items()
    }


@pytest.mark.parametrize("name", PRESETS)
def test_every_row_says_how_the_product_behaves(name: Preset) -> None:
    assert [path for path, cells in rows(PAGES / f"{name}.md") if len(cells) != 3 or not cells[2]] == []


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_rules_and_promises_nothing(name: Preset) -> None:
    rules = json.loads(json.dumps(rules_of(name)))

    assert rules
    assert rules.get("sla", {}).get("pause", DEFAULT["sla"]["pause"]).keys() == DEFAULT["sla"]["pause"].keys()
    pauses = rules.get("sla", {}).pop("pause", {})
    set_here = {f"{key}.{inner}" for key, value in rules.items() if isinstance(value, dict) for inner in value}
    set_here |= {key for key, value in rules.items() if not isinstance(value, dict)}
    assert set_here - switches(DEFAULT).keys() == set()
    assert {f"sla.pause.{metric}" for metric in pauses} - switches(DEFAULT).keys() == set()


def test_there_are_as_many_files_and_pages_as_presets() -> None:
    assert sorted(path.stem for path in Path("schemas/presets").glob("*.yaml")) == sorted(PRESETS)
    assert sorted(path.stem for path in PAGES.glob("*.md")) == sorted(PRESETS)


def test_a_preset_lies_over_the_defaults_and_under_the_file() -> None:
    policy, faults = parse_policy(
        "preset: chatwoot\n"
        "calendars: {office: {}}\n"
        "first_response: {reopen_restarts: true}\n"
        "sla: {at_risk_ratio: 0.5}\n"
    )

    assert faults == []
    assert policy is not None
    assert policy.calendars.keys() == {"default", "office"}
    assert (policy.first_response.agent_created, policy.first_response.reopen_restarts) == ("exclude", True)
    assert (policy.sla.reopen, policy.sla.at_risk_ratio) == ("first_resolution_only", 0.5)


def test_one_laid_over_another_policy_goes_before_it() -> None:
    under = document({"preset": "chatwoot", "calendars": OFFICE})

    over = document(laid_over(under, {"preset": "zendesk"}))

    assert over["preset"] == "zendesk"
    assert over["calendars"].keys() == {"default", "office"}
    assert over["sla"]["pause"] == rules_of("zendesk")["sla"]["pause"]


@pytest.mark.parametrize("name", PRESETS)
def test_what_came_out_means_the_same_written_out(name: Preset) -> None:
    whole = document({"preset": name, "sla": {"policies": [PROMISE], "at_risk_ratio": 0.7}})

    assert document(whole) == whole


@pytest.mark.parametrize("name", PRESETS)
def test_the_fingerprint_is_of_what_came_out_and_not_of_a_name(name: Preset) -> None:
    of_preset = Policy.model_validate(laid_over(DEFAULT, {"preset": name}))
    by_hand = Policy.model_validate(laid_over(DEFAULT, rules_of(name)))

    assert by_hand.preset is None
    assert of_preset.fingerprint() == by_hand.fingerprint() != Policy().fingerprint()


@pytest.mark.parametrize("value", ["zendsk", "[zendesk]", "{a: 1}", "3"])
def test_an_unknown_preset_is_a_fault_that_names_the_known_ones(value: str) -> None:
    policy, (fault,) = parse_policy(f"sla: {{at_risk_ratio: 0.5}}\n\npreset: {value}\n")

    assert policy is None
    assert (fault.line, fault.place) == (3, "preset")
    assert all(name in fault.sentence for name in PRESETS)


@pytest.mark.parametrize("case_id", CASES)
def test_a_worked_example_of_a_product_comes_out(case_id: str) -> None:
    assert run_case(CASES[case_id], dict(DEFAULT)).differences == ()


@pytest.mark.parametrize("name", PRESETS)
def test_the_examples_of_a_product_need_its_preset(name: Preset) -> None:
    examples = [case for case in CASES.values() if case["config"]["preset"] == name]

    without = [case | {"config": case["config"] | {"preset": None}} for case in examples]

    assert len(examples) >= 2
    assert any(run_case(case, dict(DEFAULT)).differences for case in without)


def test_the_guide_tells_every_switch_with_its_default() -> None:
    assert {path: cells[0] for path, cells in rows(GUIDE)} == {
        path: written(value) for path, value in switches(DEFAULT).items()
    }


@pytest.mark.parametrize("page", [GUIDE, *sorted(PAGES.glob("*.md"))], ids=str)
def test_what_a_page_shows_of_a_policy_file_is_one(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for shown in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL):
        assert parse_policy(shown)[1] == [], shown


def test_the_guide_gives_an_example_of_every_switch() -> None:
    for path, cells in rows(GUIDE):
        example = yaml.safe_load(cells[-1].strip("`"))
        shown = switches(document(example))
        assert shown[path] != switches(DEFAULT)[path], path
