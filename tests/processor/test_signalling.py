"""What is announced, whatever arrives when and however often somebody else goes on: each line once while it holds."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Fact, Millis, millis
from schemas.signals import Signal, decode_signal
from services.adapters.state_layout import (
    SIGNALS,
    SignalState,
    Unsent,
    announced_field,
    unpack_announced,
    unpack_signals,
)
from services.core.announcing import Announced, signal_id
from services.core.exchange import Entity
from services.core.signals import key
from services.core.tally import DAY_MS, HOUR_MS
from services.processor.signalling import AHEAD_MS, LOOK_BACK_MS, Handover, Signalling
from tests.core.histories import BEGIN
from tests.core.promised import a_policy, told_tickets
from tests.core.stories import answer, at, created, of, promise, rules, sla, told

HOUR = 3600
FIRST = sla(promise({"first_response": HOUR}))


class Desk:
    """A shard whose store and topic are at hand."""

    def __init__(self, config: dict[str, Any], handover: Handover | None = None) -> None:
        self.rules = rules(config)
        self.entities: dict[str, Entity] = {}
        self.signals: list[Signal] = []
        self._hours: dict[int, set[str]] = {}
        self._stored: dict[bytes, bytes] = {}
        self._handover = handover
        self.signalling = self._loaded()

    def _loaded(self) -> Signalling:
        state = unpack_signals(self._stored.get(SIGNALS))
        return Signalling(self.rules, "main", state, self._handover)

    def arrive(self, facts: Sequence[Fact], now: Millis, *, live: bool = True) -> None:
        arrivals: dict[str, list[Fact]] = {}
        for fact in facts:
            arrivals.setdefault(fact.entity, []).append(fact)
        for ticket, theirs in arrivals.items():
            entity = self.entities.setdefault(ticket, Entity())
            tallies = entity.take_in(theirs, self.rules).tallies
            for hour in {moment // HOUR_MS for _, moment, _, _ in tallies} | self.signalling.hours(entity):
                self._hours.setdefault(hour, set()).add(ticket)
        if live:
            self.signalling.go_on(now)
        self.signalling.judge(self.entities, arrivals, now)
        self._write(self.signalling.fields(now))

    def look(self, now: Millis) -> None:
        self.signalling.go_on(now)
        more = True
        while more:
            self.signalling.listed(key for h in self.signalling.new_hours() for key in sorted(self._hours.get(h, ())))
            self.signalling.judge(self.entities, self.signalling.next_tickets(), now)
            self._write(self.signalling.news(now))
            more = self.signalling.more

    def _write(self, fields: dict[bytes, bytes]) -> None:
        self._stored |= fields
        self.signals += [decode_signal(unsent.value) for unsent in self.signalling.outbox]
        self.signalling.outbox.clear()

    def another_goes_on(self) -> None:
        """The worker ends; the next one knows what is stored."""
        self.signalling = self._loaded()
        self.signalling.outbox.clear()  # that they are not sent again, is shown where there is a topic
        for ticket in self.entities:
            self.signalling.recall(ticket, self.known(ticket))

    def known(self, ticket: str) -> list[Announced]:
        return unpack_announced(self._stored.get(announced_field(ticket)))

    @property
    def silent_until(self) -> Millis:
        return unpack_signals(self._stored.get(SIGNALS)).silent_until

    def told(self) -> list[str]:
        return [f"{signal.type}/{signal.metric}" for signal in self.signals]


def crossed(desk: Desk, ticket: str, upto: Millis) -> set[str]:
    """What should stand, of a desk that was never silent."""
    return {key(line) for line in desk.entities[ticket].told.lines if line.at <= upto}


@st.composite
def courses(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """What happens to a shard, step by step, as hours go by: arrivals in any order and with repeats, looks at the
    clock, times in which it is behind, and other workers that go on."""
    facts = [fact for number in (1, 2) for fact in of(f"T{number}", *draw(told_tickets))]
    facts += draw(st.lists(st.sampled_from(facts), max_size=2))
    waiting = draw(st.permutations(facts))
    steps: list[tuple[str, Any]] = []
    while waiting:
        count = draw(st.integers(1, 4))
        steps.append((draw(st.sampled_from(["live", "live", "behind"])), waiting[:count]))
        waiting = waiting[count:]
        steps += [(draw(st.sampled_from(["look", "look", "next worker", "jump"])), None)]
    return steps


@given(courses(), a_policy, st.data())
@settings(max_examples=60, deadline=None)
def test_each_line_stands_announced_once_while_it_holds(
    steps: list[tuple[str, Any]], config: dict[str, Any], data: st.DataObject
) -> None:
    desk, now = Desk(config), BEGIN - HOUR_MS
    desk.look(now)  # live before anything happens: nothing is silent
    for step, facts in steps:
        now += data.draw(st.integers(0, 4 * HOUR_MS))
        match step:
            case "live":
                desk.arrive(facts, now)
                for ticket in {fact.entity for fact in facts}:
                    assert_stands(desk, ticket, now)
            case "behind":
                desk.arrive(facts, now, live=False)
            case "next worker":
                desk.another_goes_on()
            case "jump":
                now += data.draw(st.integers(0, 20 * HOUR_MS))
        if step == "look":
            desk.look(now)
            for ticket in desk.entities:
                assert_stands(desk, ticket, now)
    desk.look(now)
    assert_is_a_story(desk)


def assert_stands(desk: Desk, ticket: str, now: Millis) -> None:
    standing = {key(each.line) for each in desk.known(ticket) if each.standing}
    silent = {key(line) for line in desk.entities[ticket].told.lines if line.at <= desk.silent_until}
    assert standing - silent == crossed(desk, ticket, now) - silent
    assert standing <= crossed(desk, ticket, now)


def assert_is_a_story(desk: Desk) -> None:
    """What was sent makes sense by itself: no id twice, nothing before its time, nothing withdrawn that did not
    stand, and in the end that stands which the store says."""
    ids = [signal.signal_id for signal in desk.signals]
    assert len(ids) == len(set(ids))
    standing: dict[str, Signal] = {}
    for signal in desk.signals:
        assert signal.occurred_at <= signal.announced_at
        if signal.type == "sla.withdrawn":
            assert standing.pop(signal.withdraws or "").type == signal.withdrawn_type
        else:
            standing[signal.signal_id] = signal
    stored = [signal_id(ticket, each) for ticket in desk.entities for each in desk.known(ticket) if each.standing]
    assert sorted(standing) == sorted(stored)


def test_a_deadline_is_told_when_its_time_has_come_and_not_again() -> None:
    desk = Desk(FIRST)
    desk.arrive(of("T1", created("09:00", queue="billing", priority="normal")), at("09:00"))

    desk.look(at("09:47:59"))
    assert desk.told() == []
    desk.look(at("09:48"))
    assert desk.told() == ["sla.at_risk/first_response"]
    desk.look(at("10:00"))
    assert len(desk.signals) == 1, "reached exactly is not a breach"
    for _ in range(3):
        desk.look(at("10:00") + 1)
    desk.another_goes_on()
    desk.look(at("10:10"))

    assert desk.told() == ["sla.at_risk/first_response", "sla.breached/first_response"]
    breach = desk.signals[1]
    assert (breach.ticket, breach.ticket_id, breach.queue, breach.status) == ("T1", "T1", "billing", "new")
    assert (millis(breach.occurred_at), breach.target_s, breach.policy) == (at("10:00"), HOUR, "std")
    assert breach.due_at is not None
    assert (millis(breach.due_at), millis(breach.announced_at)) == (at("10:00"), at("10:00") + 1)


def test_a_late_event_withdraws_and_what_becomes_true_again_has_another_id() -> None:
    desk = Desk(sla(promise({"normal": {"first_response": HOUR}, "low": {"first_response": 2 * HOUR}})))
    desk.arrive(of("T1", created("09:00")), at("09:00"))
    desk.look(at("10:05"))
    late = of("T1", created("09:00", event_id="0", priority="low"))
    desk.arrive(late, at("10:06"))
    desk.look(at("11:05"))

    assert desk.told() == [
        "sla.at_risk/first_response",
        "sla.breached/first_response",
        "sla.withdrawn/first_response",
        "sla.withdrawn/first_response",
        "sla.at_risk/first_response",
        "sla.breached/first_response",
    ]
    at_risk, breached, *withdrawn = desk.signals[:4]
    assert [signal.withdraws for signal in withdrawn] == [at_risk.signal_id, breached.signal_id]
    assert [signal.withdrawn_type for signal in withdrawn] == ["sla.at_risk", "sla.breached"]
    assert [signal.occurred_at for signal in withdrawn] == [at_risk.occurred_at, breached.occurred_at]
    assert len({signal.signal_id for signal in desk.signals}) == 6


def test_an_answer_in_time_that_comes_late_withdraws_and_one_too_late_is_met_late() -> None:
    desk = Desk(FIRST)
    desk.arrive([*of("T1", created("09:00")), *of("T2", created("09:00"))], at("09:00"))
    desk.look(at("10:01"))
    assert len(desk.signals) == 4

    desk.arrive([*of("T1", answer("09:59")), *of("T2", answer("10:01"))], at("10:02"))

    news = [(signal.ticket, signal.type, signal.withdrawn_type) for signal in desk.signals[4:]]
    assert news == [("T1", "sla.withdrawn", "sla.breached"), ("T2", "sla.met_late", None)]


def test_a_replay_pages_nobody() -> None:
    """Neither while it catches up, nor of what lies behind it when it has."""
    desk = Desk(FIRST)
    for hour, ticket in enumerate(("T1", "T2", "T3"), start=9):
        desk.arrive(of(ticket, created(f"{hour:02}:00")), at("Wed 09:00"), live=False)
    desk.arrive(of("T1", answer("11:00")), at("Wed 09:00"), live=False)
    desk.arrive(of("T4", created("Wed 08:50")), at("Wed 09:00"))
    desk.look(at("Wed 09:30"))
    assert desk.signals == []

    desk.look(at("Wed 09:40"))
    assert [(signal.ticket, signal.type) for signal in desk.signals] == [("T4", "sla.at_risk")]


def test_of_a_ticket_that_was_at_risk_before_its_breach_alone_is_told() -> None:
    desk = Desk(FIRST)
    desk.arrive(of("T1", created("09:00")), at("09:50"), live=False)
    desk.look(at("09:55"))

    desk.look(at("10:05"))

    assert desk.told() == ["sla.breached/first_response"]


def test_what_is_withdrawn_is_withdrawn_once() -> None:
    desk = Desk(FIRST)
    desk.arrive(of("T1", created("09:00")), at("09:00"))
    desk.look(at("09:50"))

    desk.arrive(of("T1", answer("09:30")), at("09:51"))
    desk.arrive(of("T1", answer("09:40")), at("09:52"))

    assert desk.told() == ["sla.at_risk/first_response", "sla.withdrawn/first_response"]


def test_a_clock_that_goes_back_takes_nothing_back() -> None:
    desk = Desk(FIRST)
    desk.arrive(of("T1", created("09:00")), at("09:00"))
    desk.look(at("09:50"))
    desk.another_goes_on()

    desk.arrive(of("T1", answer("09:49")), at("09:47"))
    desk.look(at("09:47"))

    assert desk.told() == ["sla.at_risk/first_response"]


def test_what_came_and_went_in_one_batch_while_behind_is_found_by_whoever_goes_on() -> None:
    """That it was at risk shows in no figure any more: nothing else lists it under any hour."""
    desk = Desk(sla(promise({"first_response": 4 * HOUR})))
    desk.look(at("08:00"))
    desk.arrive(of("T1", created("09:00"), told("ticket.deleted", "13:00")), at("14:00"), live=False)
    desk.another_goes_on()

    desk.look(at("14:01"))

    assert desk.told() == ["sla.at_risk/first_response"]


def test_what_becomes_true_while_behind_waits_for_the_events_that_may_undo_it() -> None:
    desk = Desk(FIRST)
    desk.arrive([*of("T1", created("09:00")), *of("T2", created("09:00"))], at("09:00"))
    desk.another_goes_on()

    desk.arrive(of("T1", answer("09:30")), at("11:00"), live=False)
    assert desk.signals == []
    desk.look(at("11:01"))

    assert [(signal.ticket, signal.type) for signal in desk.signals] == [
        ("T2", "sla.at_risk"),
        ("T2", "sla.breached"),
    ]


def test_after_more_than_a_day_away_only_the_last_day_is_told() -> None:
    desk = Desk(FIRST)
    desk.arrive([*of("T1", created("09:00")), *of("T2", created("Tue 15:00"))], at("09:00"))
    desk.another_goes_on()

    desk.look(at("10:00") + 1 + LOOK_BACK_MS)

    assert {signal.ticket for signal in desk.signals} == set()
    desk.look(at("Tue 16:30"))
    assert {signal.ticket for signal in desk.signals} == {"T2"}


@pytest.mark.parametrize(
    ("before", "tickets"),
    [
        pytest.param(SignalState(at("08:00"), at("12:00"), at("12:00")), ["T2"], id="it had told all"),
        pytest.param(SignalState(at("08:00"), at("12:00"), at("09:40")), ["T1", "T2"], id="it was behind"),
        pytest.param(SignalState(), ["T2"], id="it told nothing"),
    ],
)
def test_after_a_switch_a_state_goes_on_where_the_one_before_it_has_come_to(
    before: SignalState, tickets: list[str]
) -> None:
    switched = at("12:00")
    desk = Desk(FIRST, Handover(switched, before))
    desk.arrive([*of("T1", created("09:00")), *of("T2", created("11:30"))], at("11:59"), live=False)

    desk.another_goes_on()
    desk.look(switched + HOUR_MS)

    told = [(signal.ticket, signal.type) for signal in desk.signals]
    assert told == [(ticket, type_) for ticket in tickets for type_ in ("sla.at_risk", "sla.breached")]


def test_what_the_state_before_was_about_to_send_is_taken_over_once() -> None:
    waiting = Unsent("sig_1", "sla.withdrawn", "T9", at("11:59"), at("11:59"), b"{}")
    handover = Handover(at("12:00"), SignalState(at("08:00"), at("12:00"), at("12:00"), (waiting,), at("12:00")))
    first = Signalling(rules(FIRST), "main", SignalState(), handover)
    assert first.outbox == [waiting]
    assert first.told_since(at("12:01")) == at("11:59")
    first.go_on(at("12:01"))
    first.outbox.clear()
    stored = unpack_signals(first.fields(at("12:01"))[SIGNALS])

    assert Signalling(rules(FIRST), "main", stored, handover).outbox == []


def test_who_comes_back_goes_on_where_the_other_state_was() -> None:
    own = SignalState(at("08:00"), at("10:00"), at("10:00"), (), 0, at("07:00"))
    other = SignalState(at("10:00"), at("12:00"), at("11:50"), (), 0, at("10:00"))

    back = Signalling(rules(FIRST), "main", own, Handover(at("12:00"), other))

    back.go_on(at("12:01"))
    assert unpack_signals(back.fields(at("12:01"))[SIGNALS]).silent_until == at("11:50")


def test_the_hours_are_looked_through_once_and_ahead_of_time() -> None:
    signalling = Signalling(rules(FIRST), "main", SignalState())
    begin = at("09:00")

    signalling.go_on(begin)
    assert list(signalling.new_hours()) == [begin // HOUR_MS]
    signalling.next_tickets()
    signalling.go_on(begin + HOUR_MS - AHEAD_MS - 1)
    assert list(signalling.new_hours()) == []
    signalling.go_on(begin + HOUR_MS - AHEAD_MS)
    assert list(signalling.new_hours()) == [begin // HOUR_MS + 1]


@pytest.mark.parametrize("away", [0, HOUR_MS, DAY_MS - 1, 9 * DAY_MS], ids=["at once", "an hour", "a day", "long"])
def test_whoever_goes_on_looks_through_what_was_missed_and_no_more_than_a_day(away: Millis) -> None:
    begin = at("09:30")
    signalling = Signalling(rules(FIRST), "main", SignalState(begin - DAY_MS, begin, begin))

    signalling.go_on(begin + away)

    first, last = itertools.islice(signalling.new_hours(), 1), begin + away + AHEAD_MS
    assert list(first) == [(begin + away - min(away, LOOK_BACK_MS)) // HOUR_MS]
    assert signalling.new_hours() == range(last // HOUR_MS + 1, last // HOUR_MS + 1)
