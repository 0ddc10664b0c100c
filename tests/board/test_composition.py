"""What stands on the wall, for a contact centre small enough to count by hand."""

import json
from collections.abc import Sequence

import pytest

from schemas.codec import Millis, instant
from schemas.policy import Policy
from services.board.columns import Columns
from services.board.composition import Meaning, wall
from services.board.deadlines import Running
from services.board.freshness import Reading, words
from services.board.wall import NextDeadline, Wall
from services.core.tally import DAY_MS, HOUR_MS, MINUTE_MS, Tallies, step_of
from tests.board.written import NOW_MS, columns_of, dims, flow, level, stands, together

MEANING = Meaning.of(Policy())
LIVE = Reading(read_at=NOW_MS, answering=True, tickets_at=NOW_MS - 1000, agents_at=NOW_MS - 1000, advanced_at=NOW_MS)
BILLING, SHIPPING, NO_QUEUE = dims("billing"), dims("shipping"), dims(None)


def shown(
    *tallies: Tallies,
    reading: Reading = LIVE,
    at: Millis = NOW_MS,
    meaning: Meaning = MEANING,
    soon: Sequence[Running] | None = None,
) -> Wall:
    return wall(columns_of(together(*tallies)), reading, at, meaning, soon)


def test_waiting_is_counted_up_to_now() -> None:
    page = shown(
        stands("waiting", NOW_MS - 90_000),
        stands("waiting", NOW_MS - HOUR_MS, SHIPPING),
        stands("waiting", NOW_MS + 1, SHIPPING),
    )

    assert page.waiting.count == 2
    assert page.waiting.longest_since == instant(NOW_MS - HOUR_MS)


def test_first_response_is_of_the_last_24_hours() -> None:
    took = [60_000, 120_000, 600_000]
    recent = [flow("first_response", NOW_MS - n * HOUR_MS, ms, step_of(ms)) for n, ms in enumerate(took)]

    page = shown(*recent, flow("first_response", NOW_MS - DAY_MS, 1, step_of(1)))

    assert page.first_response.count == 3
    assert page.first_response.median_s == pytest.approx(120, rel=0.01)


def test_backlog_by_queue_with_its_change_and_trend() -> None:
    page = shown(
        level("backlog.open", NOW_MS - 2 * HOUR_MS, values=BILLING),
        level("backlog.new", NOW_MS - 30 * MINUTE_MS, values=BILLING),
        level("backlog.pending", NOW_MS - 3 * HOUR_MS, NOW_MS - 10 * MINUTE_MS, SHIPPING),
        level("backlog.open", NOW_MS - 5 * MINUTE_MS, values=NO_QUEUE),
        stands("waiting", NOW_MS - 30 * MINUTE_MS, BILLING),
    )

    backlog = page.backlog
    assert (backlog.total, backlog.change_1h) == (3, 1)
    assert [(q.queue, q.open, q.waiting, q.change_1h) for q in backlog.queues] == [
        ("billing", 2, 1, 1),
        (None, 1, 0, 1),
        ("shipping", 0, 0, -1),
    ]
    assert backlog.trend is not None
    assert len(backlog.trend.values) == 97
    assert backlog.trend.begins == instant(NOW_MS - DAY_MS)
    assert backlog.trend.values[:84] == [None] * 84
    # An event counts from its own minute on: what came at 9:30 sharp is not yet in the level of 9:30.
    assert backlog.trend.values[84:] == [0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3]
    assert backlog.queues[0].trend[-4:] == [1, 1, 2, 2]


def backlog_of(*statuses: str) -> Meaning:
    return Meaning.of(Policy.model_validate({"backlog": {"statuses": statuses}}))


def test_the_policy_says_which_statuses_are_backlog() -> None:
    centre = together(*[level(f"backlog.{s}", NOW_MS - 2 * HOUR_MS) for s in ("new", "open", "pending", "on_hold")])

    assert shown(centre).backlog.total == 4
    some = shown(centre, meaning=backlog_of("pending", "new", "solved")).backlog
    assert (some.total, some.queues[0].open) == (2, 2)
    assert some.trend is not None
    assert some.trend.values[-1] == 2


