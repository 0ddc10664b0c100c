"""The tickets that are listed add up to the figure that they stand behind."""

from collections.abc import Mapping, Sequence
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codec import Fact, Millis
from services.board.columns import Columns
from services.board.hours import Search, search
from services.board.tickets import Found, chosen, measured
from services.board.wanted import STATES, list_question
from services.core.exchange import Entity, exchanged
from services.core.explanation.words import OF_TICKETS
from services.core.rules import Rules
from services.core.tally import (
    CLOCKS,
    DAY,
    HOUR,
    HOUR_MS,
    KEPT_MS,
    MEASURES,
    MINUTE,
    MINUTE_MS,
    Cells,
    Kind,
    Tallies,
    spread,
)
from services.core.timeline import Name
from tests.board.written import columns_of
from tests.core.histories import BEGIN, END, agent_histories, ticket_histories
from tests.core.stories import OFFICE, answer, at, becomes, created, of, promise, rules, sla, solved
from tests.core.test_measure import some_rules

FLOWS = sorted(measure for measure in OF_TICKETS - {"nps"} if MEASURES[measure] is Kind.FLOW)
QUEUES = st.sampled_from([(), (("queue", "a"),), (("queue", "a"), ("queue", "")), (("queue", "b"), ("agent", "A1"))])


def with_requester(facts: Sequence[Fact], requester_id: str | None) -> list[Fact]:
    return [
        replace(fact, requester_id=requester_id, category="c") if fact.type.startswith("ticket.") else fact
        for fact in facts
    ]


@st.composite
def centres(draw: st.DrawFn) -> list[Fact]:
    """Some tickets, of one requester or of nobody, and perhaps an agent."""
    a_requester = st.sampled_from(["R1", "R1", None])
    parts = [with_requester(draw(ticket_histories(key, most=6)), draw(a_requester)) for key in ("T1", "T2", "T3")]
    return list(chain.from_iterable([*parts, draw(st.one_of(st.just([]), agent_histories(most=5)))]))


def cells_of(entities: Mapping[Name, Entity]) -> Cells:
    cells: Cells = {}
    for entity in entities.values():
        spread(entity.told.tallies, cells)
    return cells


def listed(found: Search, entities: Mapping[Name, Entity], its: Rules) -> list[Found]:
    timelines = {key: entity.timeline for (stream, key), entity in entities.items() if stream == "tickets"}
    requesters = {key: entity.timeline for (stream, key), entity in entities.items() if stream == "requesters"}
    asked = requesters if found.choice.wanted.through_requesters else {}
    tallies = measured(timelines, asked, its)
    return [row for hour in found.hours for row in chosen(tallies, found.choice, hour)]


def in_cells(cells: Cells, measure: str, begins: Millis, ends: Millis, words: Sequence[tuple[str, str]]) -> int:
    """The count in minutes that lie in a window, added up plainly."""
    queues = {value or None for name, value in words if name == "queue"}
    agents = {value or None for name, value in words if name == "agent"}
    return sum(
        count
        for (grain, bucket, dims, name, _), (count, _) in cells.items()
        if (grain, name) == (MINUTE, measure)
        and begins <= bucket * MINUTE_MS < ends
        and (not queues or dims[0] in queues)
        and (not agents or dims[7] in agents)
    )


@given(
    centres(), some_rules, st.sampled_from(FLOWS), st.sampled_from(["15m", "1h", "24h", "7d"]), QUEUES,
    st.integers(BEGIN, END),
)  # fmt: skip
def test_what_happened_in_a_window(
    facts: list[Fact], its: Rules, measure: str, window: str, cut: tuple[tuple[str, str], ...], now: Millis
) -> None:
    entities = exchanged(facts, its)
    cells = cells_of(entities)
    asked = list_question([("measure", measure), ("window", window), *cut], its.policy)

    found = search(asked, Columns.of(cells), its, now)
    rows = listed(found, entities, its)

    assert found.period is not None
    expected = in_cells(cells, measure, found.period.begins, found.period.ends, cut)
    assert sum(row.tally[0] for row in rows) == expected
    assert found.total == expected
    assert list(found.hours) == sorted(found.hours, reverse=True)


