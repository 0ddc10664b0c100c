"""The policy file: each fault by its line."""

import json
import re
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


AS_IT_IS_WRITTEN = """\
calendars:
  oslo:
    timezone: Europe/Oslo
    weekly:
      mon-thu: [[09:00, 12:00], [12:30, 17:00]]
      fri: [[09:00, 15:00]]
    public_holidays: {country: NO}
    holidays: [2026-12-24, 12-31, 12-27..12-30, 2026-07-20..2026-08-02]
    special_days: {2026-12-23: [[09:00, 13:00]], 08-03: [[10:00, 17:00]]}
  toronto: {public_holidays: {country: CA, subdivision: ON, except: [2026-07-01, Labour Day, 12-26]}}
  vienna: {public_holidays: {country: AT, subdivision: 9}}
first_response: {bot_counts: yes}
sla: {at_risk_ratio: 0.75, at_risk_before: 600}
"""


def test_days_times_and_countries_need_no_quotes() -> None:
    policy, found = parse_policy(AS_IT_IS_WRITTEN)

    assert found == []
    assert policy is not None
    oslo, toronto, vienna = (policy.calendars[name] for name in ("oslo", "toronto", "vienna"))
    assert oslo.weekly["tue"] == [("09:00", "12:00"), ("12:30", "17:00")]
    assert oslo.weekly["fri"] == [("09:00", "15:00")]
    assert oslo.holidays == {"2026-12-24", "12-31", "12-27..12-30", "2026-07-20..2026-08-02"}
    assert oslo.special_days == {"2026-12-23": [("09:00", "13:00")], "08-03": [("10:00", "17:00")]}
    assert oslo.public_holidays is not None
    assert oslo.public_holidays.country == "NO"
    assert toronto.public_holidays is not None
    assert toronto.public_holidays.subdivision == "ON"
    assert vienna.public_holidays is not None
    assert vienna.public_holidays.subdivision == "9"
    assert policy.first_response.bot_counts
    assert (policy.sla.at_risk_ratio, policy.sla.at_risk_before) == (0.75, 600)


def test_quotes_change_nothing() -> None:
    quoted = re.sub(r"\d\d:\d\d|[\d-]{5,}\.\.[\d-]+|\b(\d{4}-)?\d\d-\d\d\b", r'"\g<0>"', AS_IT_IS_WRITTEN)

    assert quoted.count('"') == 2 * 18
    assert parse_policy(quoted) == parse_policy(AS_IT_IS_WRITTEN)


