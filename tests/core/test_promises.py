"""Every clock and every switch of the promises beside `test_sla`, worked out by hand."""

from typing import Any

import pytest

from schemas.codec import Fact
from services.core.signals import lines
from services.core.ticket_tallies import ticket_tallies
from tests.core.stories import (
    LATER,
    NIGHT,
    OFFICE,
    answer,
    assigned,
    at,
    becomes,
    bot,
    created,
    customer,
    escalated,
    merged,
    note,
    part,
    prioritised,
    promise,
    reopened,
    rules,
    sla,
    sla_figures,
    solved,
    ticket,
    ticket_figures,
    told,
)

HOUR = 3600
HALF = 1800
DAY = "2026-03-02T"

UPDATES = sla(promise({"periodic_update": HOUR}))
WAITS = sla(promise({"requester_wait": 4 * HOUR, "agent_work": 4 * HOUR}))
TIER_2 = sla(promise({"escalation_response": 2 * HOUR, "escalation_closure": 48 * HOUR}))
NOTES_COUNT = sla(promise({"escalation_response": 2 * HOUR}), escalation_note_counts=True)
BUSINESS = {"calendars": {"default": OFFICE}} | sla(promise({"first_response": HOUR}, hours="business"))


def each_of(metric: str, facts: list[Fact], config: dict[str, Any], as_of: str = LATER) -> list[dict[str, Any]]:
    """The clocks of a metric of which there may be several."""
    clocks: list[dict[str, Any]] = sla_figures(facts, config, as_of).get(metric, [])
    return clocks


def assert_each(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert len(found) == len(expected)
    assert [part(clock, wanted) for clock, wanted in zip(found, expected, strict=True)] == expected


@pytest.mark.parametrize(
    ("facts", "as_of", "expected"),
    [
        pytest.param(
            [created("09:00"), customer("09:05"), note("09:06")], LATER, [], id="before a reply none is owed"
        ),
        pytest.param(
            [created("09:00"), answer("09:10")],
            "09:40",
            [{"state": "running", "elapsed_seconds": HALF, "due_at": f"{DAY}10:10:00Z"}],
            id="from the reply on",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), answer("09:50"), answer("11:00")],
            "11:30",
            [
                {"state": "met", "elapsed_seconds": 2400},
                {"state": "breached", "elapsed_seconds": 4200, "breached_at": f"{DAY}10:50:00Z"},
                {"state": "running", "elapsed_seconds": HALF},
            ],
            id="each reply ends one period and begins another",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), customer("09:20"), note("09:30"), bot("09:40")],
            "10:00",
            [{"state": "running", "elapsed_seconds": 3000}],
            id="what is no public reply of an agent is no update",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), becomes("pending", "09:40"), becomes("open", "15:00")],
            "15:10",
            [{"state": "running", "elapsed_seconds": 2400, "due_at": f"{DAY}15:30:00Z"}],
            id="it stands still in pending",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), becomes("on_hold", "09:40")],
            "10:00",
            [{"state": "running", "elapsed_seconds": 3000}],
            id="not on hold",
        ),
        pytest.param(
            [created("09:00"), becomes("pending", "09:05"), answer("09:10")],
            "15:00",
            [{"state": "paused", "elapsed_seconds": 0}],
            id="a reply in pending begins one that stands still",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), solved("09:40")],
            LATER,
            [{"state": "met", "elapsed_seconds": HALF}],
            id="a solve ends it",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), answer("09:40"), solved("09:40")],
            LATER,
            [{"state": "met", "elapsed_seconds": HALF}],
            id="a reply that solves begins none",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), solved("09:40"), answer("09:50"), reopened("10:00")],
            LATER,
            [{"state": "met"}],
            id="nor does a reply while it is solved, nor the reopening",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), solved("09:40"), reopened("10:00"), answer("10:10")],
            "10:40",
            [{"state": "met"}, {"state": "running", "elapsed_seconds": HALF}],
            id="the next reply after a reopening does",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), merged("09:40")],
            LATER,
            [{"state": "cancelled"}],
            id="a merge cancels",
        ),
    ],
)
def test_periodic_update_clocks(facts: list[Fact], as_of: str, expected: list[dict[str, Any]]) -> None:
    assert_each(each_of("periodic_update", facts, UPDATES, as_of), expected)