def standing_now(tallies: Tallies, state: str, now: Millis, statuses: Sequence[str]) -> int:
    """How many of a ticket's tallies are of a state, said once more and plainly."""

    def count(measure: str, begins: Millis, ends: Millis) -> int:
        return sum(n for (name, at, _, _), (n, _) in tallies.items() if name == measure and begins <= at <= ends)

    far: Millis = 2**60
    match state:
        case "open":
            return sum(count(f"opened_at.{status}", -far, now) for status in statuses)
        case "waiting":
            return count("waiting", -far, now)
        case "queueing":
            return count("offered", -far, now)
        case "running":
            return sum(count(f"due.{c}", now, far) for c in CLOCKS)
        case "paused":
            return sum(count(f"paused.{c}", -far, now) for c in CLOCKS)
        case "at_risk":
            return sum(count(f"due.{c}", now, far) * bool(count(f"at_risk_from.{c}", -far, now)) for c in CLOCKS)
    return sum(count(f"due.{c}", -far, now - 1) + count(f"overdue.{c}", -far, now) for c in CLOCKS)


@given(centres(), some_rules, st.sampled_from(STATES), st.integers(BEGIN, END + 48 * HOUR_MS))
def test_what_stands_now(facts: list[Fact], its: Rules, state: str, now: Millis) -> None:
    entities = exchanged(facts, its)
    found = search(list_question([("state", state)], its.policy), Columns.of(cells_of(entities)), its, now)
    rows = listed(found, entities, its)

    expected = sum(
        standing_now(entity.told.tallies, state, now, its.policy.backlog.statuses)
        for (stream, _), entity in entities.items()
        if stream == "tickets"
    )
    assert sum(row.tally[0] for row in rows) == expected
    assert found.total == expected
    assert list(found.hours) == sorted(found.hours)


def test_a_promise_that_passed_without_an_event_is_among_the_broken_ones() -> None:
    its = rules(sla(promise({"resolution": 3600})))
    entities = exchanged([created("09:00"), *of("T2", created("09:30")), *of("T3", created("10:30"))], its)
    asked = list_question([("kpi", "sla_attainment_resolution")], its.policy)

    found = search(asked, Columns.of(cells_of(entities)), its, BEGIN + 3 * HOUR_MS)  # 11:00

    rows = listed(found, entities, its)
    assert sorted((row.ticket, row.entry[0]) for row in rows) == [("T1", "due.resolution"), ("T2", "due.resolution")]
    assert found.total == 2


def found_for(asked: str, facts: Sequence[Fact], its: Rules, now: Millis) -> tuple[list[tuple[str, str]], int]:
    """(ticket, measure) of each row, and the figure, of a request of one word."""
    entities = exchanged(facts, its)
    name, _, value = asked.partition("=")
    found = search(list_question([(name, value)], its.policy), Columns.of(cells_of(entities)), its, now)
    return sorted((row.ticket, row.entry[0]) for row in listed(found, entities, its)), found.total


def test_a_promise_that_will_be_broken_before_the_minute_ends_is_not_broken_yet() -> None:
    its = rules(sla(promise({"resolution": 3600})))
    facts = [created("09:00:10"), *of("T2", created("09:00:30"))]
    first, second = ("T1", "due.resolution"), ("T2", "due.resolution")

    assert found_for("kpi=sla_attainment_resolution", facts, its, at("10:00:30")) == ([first], 1)
    assert found_for("kpi=sla_attainment_resolution", facts, its, at("10:00:30") + 1) == ([first, second], 2)


def test_what_is_overdue_is_not_at_risk_any_more_and_what_is_at_risk_still_runs() -> None:
    its = rules(sla(promise({"resolution": 3600})))
    facts = [created("09:00"), *of("T2", created("09:30")), *of("T3", created("10:10"))]
    first, second, third = ((ticket, "due.resolution") for ticket in ("T1", "T2", "T3"))

    assert found_for("state=running", facts, its, at("10:20")) == ([second, third], 2)
    assert found_for("state=at_risk", facts, its, at("10:20")) == ([second], 1)
    assert found_for("state=overdue", facts, its, at("10:20")) == ([first], 1)