def test_a_backlog_of_solved_tickets_alone_is_unknown_and_no_zero() -> None:
    page = shown(level("backlog.open", NOW_MS - HOUR_MS), meaning=backlog_of("solved"))

    assert page.backlog.total is None


def test_an_hour_ago_before_the_first_event_is_unknown() -> None:
    page = shown(level("backlog.open", NOW_MS - 20 * MINUTE_MS))

    assert page.backlog.total == 1
    assert page.backlog.change_1h is None


def test_sla_counts_what_now_says_of_running_clocks() -> None:
    clock = "first_response"
    page = shown(
        *[stands(f"at_risk_from.{clock}", NOW_MS + offset) for offset in (-60_000, -50_000, -40_000, 1)],
        *[stands(f"due.{clock}", NOW_MS + offset) for offset in (-1, 0, 50_000, 60_000)],
        stands(f"overdue.{clock}", NOW_MS - 2 * DAY_MS),
        flow(f"sla_breached.{clock}", NOW_MS - 2 * DAY_MS),
        flow(f"sla_breached.{clock}", NOW_MS - HOUR_MS),
        *[flow(f"sla_met.{clock}", NOW_MS - n * HOUR_MS) for n in range(1, 7)],
    )

    figures = page.sla.clocks[0]
    assert [c.clock for c in page.sla.clocks] == [clock]
    assert (figures.at_risk, figures.overdue) == (2, 2)  # reaching the due time exactly is no breach
    assert (figures.breached_24h, figures.met_24h) == (2, 6)
    assert page.sla.attainment_24h == 0.75


def test_only_clocks_that_something_was_promised_for_are_told() -> None:
    page = shown(
        stands("paused.requester_wait", NOW_MS),
        stands("due.escalation_response", NOW_MS + 1),
        flow("sla_met.periodic_update", NOW_MS - HOUR_MS),
    )

    assert [figures.clock for figures in page.sla.clocks] == [
        *("periodic_update", "requester_wait", "escalation_response")
    ]


def test_promises_that_break_next_are_told_with_what_they_are_by_now() -> None:
    risky = Running(
        NOW_MS, "acme/zendesk/a%2Fb", "resolution", "std", "billing", NOW_MS - 1, NOW_MS - 2, broken=False
    )
    page = shown(soon=[risky._replace(at=NOW_MS - 1), risky, risky._replace(broken=True)])

    assert page.deadlines.tickets is not None
    assert [its.state for its in page.deadlines.tickets] == ["overdue", "at_risk", "overdue"]
    told = page.deadlines.tickets[1]
    assert (told.due_at, told.holds_until) == (instant(NOW_MS - 1), instant(NOW_MS))
    assert told.explain == "/api/v1/tickets/acme/zendesk/a%252Fb"
    assert shown(soon=[]).deadlines.tickets == []
    assert shown().deadlines.tickets is None


def test_the_next_deadline_is_of_whatever_runs_and_holds() -> None:
    page = shown(
        stands("due.resolution", NOW_MS - 1),
        stands("due.resolution", NOW_MS + 2),
        stands("due.resolution", NOW_MS, SHIPPING),
        stands("due.first_response", NOW_MS + 1),
    )

    assert page.deadlines.next == NextDeadline(at=instant(NOW_MS), clock="resolution", queue="shipping")
    assert shown(stands("due.resolution", NOW_MS - 1)).deadlines.next is None


def test_without_promises_there_is_no_sla() -> None:
    page = shown(level("backlog.open", NOW_MS - 20 * MINUTE_MS))

    assert page.sla.at_risk is None
    assert page.sla.attainment_24h is None


def test_agents_and_how_busy_the_last_hour_was() -> None:
    page = shown(
        level("agent.busy", NOW_MS - 30 * MINUTE_MS, NOW_MS - 10 * MINUTE_MS, dims(agent="ann")),
        level("agent.available", NOW_MS - 10 * MINUTE_MS, None, dims(agent="ann")),
        level("agent.wrap_up", NOW_MS - 5 * HOUR_MS, None, dims(agent="bob")),
        level("agent.training", NOW_MS - 20 * MINUTE_MS, None, dims(agent="eve")),
        level("agent.break", NOW_MS - HOUR_MS, None, dims(agent="zoe")),
    )

    agents = page.agents
    assert agents.signed_in == 4
    assert agents.states == {
        "available": 1,
        "busy": 0,
        "wrap_up": 1,
        "break": 1,
        "training": 1,
        "meeting": 0,
        "away": 0,
    }
    assert agents.utilisation_1h == pytest.approx(80 / 110)
    assert agents.occupancy_1h == pytest.approx(80 / 90)