@pytest.mark.parametrize(
    ("facts", "as_of", "wait", "work"),
    [
        pytest.param(
            [created("09:00"), becomes("pending", "10:00"), becomes("on_hold", "12:00"), becomes("open", "13:00")],
            "13:30",
            {"state": "running", "elapsed_seconds": HOUR + HOUR + HALF},
            {"state": "running", "elapsed_seconds": HOUR + HALF},
            id="pending stops both, on hold the agents' work alone",
        ),
        pytest.param(
            [created("09:00"), becomes("on_hold", "10:00")],
            "Tue 09:00",
            {"state": "breached", "breached_at": f"{DAY}13:00:00Z"},
            {"state": "paused", "elapsed_seconds": HOUR},
            id="on hold a requester waits too long, and no agent works too long",
        ),
        pytest.param(
            [created("09:00"), solved("10:00"), reopened("15:00"), solved("16:00")],
            LATER,
            {"state": "met", "elapsed_seconds": 2 * HOUR},
            {"state": "met", "elapsed_seconds": 2 * HOUR},
            id="a reopening resumes both",
        ),
        pytest.param([answer("09:00")], LATER, None, None, id="first seen in the middle: no clock"),
    ],
)
def test_wait_and_work_clocks(
    facts: list[Fact], as_of: str, wait: dict[str, Any] | None, work: dict[str, Any] | None
) -> None:
    clocks = sla_figures(facts, WAITS, as_of)

    for metric, expected in (("requester_wait", wait), ("agent_work", work)):
        clock = clocks.get(metric)
        assert (None if clock is None else part(clock, expected or {})) == expected


def test_wait_and_work_are_those_of_the_status_times() -> None:
    facts = [created("09:00"), becomes("on_hold", "09:30"), becomes("pending", "10:15"), becomes("open", "11:00")]

    clocks, figures = sla_figures(facts, WAITS, "11:20"), ticket_figures(facts, WAITS, "11:20")

    assert clocks["requester_wait"]["elapsed_seconds"] == figures["requester_wait_seconds"] == 95 * 60
    assert clocks["agent_work"]["elapsed_seconds"] == figures["agent_work_seconds"] == 50 * 60


def test_what_stands_still_by_definition_goes_on_nowhere_and_may_stand_still_elsewhere_too() -> None:
    facts = [created("09:00"), becomes("pending", "10:00"), becomes("on_hold", "11:00")]
    config = sla(
        promise({"requester_wait": {"within": "8h", "pause": ["on_hold"]}, "agent_work": "8h"}),
        pause={"agent_work": []},
    )

    clocks = sla_figures(facts, config, "15:00")

    assert [clocks[metric]["elapsed_seconds"] for metric in ("requester_wait", "agent_work")] == [HOUR, HOUR]


