"""What an entity adds does not depend on how its events came, and equals what a plain count gives."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Fact, Millis
from services.core import report
from services.core.measure import measure
from services.core.rules import Rules
from services.core.sla import Assignee, Clock
from services.core.tally import Cells, Tallies, difference, dims_of, spread
from services.core.ticket import replay
from services.core.timeline import absorb
from tests.core import naive
from tests.core.histories import BEGIN, END, agent_histories, an_instant, seconds_of, ticket_histories
from tests.core.stories import (
    NIGHT,
    OFFICE,
    answer,
    assigned,
    at,
    becomes,
    created,
    customer,
    note,
    presence,
    promise,
    rules,
    sla,
    solved,
    told,
)
from tests.recount import merged, recounted

DEFAULTS = rules()
BUSY_POLICIES = [
    DEFAULTS,
    rules(
        {"calendars": {"default": OFFICE, "night": NIGHT}, "queue_calendars": {"b": "night"}}
        | sla(
            promise(
                {
                    "normal": {"first_response": 3600, "next_response": 1800, "resolution": 14_400},
                    "urgent": {"first_response": 900, "resolution": 3600},
                },
                hours="business",
            ),
            promise({"first_response": 600}, effective_from="2026-03-02T10:00:00Z", match={"queue": "b"}, order=-1),
            pause={"first_response": ["pending"], "resolution": ["pending", "on_hold"]},
        )
    ),
    rules(
        {
            "calendars": {"default": OFFICE, "night": NIGHT},
            "queue_calendars": {"b": "night"},
            "business_calendar_change": "last",
            "first_response": {"bot_counts": True, "agent_created": "from_creation_second_reply"},
        }
        | sla(promise({"first_response": 3600, "resolution": 7200}, hours="business"), reopen="first_resolution_only")
    ),
]


def tagged(when: str, **fields: Any) -> Fact:
    return told("ticket.tags_changed", when, **fields)


some_rules = st.sampled_from(BUSY_POLICIES)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Fact], list[Fact]]:
    """Events of several entities, and the same in another order, some of them more than once."""
    facts = [
        *draw(ticket_histories("T1")),
        *draw(st.one_of(st.just([]), ticket_histories("T2", most=5))),
        *draw(st.one_of(st.just([]), agent_histories(most=6))),
    ]
    again = draw(st.lists(st.sampled_from(facts), max_size=4))
    return facts, draw(st.permutations([*facts, *again]))


def streamed(batches: Sequence[Sequence[Fact]], known_rules: Rules, partition_of: Callable[[str], int]) -> Cells:
    """The cells that a stream ends with: a batch at a time, each entity's change added to its partition."""
    timelines: dict[str, list[Fact]] = {}
    partitions: list[Cells] = [{}, {}, {}]
    for batch in batches:
        for entity in sorted({fact.entity for fact in batch}):
            before = timelines.get(entity, [])
            after = absorb(before, [fact for fact in batch if fact.entity == entity])
            timelines[entity] = after
            change = difference(measure(before, known_rules), measure(after, known_rules))
            spread(change, partitions[partition_of(entity)])
    return merged(partitions)


@settings(max_examples=50, deadline=None)
@given(arrivals(), some_rules, st.lists(st.integers(0, 30), max_size=4), st.integers(0, 2))
def test_any_order_repeats_batches_and_partitions_give_the_same_cells(
    told_twice: tuple[list[Fact], list[Fact]], known_rules: Rules, cuts: list[int], salt: int
) -> None:
    facts, arrived = told_twice
    edges = [0, *sorted(cuts), len(arrived)]
    batches = [arrived[begin:end] for begin, end in pairwise(edges)]

    cells = streamed(batches, known_rules, lambda entity: (ord(entity[-1]) + salt) % 3)

    assert cells == recounted(facts, known_rules)
    assert (0, 0) not in cells.values()


def total(tallies: Tallies, name: str) -> tuple[int, int]:
    """Count and sum of one measure over all that it is cut by."""
    parts = [tally for (measured, *_), tally in tallies.items() if measured == name]
    return sum(count for count, _ in parts), sum(sum_ms for _, sum_ms in parts)


def backlog_at(tallies: Tallies, moment: Millis) -> int:
    return sum(
        count
        for (measured, since, *_), (count, _) in tallies.items()
        if measured.startswith("backlog.") and since <= moment
    )


