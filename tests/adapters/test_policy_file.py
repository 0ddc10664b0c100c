"""The policy file: each fault by its line."""

import json
from pathlib import Path

import pytest

from schemas.policy import Policy
from services.adapters.policy_file import load_policy, parse_policy
from services.errors import Misconfigured

YAML = """\
# Ours.
calendars:
  office:
    timezone: Europe/Berlin
    weekly:
      mon: [["09:00", "17:00"]]
    holidays: [2026-12-25]
    special_days:
      2026-12-24: [["09:00", "12:00"]]
queue_calendars: {billing: office}
first_response:
  bot_counts: true
sla:
  policies:
    - id: std
      targets:
        normal: {first_response: 3600}
      effective_from: 2026-03-01T00:00:00Z
"""


def faults(text: str) -> list[str]:
    policy, found = parse_policy(text)
    assert policy is None
    return [str(fault) for fault in found]


def test_a_policy_is_laid_over_the_defaults() -> None:
    policy, found = parse_policy(YAML)

    assert found == []
    assert policy is not None
    assert policy.first_response.bot_counts
    assert policy.first_response.reopen_restarts
    assert policy.calendars.keys() == {"default", "office"}
    assert policy.sla.at_risk_ratio == 0.8


def test_json_says_the_same() -> None:
    policy, _ = parse_policy(YAML)
    assert policy is not None

    again, found = parse_policy(json.dumps(policy.model_dump(mode="json", by_alias=True), indent=2))

    assert found == []
    assert again is not None
    assert again.fingerprint() == policy.fingerprint()


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}"])
def test_an_empty_file_is_the_defaults(text: str) -> None:
    assert parse_policy(text) == (Policy(), [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("backlog: {}\nslaa: {}\n", ["line 2: slaa: there is no such key here"], id="a key at the top"),
        pytest.param(
            "sla:\n  policies:\n    - id: std\n      target: {}\n      targets: {}\n",
            ["line 4: sla.policies.0.target: there is no such key here"],
            id="a key inside",
        ),
        pytest.param(
            "first_response:\n  bot_counts: perhaps\n",
            [
                "line 2: first_response.bot_counts: Input should be a valid boolean, unable to interpret input "
                "(got 'perhaps')"
            ],
            id="a value",
        ),
        pytest.param(
            "calendars:\n  office:\n    timezone: Europe/Berln\n",
            [
                "line 3: calendars.office.timezone: no time zone is called 'Europe/Berln'; names are such as "
                "Europe/Berlin (got 'Europe/Berln')"
            ],
            id="a time zone",
        ),
        pytest.param(
            'calendars:\n  office:\n    weekly:\n      mon:\n        - ["9:00", "17:00"]\n',
            [
                "line 5: calendars.office.weekly.mon.0.0: a time of day is HH:MM from 00:00 to 24:00, got '9:00' "
                "(got '9:00')"
            ],
            id="a time of day",
        ),
        pytest.param(
            "sla:\n  policies:\n    - targets: {}\n",
            ["line 3: sla.policies.0: Field required"],
            id="something missing: the line of what lacks it",
        ),
        pytest.param(
            "backlog: {}\nqueue_calendars:\n  billing: night\n",
            ["line 3: queue_calendars.billing: no calendar is called 'night'; there are: default"],
            id="a calendar that is not there",
        ),
        pytest.param(
            "sla:\n  at_risk_ratio: 2\n  reopen: never\n",
            [
                "line 2: sla.at_risk_ratio: Input should be less than or equal to 1 (got 2)",
                "line 3: sla.reopen: Input should be 'resume', 'restart' or 'first_resolution_only' (got 'never')",
            ],
            id="two faults",
        ),
        pytest.param(
            "sla:\n  reopen: resume\nbacklog: {}\nsla: {}\n",
            ["line 4: sla: the key is there twice"],
            id="a repeated key",
        ),
        pytest.param(
            '{\n  "sla": {\n    "at_risk": 1\n  }\n}\n',
            ["line 3: sla.at_risk: there is no such key here"],
            id="in JSON",
        ),
        pytest.param("- a\n- b\n", ["line 1: a policy is a mapping of keys, got list"], id="a list"),
        pytest.param("just words\n", ["line 1: a policy is a mapping of keys, got str"], id="words"),
    ],
)
def test_each_fault_is_named_by_its_line(text: str, expected: list[str]) -> None:
    assert faults(text) == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("sla:\n  reopen: [resume\nbacklog: {}\n", 3, id="a bracket left open"),
        pytest.param("sla:\n\tat_risk_ratio: 1\n", 2, id="a tab"),
        pytest.param('{"sla": {}\n"backlog": {}}', 2, id="a comma forgotten in JSON"),
        pytest.param("sla: !!python/object:os.system {}\n", 1, id="a tag of Python's"),
        pytest.param("sla: *nowhere\n", 1, id="an alias of nothing"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(text: str, line: int) -> None:
    (fault,) = faults(text)

    assert fault.startswith(f"line {line}: no YAML: ")


def test_a_file_is_named_in_each_of_its_faults(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("slaa: {}\nbacklogs: {}\n", encoding="utf-8")

    with pytest.raises(Misconfigured) as caught:
        load_policy(path)

    assert str(caught.value).splitlines() == [
        f"{path}: line 1: slaa: there is no such key here",
        f"{path}: line 2: backlogs: there is no such key here",
    ]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"the policy file .*nothing\.yaml cannot be read"):
        load_policy(tmp_path / "nothing.yaml")


def test_no_file_is_the_defaults() -> None:
    assert load_policy(None) == Policy()