@pytest.mark.parametrize(
    ("facts", "as_of", "response", "closure"),
    [
        pytest.param([created("09:00"), answer("09:10")], LATER, [], [], id="no escalation, no clock"),
        pytest.param(
            [created("09:00"), escalated("09:10", from_tier="bot")], LATER, [], [], id="a bot's handover is none"
        ),
        pytest.param(
            [
                created("09:00"),
                answer("09:05"),
                escalated("09:10"),
                customer("09:20"),
                note("09:30"),
                answer("10:10"),
            ],
            "11:10",
            [{"state": "met", "elapsed_seconds": HOUR}],
            [{"state": "running", "elapsed_seconds": 2 * HOUR, "due_at": "2026-03-04T09:10:00Z"}],
            id="the next reply answers, and closes nothing",
        ),
        pytest.param(
            [created("09:00"), escalated("09:10"), answer("09:10")],
            "10:10",
            [{"state": "running", "elapsed_seconds": HOUR}],
            [{"state": "running"}],
            id="what is written with the escalation tells of it",
        ),
        pytest.param(
            [created("09:00"), escalated("09:10"), answer("09:10"), answer("09:40")],
            LATER,
            [{"state": "met", "elapsed_seconds": HALF}],
            [{"state": "breached", "breached_at": "2026-03-04T09:10:00Z"}],
            id="the one after that answers",
        ),
        pytest.param(
            [created("09:00"), escalated("09:10"), solved("09:40")],
            LATER,
            [{"state": "met", "elapsed_seconds": HALF}],
            [{"state": "met", "elapsed_seconds": HALF}],
            id="a solve ends both",
        ),
        pytest.param(
            [created("09:00"), escalated("09:10"), becomes("pending", "09:40"), becomes("open", "10:40")],
            "11:11",
            [{"state": "breached", "breached_at": f"{DAY}11:10:00Z"}],
            [{"state": "running", "elapsed_seconds": 61 * 60}],
            id="pending stops the closure, and no response",
        ),
        pytest.param(
            [created("09:00"), escalated("09:10"), escalated("10:10")],
            "11:00",
            [{"state": "running", "elapsed_seconds": 110 * 60}],
            [{"state": "running", "elapsed_seconds": 110 * 60}],
            id="another escalation leaves the clocks that are open",
        ),
        pytest.param(
            [created("09:00"), escalated("09:10"), answer("09:40"), escalated("10:10")],
            "11:00",
            [{"state": "met"}, {"state": "running", "elapsed_seconds": 3000}],
            [{"state": "running", "elapsed_seconds": 110 * 60}],
            id="another one after the answer: another response is owed",
        ),
        pytest.param(
            [created("09:00"), escalated("09:10"), solved("09:40"), reopened("10:00"), escalated("10:10")],
            "10:40",
            [{"state": "met"}, {"state": "running", "elapsed_seconds": HALF}],
            [{"state": "met"}, {"state": "running", "elapsed_seconds": HALF}],
            id="another one after the solve: both",
        ),
        pytest.param(
            [created("09:00"), escalated("09:10"), merged("09:40")],
            LATER,
            [{"state": "cancelled"}],
            [{"state": "cancelled"}],
            id="a merge cancels both",
        ),
    ],
)
def test_escalation_clocks(
    facts: list[Fact], as_of: str, response: list[dict[str, Any]], closure: list[dict[str, Any]]
) -> None:
    assert_each(each_of("escalation_response", facts, TIER_2, as_of), response)
    assert_each(each_of("escalation_closure", facts, TIER_2, as_of), closure)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            [created("09:00"), escalated("09:10"), note("09:40")],
            [{"state": "met", "elapsed_seconds": HALF}],
            id="a note answers",
        ),
        pytest.param(
            [created("09:00"), note("09:05"), escalated("09:10")],
            [{"state": "running", "elapsed_seconds": HALF}],
            id="not one from before",
        ),
        pytest.param(
            [created("09:00"), escalated("09:10"), note("09:10")],
            [{"state": "running", "elapsed_seconds": HALF}],
            id="nor one with the escalation",
        ),
        pytest.param(
            [
                created("09:00"),
                escalated("09:10"),
                told("ticket.replied", "09:20", author="bot", public=False),
                customer("09:30", public=False),
            ],
            [{"state": "running", "elapsed_seconds": HALF}],
            id="nor one of anybody else",
        ),
    ],
)
def test_a_note_answers_an_escalation_where_it_counts(facts: list[Fact], expected: list[dict[str, Any]]) -> None:
    assert_each(each_of("escalation_response", facts, NOTES_COUNT, "09:40"), expected)


RESTART = sla(promise({"resolution": 4 * HOUR}), reopen="restart")
COUNTING = sla(promise({"resolution": 4 * HOUR}), time_while_solved="counts")