@settings(max_examples=60, deadline=None)
@given(ticket_histories(), st.lists(an_instant, min_size=3, max_size=3))
def test_a_tickets_figures_equal_a_plain_count(facts: list[Fact], instants: list[Millis]) -> None:
    tallies = measure(absorb([], facts), DEFAULTS)

    plain = naive.life(facts)
    if plain.gone:
        assert tallies == {}
        return
    opened = plain.begin_known and not plain.merged
    solves = [] if plain.merged else plain.solves()
    first, turns = naive.first_response(plain), naive.next_responses(plain)
    assert total(tallies, "opened") == (opened, 0)
    assert total(tallies, "merged_away") == (plain.begin_known and plain.merged, 0)
    assert total(tallies, "solved") == (bool(solves), 0)
    assert total(tallies, "resolved") == (len(solves), 0)
    assert total(tallies, "reopened") == (0 if plain.merged else len(plain.reopens()), 0)
    assert total(tallies, "first_response") == (
        0 if first is None else 1,
        0 if first is None else first[1] - first[0],
    )
    assert total(tallies, "next_response") == (len(turns), sum(end - begin for begin, end in turns))
    for moment in instants:
        assert backlog_at(tallies, moment) == (plain.status_at(moment) in naive.UNSOLVED)


@settings(max_examples=25, deadline=None)
@given(ticket_histories(), st.lists(an_instant, min_size=3, max_size=3))
def test_the_batch_report_agrees_with_the_cells(facts: list[Fact], instants: list[Millis]) -> None:
    tallies = measure(absorb([], facts), DEFAULTS)
    tickets = list(report.known(facts, DEFAULTS, END).tickets.values())

    aggregate = report.aggregate(tickets)

    assert aggregate["tickets_created"] == total(tallies, "opened")[0]
    assert aggregate["tickets_solved"] == total(tallies, "solved")[0]
    assert aggregate["reopens"] == total(tallies, "reopened")[0]
    assert aggregate["frt_count"] == total(tallies, "first_response")[0]
    assert aggregate["resolution_count"] == total(tallies, "resolution")[0]
    for moment in instants:
        assert report.backlog(tickets, DEFAULTS, moment)["backlog"] == backlog_at(tallies, moment)


def level_ms(tallies: Tallies, name: str, begin: Millis, end: Millis) -> Millis:
    """How long a level stood in a window, summed over how high it was."""
    return sum(
        count * (end - min(max(since, begin), end))
        for (measured, since, *_), (count, _) in tallies.items()
        if measured == name
    )


@settings(max_examples=50, deadline=None)
@given(agent_histories(), st.tuples(seconds_of(an_instant), seconds_of(an_instant)))
def test_an_agents_state_seconds_equal_a_plain_count(facts: list[Fact], window: tuple[Millis, Millis]) -> None:
    begin, end = min(window), max(window)
    timeline = absorb([], facts)
    tallies = measure(timeline, DEFAULTS)

    spent = naive.state_ms(facts, begin, end)

    for state in ("available", "busy", "wrap_up", "break", "meeting"):
        assert level_ms(tallies, f"agent.{state}", begin, end) == spent[state]
    assert level_ms(tallies, "contacts", begin, end) == spent["contacts"]
    agent = report.known(facts, DEFAULTS, END).agents["A1"]
    reported = report.agent_figures(agent, DEFAULTS, begin, end)["state_seconds"]
    assert reported == {state: ms // 1000 for state, ms in spent.items() if ms and state != "contacts"}


def test_nothing_adds_nothing() -> None:
    assert measure([], DEFAULTS) == {}
    assert replay([told("survey.answered", "09:00")], DEFAULTS) is None
    assert measure([told("survey.answered", "09:00")], DEFAULTS) == {}


def test_a_ticket_and_an_agent_of_one_name_are_two_entities() -> None:
    ticket, agent = created("09:00", entity="7"), presence("available", "09:00", entity="7")

    cells: Cells = {}
    for fact in (ticket, agent):
        spread(measure([fact], DEFAULTS), cells)

    assert recounted([ticket, agent], DEFAULTS) == cells


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            [created("09:00")],
            {"waiting": "09:00", "at_risk_from.first_response": "09:48", "due.first_response": "10:00"},
            id="running: its instants stand for the reader to look at",
        ),
        pytest.param(
            [created("09:00"), answer("09:30")], {"sla_met.first_response": "09:30"}, id="met: when the clock stopped"
        ),
        pytest.param(
            [created("09:00"), becomes("open", "10:30")],
            {"waiting": "09:00", "sla_breached.first_response": "10:00", "overdue.first_response": "10:00"},
            id="an event after the line makes the breach certain; it is overdue until answered",
        ),
        pytest.param(
            [created("09:00"), becomes("open", "10:30"), answer("11:00")],
            {"sla_breached.first_response": "10:00"},
            id="answered too late: breached, and no longer overdue",
        ),
        pytest.param(
            [created("09:00"), solved("09:10")],
            {"sla_met.first_response": "09:10"},
            id="solved: met",
        ),
        pytest.param([created("09:00"), told("ticket.merged", "09:10")], {}, id="merged away: no clock"),
    ],
)
def test_what_a_clock_adds(facts: list[Fact], expected: dict[str, str]) -> None:
    tallies = measure(absorb([], facts), rules(sla(promise({"first_response": 3600}))))

    clocks = ("waiting", "at_risk_from", "due", "overdue", "sla_")
    added = {name: since for (name, since, *_), _ in tallies.items() if name.startswith(clocks)}
    assert added == {name: at(when) for name, when in expected.items()}


