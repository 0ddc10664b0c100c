"""Targets and whom they are for: hours, pauses and risk of their own, what policies match on, durations as texts."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.codec import Fact
from schemas.policy import Policy
from services.core.rules import NOTHING_BESIDE, Target, Traits
from services.core.ticket import replay
from tests.core.stories import (
    NIGHT,
    OFFICE,
    assigned,
    at,
    becomes,
    created,
    of,
    part,
    prioritised,
    promise,
    rules,
    sla,
    sla_figures,
    told,
)

HOUR = 3600
HALF = 1800
DAY = "2026-03-02T"
NOBODY_TO_ASK = Traits(None, None, None, None, None)


def tagged(when: str, *tags: str, without: tuple[str, ...] = ()) -> Fact:
    return told("ticket.tags_changed", when, tags_added=tags, tags_removed=without)


def made(target: Any, *, config: dict[str, Any] | None = None, **fields: Any) -> Target:
    """What a policy of one first-response target promises to a ticket of which nothing is known."""
    whole = (config or {}) | {
        "sla": {"policies": [promise({"normal": {"first_response": target}}, **fields)]}
        | (config or {}).get("sla", {})
    }
    return rules(whole).targets(at("09:00"), NOBODY_TO_ASK)["first_response"]


CALENDARS = {"calendars": {"default": OFFICE, "night": NIGHT}}


@pytest.mark.parametrize(
    ("target", "fields", "expected"),
    [
        pytest.param(
            {"within": HOUR, "hours": "business"}, {"hours": "calendar"}, "default", id="own hours: business"
        ),
        pytest.param({"within": HOUR, "hours": "calendar"}, {"hours": "business"}, "", id="own hours: calendar"),
        pytest.param({"within": HOUR}, {"hours": "business", "calendar": "night"}, "night", id="those of the policy"),
        pytest.param(
            {"within": HOUR, "calendar": "night"}, {"hours": "business", "calendar": "default"}, "night", id="its own"
        ),
        pytest.param({"within": HOUR, "calendar": "night"}, {"hours": "calendar"}, "", id="every hour: no calendar"),
    ],
)
def test_a_target_has_hours_of_its_own(target: dict[str, Any], fields: dict[str, Any], expected: str) -> None:
    assert made(target, config=CALENDARS, **fields).hours == expected


@pytest.mark.parametrize(
    ("target", "sections", "expected"),
    [
        (HOUR, {}, set()),
        (HOUR, {"pause": {"first_response": ["pending"]}}, {"pending"}),
        ({"within": HOUR, "pause": ["on_hold"]}, {"pause": {"first_response": ["pending"]}}, {"on_hold"}),
        ({"within": HOUR, "pause": []}, {"pause": {"first_response": ["pending"]}}, set()),
    ],
)
def test_a_target_stands_still_where_it_says(target: Any, sections: dict[str, Any], expected: set[str]) -> None:
    assert made(target, config={"sla": sections}).pauses == expected


def test_another_target_may_stand_still_elsewhere() -> None:
    config = sla(
        promise(
            {"normal": {"resolution": "4h"}, "urgent": {"resolution": {"within": "4h", "pause": ["on_hold"]}}},
        )
    )
    facts = [created("09:00"), becomes("on_hold", "10:00"), prioritised("urgent", "11:00")]

    clock = sla_figures(facts, config, "15:00")["resolution"]

    assert part(clock, {"state": "", "elapsed_seconds": 0}) == {"state": "paused", "elapsed_seconds": 2 * HOUR}


@pytest.mark.parametrize(
    ("target", "sections", "expected_s"),
    [
        pytest.param(HOUR, {}, 2880, id="80 % by default"),
        pytest.param(HOUR, {"at_risk_ratio": 0.5}, 1800, id="another ratio"),
        pytest.param({"within": HOUR, "at_risk_ratio": 0.25}, {"at_risk_ratio": 0.5}, 900, id="its own ratio"),
        pytest.param(HOUR, {"at_risk_before": "20m"}, 2400, id="20 minutes left come before 80 %"),
        pytest.param(HOUR, {"at_risk_before": "10m"}, 2880, id="80 % come before 10 minutes left"),
        pytest.param(
            {"within": HOUR, "at_risk_before": "30m"}, {"at_risk_before": "20m"}, 1800, id="its own minutes left"
        ),
        pytest.param(
            {"within": HOUR, "at_risk_before": "5m", "at_risk_ratio": 1}, {"at_risk_before": "20m"}, 3300, id="both"
        ),
        pytest.param(HOUR, {"at_risk_before": "2h"}, 0, id="more than the target: from the start"),
    ],
)
def test_when_a_target_is_at_risk(target: Any, sections: dict[str, Any], expected_s: int) -> None:
    assert made(target, config={"sla": sections}).at_risk_ms == 1000 * expected_s


def test_what_is_left_is_counted_in_opening_hours() -> None:
    config = {"calendars": {"default": OFFICE}} | sla(
        promise({"first_response": 2 * HOUR}, hours="business"), at_risk_ratio=1, at_risk_before="90m"
    )

    figures = [sla_figures([created("16:45")], config, when)["first_response"] for when in ("Tue 09:14", "Tue 09:15")]

    assert [figure["at_risk"] for figure in figures] == [False, True]


def test_what_is_promised_to_any_priority_holds_metric_by_metric() -> None:
    made_rules = rules(
        sla(
            promise(
                {
                    "any": {"first_response": 4 * HOUR, "resolution": 8 * HOUR},
                    "urgent": {"first_response": HALF, "periodic_update": HOUR},
                    "low": {},
                }
            )
        )
    )

    def targets(priority: str | None) -> dict[str, int]:
        found = made_rules.targets(at("09:00"), NOBODY_TO_ASK._replace(priority=priority))
        return {metric: target.target_ms // 1000 for metric, target in found.items()}

    everybody = {"first_response": 4 * HOUR, "resolution": 8 * HOUR}
    assert targets("urgent") == everybody | {"first_response": HALF, "periodic_update": HOUR}
    assert [targets(priority) for priority in ("low", "normal", None)] == [everybody] * 3


def narrow_and_wide(match: dict[str, Any]) -> dict[str, Any]:
    return sla(
        promise({"any": {"first_response": 1000}}, id="narrow", order=1, match=match),
        promise({"any": {"first_response": 2000}}, id="wide", order=2),
    )


@pytest.mark.parametrize(
    ("facts", "match", "expected"),
    [
        ([created("09:00", priority="urgent")], {"priority": ["urgent", "high"]}, "narrow"),
        ([created("09:00", priority="low")], {"priority": ["urgent", "high"]}, "wide"),
        ([created("09:00", product_area="app")], {"product_area": "app"}, "narrow"),
        ([created("09:00", product_area="web")], {"product_area": "app"}, "wide"),
        ([created("09:00", team="day")], {"team": "day"}, "narrow"),
        ([created("09:00", team="day"), assigned("09:05", team="night")], {"team": "day"}, "wide"),
        ([created("09:00", tags_added=("vip",))], {"tags": "vip"}, "narrow"),
        ([created("09:00", tags_added=("dull", "vip"))], {"tags": ["incident", "vip"]}, "narrow"),
        ([created("09:00", tags_added=("dull",))], {"tags": ["incident", "vip"]}, "wide"),
        ([created("09:00")], {"tags": ["incident", "vip"]}, "wide"),
        ([created("09:00"), tagged("09:05", "vip")], {"tags": "vip"}, "narrow"),
        ([created("09:00", tags_added=("vip",)), tagged("09:05", without=("vip",))], {"tags": "vip"}, "wide"),
        ([created("09:00", tags_added=("vip",), queue="a")], {"tags": "vip", "queue": "b"}, "wide"),
        ([created("09:00", tags_added=("vip",), queue="b")], {"tags": "vip", "queue": "b"}, "narrow"),
    ],
)
def test_whom_a_policy_is_for(facts: list[Fact], match: dict[str, Any], expected: str) -> None:
    clock = sla_figures(facts, narrow_and_wide(match), "09:10")["first_response"]

    assert clock["policy"] == expected


def test_a_tag_that_comes_and_goes_moves_the_deadline_and_keeps_what_is_used() -> None:
    facts = [created("09:00"), tagged("09:05", "vip"), tagged("09:10", without=("vip",))]
    config = narrow_and_wide({"tags": "vip"})

    seen = [sla_figures(facts, config, when)["first_response"]["due_at"] for when in ("09:04", "09:06", "09:11")]

    assert seen == [f"{DAY}09:33:20Z", f"{DAY}09:16:40Z", f"{DAY}09:33:20Z"]


@pytest.mark.parametrize(
    ("key", "match", "expected"),
    [
        ("acme/zendesk/7", {"tenant": "acme"}, "narrow"),
        ("acme/zendesk/7", {"source": ["zendesk", "jira"]}, "narrow"),
        ("acme/zendesk/7", {"tenant": "acme", "source": "jira"}, "wide"),
        ("acme/7", {"tenant": "acme"}, "narrow"),
        ("acme/7", {"source": "zendesk"}, "wide"),
        ("/zendesk/7", {"source": "zendesk"}, "narrow"),
        ("/zendesk/7", {"tenant": ["acme", ""]}, "wide"),
        ("7", {"tenant": "acme"}, "wide"),
        ("a%2Fb/zendesk/7%2F8", {"tenant": "a/b", "source": "zendesk"}, "narrow"),
        ("a%252Fb/zendesk/7", {"tenant": "a%2Fb"}, "narrow"),
    ],
)
def test_tenant_and_source_are_told_by_the_key(key: str, match: dict[str, Any], expected: str) -> None:
    made_rules = rules(narrow_and_wide(match))

    targets = made_rules.targets(at("09:00"), NOBODY_TO_ASK, made_rules.beside(key, frozenset()))

    assert targets["first_response"].policy == expected


def test_a_ticket_is_matched_by_its_own_key() -> None:
    [opening] = of("acme/zendesk/7", created("09:00"))
    found = replay([opening], rules(narrow_and_wide({"tenant": "acme", "source": "zendesk"})))

    assert found is not None
    [clock] = found.promises.of("first_response")
    assert clock.target is not None
    assert clock.target.policy == "narrow"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("8h", 28_800),
        ("1h30m", 5400),
        ("1h30s", 3630),
        ("1h1m1s", 3661),
        ("48h", 172_800),
    ],
)
def test_a_duration_may_be_a_text(text: str, seconds: int) -> None:
    assert made(text).target_ms == made({"within": text}).target_ms == made(seconds).target_ms == 1000 * seconds


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2d", "days are of no fixed length in opening hours"),
        ("1d4h", "days are of no fixed length in opening hours"),
        ("", "a duration is a number of seconds, or a text such as 8h"),
        ("8", "a duration is a number of seconds, or a text such as 8h"),
        ("30m1h", "a duration is a number of seconds, or a text such as 8h"),
        ("1.5h", "a duration is a number of seconds, or a text such as 8h"),
        ("-1h", "a duration is a number of seconds, or a text such as 8h"),
        ("8 h", "a duration is a number of seconds, or a text such as 8h"),
        ("soon", "a duration is a number of seconds, or a text such as 8h"),
        (-60, "greater than or equal to 0"),
        ({"within": "2d"}, "days are of no fixed length in opening hours"),
        ({"hours": "business"}, "within"),
        ({"within": 60, "unless": "sunny"}, "unless"),
        (True, "valid"),
    ],
)
def test_what_is_no_target_is_refused_with_what_would_be(value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Policy.model_validate(sla(promise({"normal": {"first_response": value}})))

    (error,) = refused.value.errors()
    assert message in f"{error['loc']} {error['msg']}"


@pytest.mark.parametrize(
    ("config", "place"),
    [
        (sla(at_risk_ratio=0), "at_risk_ratio"),
        (sla(at_risk_ratio=1.5), "at_risk_ratio"),
        (sla(at_risk_before="1d"), "at_risk_before"),
        (sla(reopen="maybe"), "reopen"),
        (sla(time_while_solved="yes"), "time_while_solved"),
        (sla(deadline_at_closing="never"), "deadline_at_closing"),
        (sla(policy_chosen="at_noon"), "policy_chosen"),
        (sla(pause={"resolution": ["asleep"]}), "resolution"),
        (sla(pause={"patience": []}), "patience"),
        (sla(promise({"patience": 60})), "patience"),
        (sla(promise({"mild": {"resolution": 60}})), "mild"),
        (sla(promise({"resolution": 60}, match={"mood": "good"})), "mood"),
        (sla(promise({"resolution": 60}), promise({"resolution": 90})), "policies"),
    ],
)
def test_what_the_section_does_not_know_is_refused(config: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Policy.model_validate(config)

    assert any(place in error["loc"] for error in refused.value.errors())


def test_what_no_policy_asks_for_is_not_looked_at() -> None:
    made_rules = rules(narrow_and_wide({"tags": "vip"}))

    assert made_rules.beside("7", {"vip", "dull"}).tags == {"vip"}
    assert rules(narrow_and_wide({"queue": "a"})).beside("acme/zendesk/7", {"vip"}) == NOTHING_BESIDE