EXAMPLES = re.findall(r"```yaml\n(.+?)```", Path("docs/calendars.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_of_the_page_is_a_policy(text: str) -> None:
    assert parse_policy(text)[1] == []


CALENDAR = "calendars:\n  x:\n    "
A_DAY = (
    "days are a date (2026-12-24), a day of every year (12-24), or from one to another of the same kind "
    "(2026-12-24..2027-01-01, 12-24..01-02)"
)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            "weekly:\n      mon-thu:\n        - [09:00, 12:00]\n        - [13:00, 25:00]\n",
            ["line 6: calendars.x.weekly.mon-thu.1.1: a time of day is HH:MM from 00:00 to 24:00 (got '25:00')"],
            id="a time of several days",
        ),
        pytest.param(
            "weekly:\n      mon-thu: [[09:00, 12:00]]\n      thu: []\n",
            ["line 5: calendars.x.weekly.thu: thu is there already, in mon-thu"],
            id="a weekday twice",
        ),
        pytest.param(
            "weekly:\n      tue: []\n      Monday: []\n",
            [
                "line 5: calendars.x.weekly.Monday: a weekday is mon, tue, wed, thu, fri, sat or sun, or from one to "
                "another, such as mon-fri (got 'Monday')"
            ],
            id="no weekday",
        ),
        pytest.param(
            "weekly:\n      mon:\n        - [24:00, 06:00]\n",
            ["line 5: calendars.x.weekly.mon.0.0: a block that begins at 24:00 belongs to the next day, as 00:00"],
            id="a block of the next day",
        ),
        pytest.param(
            "holidays:\n      - 2026-02-29\n      - 02-30\n      - 12-24..2026-12-31\n      - 2026-12-31..2026-12-24"
            "\n      - 20261224\n      - 12-24..\n      - 24.12.\n",
            [
                "line 4: calendars.x.holidays.0: there is no day 2026-02-29 (got '2026-02-29')",
                "line 5: calendars.x.holidays.1: there is no day 02-30 (got '02-30')",
                "line 6: calendars.x.holidays.2: one end of 12-24..2026-12-31 is of every year, the other of one: "
                f"{A_DAY} (got '12-24..2026-12-31')",
                "line 7: calendars.x.holidays.3: 2026-12-31..2026-12-24 ends before it begins "
                "(got '2026-12-31..2026-12-24')",
                f"line 8: calendars.x.holidays.4: {A_DAY} (got 20261224)",
                f"line 9: calendars.x.holidays.5: {A_DAY} (got '12-24..')",
                f"line 10: calendars.x.holidays.6: {A_DAY} (got '24.12.')",
            ],
            id="no days",
        ),
        pytest.param(
            "special_days:\n      2026-13-01: []\n      2026-12-24: [[09:00, 9]]\n",
            [
                "line 4: calendars.x.special_days.2026-13-01: there is no day 2026-13-01 (got '2026-13-01')",
                "line 5: calendars.x.special_days.2026-12-24.0.1: Input should be a valid string (got 9)",
            ],
            id="no special days",
        ),
        pytest.param(
            "special_days:\n      12-20..12-24: [[09:00, 12:00]]\n      12-22..12-26: []\n",
            [
                "line 5: calendars.x.special_days.12-22..12-26: shares days with 12-20..12-24, which is as long, so "
                "neither goes before the other"
            ],
            id="special days that contradict each other",
        ),
        pytest.param(
            "public_holidays:\n      country: Noway\n",
            ["line 4: calendars.x.public_holidays.country: no country 'Noway' is known; near: NO (Norway)"],
            id="a country by a name",
        ),
        pytest.param(
            "public_holidays:\n      country: de\n",
            ["line 4: calendars.x.public_holidays.country: no country 'de' is known; near: DE"],
            id="a country in small letters",
        ),
        pytest.param(
            "public_holidays:\n      country: CA\n      subdivision: ONT\n",
            [
                "line 5: calendars.x.public_holidays.subdivision: CA has no part 'ONT' with holidays of its own; "
                "near: ON, NT"
            ],
            id="no such part",
        ),
        pytest.param(
            "public_holidays:\n      country: MC\n      subdivision: MC\n",
            [
                "line 5: calendars.x.public_holidays.subdivision: MC has no part 'MC' with holidays of its own; "
                "it has none"
            ],
            id="a country without parts",
        ),
        pytest.param(
            "public_holidays:\n      country: DE\n      except:\n        - 12-25\n        - New Yaer's Day\n",
            [
                'line 7: calendars.x.public_holidays.except.1: no public holiday there is called "New Yaer\'s Day"; '
                "near: New Year's Day, Easter Monday, Labor Day"
            ],
            id="a holiday misspelt",
        ),
        pytest.param(
            "public_holidays:\n      country: DE\n      except:\n        - 2026-01-06\n",
            ["line 6: calendars.x.public_holidays.except.0: there is no public holiday on 2026-01-06"],
            id="a day that is none",
        ),
    ],
)
def test_each_fault_of_a_calendar_is_named_by_its_line(lines: str, expected: list[str]) -> None:
    assert faults(CALENDAR + lines) == expected


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
        pytest.param(
            "backlog: {}\nslaa: {}\n", ["line 2: slaa: there is no such key here; perhaps sla"], id="a key at the top"
        ),
        pytest.param(
            "sla:\n  policies:\n    - id: std\n      target: {}\n      targets: {}\n",
            ["line 4: sla.policies.0.target: there is no such key here; perhaps targets"],
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
                "line 3: calendars.office.timezone: there is no such time zone; names are such as Europe/Berlin "
                "(got 'Europe/Berln')"
            ],
            id="a time zone",
        ),
        pytest.param(
            'calendars:\n  office:\n    weekly:\n      mon:\n        - ["9:00", "17:00"]\n',
            ["line 5: calendars.office.weekly.mon.0.0: a time of day is HH:MM from 00:00 to 24:00 (got '9:00')"],
            id="a time of day",
        ),
        pytest.param(
            "sla:\n  policies:\n    - targets: {}\n",
            ["line 3: sla.policies.0: id is missing"],
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
        f"{path}: line 1: slaa: there is no such key here; perhaps sla",
        f"{path}: line 2: backlogs: there is no such key here; perhaps backlog",
    ]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"the policy file .*nothing\.yaml cannot be read"):
        load_policy(tmp_path / "nothing.yaml")


def test_no_file_is_the_defaults() -> None:
    assert load_policy(None) == Policy()
