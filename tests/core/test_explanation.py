"""An explanation says what the figures are made of, no more and no less."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codec import Fact, Millis, millis
from services.core.exchange import Entity, exchanged
from services.core.explanation import Explanation, explanation, latest
from services.core.explanation.counted import through_requester
from services.core.explanation.parts import Contribution
from services.core.explanation.retold import clocks_of
from services.core.explanation.words import MEANINGS, THEMES, lasting
from services.core.rules import Rules
from services.core.tally import DIMENSIONS, HOUR_MS, MEASURES, Kind
from services.core.ticket import replay
from services.core.timeline import absorb, known_at
from tests.core.histories import END, agent_histories, ticket_histories
from tests.core.stories import (
    NIGHT,
    OFFICE,
    answer,
    assigned,
    at,
    becomes,
    created,
    customer,
    merged,
    note,
    of,
    presence,
    prioritised,
    promise,
    reopened,
    rules,
    sla,
    solved,
    told,
)
from tests.core.test_measure import some_rules

OFFICE_HOURS = {"calendars": {"default": OFFICE}}
GOLD = promise({"first_response": 3600, "resolution": 4 * 3600}, id="gold", hours="business", match={"queue": "vip"})
IRON = promise({"normal": {"resolution": 8 * 3600}, "urgent": {"resolution": 3600}}, id="iron", order=1)


def instant(when: str) -> datetime:
    return datetime.fromtimestamp(at(when) / 1000, UTC)


def explained(facts: Sequence[Fact], its: Rules, as_of: str = "Sun 23:59", key: str = "T1") -> Explanation:
    """Ticket ``key`` after all have told each other what they have to know."""
    entities = exchanged(facts, its)
    timeline = entities["tickets", key].timeline
    ticket = replay(timeline, its)
    requester_id = ticket.requester_id if ticket is not None else None
    requester = None if requester_id is None else entities.get(("requesters", requester_id), Entity()).timeline
    return explanation(key, timeline, its, at(as_of), requester=requester)


def added(its: Explanation) -> list[Contribution]:
    return [each for theme in its.adds for each in theme.adds]


def changes(its: Explanation) -> list[list[str]]:
    return [event.changed for event in its.timeline]


def test_each_event_says_what_it_changed() -> None:
    its = explained(
        [
            created("09:00", queue="vip"),
            note("09:05"),
            assigned("09:10", agent_id="A1", queue="billing"),
            answer("09:30"),
            customer("10:00"),
            solved("11:00", agent_id="A1"),
        ],
        rules(),
    )

    assert changes(its) == [
        ["opened", "status new", "the customer waits for a first response since 2026-03-02 09:00:00Z"],
        [],
        ["agent none -> A1", "queue vip -> billing", "moved to another queue"],
        ["first response, 30 min after 2026-03-02 09:00:00Z", "nobody waits any more"],
        ["the customer waits for an answer since 2026-03-02 10:00:00Z"],
        ["status new -> solved", "solved", "nobody waits any more"],
    ]


def test_what_comes_before_the_creation_is_told_after_it() -> None:
    its = explained([created("09:00"), answer("08:50")], rules())

    assert [event.type for event in its.timeline] == ["ticket.replied", "ticket.created"]
    assert changes(its)[1][0] == "opened"
    assert changes(its)[0][0] == "first response, 0 s after 2026-03-02 09:00:00Z"


def test_after_a_merge_nothing_counts() -> None:
    its = explained([created("09:00"), merged("10:00"), answer("11:00")], rules())

    assert changes(its)[-1] == ["nothing: the ticket was merged away or deleted before"]
    assert its.state is not None
    assert its.state.merged_into == "T2"


def test_late_and_repeated_events_are_visible() -> None:
    early, late = customer("09:30"), customer("09:10", event_id="late", received_at=at("09:45"))
    timeline = absorb([], [created("09:00"), early, late, customer("10:00")])

    its = explanation("T1", timeline, rules(), at("12:00"), repeats={"late": 2})

    assert [(event.overtaken_by, event.repeats) for event in its.timeline] == [(0, 0), (1, 2), (0, 0), (0, 0)]
    assert its.timeline[1].received_at == instant("09:45")


def test_what_others_told_is_shown_as_such() -> None:
    its = explained(
        [
            *of("T2", created("08:00"), merged("09:30", into="T1")),
            created("09:00"),
            presence("busy", "09:15", "T1"),
        ],
        rules(),
    )

    teller = {event.type: event.told_by for event in its.timeline}
    assert teller == {
        "ticket.created": None,
        "ticket.taken_up": "an agent",
        "ticket.wait_inherited": "a ticket that was merged into this one",
    }
    assert [(wait.since, wait.until) for wait in its.waits] == [(instant("08:00"), None)]


def test_a_clock_shows_its_stretches_and_how_its_deadline_moved() -> None:
    its = explained(
        [
            created("Mon 16:00", queue="vip"),
            becomes("pending", "Mon 16:30"),
            becomes("open", "Tue 10:00"),
            solved("Tue 11:30"),
        ],
        rules(OFFICE_HOURS | sla(GOLD, pause={"resolution": ["pending"]})),
    )

    clock = next(clock for clock in its.clocks if clock.metric == "resolution")
    assert (clock.policy, clock.match, clock.state) == ("gold", {"queue": "vip"}, "met")
    assert [(run.runs, run.lasted_s, run.counted_s, run.status) for run in clock.runs] == [
        (True, 1800, 1800, "new"),
        (False, 17.5 * 3600, 0, "pending"),
        (True, 5400, 5400, "open"),
    ]
    assert [deadline.due_at for deadline in clock.deadlines] == [
        instant("Tue 12:00"),
        None,
        instant("Tue 13:30"),
        None,
    ]


def test_closed_hours_within_a_stretch_are_shown() -> None:
    its = explained([created("Mon 16:00", queue="vip")], rules(OFFICE_HOURS | sla(GOLD)), as_of="Tue 09:30")

    first = next(clock for clock in its.clocks if clock.metric == "first_response")
    [run] = first.runs
    assert (run.calendar, run.lasted_s, run.counted_s, run.closed_s) == ("default", 17.5 * 3600, 5400, 16 * 3600)
    assert [(opening.since, opening.until) for opening in run.openings] == [
        (instant("Mon 16:00"), instant("Mon 17:00")),
        (instant("Tue 09:00"), instant("Tue 09:30")),
    ]
    assert (first.state, first.breached_at) == ("breached", instant("Mon 17:00"))


@pytest.mark.parametrize(
    ("change", "counted"),
    [
        pytest.param("per_segment", [5400, 3600], id="each stretch by the calendar of its time"),
        pytest.param("last", [3600, 3600], id="all by the last calendar"),
    ],
)
def test_another_calendar_begins_another_stretch(change: str, counted: list[int]) -> None:
    config = {
        "calendars": {"default": OFFICE, "night": NIGHT},
        "queue_calendars": {"b": "night"},
        "business_calendar_change": change,
    }
    facts = [created("15:30", queue="a"), assigned("18:00", queue="b")]

    its = explained(facts, rules(config | sla(promise({"resolution": 9 * 3600}, hours="business"))), as_of="19:00")

    [clock] = its.clocks
    assert [run.counted_s for run in clock.runs] == counted
    assert [run.calendar for run in clock.runs] == (
        ["default", "night"] if change == "per_segment" else ["night"] * 2
    )
    assert clock.elapsed_s == sum(counted)


def test_another_priority_is_another_promise() -> None:
    its = explained([created("09:00"), prioritised("urgent", "09:20")], rules(sla(IRON)), as_of="09:30")

    [clock] = its.clocks
    assert (clock.target_s, clock.elapsed_s, clock.remaining_s) == (3600, 1800, 1800)
    assert [(deadline.at, deadline.due_at) for deadline in clock.deadlines] == [
        (instant("09:00"), instant("17:00")),
        (instant("09:20"), instant("10:00")),
    ]
    assert its.unpromised == ["first_response"]


def test_a_passed_target_is_told_with_the_next_event() -> None:
    its = explained([created("09:00"), note("18:00")], rules(sla(IRON)), as_of="18:30")

    assert changes(its)[-1] == ["resolution clock: the target was passed at 2026-03-02 17:00:00Z"]


def test_a_level_is_entered_and_left_and_a_deadline_passes() -> None:
    its = explained([created("09:00"), becomes("open", "09:30")], rules(sla(IRON)), as_of="17:00")
    later = explained([created("09:00"), becomes("open", "09:30")], rules(sla(IRON)), as_of="17:01")

    means = {(each.measure, each.count): each.means for each in added(its)}
    assert means["backlog.new", 1] == "enters the backlog as new"
    assert means["backlog.new", -1] == "leaves the backlog as new"
    assert means["due.resolution", 1] == "the resolution clock holds until then"
    assert "the resolution clock held until then, and is overdue" in [each.means for each in added(later)]


def test_what_the_requester_counts_is_shown_with_the_ticket() -> None:
    facts = [
        *[replace(fact, requester_id="R1", category="c") for fact in (created("Mon 09:00"), solved("Mon 10:00"))],
        *of("T2", created("Wed 09:00", requester_id="R1", category="c")),
    ]

    its = explained(facts, rules())

    returns = {each.window_days: (each.verdict, each.came_back_at) for each in its.returns if "first" in each.figure}
    assert returns == {days: ("no", instant("Wed 09:00")) for days in (7, 14, 30)}
    counted = [(each.measure, each.counted_by) for each in added(its) if each.measure.startswith("came_back")]
    assert counted == [(f"came_back.{place}", "R1") for place in range(3)]
    assert [(news.to, news.type) for news in its.tells] == [("R1", "requester.ticket_told")]


def test_a_window_that_is_not_over_is_pending() -> None:
    its = explained([created("09:00"), solved("10:00")], rules(), as_of="Mon 12:00")

    assert [each.verdict for each in its.returns] == ["pending", "pending", "pending", "no"]


def test_a_deleted_ticket_adds_nothing() -> None:
    its = explained([created("09:00", requester_id="R1"), solved("10:00"), told("ticket.deleted", "11:00")], rules())

    assert its.state is not None
    assert its.state.deleted
    assert (its.adds, its.tells, its.returns) == ([], [], [])


def test_opinions_alone_are_no_ticket() -> None:
    survey = told("survey.answered", "09:00", kind="csat", score=4.0, scale=(1, 5))

    its = explained([survey], rules())

    assert its.state is None
    assert [(each.measure, each.value, each.unit) for each in added(its)] == [("csat", 4.0, "points")]


def test_of_an_earlier_instant_only_what_was_known_counts() -> None:
    late = answer("09:10", received_at=at("11:00"))
    timeline = absorb([], [created("09:00"), late, solved("12:00")])

    assert [fact.type for fact in known_at(timeline, at("10:00"))] == ["ticket.created"]
    assert [fact.type for fact in known_at(timeline, at("11:00"))] == ["ticket.created", "ticket.replied"]
    assert latest(timeline) == at("12:00")


def test_every_measure_of_tickets_has_words_and_a_theme() -> None:
    of_others = ("handled", "handle_time", "contacts", "in_contact", "visits", "article_visits", "plan.", "agent.")

    assert {m for m in MEASURES if m not in MEANINGS and not m.startswith(of_others)} == set()
    assert set(MEANINGS) <= set(MEASURES)
    assert {meaning.theme for meaning in MEANINGS.values()} <= set(THEMES)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (59.9999, "1 min"),
        (3600, "1 h"),
        (90_061.5, "1 day 1 h 1 min 1.5 s"),
        (2 * 86_400, "2 days"),
        (-90, "-1 min 30 s"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert lasting(seconds) == words


AS_OF: Millis = END + 3 * HOUR_MS
histories = st.lists(
    st.one_of(ticket_histories("T1"), ticket_histories("T2", most=5), agent_histories(most=6)), min_size=1, max_size=3
)


@settings(max_examples=40, deadline=None)
@given(histories, some_rules)
def test_it_adds_up_to_what_the_ticket_adds_to_the_cells(parts: list[list[Fact]], its: Rules) -> None:
    entities = exchanged(list(chain.from_iterable(parts)), its)
    for (stream, key), entity in entities.items():
        if stream != "tickets":
            continue
        found = explanation(key, entity.timeline, its, AS_OF, requester=[])

        told_of = Counter[tuple[str, Millis, tuple[tuple[str, str], ...]]]()
        for each in added(found):
            told_of[each.measure, millis(each.at), tuple(sorted(each.cut.items()))] += each.count
        counted = Counter[tuple[str, Millis, tuple[tuple[str, str], ...]]]()
        ticket = replay(entity.timeline, its)
        for tallies in (entity.told.tallies, through_requester(key, ticket, [], its)):
            for (measure, moment, dims, _), (count, _) in tallies.items():
                cut = {name: value for name, value in zip(DIMENSIONS, dims, strict=True) if value is not None}
                counted[measure, moment, tuple(sorted(cut.items()))] += count
        assert told_of == counted


@settings(max_examples=40, deadline=None)
@given(ticket_histories("T1"), some_rules)
def test_the_stretches_of_a_clock_add_up_to_what_it_used(facts: list[Fact], its: Rules) -> None:
    timeline = absorb([], facts)
    ticket = replay(timeline, its)
    found = explanation("T1", timeline, its, AS_OF)

    clocks = {} if ticket is None else {name: clock for name, clock in clocks_of(ticket) if clock.target is not None}
    assert {(clock.metric, clock.number) for clock in found.clocks} == set(clocks)
    for clock in found.clocks:
        used_ms = clocks[clock.metric, clock.number].elapsed_ms(AS_OF)
        assert sum(round(1000 * run.counted_s) for run in clock.runs) == used_ms
        assert round(1000 * clock.elapsed_s) == used_ms
        for run in clock.runs:
            assert abs(run.lasted_s - run.counted_s - run.closed_s) < 1e-6 or not run.runs
            if run.openings:
                assert abs(sum(opening.lasted_s for opening in run.openings) - run.counted_s) < 1e-6


@settings(max_examples=40, deadline=None)
@given(ticket_histories("T1"), some_rules)
def test_periods_and_waits_are_those_that_figures_are_made_of(facts: list[Fact], its: Rules) -> None:
    timeline = absorb([], facts)
    found = explanation("T1", timeline, its, AS_OF)

    spent = Counter[str]()
    for period in found.periods:
        spent[period.status] += round(1000 * period.lasted_s)
    assert spent == {status: round(1000 * seconds) for status, seconds in found.status_s.items()}
    values = [wait.lasted_s for wait in found.waits if wait.kind == "next_response" and wait.until is not None]
    assert sorted(values) == sorted(
        each.value or 0.0 for each in added(found) if each.measure == "next_response" for _ in range(each.count)
    )
    waiting = [wait.since for wait in found.waits if wait.until is None]
    stands = [
        each.at for each in added(found) if MEASURES[each.measure] is Kind.STANDING and each.measure == "waiting"
    ]
    assert stands in ([], waiting)


def test_reopened_tickets_say_so() -> None:
    its = explained([created("09:00"), answer("09:05"), solved("10:00"), reopened("11:00")], rules())

    assert "reopened" in changes(its)[-1]
    assert its.state is not None
    assert its.state.status == "open"
