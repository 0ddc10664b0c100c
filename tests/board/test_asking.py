"""What a request asks, and the sentence when it is unclear."""

import pytest

from schemas.codec import millis
from schemas.policy import Policy
from services.board.asking import Question, Unclear, question
from services.core.catalogue import catalogue
from services.core.tally import DIMENSIONS
from tests.core.stories import MONDAY


def asked(*words: tuple[str, str]) -> Question:
    return question(words, Policy())


def test_without_a_word_every_kpi_of_the_last_day_is_asked_for() -> None:
    assert asked() == Question(("24h",), tuple(catalogue(Policy())))


def test_lists_may_be_repeated_or_have_commas() -> None:
    together = asked(("window", "1h, 7d"), ("by", "queue,agent"), ("kpi", "csat,nps"))
    repeated = asked(
        ("window", "1h"), ("kpi", "csat"), ("by", "queue"), ("window", "7d"), ("kpi", "nps"), ("by", "agent")
    )

    assert together == repeated
    assert together.windows == ("1h", "7d")
    assert together.by == ("queue", "agent")
    assert together.kpis == ("csat", "nps")


def test_what_is_asked_twice_is_told_once() -> None:
    assert asked(("window", "1h,1h"), ("kpi", "csat,csat"), ("by", "queue,queue")) == asked(
        ("window", "1h"), ("kpi", "csat"), ("by", "queue")
    )


def test_a_filter_may_have_several_values_and_an_empty_one_is_what_nobody_told() -> None:
    assert asked(("queue", "a,b"), ("queue", ""), ("tier", "gold")).filters == {
        "queue": {"a,b", None},
        "tier": {"gold"},
    }


def test_a_theme_is_all_of_its_kpis_beside_those_named() -> None:
    kpis = asked(("kpi", "nps,backlog"), ("theme", "quality")).kpis

    assert kpis[:2] == ("nps", "backlog")
    assert set(kpis[2:]) == {name for name, kpi in catalogue(Policy()).items() if kpi.theme == "quality"} - {"nps"}


def test_an_instant_and_a_limit() -> None:
    question = asked(("at", "2026-03-02T01:00:00+01:00"), ("limit", "5"))

    assert question.at == millis(MONDAY)
    assert question.limit == 5


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        pytest.param(("windows", "1h"), "there is no parameter 'windows'; known: window, by, kpi", id="parameter"),
        pytest.param(
            ("window", "2 weeks"), "there is no window '2 weeks'; windows are 15m, 1h, today, 24h", id="window"
        ),
        pytest.param(("window", "401d"), "up to 400d", id="a window that is too long"),
        pytest.param(("window", "0h"), "there is no window '0h'", id="a window of nothing"),
        pytest.param(("by", "colour"), f"no dimension 'colour'; known: {', '.join(DIMENSIONS)}", id="dimension"),
        pytest.param(
            ("by", "queue,agent,tier"), "2 dimensions at most, got queue, agent, tier", id="three dimensions"
        ),
        pytest.param(
            ("kpi", "first_response"),
            "there is no KPI 'first_response'; perhaps first_response_",
            id="a KPI that is nearly one",
        ),
        pytest.param(("kpi", "zzz"), "there is no KPI 'zzz'; /api/v1/catalogue has all", id="KPI"),
        pytest.param(("theme", "fun"), "there is no theme 'fun'; known: speed, resolution", id="theme"),
        pytest.param(("at", "noon"), "at=noon is no time; a time is such as 2026-03-02T09:00:00Z", id="no time"),
        pytest.param(("at", "2026-03-02"), "at=2026-03-02 has no time zone", id="no time zone"),
        pytest.param(("limit", "all"), "limit=all is no number from 1 to 10000", id="no number"),
        pytest.param(("limit", "0"), "limit=0 is no number from 1", id="no group"),
        pytest.param(("limit", "99999999999"), "is no number from 1 to 10000", id="too many groups"),
        pytest.param(("window", ",".join(f"{n}h" for n in range(1, 22))), "at most 20 are told", id="many windows"),
    ],
)
def test_what_is_unclear_is_said_in_a_sentence(word: tuple[str, str], sentence: str) -> None:
    with pytest.raises(Unclear) as refused:
        asked(word)

    assert sentence in str(refused.value)
