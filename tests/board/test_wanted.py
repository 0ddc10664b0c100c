"""What a request for tickets asks, and what it is told when it is unclear."""

import pytest

from schemas.policy import Policy
from services.board.asking import Unclear
from services.board.wanted import STATES, WORDS, ListQuestion, Wanted, list_question
from services.core.catalogue import catalogue
from services.core.tally import CLOCKS, DIMENSIONS

POLICY = Policy()


def asked(query: str) -> ListQuestion:
    return list_question(
        [(name, value) for name, _, value in (word.partition("=") for word in query.split("&"))], POLICY
    )


def wanted(query: str) -> Wanted:
    return asked(query).wanted


def refusal(query: str) -> str:
    with pytest.raises(Unclear) as unclear:
        asked(query)
    return str(unclear.value)


def test_a_kpi_stands_for_its_measures() -> None:
    assert wanted("kpi=first_response_seconds") == Wanted(flows=frozenset({"first_response"}))
    assert wanted("kpi=reopen_rate").measures == ["solved", "reopened_tickets"]
    assert wanted("kpi=sla_attainment_resolution") == Wanted(
        flows=frozenset({"sla_met.resolution", "sla_breached.resolution"}), passed=frozenset({"due.resolution"})
    )
    assert wanted("kpi=waiting") == Wanted(stands=frozenset({"waiting"}))
    assert wanted("kpi=first_contact_resolution_14d").measures == ["solved", "came_back.1"]


def test_the_backlog_is_what_stands_in_it_now() -> None:
    stands = frozenset(f"opened_at.{status}" for status in ("new", "open", "pending", "on_hold"))

    assert wanted("kpi=backlog") == wanted("state=open") == Wanted(stands=stands)
    assert wanted("measure=backlog.pending") == Wanted(stands=frozenset({"opened_at.pending"}))


def test_clocks_at_risk_may_be_asked_for_apart_from_overdue_ones() -> None:
    clock = frozenset({"resolution"})

    assert wanted("kpi=sla_at_risk_resolution") == Wanted(at_risk=clock, overdue=clock)
    assert wanted("kpi=sla_at_risk_resolution&state=at_risk") == Wanted(at_risk=clock)
    assert wanted("kpi=sla_at_risk_resolution&state=overdue") == Wanted(overdue=clock)
    assert wanted("kpi=sla_at_risk_resolution&state=running") == Wanted(running=clock)
    assert wanted("kpi=sla_at_risk_resolution&state=paused") == Wanted(stands=frozenset({"paused.resolution"}))
    assert wanted("state=overdue").overdue == wanted("state=running").running == set(CLOCKS)
    assert wanted("state=paused").stands == {f"paused.{clock}" for clock in CLOCKS}


def listed(kpi: str) -> bool:
    try:
        return bool(wanted(f"kpi={kpi}").measures)
    except Unclear:
        return False


def test_every_kpi_has_a_list_but_those_of_agents_visits_and_customers() -> None:
    without = {kpi.name for kpi in catalogue(POLICY).values() if kpi.theme != "people" and not listed(kpi.name)}

    assert without == {"nps", "deflection_rate", "article_deflection_rate", "tickets_per_agent"}
    assert "is not made of tickets" in refusal("kpi=nps")


def test_windows_cuts_and_limits_are_those_of_figures() -> None:
    its = asked("measure=opened&window=7d&queue=a&queue=&limit=9")

    assert its.shared.windows == ("7d",)
    assert its.shared.filters == {"queue": frozenset({"a", None})}
    assert its.limit == 9


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("queue=a", "say what is asked for with one of kpi, measure and state; such as kpi=first_response_seconds"),
        ("kpi=waiting&measure=opened", "say what is asked for with one of kpi, measure and state"),
        ("state=open&measure=opened", "say what is asked for with one of kpi, measure and state"),
        ("kpi=waiting,backlog", "tickets are listed for one KPI at a time, got waiting, backlog"),
        ("measure=opend", "there is no measure 'opend'; known are "),
        (
            "state=closed",
            f"there is no state 'closed'; known: {', '.join(STATES)}",
        ),
        ("kpi=first_respons_seconds", "there is no KPI 'first_respons_seconds'; perhaps first_response_seconds"),
        ("measure=opened&windwo=1h", f"there is no parameter 'windwo'; known: {', '.join((*WORDS, *DIMENSIONS))}"),
        ("measure=opened&window=1h,24h", "tickets are listed for one window at a time"),
        ("measure=opened&limit=501", "limit=501 is no number from 1 to 500"),
        ("measure=opened&limit=0", "limit=0 is no number from 1 to 500"),
        ("state=open&window=1h", "what stands is listed as it is now: leave out at and window"),
        ("state=open&at=2026-03-02T09:00:00Z", "what stands is listed as it is now: leave out at and window"),
        ("measure=opened,waiting", "opened and waiting: what happened and what stands now are listed apart"),
        ("measure=handled", "handled is not made of tickets"),
        ("kpi=reopen_rate&state=open", "state goes alone, or with a KPI of clocks at risk, not with reopen_rate"),
        (
            "kpi=sla_at_risk_resolution&state=open",
            "sla_at_risk_resolution tells of clocks that are running, at_risk, overdue, paused; not of",
        ),
    ],
)
def test_what_is_unclear_is_refused_with_a_sentence(query: str, sentence: str) -> None:
    assert refusal(query).startswith(sentence)