def test_a_clock_runs_up_to_its_deadline_and_is_overdue_after_it() -> None:
    its = rules(sla(promise({"resolution": 3600})))
    row = [("T1", "due.resolution")]

    for now, running, overdue in ((at("10:00"), row, []), (at("10:00") + 1, [], row)):
        assert found_for("state=running", [created("09:00")], its, now) == (running, len(running))
        assert found_for("state=overdue", [created("09:00")], its, now) == (overdue, len(overdue))


def test_a_clock_that_stands_still_is_neither_running_nor_overdue() -> None:
    its = rules(sla(promise({"resolution": 3600}), pause={"resolution": ["pending"]}))
    facts = [created("09:00"), becomes("pending", "09:30")]
    late = [*of("T2", created("09:00"), becomes("pending", "10:30"))]

    assert found_for("state=paused", [*facts, *late], its, at("15:00")) == ([("T1", "paused.resolution")], 1)
    assert found_for("state=running", [*facts, *late], its, at("15:00")) == ([], 0)
    assert found_for("state=overdue", [*facts, *late], its, at("15:00")) == ([], 0)


def test_where_hours_are_no_longer_kept_all_hours_of_the_day_are_looked_at() -> None:
    its = rules()
    facts = [created("Mon 09:00"), *of("T2", created("Tue 10:00"))]
    entities = exchanged(facts, its)
    columns = columns_of(
        *(entity.told.tallies for entity in entities.values()), watermark=at("Tue 12:00") + KEPT_MS[HOUR]
    )
    asked = list_question([("measure", "opened"), ("window", "70d")], its.policy)

    found = search(asked, columns, its, at("Tue 12:00") + KEPT_MS[HOUR])

    assert [row.ticket for row in listed(found, entities, its)] == ["T2", "T1"]
    assert len(found.hours) == 48
    assert (found.total, found.listed_from) == (2, None)


def test_what_is_older_than_the_lists_is_said_so() -> None:
    its = rules()
    entities = exchanged([created("Mon 09:00")], its)
    now = at("Tue 12:00") + KEPT_MS[DAY]
    columns = columns_of(*(entity.told.tallies for entity in entities.values()), watermark=now)

    assert search(list_question([("state", "open")], its.policy), columns, its, now).listed_from == at("Tue 00:00")
    happened = list_question([("measure", "opened"), ("window", "400d")], its.policy)
    assert search(happened, columns, its, now).listed_from is None


def test_today_is_each_queues_own_day() -> None:
    config = {
        "calendars": {"default": OFFICE, "tokyo": OFFICE | {"timezone": "Asia/Tokyo"}},
        "queue_calendars": {"b": "tokyo"},
    }
    its = rules(config)
    early = "Mon 14:00"  # yesterday in Tokyo, when it is 16:00 in UTC
    entities = exchanged([created(early, queue="a"), *of("T2", created(early, queue="b"))], its)
    asked = list_question([("measure", "opened"), ("window", "today")], its.policy)

    found = search(asked, Columns.of(cells_of(entities)), its, BEGIN + 8 * HOUR_MS)

    assert [row.ticket for row in listed(found, entities, its)] == ["T1"]
    assert found.total == 1


def test_who_came_back_is_listed_though_the_requester_counts_it() -> None:
    its = rules()
    facts = [created("09:00"), answer("09:30"), solved("10:00"), *of("T2", created("11:00"))]
    entities = exchanged(with_requester(facts, "R1"), its)
    asked = list_question([("measure", "came_back.0")], its.policy)

    found = search(asked, Columns.of(cells_of(entities)), its, BEGIN + 8 * HOUR_MS)

    assert [(row.ticket, row.entry[0]) for row in listed(found, entities, its)] == [("T1", "came_back.0")]
    assert found.total == 1