def test_flows_carry_the_traits_of_the_creation_and_what_stands_those_of_its_time() -> None:
    facts = [
        created("09:00", queue="a", channel="email"),
        told("ticket.assigned", "09:10", queue="b", agent_id="A2"),
        answer("09:30", "A3"),
    ]

    dims = {name: dims for (name, _, dims, _), _ in measure(facts, DEFAULTS).items()}

    assert dims["opened"] == dims_of(("a", "email", *[None] * 5), None)
    assert dims["first_response"] == dims_of(("a", "email", *[None] * 5), "A3")
    assert dims["opened_at.new"] == dims_of(("b", "email", *[None] * 5), "A2")


def test_what_the_creation_left_out_is_taken_as_it_was_first_told() -> None:
    facts = [created("09:00"), told("ticket.replied", "09:10", author="customer", public=True, channel="chat")]

    dims = {name: dims for (name, _, dims, _), _ in measure(facts, DEFAULTS).items()}

    assert dims["opened"] == dims_of((None, "chat", *[None] * 5), None)
    assert facts[0].at > BEGIN


@pytest.mark.parametrize(
    ("facts", "reports"),
    [
        pytest.param([created("09:00", tags_added=("bug", "vip"))], 1, id="tagged when it was created"),
        pytest.param([created("09:00"), tagged("10:00", tags_added=("bug_report",))], 1, id="tagged later"),
        pytest.param(
            [created("09:00", tags_added=("bug",)), tagged("10:00", tags_removed=("bug",))], 0, id="no longer tagged"
        ),
        pytest.param([created("09:00", category="bug")], 1, id="its category says so"),
        pytest.param([created("09:00"), customer("10:00", category="bug")], 1, id="its category came later"),
        pytest.param([created("09:00", tags_added=("bug",)), told("ticket.merged", "10:00")], 0, id="merged away"),
        pytest.param([tagged("10:00", tags_added=("bug",))], 0, id="not created here, as far as is known"),
    ],
)
def test_a_bug_report_is_what_is_marked_as_one_now(facts: list[Fact], reports: int) -> None:
    tallies = measure(facts, DEFAULTS)

    assert total(tallies, "bug_reports") == (reports, 0)
    assert total(tallies, "feature_requests") == (0, 0)


def test_of_two_answers_at_one_instant_the_one_that_ended_the_wait_says_how_good_it_was() -> None:
    facts = [
        created("09:00", created_by="agent"),
        answer("10:00", event_id="a", content_flags=("template",)),
        customer("10:00", event_id="b"),
        answer("10:00", event_id="c", content_flags=("actionable",)),
    ]

    tallies = measure(facts, DEFAULTS)

    assert total(tallies, "first_response.actionable") == (1, 0)
    assert total(tallies, "first_response.template") == (0, 0)


def test_a_breach_stays_in_the_queue_in_which_it_happened() -> None:
    promised = rules(sla(promise({"first_response": 3600})))
    story = [created("09:00", queue="a"), note("10:30")]

    before = measure(story, promised)
    after = measure([*story, assigned("12:00", queue="b")], promised)

    breaches = [
        {entry: n for entry, n in one.items() if entry[0] == "sla_breached.first_response"} for one in (before, after)
    ]
    assert breaches[0] == breaches[1]
    ((_, _, dims, _),) = breaches[0]
    assert dims[0] == "a"


def test_a_conversation_of_thousands_of_turns_is_told_in_a_moment() -> None:
    """A mail loop: the work must not grow with the square of its length. Counted in calls, not in time."""
    promised = rules(sla(promise({"next_response": 60})))
    asked = 0

    class Counting(Clock):
        def notice_breach(self, at: Millis, assignee: Assignee) -> None:
            nonlocal asked
            asked += 1
            super().notice(at, assignee)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.core.promises.Clock", Counting)
        turns = [
            reply(f"{9 + n // 60}:{n % 60:02}:{s}") for n in range(500) for s, reply in ((10, customer), (20, answer))
        ]
        measure([created("08:00"), answer("08:30"), *turns], promised)

    assert asked < 10 * len(turns)
