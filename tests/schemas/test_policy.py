import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.opening_hours import WorkingHours
from schemas.policy import DEFAULT, Policy, laid_over

CASES = Path(__file__).parents[1] / "kpi_cases" / "cases.json"
WHOLE_WEEK = {"timezone": "UTC", "weekly": {"mon": [["09:00", "17:00"]]}}


def test_the_defaults_are_those_of_the_kpi_cases() -> None:
    written = json.loads(CASES.read_text(encoding="utf-8"))["default_config"]

    assert _as_far_as(written, DEFAULT) == written


def _as_far_as(written: Any, ours: Any) -> Any:
    """Of ``ours``, the keys that ``written`` has, on every level."""
    if not (isinstance(written, dict) and isinstance(ours, dict)):
        return ours
    return {key: _as_far_as(value, ours.get(key)) for key, value in written.items()}


@pytest.mark.parametrize(
    ("under", "over", "expected"),
    [
        pytest.param({"a": 1}, {}, {"a": 1}, id="nothing over it"),
        pytest.param({"a": 1}, {"b": 2}, {"a": 1, "b": 2}, id="another key"),
        pytest.param({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": 1, "y": 3}}, id="merged one level inside"),
        pytest.param(
            {"a": {"x": {"p": 1, "q": 2}}}, {"a": {"x": {"p": 3}}}, {"a": {"x": {"p": 3}}}, id="deeper is replaced"
        ),
        pytest.param({"a": [1, 2]}, {"a": [3]}, {"a": [3]}, id="a list is replaced"),
        pytest.param({"a": {"x": 1}}, {"a": 5}, {"a": 5}, id="an object by a value"),
        pytest.param({"a": 5}, {"a": {"x": 1}}, {"a": {"x": 1}}, id="a value by an object"),
        pytest.param({"a": {"x": 1}}, {"a": {}}, {"a": {"x": 1}}, id="an empty object changes nothing"),
    ],
)
def test_laid_over(under: dict[str, Any], over: dict[str, Any], expected: dict[str, Any]) -> None:
    before = json.dumps(under)

    assert laid_over(under, over) == expected
    assert json.dumps(under) == before


def test_another_calendar_leaves_the_default_one() -> None:
    policy = Policy.model_validate(laid_over(DEFAULT, {"calendars": {"night": WHOLE_WEEK}}))

    assert policy.calendars.keys() == {"default", "night"}


@pytest.mark.parametrize(
    ("config", "place"),
    [
        pytest.param({"slaa": {}}, "slaa", id="at the top"),
        pytest.param({"sla": {"at_risk": 0.8}}, "sla.at_risk", id="in a section"),
        pytest.param({"sla": {"pause": {"response": []}}}, "sla.pause.response", id="a metric that is none"),
        pytest.param(
            {"sla": {"pause": {"resolution": ["waiting"]}}}, "sla.pause.resolution.0", id="a status that is none"
        ),
        pytest.param({"calendars": {"default": {"weekday": {}}}}, "calendars.default.weekday", id="in a calendar"),
        pytest.param({"calendars": {"x": {"timezone": "Mars/Base"}}}, "calendars.x.timezone", id="no such zone"),
        pytest.param(
            {"calendars": {"x": {"weekly": {"mon": [["9:00", "17:00"]]}}}}, "calendars.x.weekly.mon.0.0", id="no time"
        ),
        pytest.param(
            {"calendars": {"x": {"weekly": {"mon": [["09:00", "24:30"]]}}}},
            "calendars.x.weekly.mon.0.1",
            id="too late",
        ),
        pytest.param({"first_response": {"bot_count": True}}, "first_response.bot_count", id="in the first response"),
        pytest.param(
            {"sla": {"policies": [{"id": "a", "targets": {"normal": {"first_response": -1}}}]}},
            "sla.policies.0.targets.normal.first_response.within",
            id="a target of less than nothing",
        ),
        pytest.param(
            {"sla": {"policies": [{"id": "a", "match": {"agent": "x"}, "targets": {}}]}},
            "sla.policies.0.match.agent",
            id="a field that cannot be matched",
        ),
    ],
)
def test_what_is_misspelt_is_an_error_at_its_place(config: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate(laid_over(DEFAULT, config))

    places = [".".join(str(part) for part in error["loc"] if part != "[key]") for error in caught.value.errors()]
    assert place in places


@pytest.mark.parametrize(
    "config",
    [
        {"queue_calendars": {"a": "nights"}},
        {"sla": {"policies": [{"id": "std", "calendar": "nights", "targets": {}}]}},
    ],
)
def test_a_calendar_that_is_not_there_is_named(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"no calendar is called 'nights'; there are: default"):
        Policy.model_validate(laid_over(DEFAULT, config))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("weekly", {"mon-fri": [["09:00", "17:00"]], "sat-sun": [["10:00", "12:00"]]}),
        ("holidays", ["12-24..01-02", "12-25", "2026-05-15", "2026-07-20..2026-08-02"]),
        ("special_days", {"12-24..01-02": [], "12-25": [["09:00", "10:00"]], "2026-05-15": []}),
        ("public_holidays", {"country": "DE", "subdivision": "BY", "except": ["01-06", "Corpus Christi"]}),
    ],
)
def test_a_calendar_is_written_as_it_was_read(key: str, value: Any) -> None:
    policy = Policy.model_validate(laid_over(DEFAULT, {"calendars": {"x": {key: value}}}))

    document = json.loads(json.dumps(policy.model_dump(mode="json", by_alias=True)))

    again = Policy.model_validate(document)
    assert again == policy
    assert again.fingerprint() == policy.fingerprint()


def test_days_from_one_to_another_are_each_of_them() -> None:
    weekly = {"mon-fri": [["09:00", "17:00"]], "sun": []}
    nights = {"fri-mon": [["22:00", "06:00"]]}

    assert list(WorkingHours.model_validate({"weekly": weekly}).weekly) == ["mon", "tue", "wed", "thu", "fri", "sun"]
    assert list(WorkingHours.model_validate({"weekly": nights}).weekly) == ["fri", "sat", "sun", "mon"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"weekly": {"mon-tue": [["09:00", "17:00"]]}},
            {"weekly": {day: [["09:00", "17:00"]] for day in ("tue", "mon")}},
        ),
        (
            {"public_holidays": {"country": "DE", "subdivision": "BY", "except": ["Epiphany"]}},
            {"public_holidays": {"country": "DEU", "subdivision": "BY", "except": ["01-06", "Heilige Drei Könige"]}},
        ),
        ({"holidays": ["12-24 .. 12-26"]}, {"holidays": ["12-24..12-26"]}),
    ],
)
def test_calendars_with_the_same_days_have_one_fingerprint(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert fingerprint({"calendars": {"x": one}}) == fingerprint({"calendars": {"x": other}})


def fingerprint(config: Mapping[str, Any]) -> str:
    return Policy.model_validate(laid_over(DEFAULT, config)).fingerprint()


HOLIDAYS = ["2026-12-25", "2026-12-26", "2026-01-01", "2026-05-01"]


SOME_DAY = "2026-03-02T"


def test_policies_that_mean_the_same_have_one_fingerprint() -> None:
    there = fingerprint({"calendars": {"x": WHOLE_WEEK | {"holidays": HOLIDAYS}}, "merge": {}})
    back = fingerprint({"calendars": {"x": {"holidays": HOLIDAYS[::-1], **dict(reversed(WHOLE_WEEK.items()))}}})

    assert there == back
    assert fingerprint({}) == Policy().fingerprint()
    assert fingerprint({"first_response": {"bot_counts": False}}) == Policy().fingerprint()


@pytest.mark.parametrize(
    "config",
    [
        {"first_response": {"bot_counts": True}},
        {"calendars": {"x": WHOLE_WEEK}},
        {"calendars": {"default": {"holidays": ["2026-12-25"]}}},
        {"sla": {"at_risk_ratio": 0.75}},
        {"sla": {"policies": [{"id": "std", "targets": {"normal": {"first_response": 60}}}]}},
        {"queue_calendars": {"a": "default"}},
        {"schedules": {"A1": [{"from": SOME_DAY + "08:00Z", "to": SOME_DAY + "16:00Z", "activity": "on_queue"}]}},
        {"service_level": {"threshold_seconds": 30}},
    ],
)
def test_any_other_policy_has_another_fingerprint(config: dict[str, Any]) -> None:
    assert fingerprint(config) != Policy().fingerprint()


def test_the_fingerprint_of_the_defaults_stays() -> None:
    """Stores keep it: when this changes, every state in use has to be rebuilt."""
    assert Policy().fingerprint() == Policy.model_validate(json.loads(json.dumps(DEFAULT))).fingerprint()
