"""The lines that clocks cross, by hand; and that they say the same as a reading of the clock, as time goes on."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Fact, Millis
from services.core.measure import told
from services.core.signals import Line, key, lines
from services.core.sla import Clock, reading
from services.core.tally import HOUR_MS
from services.core.ticket import Ticket, replay
from services.core.timeline import WAIT_INHERITED, absorb
from tests.core import stories
from tests.core.promised import a_policy, told_tickets
from tests.core.stories import (
    LATER,
    OFFICE,
    answer,
    at,
    becomes,
    created,
    merged,
    note,
    prioritised,
    promise,
    reopened,
    rules,
    sla,
    solved,
    ticket,
)

HOUR = 3600
FIRST = sla(promise({"first_response": HOUR}))
RESOLUTION = sla(promise({"resolution": 4 * HOUR}))
BY_PRIORITY = sla(promise({"normal": {"first_response": HOUR}, "low": {"first_response": 4 * HOUR}}))
TIGHTER = sla(promise({"normal": {"first_response": 2 * HOUR}, "urgent": {"first_response": HOUR}}))
BUSINESS = {"calendars": {"default": OFFICE}} | sla(promise({"first_response": HOUR}, hours="business"))


def clock_of(moment: Millis) -> str:
    """`Mon 09:30:00.000`."""
    days, rest = divmod(moment - at("00:00"), 24 * HOUR_MS)
    hours, rest = divmod(rest, HOUR_MS)
    minutes, rest = divmod(rest, 60_000)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[days]
    return f"{day} {hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"


def drawn(facts: list[Fact], config: dict[str, Any], as_of: str = LATER) -> list[tuple[str, str]]:
    """The lines: when, and which."""
    found = lines(ticket(facts, config, as_of))
    return [(clock_of(line.at), f"{line.metric}/{line.kind}/{line.number}") for line in found]


def first(kind: str, number: int = 0) -> str:
    return f"first_response/{kind}/{number}"


def resolution(kind: str, number: int = 0) -> str:
    return f"resolution/{kind}/{number}"


AT_RISK_AND_BREACHED = [("Mon 09:48:00.000", first("at_risk")), ("Mon 10:00:00.001", first("breached"))]


@pytest.mark.parametrize(
    ("facts", "config", "expected"),
    [
        pytest.param([created("09:00")], {}, [], id="nothing promised"),
        pytest.param([created("09:00")], FIRST, AT_RISK_AND_BREACHED, id="still ahead, or passed with nobody there"),
        pytest.param([created("09:00"), note("10:30")], FIRST, AT_RISK_AND_BREACHED, id="passed"),
        pytest.param([created("09:00"), answer("09:30")], FIRST, [], id="answered before: none"),
        pytest.param(
            [created("09:00"), answer("09:50")],
            FIRST,
            [("Mon 09:48:00.000", first("at_risk"))],
            id="answered in time: that it was at risk remains",
        ),
        pytest.param([created("09:00"), answer("09:48")], FIRST, [], id="answered just then"),
        pytest.param(
            [created("09:00"), answer("10:00")],
            FIRST,
            [("Mon 09:48:00.000", first("at_risk"))],
            id="answered on the line",
        ),
        pytest.param(
            [created("09:00"), answer("11:00")],
            FIRST,
            [*AT_RISK_AND_BREACHED, ("Mon 11:00:00.000", first("met_late"))],
            id="answered too late",
        ),
        pytest.param([created("09:00"), merged("09:30")], FIRST, [], id="merged away: nothing ahead"),
        pytest.param(
            [created("09:00"), merged("09:50")],
            FIRST,
            [("Mon 09:48:00.000", first("at_risk"))],
            id="merged away: what was true before remains",
        ),
        pytest.param([created("09:00"), merged("10:30")], FIRST, AT_RISK_AND_BREACHED, id="a breach as well"),
        pytest.param(
            [created("09:00"), answer("11:00"), merged("12:00")],
            FIRST,
            [*AT_RISK_AND_BREACHED, ("Mon 11:00:00.000", first("met_late"))],
            id="and that it was met late",
        ),
        # pauses and reopenings
        pytest.param([created("09:00"), becomes("pending", "10:00")], RESOLUTION, [], id="standing still"),
        pytest.param(
            [created("09:00"), becomes("pending", "12:30"), becomes("open", "14:00")],
            RESOLUTION,
            [("Mon 12:12:00.000", resolution("at_risk")), ("Mon 14:30:00.001", resolution("breached"))],
            id="at risk once, however often it stood still",
        ),
        pytest.param(
            [created("09:00"), becomes("pending", "12:12"), becomes("open", "14:00")],
            RESOLUTION,
            [("Mon 14:00:00.000", resolution("at_risk")), ("Mon 14:48:00.001", resolution("breached"))],
            id="stopped when it would have been at risk: as soon as it goes on",
        ),
        pytest.param(
            [created("09:00"), solved("14:00"), reopened("15:00"), solved("16:00")],
            RESOLUTION,
            [
                ("Mon 12:12:00.000", resolution("at_risk")),
                ("Mon 13:00:00.001", resolution("breached")),
                ("Mon 14:00:00.000", resolution("met_late")),
                ("Mon 16:00:00.000", resolution("met_late", 1)),
            ],
            id="met late each time",
        ),
        pytest.param(
            [created("09:00"), solved("10:00"), reopened("15:00")],
            sla(promise({"resolution": 8 * HOUR}), time_while_solved="counts", at_risk_ratio=0.5),
            [("Mon 15:00:00.000", resolution("at_risk")), ("Mon 17:00:00.001", resolution("breached"))],
            id="time while solved: at risk by the reopening, not before",
        ),
        pytest.param(
            [created("09:00"), solved("10:00"), reopened("15:00")],
            sla(promise({"resolution": 4 * HOUR}), time_while_solved="counts"),
            [("Mon 15:00:00.000", resolution("breached"))],
            id="time while solved: breached by the reopening, at once",
        ),
        pytest.param(
            [created("09:00"), solved("14:00"), reopened("15:00")],
            sla(promise({"resolution": 4 * HOUR}), reopen="restart"),
            [
                ("Mon 12:12:00.000", resolution("at_risk")),
                ("Mon 13:00:00.001", resolution("breached")),
                ("Mon 14:00:00.000", resolution("met_late")),
                ("Mon 18:12:00.000", resolution("at_risk")),
                ("Mon 19:00:00.001", resolution("breached")),
            ],
            id="a clock that restarts has lines of its own",
        ),
        pytest.param(
            [created("09:00"), solved("09:50"), reopened("11:00"), answer("11:30")],
            FIRST,
            [("Mon 09:48:00.000", first("at_risk"))],
            id="a first response that begins anew leaves what was true of the one before",
        ),
        # the target changes
        pytest.param(
            [created("09:00"), prioritised("low", "09:50")],
            BY_PRIORITY,
            [
                ("Mon 09:48:00.000", first("at_risk")),
                ("Mon 12:12:00.000", first("at_risk", 1)),
                ("Mon 13:00:00.001", first("breached")),
            ],
            id="a larger target: at risk again, later",
        ),
        pytest.param(
            [created("09:00"), prioritised("low", "09:30")],
            BY_PRIORITY,
            [("Mon 12:12:00.000", first("at_risk")), ("Mon 13:00:00.001", first("breached"))],
            id="a larger target before it was at risk: once",
        ),
        pytest.param(
            [created("09:00"), prioritised("urgent", "09:30")],
            TIGHTER,
            AT_RISK_AND_BREACHED,
            id="a smaller target: earlier",
        ),
        pytest.param(
            [created("09:00"), prioritised("urgent", "09:50")],
            TIGHTER,
            [("Mon 09:50:00.000", first("at_risk")), ("Mon 10:00:00.001", first("breached"))],
            id="a smaller target: at risk by the change, not before",
        ),
        pytest.param(
            [created("09:00"), prioritised("urgent", "09:50"), answer("09:55")],
            TIGHTER,
            [("Mon 09:50:00.000", first("at_risk"))],
            id="and it remains so when it is answered",
        ),
        pytest.param(
            [created("09:00"), prioritised("urgent", "10:10")],
            TIGHTER,
            [("Mon 10:10:00.000", first("breached"))],
            id="a target smaller than what is used: breached at the change",
        ),
        pytest.param(
            [created("09:00"), prioritised("high", "09:50")],
            BY_PRIORITY,
            [("Mon 09:48:00.000", first("at_risk"))],
            id="nothing promised any more: nothing ahead",
        ),
        pytest.param(
            [created("09:00"), note("10:30"), prioritised("low", "10:40")],
            BY_PRIORITY,
            AT_RISK_AND_BREACHED,
            id="a breach stays, whatever is promised then",
        ),
        # opening hours
        pytest.param(
            [created("16:00")],
            BUSINESS,
            [("Mon 16:48:00.000", first("at_risk")), ("Tue 09:00:00.001", first("breached"))],
            id="a deadline at closing time holds all night",
        ),
        pytest.param(
            [created("16:00"), answer("Tue 10:00")],
            BUSINESS,
            [
                ("Mon 16:48:00.000", first("at_risk")),
                ("Tue 09:00:00.001", first("breached")),
                ("Tue 10:00:00.000", first("met_late")),
            ],
            id="and is told of at the opening",
        ),
        pytest.param(
            [created("16:00"), answer("20:00")],
            BUSINESS,
            [("Mon 16:48:00.000", first("at_risk"))],
            id="an answer at night is in time",
        ),
        pytest.param(
            [created("09:00")],
            {"calendars": {"default": {"timezone": "UTC", "weekly": {}}}}
            | sla(promise({"first_response": HOUR}, hours="business")),
            [],
            id="never open: none",
        ),
    ],
)
def test_the_lines_of_a_ticket(facts: list[Fact], config: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert drawn(facts, config) == expected


def test_a_line_says_what_was_promised_and_when_it_came_true() -> None:
    promised = ("std", HOUR * 1000, at("17:00"))

    (at_risk, breached) = lines(ticket([created("16:00")], BUSINESS))

    assert at_risk == Line(at("16:48"), "at_risk", "first_response", at("16:00"), 0, at("16:48"), *promised)
    assert breached == Line(at("Tue 09:00") + 1, "breached", "first_response", at("16:00"), 0, at("17:00"), *promised)
    assert key(breached) == f"first_response@{at('16:00')}/breached/0"


def test_a_ticket_that_is_deleted_is_owed_nothing_any_more() -> None:
    facts = [created("09:00"), stories.told("ticket.deleted", "09:50")]

    assert [line.kind for line in told(absorb([], facts), rules(FIRST)).lines] == ["at_risk"]


def test_only_tickets_have_lines() -> None:
    asked = stories.told("survey.answered", "09:00", ticket_id=None, requester_id="R1", entity="R1")

    assert told([asked], rules(FIRST)).lines == ()
    assert len(told([created("09:00")], rules(FIRST)).lines) == 2


def keys(facts: list[Fact], config: dict[str, Any], as_of: str = LATER) -> list[str]:
    return [key(line) for line in lines(ticket(facts, config, as_of))]


def test_a_line_that_moves_is_the_same() -> None:
    facts = [created("09:00"), becomes("pending", "10:00"), becomes("open", "15:00")]

    before, after = drawn(facts[:1], RESOLUTION), drawn(facts, RESOLUTION)

    assert [when for when, _ in before] == ["Mon 12:12:00.000", "Mon 13:00:00.001"]
    assert [when for when, _ in after] == ["Mon 17:12:00.000", "Mon 18:00:00.001"]
    assert keys(facts[:1], RESOLUTION) == keys(facts, RESOLUTION)


@pytest.mark.parametrize(
    ("late", "taken_back"),
    [
        pytest.param(answer("09:30"), ["at_risk", "breached", "met_late"], id="answered in time after all"),
        pytest.param(answer("09:50"), ["breached", "met_late"], id="though at risk"),
        pytest.param(answer("10:15"), [], id="late all the same"),
        pytest.param(prioritised("low", "09:30"), ["at_risk", "breached", "met_late"], id="more time after all"),
        pytest.param(prioritised("low", "10:15"), [], id="not once it was breached"),
        pytest.param(note("09:30"), [], id="nothing to do with it"),
    ],
)
def test_what_a_late_event_takes_back(late: Fact, taken_back: list[str]) -> None:
    before = [created("09:00"), answer("11:00")]

    lost = set(keys(before, BY_PRIORITY)) - set(keys([*before, late], BY_PRIORITY))

    assert sorted(name.split("/")[1] for name in lost) == taken_back


def test_two_clocks_that_started_at_one_instant_have_lines_of_their_own() -> None:
    """A ticket of the same instant is merged in: the wait that began anew counts from where the first one did."""
    inherited = stories.told(WAIT_INHERITED, "12:30", created_at=at("09:00"))
    timeline = absorb([], [created("09:00"), solved("10:30"), reopened("12:00"), inherited, answer("13:00")])

    found = replay(timeline, rules(FIRST))

    assert found is not None
    names = [key(line) for line in lines(found)]
    assert len(names) == len(set(names)) == 6


@given(told_tickets, a_policy)
@settings(max_examples=25, deadline=None)
def test_lines_are_in_order_apart_from_each_other_and_never_before_their_clock(
    facts: list[Fact], config: dict[str, Any]
) -> None:
    found = replay(absorb([], facts), rules(config))
    drawn_lines = [] if found is None else lines(found)

    assert len({key(line) for line in drawn_lines}) == len(drawn_lines)
    for line in drawn_lines:
        assert line.started_at <= line.true_at <= line.at
    for earlier, later in pairwise(drawn_lines):
        assert earlier.at <= later.at


@given(told_tickets, a_policy, st.lists(st.integers(0, 400 * HOUR_MS), max_size=4))
@settings(max_examples=35, deadline=None)
def test_as_time_goes_on_a_clock_reads_as_its_lines_say(
    facts: list[Fact], config: dict[str, Any], later: list[Millis]
) -> None:
    found = replay(absorb([], facts), rules(config))
    if found is None:
        return
    crossings = {line.at + beside for line in lines(found) for beside in (-1, 0, 1)}
    asked = {moment for moment in crossings if moment >= found.last_at} | {found.last_at + after for after in later}
    begun = Counter((clock.metric, clock.started_at) for clock in found.promises.ever)
    for clock in found.promises.ever:
        name = (clock.metric, clock.started_at)
        own = [line for line in lines(found) if (line.metric, line.started_at) == name]
        if clock.running_since is not None and clock.target is not None and begun[name] == 1:
            for moment in asked:
                _assert_reads_as(found, clock, own, moment)


def _assert_reads_as(found: Ticket, clock: Clock, own: list[Line], moment: Millis) -> None:
    read = reading(clock, moment, found.assignee_at)
    crossed = [line for line in own if line.at <= moment]
    at_risk = max((line.number for line in own if line.kind == "at_risk"), default=None)
    breaches = [line for line in crossed if line.kind == "breached"]

    assert read is not None
    assert (read.state == "breached") == bool(breaches)
    assert read.breached_at == (breaches[0].true_at if breaches else None)
    newest = [line for line in crossed if line.kind == "at_risk" and line.number == at_risk]
    assert read.at_risk == (bool(newest) and not breaches)


@given(told_tickets, a_policy, st.integers(0, 90 * HOUR_MS))
@settings(max_examples=25, deadline=None)
def test_what_lies_behind_stays_as_more_happens(facts: list[Fact], config: dict[str, Any], until: Millis) -> None:
    """Events in their order take back no line that was crossed before them, and move none but into a later target.
    Breaches that another promise takes back are the exception that a policy can ask for."""
    timeline = absorb([], facts)
    moment = timeline[0].at + until
    before, after = [fact for fact in timeline if fact.at < moment], timeline
    known, then = (replay(part, rules(config)) for part in (before, after))
    if known is None or then is None or any(fact.type == WAIT_INHERITED for fact in after):
        return

    kinds = {"at_risk", "breached", "met_late"} if config["sla"]["breach_stands"] else {"at_risk"}
    behind = {(key(line), line.at, line.true_at) for line in lines(known) if line.at < moment and line.kind in kinds}

    if known.opened_at == then.opened_at:
        assert behind <= {(key(line), line.at, line.true_at) for line in lines(then)}