@pytest.mark.parametrize(
    ("facts", "config", "as_of", "expected"),
    [
        pytest.param(
            [created("09:00"), solved("11:00"), reopened("15:00")],
            RESTART,
            "16:00",
            {"state": "running", "elapsed_seconds": HOUR, "due_at": f"{DAY}19:00:00Z"},
            id="restart: from nothing",
        ),
        pytest.param(
            [created("09:00"), solved("14:00"), reopened("15:00"), solved("16:00")],
            RESTART,
            LATER,
            {"state": "met", "elapsed_seconds": HOUR, "breached_at": None},
            id="restart: an earlier breach is not that of the new clock",
        ),
        pytest.param(
            [created("09:00"), solved("11:00"), becomes("pending", "15:00")],
            RESTART,
            LATER,
            {"state": "paused", "elapsed_seconds": 0},
            id="restart: reopened into a status that pauses",
        ),
        pytest.param(
            [created("09:00"), solved("10:00"), reopened("11:00")],
            COUNTING,
            "12:00",
            {"state": "running", "elapsed_seconds": 3 * HOUR, "due_at": f"{DAY}13:00:00Z"},
            id="counts: the hour for which it was solved is used",
        ),
        pytest.param(
            [created("09:00"), solved("10:00")],
            COUNTING,
            "20:00",
            {"state": "met", "elapsed_seconds": HOUR},
            id="counts: not while it stays solved",
        ),
        pytest.param(
            [created("09:00"), solved("10:00"), reopened("13:00")],
            COUNTING,
            "13:00",
            {"state": "running", "remaining_seconds": 0},
            id="counts: reopened on the line",
        ),
        pytest.param(
            [created("09:00", agent_id="A1"), solved("10:00"), reopened("15:00")],
            COUNTING,
            "15:00",
            {
                "state": "breached",
                "breached_at": f"{DAY}15:00:00Z",
                "elapsed_seconds": 6 * HOUR,
                "breached_agent_id": "A1",
            },
            id="counts: reopened too late, breached at the reopening",
        ),
        pytest.param(
            [created("09:00"), solved("10:00"), becomes("pending", "11:00"), reopened("15:00")],
            COUNTING,
            "15:30",
            {"state": "running", "elapsed_seconds": 2 * HOUR + HALF},
            id="counts: reopened into a status that pauses",
        ),
        pytest.param(
            [created("09:00"), becomes("pending", "09:30"), solved("10:00"), reopened("11:00")],
            COUNTING,
            "11:30",
            {"state": "running", "elapsed_seconds": 2 * HOUR},
            id="counts: from the solve, not from the pause before it",
        ),
        pytest.param(
            [created("09:00"), solved("10:00"), prioritised("low", "11:00"), reopened("15:00")],
            sla(
                promise({"normal": {"resolution": 4 * HOUR}, "low": {"resolution": 8 * HOUR}}),
                time_while_solved="counts",
            ),
            "15:30",
            {"state": "running", "target_seconds": 8 * HOUR, "due_at": f"{DAY}17:00:00Z"},
            id="counts: measured by what is promised at the reopening",
        ),
        pytest.param(
            [created("09:00"), solved("10:00"), reopened("20:00")],
            {"calendars": {"default": OFFICE}}
            | sla(promise({"resolution": 24 * HOUR}, hours="business"), time_while_solved="counts"),
            "21:00",
            {"elapsed_seconds": 8 * HOUR},
            id="counts: opening hours only",
        ),
        pytest.param(
            [created("09:00"), solved("10:00"), reopened("11:00")],
            sla(promise({"resolution": 4 * HOUR}), time_while_solved="counts", reopen="first_resolution_only"),
            LATER,
            {"state": "met", "elapsed_seconds": HOUR},
            id="counts: nothing where the first resolution is all",
        ),
    ],
)
def test_a_reopened_resolution(
    facts: list[Fact], config: dict[str, Any], as_of: str, expected: dict[str, Any]
) -> None:
    assert part(sla_figures(facts, config, as_of)["resolution"], expected) == expected


def test_a_clock_that_restarts_leaves_the_outcome_of_the_one_before() -> None:
    facts = [created("09:00"), solved("14:00"), reopened("15:00"), solved("16:00")]

    clocks = ticket(facts, RESTART).promises.of("resolution")

    assert [(clock.started_at, clock.breached_at) for clock in clocks] == [
        (at("09:00"), at("13:00")),
        (at("15:00"), None),
    ]


def closing(value: str, target: int = HOUR) -> dict[str, Any]:
    return {"calendars": {"default": OFFICE}} | sla(
        promise({"first_response": target}, hours="business"), deadline_at_closing=value
    )