def test_nothing_read_is_unknown_and_no_zero() -> None:
    page = json.loads(wall(Columns(), Reading(), NOW_MS, MEANING).model_dump_json())

    assert page["freshness"]["state"] == "unknown"
    assert page["waiting"] == {"count": None, "longest_since": None}
    assert page["backlog"] == {"total": None, "change_1h": None, "trend": None, "queues": []}
    assert page["agents"]["signed_in"] is None


def test_what_no_event_ever_told_is_unknown_as_well() -> None:
    reading = Reading(read_at=NOW_MS, answering=True, agents_at=NOW_MS)

    page = shown(level("agent.busy", NOW_MS - HOUR_MS), reading=reading)

    assert page.waiting.count is None
    assert page.agents.signed_in == 1


def test_without_the_store_time_stands_still_for_the_figures() -> None:
    running = together(
        stands("at_risk_from.resolution", NOW_MS - HOUR_MS), stands("due.resolution", NOW_MS + HOUR_MS)
    )
    away = Reading(read_at=NOW_MS, answering=False, tickets_at=NOW_MS)

    page = shown(running, reading=away, at=NOW_MS + 2 * HOUR_MS)

    assert page.freshness.state == "stale"
    assert page.freshness.age_s == 7200
    assert (page.sla.at_risk, page.sla.overdue) == (1, 0)


def test_instants_are_utc_and_the_trend_says_from() -> None:
    page = json.loads(shown(level("backlog.open", NOW_MS - HOUR_MS)).model_dump_json())

    assert page["at"] == "2026-03-02T10:00:00Z"
    assert page["backlog"]["trend"]["from"] == "2026-03-01T10:00:00Z"


@pytest.mark.parametrize(
    ("changes", "state", "sentence"),
    [
        pytest.param({}, "live", "Live: the newest event is 1 s old.", id="live"),
        pytest.param(
            {"tickets_at": NOW_MS + 60_000}, "live", "Live: the newest event is 0 s old.", id="a clock ahead"
        ),
        pytest.param(
            {"tickets_at": NOW_MS - 400_000, "agents_at": None, "advanced_at": NOW_MS - 400_000},
            "quiet",
            "Quiet: no event for 6 min.",
            id="quiet",
        ),
        pytest.param(
            {"tickets_at": None, "agents_at": None, "advanced_at": None},
            "quiet",
            "Quiet: no event has come yet.",
            id="nothing yet",
        ),
        pytest.param(
            {"tickets_at": NOW_MS - 5 * HOUR_MS, "agents_at": None, "advanced_at": NOW_MS - 1000},
            "catching_up",
            "Catching up: events up to 5 h ago are counted, newer ones are on their way.",
            id="behind",
        ),
        pytest.param(
            {"answering": False, "read_at": NOW_MS - 40_000},
            "stale",
            "Stale: the store does not answer, the figures are 40 s old.",
            id="stale",
        ),
        pytest.param(
            {"read_at": NOW_MS - 6_000},
            "stale",
            "Stale: the store does not answer, the figures are 6 s old.",
            id="hung",
        ),
        pytest.param(
            {"other_policy": True},
            "live",
            "Live: the newest event is 1 s old. The processor counts under another policy than this board's.",
            id="another policy",
        ),
    ],
)
def test_freshness_is_one_word_and_one_sentence(changes: dict[str, object], state: str, sentence: str) -> None:
    reading = Reading(**{**LIVE.__dict__, **changes})

    found = wall(Columns(), reading, NOW_MS, MEANING).freshness

    assert (found.state, found.sentence) == (state, sentence)


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [(-5, "0 s"), (119_999, "119 s"), (120_000, "2 min"), (2 * HOUR_MS, "2 h"), (3 * DAY_MS, "3 days")],
)
def test_ages_are_told_in_words(duration_ms: Millis, text: str) -> None:
    assert words(duration_ms) == text
