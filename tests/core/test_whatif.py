"""Promises under two policies: what differs, and that it is counted where the figures count it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Fact, Millis
from schemas.topics import TICKETS
from services.board.answers import Steps
from services.board.whatif import counted_in, scope_of
from services.board.windows import Period, Stretch, Window
from services.core.exchange import exchanged
from services.core.rules import Rules
from services.core.tally import CLOCKS, HOUR_MS, MINUTE_MS
from services.core.timeline import absorb
from services.core.whatif import (
    Counted,
    Difference,
    Outcome,
    Scope,
    compared,
    counted,
    difference_figures,
    differences,
    outcomes,
)
from tests.board.written import columns_of, together
from tests.core.histories import BEGIN, END
from tests.core.stories import (
    OFFICE,
    answer,
    assigned,
    at,
    becomes,
    created,
    escalated,
    merged,
    of,
    promise,
    reopened,
    rules,
    sla,
    solved,
)
from tests.core.worlds import worlds


def promised(seconds: int, **fields: Any) -> dict[str, Any]:
    """Every clock promises the same, whatever the priority."""
    return promise({"any": dict.fromkeys(CLOCKS, seconds)}, **fields)


SHORT, LONG = rules(sla(promised(1800))), rules(sla(promised(6 * 3600)))
OTHERWISE = rules(
    sla(
        promised(3600, id="a", match={"queue": "a"}, order=1, hours="business"),
        promise({"urgent": {"first_response": 600, "resolution": 7200}}, id="urgent", order=2),
        reopen="restart",
        deadline_at_closing="closing_final",
    )
    | {"calendars": {"default": OFFICE}}
)
POLICIES = (SHORT, LONG, OTHERWISE)
WHOLE = Period(BEGIN - 400 * HOUR_MS, END + 400 * HOUR_MS)


def scope(now: Millis, period: Period = WHOLE, queues: Sequence[str | None] = ()) -> Scope:
    its = Window("", (Stretch(period, period),))
    return scope_of(its, {"queue": queues} if queues else {}, SHORT, now)


def story(*facts: Fact) -> list[Fact]:
    return absorb([], facts)


def found(facts: Sequence[Fact], one: Rules, other: Rules, its: Scope) -> list[Difference]:
    return list(differences("T1", outcomes(facts, one, its.now), outcomes(facts, other, its.now), its))


ANSWERED_LATE = story(created("09:00", queue="a"), answer("10:00"), solved("11:00"))


def test_a_clock_that_is_breached_under_one_policy_alone() -> None:
    first, resolution, *_ = found(ANSWERED_LATE, LONG, SHORT, scope(at("12:00")))

    assert difference_figures(first) == {
        "ticket": "T1",
        "clock": "first_response",
        "started_at": "2026-03-02T09:00:00Z",
        "at": "2026-03-02T09:30:00Z",
        "breached_under": "against",
        "policy": {"state": "met", "at": "2026-03-02T10:00:00Z", "policy": "std", "target_seconds": 21600},
        "against": {"state": "breached", "at": "2026-03-02T09:30:00Z", "policy": "std", "target_seconds": 1800},
    }
    assert (resolution.breached_under, resolution.at) == ("against", at("09:30"))
    assert {each.breached_under for each in found(ANSWERED_LATE, SHORT, LONG, scope(at("12:00")))} == {"policy"}


def test_a_deadline_that_passes_is_a_breach_though_nothing_has_happened_since() -> None:
    facts = story(created("09:00"))

    assert found(facts, LONG, SHORT, scope(at("09:30"))) == []
    first, *_ = found(facts, LONG, SHORT, scope(at("09:30") + 1))
    assert first.against is not None
    assert first.policy is not None
    assert (first.at, first.against.state, first.against.at) == (at("09:30"), "breached", at("09:30"))
    assert (first.policy.state, first.policy.at) == ("running", at("15:00"))


def test_what_no_policy_promises_and_what_only_one_has_a_clock_for() -> None:
    nothing = rules(sla(promise({"resolution": 24 * 3600})))
    facts = story(created("09:00"), answer("09:10"), escalated("09:20"), answer("10:00"))

    different = found(facts, nothing, SHORT, scope(at("10:00")))
    by_clock = {each.against.identity.metric: each for each in different if each.against is not None}

    assert by_clock["escalation_response"].policy is None
    resolution = by_clock["resolution"].policy
    assert resolution is not None
    assert (resolution.state, resolution.target_ms) == ("running", 24 * 3600_000)
    first = outcomes(facts, nothing, at("10:00"))[0]
    assert (first.state, first.policy, first.tallies) == ("unpromised", None, {})


def test_a_clock_that_another_policy_starts_again_is_a_clock_of_its_own() -> None:
    resumed = rules(sla(promise({"resolution": 4 * 3600})))
    restarted = rules(sla(promise({"resolution": 4 * 3600}), reopen="restart"))
    facts = story(created("09:00"), solved("12:00"), reopened("13:00"), solved("16:00"))

    [only] = found(facts, resumed, restarted, scope(at("17:00")))

    assert (only.breached_under, only.at) == ("policy", at("14:00"))
    assert only.against is not None
    assert (only.against.state, only.against.at) == ("met", at("12:00"))
    told = outcomes(facts, restarted, at("17:00"))
    assert [each.started_at for each in told if each.identity.metric == "resolution"] == [at("09:00"), at("13:00")]


def test_a_breach_in_another_window_or_of_another_queue_differs_too() -> None:
    facts = story(created("09:00", queue="a"), assigned("09:45", queue="b"), answer("16:00"))
    an_hour = rules(sla(promise({"first_response": 3600})))
    half = rules(sla(promise({"first_response": 1800})))

    assert found(facts, half, an_hour, scope(at("17:00"))) == []
    [in_b] = found(facts, half, an_hour, scope(at("17:00"), queues=["b"]))
    assert (in_b.breached_under, in_b.at) == ("against", at("10:00"))
    [early] = found(facts, half, an_hour, scope(at("17:00"), Period(at("09:00"), at("09:50"))))
    assert (early.breached_under, early.at) == ("policy", at("09:30"))


def test_a_cancelled_clock_is_nobodys_breach() -> None:
    facts = story(created("09:00"), merged("11:00"))

    assert {each.state for each in outcomes(facts, SHORT, at("12:00"))} == {"cancelled"}
    assert found(facts, LONG, SHORT, scope(at("12:00"))) == []


def test_the_counts_and_what_is_told_of_them() -> None:
    facts = [
        *of("T1", created("09:00", queue="a"), answer("09:10"), solved("09:20")),
        *of("T2", created("09:00", queue="a")),
        *of("T3", created("09:00"), becomes("pending", "09:05")),
    ]
    policies = [rules(sla(promise({"first_response": within}))) for within in (7200, 3600)]
    now, its = at("10:45"), scope(at("10:45"))

    both = [
        counted((each for name in ("T1", "T2", "T3") for each in outcomes(_of(facts, name), its_rules, now)), its)
        for its_rules in policies
    ]
    document = compared(*both)

    [first] = document["clocks"]
    assert first["clock"] == "first_response"
    nothing = {"attainment": None, "met": 0, "breached": 0, "running": 0, "at_risk": 0, "overdue": 0, "paused": 0}
    assert document["in_all"]["policy"] == nothing | {"attainment": 1, "met": 1, "running": 2, "at_risk": 2}
    assert document["in_all"]["against"] == nothing | {"attainment": 1 / 3, "met": 1, "breached": 2, "overdue": 2}
    assert [each["queue"] for each in first["queues"]] == ["a", None]
    assert first["queues"][1]["against"] == nothing | {"attainment": 0, "breached": 1, "overdue": 1}


def _of(facts: Sequence[Fact], name: str) -> list[Fact]:
    return absorb([], [fact for fact in facts if fact.entity == name])


def finished(steps: Steps[Counted]) -> Counted:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast(Counted, end.value)


a_moment = st.integers(BEGIN // MINUTE_MS, (END + 100 * HOUR_MS) // MINUTE_MS).map(lambda minute: minute * MINUTE_MS)

some_policies = st.tuples(st.sampled_from(POLICIES), st.sampled_from(POLICIES))


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(
    facts=worlds(),
    policy=st.sampled_from(POLICIES),
    now=a_moment,
    edges=st.tuples(a_moment, a_moment),
    queues=st.sampled_from([(), ("a",), ("b", None)]),
)
def test_the_counts_are_those_of_the_cells(
    facts: Sequence[Fact], policy: Rules, now: Millis, edges: tuple[Millis, Millis], queues: Sequence[str | None]
) -> None:
    known = [fact for fact in facts if fact.at <= now]
    entities = exchanged(known, policy)
    period = Period(min(edges), max(edges))
    its = Window("", (Stretch(period, period),))
    filters = {"queue": queues} if queues else {}
    columns = columns_of(together(*(entity.told.tallies for entity in entities.values())))

    from_cells = finished(counted_in(columns, policy, its, filters, now))
    from_outcomes = counted(
        (
            outcome
            for (stream, _), entity in entities.items()
            if stream == TICKETS.stream
            for outcome in outcomes(entity.timeline, policy, now)
        ),
        scope_of(its, filters, policy, now),
    )

    assert +from_cells == +from_outcomes


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(facts=worlds(), pair=some_policies, now=a_moment, edges=st.tuples(a_moment, a_moment))
def test_what_differs_is_the_difference_of_the_counts(
    facts: Sequence[Fact], pair: tuple[Rules, Rules], now: Millis, edges: tuple[Millis, Millis]
) -> None:
    its = scope(now, Period(min(edges), max(edges)), ["a"])
    breached: list[int] = [0, 0]
    alone: Counter[str] = Counter()
    for name in ("T1", "T2", "T3"):
        timeline = [fact for fact in _of(facts, name) if fact.at <= now]
        ours, theirs = (outcomes(timeline, each, now) for each in pair)
        for place, side in enumerate((ours, theirs)):
            breached[place] += sum(count for (_, _, what), count in counted(side, its).items() if what == "breached")
        alone.update(each.breached_under for each in differences(name, ours, theirs, its))

    assert breached[1] - breached[0] == alone["against"] - alone["policy"]
    if pair[0] is pair[1]:
        assert not alone


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(facts=worlds(), now=a_moment)
def test_no_clock_comes_or_goes_with_a_target(facts: Sequence[Fact], now: Millis) -> None:
    for name in ("T1", "T2", "T3"):
        timeline = [fact for fact in _of(facts, name) if fact.at <= now]
        short, long = (outcomes(timeline, each, now) for each in (SHORT, LONG))

        assert [each.identity for each in short] == [each.identity for each in long]
        assert sum(map(_told, short)) == sum(map(_told, long))
        assert {each.identity for each in short if each.state == "met"} <= {
            each.identity for each in long if each.state == "met"
        }


def _told(outcome: Outcome) -> int:
    return outcome.state in ("met", "breached", "running", "paused")