@pytest.mark.parametrize(
    ("deadline", "as_of", "expected"),
    [
        ("closing", "20:00", {"state": "running", "due_at": f"{DAY}17:00:00Z"}),
        ("next_opening", "20:00", {"state": "running", "due_at": "2026-03-03T09:00:00Z"}),
        ("closing_final", "17:00", {"state": "running", "due_at": f"{DAY}17:00:00Z", "breached_at": None}),
        (
            "closing_final",
            "17:00:01",
            {"state": "breached", "due_at": None, "breached_at": f"{DAY}17:00:00Z", "elapsed_seconds": HOUR},
        ),
        ("closing", "Tue 09:00", {"state": "running"}),
        ("next_opening", "Tue 09:00", {"state": "running", "due_at": "2026-03-03T09:00:00Z"}),
        ("closing", "Tue 09:00:01", {"state": "breached", "breached_at": f"{DAY}17:00:00Z"}),
        ("next_opening", "Tue 09:00:01", {"state": "breached", "breached_at": f"{DAY}17:00:00Z"}),
    ],
)
def test_a_deadline_at_closing_time(deadline: str, as_of: str, expected: dict[str, Any]) -> None:
    clock = sla_figures([created("16:00")], closing(deadline), as_of)["first_response"]

    assert part(clock, expected) == expected


@pytest.mark.parametrize(
    ("deadline", "answered", "state"),
    [
        ("closing", "20:00", "met"),
        ("next_opening", "20:00", "met"),
        ("next_opening", "Tue 09:00", "met"),
        ("closing_final", "17:00", "met"),
        ("closing_final", "20:00", "breached"),
        ("closing", "Tue 09:00:01", "breached"),
    ],
)
def test_an_answer_after_closing_time(deadline: str, answered: str, state: str) -> None:
    clock = sla_figures([created("16:00"), answer(answered)], closing(deadline))["first_response"]

    assert clock["state"] == state


@pytest.mark.parametrize("deadline", ["closing", "next_opening", "closing_final"])
def test_a_deadline_within_opening_hours_is_the_same_to_all(deadline: str) -> None:
    clock = sla_figures([created("16:00")], closing(deadline, HALF), "16:10")["first_response"]

    assert clock["due_at"] == f"{DAY}16:30:00Z"


@pytest.mark.parametrize(
    ("deadline", "told_at", "due_at"),
    [
        ("closing", at("Tue 09:00") + 1, at("17:00")),
        ("next_opening", at("Tue 09:00") + 1, at("Tue 09:00")),
        ("closing_final", at("17:00") + 1, at("17:00")),
    ],
)
def test_when_a_deadline_at_closing_time_can_be_told(deadline: str, told_at: int, due_at: int) -> None:
    ahead = lines(ticket([created("16:00")], closing(deadline), "16:30"))[-1]
    behind = lines(ticket([created("16:00"), note("Wed 09:00")], closing(deadline)))[-1]

    assert (ahead.at, ahead.true_at, ahead.due_at) == (told_at, at("17:00"), due_at)
    assert behind == ahead


@pytest.mark.parametrize(
    ("deadline", "until"), [("closing", "Tue 09:00"), ("next_opening", "Tue 09:00"), ("closing_final", "17:00")]
)
def test_until_when_a_deadline_at_closing_time_is_counted_as_kept(deadline: str, until: str) -> None:
    config = closing(deadline)

    tallies = ticket_tallies(ticket([created("16:00")], config), rules(config))

    assert [since for measure, since, _, _ in tallies if measure == "due.first_response"] == [at(until)]


def test_final_closing_is_final_for_who_pauses_at_night_too() -> None:
    config = {"calendars": {"default": OFFICE}} | sla(
        promise({"resolution": HOUR}, hours="business"), deadline_at_closing="closing_final"
    )

    late = sla_figures([created("16:00"), becomes("pending", "18:00")], config)["resolution"]
    early = sla_figures([created("16:00"), becomes("pending", "17:00")], config)["resolution"]

    assert [late["state"], early["state"]] == ["breached", "paused"]


