"""What a reader makes of the cells at an instant is what the exact report says, with all that is still pending."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Fact, Millis
from services.commands.compute import Question, Window, figures
from services.core.exchange import exchanged
from services.core.rules import Rules
from services.core.schedules import Spent, schedule_figures
from services.core.service_level import Counts, abandonment_rate, service_level
from services.core.tally import ACTIVITIES, DAY_MS, DOINGS, Dims, Entry, Tally
from tests.core.busy_worlds import busy_worlds
from tests.core.histories import BEGIN, END, seconds_of
from tests.core.stories import part
from tests.core.test_every_measure import POLICIES
from tests.core.worlds import worlds

AS_OF = seconds_of(st.one_of(st.integers(BEGIN, END), st.integers(END, END + 3 * DAY_MS)))


class Read:
    """The tallies of everything known, as a reader sees them who asks for sums."""

    def __init__(self, facts: Sequence[Fact], rules: Rules) -> None:
        self.policy = rules.policy
        self._all: list[tuple[Entry, Tally]] = [
            item for entity in exchanged(facts, rules).values() for item in entity.told.tallies.items()
        ]

    def each(self, name: str) -> list[tuple[Millis, Dims, int, int, int]]:
        """(instant, dims, step, count, sum)"""
        return [(at, dims, step, *tally) for (measure, at, dims, step), tally in self._all if measure == name]

    def count(self, name: str, until: Millis | None = None, since: Millis = 0) -> int:
        return sum(count for at, _, _, count, _ in self.each(name) if since <= at and (until is None or at <= until))

    def total(self, name: str) -> int:
        return sum(total for *_, total in self.each(name))

    def stood(self, name: str, agent: str, begin: Millis, end: Millis) -> Millis:
        """How long a level of an agent stood in a window."""
        return sum(
            count * (end - min(max(at, begin), end)) for at, dims, _, count, _ in self.each(name) if agent in dims
        )


def ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def of_totals(read: Read, as_of: Millis) -> dict[str, Any]:
    solved, days = read.count("solved"), read.policy.fcr.windows_days
    matured = [read.count("solved", as_of - each * DAY_MS) for each in days]
    back = [read.count(f"came_back.{place}", as_of - each * DAY_MS) for place, each in enumerate(days)]
    all_back = [read.count(f"came_back.{place}") for place in range(len(days))]
    return {
        "tickets_created": read.count("opened"),
        "tickets_created_gross": read.count("opened") + read.count("merged_away"),
        "tickets_solved": solved,
        "tickets_resolved_now": read.count("solved_now"),
        "reopens": read.count("reopened"),
        "frt_count": read.count("first_response"),
        "resolution_count": read.count("resolution"),
        "reopen_rate": ratio(read.count("reopened_tickets"), solved),
        "one_touch_rate": ratio(read.count("one_touch"), read.count("solved_now")),
        "escalation_rate": ratio(read.count("escalated_tickets"), read.count("opened")),
        "transfer_rate": ratio(read.count("transferred_tickets"), read.count("opened")),
        "fcr_matured": dict(zip(map(str, days), matured, strict=True)),
        "fcr_confirmed": {
            str(each): ratio(whole - bad, whole) for each, whole, bad in zip(days, matured, back, strict=True)
        },
        "fcr_provisional": {str(each): ratio(solved - bad, solved) for each, bad in zip(days, all_back, strict=True)},
    }


def of_automation(read: Read, as_of: Millis) -> dict[str, Any]:
    confirmed = read.count("automated", as_of - 1000 * read.policy.automation.window_seconds)
    return {
        "solved": read.count("solved"),
        "automated_confirmed": confirmed,
        "automated_pending": read.count("automated") - confirmed,
        "automation_share": ratio(confirmed, read.count("solved")),
    }


def of_deflection(read: Read, as_of: Millis) -> dict[str, Any]:
    before = as_of - 1000 * read.policy.deflection.window_seconds
    asked = read.count("visits_asked")
    pending = read.count("visits_identified", since=before + 1) - read.count("visits_asked", since=before + 1)
    deflected = read.count("visits_identified") - asked - pending
    return {
        "visits": read.count("visits"),
        "visits_identified": read.count("visits_identified"),
        "visits_pending": pending,
        "deflected": deflected,
        "deflection_rate": ratio(deflected, deflected + asked),
    }


def of_the_queue(read: Read, as_of: Millis) -> dict[str, Any]:
    policy = read.policy.service_level
    count = Counts(
        answered=read.count("answered"),
        abandoned=read.count("abandoned"),
        short_abandoned=read.count("abandoned_shortly"),
        waiting=read.count("offered"),
        answered_within=read.count("answered_in_time"),
        abandoned_within=read.count("abandoned_in_time"),
        waiting_beyond=read.count("offered", as_of - 1000 * policy.threshold_seconds - 1),
    )
    longest = min((at for at, *_ in read.each("offered")), default=None)
    return {
        "answered": count.answered,
        "abandoned": count.abandoned,
        "short_abandoned": count.short_abandoned,
        "waiting": count.waiting,
        "service_level": service_level(count, policy),
        "abandonment_rate": abandonment_rate(count),
        "longest_wait_seconds": None if longest is None else (as_of - longest) // 1000,
    }


def of_surveys(read: Read, as_of: Millis) -> dict[str, Any]:
    def share(name: str, wanted: Callable[[float], bool]) -> float | None:
        return ratio(sum(count for _, _, step, count, _ in read.each(name) if wanted(step / 100)), read.count(name))

    def mean(name: str) -> float | None:
        return ratio(read.total(name) / 1000, read.count(name))

    policy = read.policy
    promoters, detractors = share("nps", lambda score: score >= 9), share("nps", lambda score: score <= 6)
    return {
        "csat": {
            "responses": read.count("csat"),
            "satisfied_rate": share("csat", lambda score: score >= policy.csat.satisfied_from),
            "mean": mean("csat"),
        },
        "nps": {
            "responses": read.count("nps"),
            "score": None if promoters is None or detractors is None else 100 * (promoters - detractors),
        },
        "ces": {
            "responses": read.count("ces"),
            "mean": mean("ces"),
            "easy_rate": share("ces", lambda score: score >= policy.ces.easy_from),
        },
    }


def of_first_replies(read: Read, as_of: Millis) -> dict[str, Any]:
    return {
        "first_responses": read.count("first_reply"),
        "helpful_first_responses": read.count("first_reply_helpful"),
        "first_response_quality": ratio(read.count("first_reply_helpful"), read.count("first_reply")),
        "stub_first_responses": read.count("first_reply_stub"),
    }


TOLD_BY: dict[str, Callable[[Read, Millis], dict[str, Any]]] = {
    "aggregate": of_totals,
    "automation": of_automation,
    "deflection": of_deflection,
    "service_level": of_the_queue,
    "surveys": of_surveys,
    "response_quality": of_first_replies,
}


@settings(max_examples=25, deadline=None)
@given(st.one_of(worlds(), busy_worlds()), st.sampled_from(POLICIES), AS_OF)
def test_what_is_read_at_an_instant_is_what_the_report_says(
    facts: list[Fact], known_rules: Rules, as_of: Millis
) -> None:
    known = [fact for fact in facts if fact.at <= as_of]
    reported = figures(facts, known_rules, Question(as_of, only=frozenset({*TOLD_BY, "gaming", "tickets"})))

    read = Read(known, known_rules)

    for name, told in TOLD_BY.items():
        expected = told(read, as_of)
        nested = {key: part(reported[name][key], its) for key, its in expected.items() if name == "surveys"}
        for key, value in (nested or part(reported[name], expected)).items():
            assert expected[key] == pytest.approx(value, abs=0.0006), (name, key)
    # Of a ticket that was merged away the report lists the signs as well; in counts it has none.
    gone = {name for name, its in reported["tickets"].items() if its["status"] == "merged"}
    signs = [sign["kind"] for sign in reported["gaming"] if sign["ticket_id"] not in gone]
    assert read.count("paused_unasked") == signs.count("pause_without_reply")
    assert read.count("solved_early") == signs.count("premature_solve")


@settings(max_examples=25, deadline=None)
@given(st.one_of(worlds(), busy_worlds()), st.sampled_from(POLICIES), st.tuples(AS_OF, AS_OF))
def test_what_agents_did_in_a_window_is_what_the_report_says(
    facts: list[Fact], known_rules: Rules, window: tuple[Millis, Millis]
) -> None:
    begin, end = min(window), max(window)
    reported = figures(facts, known_rules, Question(end, window=Window(begin, end), only=frozenset({"agents"})))

    read = Read([fact for fact in facts if fact.at <= end], known_rules)

    for name in {fact.entity for fact in facts if fact.at <= end and fact.type.startswith("agent.")}:
        report = reported["agents"][name]
        spent = {(planned, did): 0 for planned in ACTIVITIES for did in DOINGS}
        for planned, did in spent:
            spent[planned, did] = read.stood(f"plan.{planned}.{did}", name, begin, end)
        against = schedule_figures(
            Counter({Spent(*each): ms for each, ms in spent.items()}), count_outside_shift=False
        )
        assert report["adherence"] == pytest.approx(against.adherence)
        assert report["shrinkage_internal"] == pytest.approx(against.shrinkage_internal)
        assert report["shrinkage_external"] == pytest.approx(against.shrinkage_external)
        together = read.stood("in_contact", name, begin, end)
        assert report["concurrency"] == ratio(read.stood("contacts", name, begin, end), together)
