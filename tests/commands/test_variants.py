"""`deskpulse compute --variants`: what each vendor's meaning would make of the same events."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import Fact
from services.cli import run
from services.commands.variants import compared_variants, written
from services.core.variants import variants
from tests.commands.test_compute import LINES
from tests.core.stories import (
    NIGHT,
    OFFICE,
    answer,
    assigned,
    at,
    bot,
    created,
    customer,
    escalated,
    merged,
    note,
    of,
    presence,
    promise,
    reopened,
    rules,
    sla,
    solved,
)


def changed(
    facts: Sequence[Fact], title: str, config: Mapping[str, Any] | None = None, as_of: str = "Sun 23:59"
) -> dict[str, Any]:
    """By figure, what the policy and what the variant says."""
    its_rules = rules(config)
    named = [variant for variant in variants(its_rules.policy) if variant.title == title]
    document = compared_variants(facts, its_rules, named, "all", at(as_of))
    [variant] = document["variants"]
    assert len(variant["figures"]) + variant["unchanged"] == document["figures"]
    return {name: (pair["policy"], pair["variant"]) for name, pair in variant["figures"].items()}


ANSWERED = [created("09:00", queue="a"), bot("09:01"), note("09:05"), answer("09:30")]


def test_bot_answers_and_private_notes_end_the_wait_if_they_count() -> None:
    assert changed(ANSWERED, "bot answers count")["first_response_seconds.mean"] == (1800, 60)
    assert changed(ANSWERED, "private notes count")["first_response_seconds.mean"] == (1800, 300)


OUTBOUND = [created("09:00", created_by="agent"), answer("09:00"), customer("10:00"), answer("10:20")]


def test_a_ticket_that_an_agent_opened() -> None:
    second = changed(OUTBOUND, "from creation to the second public agent reply")
    excluded = changed(OUTBOUND, "excluded: tickets that an agent opened")

    assert second["first_response_seconds.mean"] == (1200, 4800)
    assert excluded["first_response_seconds.count"] == (1, 0)


def test_a_reopening_that_does_not_start_the_clock_again() -> None:
    facts = [created("09:00"), solved("09:10"), reopened("10:00"), answer("10:05")]

    figures = changed(facts, "a reopening does not start the first-response clock again")

    assert figures["first_response_seconds.count"] == (1, 0)


def test_the_last_calendar_for_the_whole_span() -> None:
    facts = [created("09:00", queue="day"), assigned("16:00", queue="night"), answer("18:00")]
    config = {
        "calendars": {"office": OFFICE, "night": NIGHT},
        "queue_calendars": {"day": "office", "night": "night"},
    }

    figures = changed(facts, "last calendar for the whole span", config)

    assert figures["first_response_business_seconds.mean"] == (8 * 3600, 3600)


PROMISED = sla(promise({"resolution": 3600}, hours="business")) | {"calendars": {"default": OFFICE}}


def test_promises_in_calendar_time_and_without_pauses() -> None:
    overnight = [created("16:45"), solved("Tue 09:30")]
    paused = [created("09:00"), note("09:05", event_id="z"), *PENDING, solved("12:00")]

    assert changed(overnight, "calendar time for every promise", PROMISED)["sla_attainment_resolution.value"] == (
        1,
        0,
    )
    assert changed(paused, "no pause", PROMISED)["sla_attainment_resolution.value"] == (1, 0)


PENDING = [Fact(at("09:30"), "ticket.status_changed", "p", "T1", at("09:30"), ticket_id="T1", status="pending")]


def test_first_contact_resolution_by_its_rules() -> None:
    twice = [created("09:00", requester_id="R1", category="x"), answer("09:10"), answer("09:20"), solved("09:30")]
    again = of("T2", created("10:00", requester_id="R1", category="y"))
    passed_on = [created("09:00"), escalated("09:10"), solved("09:30")]

    assert changed(twice, "first contact = one reply")["first_contact_resolution_7d.pending"] == (1, 0)
    other = changed([*twice, *again], "a repeat contact is any ticket of the requester")
    assert other["first_contact_resolution_7d.pending"] == (1, 0)
    held = changed(passed_on, "an escalation does not fail it")
    assert held["first_contact_resolution_7d.pending"] == (0, 1)


def test_a_merge_that_hands_on_no_wait() -> None:
    facts = [
        *of("T1", created("09:00"), merged("09:30", into="T2")),
        *of("T2", created("09:20"), answer("10:00")),
    ]

    assert changed(facts, "a merge hands on no wait")["first_response_seconds.mean"] == (3600, 2400)


CALL = {"channel": "voice", "queue": "a"}
CALLS = [
    *of("T1", created("09:00:00", **CALL)),
    presence("busy", "09:00:10", "T1"),
    *of("T2", created("09:01:00", **CALL), solved("09:01:04", reason="abandoned")),
    *of("T3", created("09:02:00", **CALL), solved("09:02:30", reason="abandoned")),
    *of("T4", created("09:03:00", **CALL)),
]


def test_the_methods_of_the_service_level() -> None:
    value = "service_level.value"

    assert changed(CALLS, "answered contacts only")[value] == (1 / 3, 1)
    assert changed(CALLS, "everything that left the queue in time (Amazon Connect)")[value] == (1 / 3, 2 / 4)
    assert changed(CALLS, "short abandons count")[value] == (1 / 3, 1 / 4)
    assert changed(CALLS, "those who wait still do not count")[value] == (1 / 3, 1 / 2)


def test_the_denominators_of_utilisation() -> None:
    facts = [
        presence("busy", "09:00", "T1"),
        presence("available", "10:00", "T1", event_id="over"),
        presence("training", "10:00"),
        presence("break", "11:00"),
        presence("offline", "12:00"),
    ]

    assert changed(facts, "breaks in the denominator too")["utilisation.value"] == (0.5, 1 / 3)
    assert changed(facts, "of time on the queue only")["utilisation.value"] == (0.5, 1)


def test_work_outside_the_plan() -> None:
    facts = [presence("available", "08:00"), presence("offline", "10:00")]
    planned = {"from": "2026-03-02T09:00:00Z", "to": "2026-03-02T10:00:00Z", "activity": "on_queue"}

    figures = changed(facts, "work outside the shift counts against adherence", {"schedules": {"A1": [planned]}})

    assert figures["adherence.value"] == (1, 0.5)


@pytest.fixture
def events(tmp_path: Path) -> str:
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return str(path)


def test_the_command_prints_a_document(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compute", events, "--variants", "--json"], {}) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["window"]["window"] == "all"
    breaks = {each["title"]: each for each in document["variants"]}["of time on the queue only"]
    assert breaks == {
        "setting": "utilisation.denominator_states",
        "title": "of time on the queue only",
        "figures": {},
        "unchanged": document["figures"],
    }


def test_the_command_prints_a_table_for_people(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compute", events, "--variants", "--windows", "1h"], {}) == 0

    out = capsys.readouterr().out
    assert "Vendor variants, 2026-03-02T09:01:00Z to 2026-03-02T10:01:00Z" in out
    assert "bot answers count" in out
    assert "all same" in out


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (1234567, "1,234,567"), (0.12345, "0.123"), (12345.678, "12,345.7"), (0.0, "0")]
)
def test_numbers_as_people_read_them(value: float | None, text: str) -> None:
    assert written(value) == text