@pytest.mark.parametrize(
    ("facts", "chosen", "expected"),
    [
        ([created("09:00"), prioritised("urgent", "09:10")], "at_every_event", HALF),
        ([created("09:00"), prioritised("urgent", "09:10")], "at_start", 2 * HOUR),
        ([created("09:00", priority="urgent"), prioritised("normal", "09:10")], "at_start", HALF),
        ([created("09:00", priority="low"), prioritised("urgent", "09:10")], "at_start", None),
        ([created("09:00", priority="low"), prioritised("urgent", "09:10")], "at_every_event", HALF),
    ],
)
def test_whether_another_promise_may_come_to_hold(facts: list[Fact], chosen: str, expected: int | None) -> None:
    config = sla(
        promise({"normal": {"first_response": 2 * HOUR}, "urgent": {"first_response": HALF}}), policy_chosen=chosen
    )

    clock = sla_figures(facts, config, "09:20").get("first_response")

    assert (None if clock is None else clock["target_seconds"]) == expected


LENIENT = sla(
    promise({"urgent": {"resolution": HOUR}, "normal": {"resolution": 4 * HOUR}, "high": {"resolution": 2 * HOUR}}),
    breach_stands=False,
)
URGENT = created("09:00", priority="urgent", agent_id="A1")


@pytest.mark.parametrize(
    ("facts", "as_of", "expected"),
    [
        pytest.param(
            [URGENT, prioritised("normal", "11:00")],
            "11:30",
            {"state": "running", "breached_at": None, "breached_agent_id": None, "due_at": f"{DAY}13:00:00Z"},
            id="taken back: the new deadline is ahead",
        ),
        pytest.param(
            [URGENT, prioritised("high", "11:00")],
            "11:00",
            {"state": "running", "remaining_seconds": 0},
            id="taken back: the new deadline is now",
        ),
        pytest.param(
            [URGENT, prioritised("high", "11:30")],
            "11:30",
            {"state": "breached", "breached_at": f"{DAY}10:00:00Z"},
            id="stands: the new deadline is over too",
        ),
        pytest.param(
            [URGENT, prioritised("normal", "11:00")],
            "13:00:01",
            {"state": "breached", "breached_at": f"{DAY}13:00:00Z"},
            id="breached again by the new one",
        ),
        pytest.param(
            [URGENT, prioritised("normal", "11:00"), prioritised("urgent", "12:00")],
            "12:00",
            {"state": "breached", "breached_at": f"{DAY}12:00:00Z", "breached_agent_id": "A1"},
            id="breached again by the old one, at its return",
        ),
        pytest.param(
            [URGENT, solved("11:00"), prioritised("normal", "11:30")],
            LATER,
            {"state": "breached", "breached_at": f"{DAY}10:00:00Z"},
            id="stands: it is over",
        ),
        pytest.param(
            [URGENT, solved("11:00"), prioritised("normal", "11:30"), reopened("12:00")],
            "12:30",
            {"state": "running", "elapsed_seconds": 2 * HOUR + HALF},
            id="taken back at the reopening",
        ),
    ],
)
def test_a_breach_that_another_promise_may_take_back(facts: list[Fact], as_of: str, expected: dict[str, Any]) -> None:
    assert part(sla_figures(facts, LENIENT, as_of)["resolution"], expected) == expected


def test_a_clock_that_turns_out_to_have_begun_earlier_has_what_is_promised_when_that_turns_out() -> None:
    config = sla(
        promise({"first_response": HOUR}),
        promise({"first_response": 60}, effective_from="2026-03-02T11:00:00Z"),
    )

    found = sla_figures([created("09:00"), solved("09:10"), customer("10:30"), reopened("12:00")], config, "12:00")

    assert part(found["first_response"], {"target_seconds": 60}) == {"target_seconds": 60}


def test_what_nobody_promises_any_more_is_no_breach_where_those_do_not_stand() -> None:
    facts = [URGENT, prioritised("low", "11:00"), solved("12:00")]

    assert "resolution" not in sla_figures(facts, LENIENT, LATER)
    assert [line.kind for line in lines(ticket(facts, LENIENT))] == ["at_risk"]


def test_a_breach_taken_back_takes_its_lines_along() -> None:
    facts = [URGENT, solved("11:00"), prioritised("normal", "11:30"), reopened("12:00")]

    before, after = (lines(ticket(facts[:count], LENIENT)) for count in (2, 4))

    assert [(line.kind, line.at) for line in before] == [
        *(("at_risk", at("09:48")), ("breached", at("10:00") + 1), ("met_late", at("11:00")))
    ]
    assert [(line.kind, line.at) for line in after] == [
        *(("at_risk", at("09:48")), ("at_risk", at("13:12")), ("breached", at("14:00") + 1))
    ]


def test_chosen_at_the_start_means_that_of_each_clock() -> None:
    config = sla(
        promise({"normal": {"next_response": 2 * HOUR}, "urgent": {"next_response": HALF}}), policy_chosen="at_start"
    )
    facts = [
        *(created("09:00"), answer("09:05"), customer("09:10"), prioritised("urgent", "09:20"), answer("09:50")),
        customer("10:00"),
    ]

    found = each_of("next_response", facts, config, "10:10")

    assert [clock["target_seconds"] for clock in found] == [2 * HOUR, HALF]


def test_chosen_at_the_start_holds_through_a_reopening_and_a_change_of_hours() -> None:
    config = {
        "calendars": {"default": OFFICE, "night": NIGHT},
        "queue_calendars": {"b": "night"},
    } | sla(
        promise({"normal": {"resolution": 4 * HOUR}, "urgent": {"resolution": HOUR}}, hours="business"),
        policy_chosen="at_start",
    )
    facts = [
        *(created("15:00", queue="a"), assigned("16:00", queue="b"), solved("16:30")),
        *(prioritised("urgent", "16:40"), reopened("16:45")),
    ]

    clock = sla_figures(facts, config, "20:00")["resolution"]

    assert (clock["target_seconds"], clock["elapsed_seconds"]) == (4 * HOUR, 90 * 60 + 15 * 60)


CLICKS = sla(promise({"first_response": HOUR, "next_response": HOUR})) | {
    "first_response": {"status_change_counts": True}
}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            [created("09:00"), becomes("pending", "09:30", agent_id="A1")],
            {"state": "met", "elapsed_seconds": HALF},
            id="out of new",
        ),
        pytest.param(
            [created("09:00"), becomes("open", "09:20", agent_id="A1"), becomes("on_hold", "09:30", agent_id="A1")],
            {"state": "met", "elapsed_seconds": HALF},
            id="from new to open is nothing, out of open is",
        ),
        pytest.param([created("09:00"), becomes("pending", "09:30")], {"state": "running"}, id="by nobody"),
        pytest.param(
            [created("09:00", status="on_hold"), becomes("pending", "09:30", agent_id="A1")],
            {"state": "running"},
            id="from another status",
        ),
        pytest.param(
            [created("09:00"), assigned("09:30", agent_id="A1"), prioritised("normal", "09:35")],
            {"state": "running"},
            id="no other click",
        ),
    ],
)
def test_a_change_of_status_answers_where_it_counts(facts: list[Fact], expected: dict[str, Any]) -> None:
    assert part(sla_figures(facts, CLICKS, "09:40")["first_response"], expected) == expected


def test_a_change_of_status_answers_nobody_by_default() -> None:
    facts = [created("09:00"), becomes("on_hold", "09:30", agent_id="A1")]

    clock = sla_figures(facts, sla(promise({"first_response": HOUR})), "09:40")["first_response"]

    assert clock["state"] == "running"


def test_a_change_of_status_ends_a_turn_and_is_no_reply() -> None:
    facts = [
        *(created("09:00"), answer("09:10"), customer("09:20")),
        becomes("on_hold", "09:50", agent_id="A2"),
    ]

    assert_each(each_of("next_response", facts, CLICKS), [{"state": "met", "elapsed_seconds": HALF}])
    figures = ticket_figures(facts, CLICKS)
    assert (figures["next_response_seconds"], figures["public_agent_replies"]) == ([HALF], 1)


def test_a_change_of_status_is_the_first_response_of_who_made_it() -> None:
    figures = ticket_figures([created("09:00"), becomes("on_hold", "09:30", agent_id="A2")], CLICKS)

    assert (figures["frt_seconds"], figures["frt_agent_id"]) == (HALF, "A2")
