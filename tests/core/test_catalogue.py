"""The catalogue: every KPI is made of measures that are kept, and every measure is in some KPI."""

import re

import pytest

from schemas.policy import Policy
from services.core.catalogue import THEMES, catalogue, measures_of
from services.core.tally import MEASURES

EVERYTHING = catalogue(Policy())


def test_every_measure_that_is_kept_is_in_some_kpi() -> None:
    five_windows = Policy.model_validate({"fcr": {"windows_days": [1, 7, 14, 30, 60]}})

    used = {measure for kpi in catalogue(five_windows).values() for measure in kpi.measures}

    assert used == set(MEASURES)


@pytest.mark.parametrize("name", EVERYTHING)
def test_an_entry_says_what_it_is(name: str) -> None:
    kpi = EVERYTHING[name]

    assert kpi.name == name
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert name.endswith("_seconds") == (kpi.unit == "seconds")
    assert kpi.question.endswith("?")
    assert not kpi.edges or kpi.edges.endswith((".", ")."))
    assert kpi.measures
    assert kpi.formula.text
    assert kpi.formula.headline


def test_the_themes_stand_together_in_their_order() -> None:
    themes = list(dict.fromkeys(kpi.theme for kpi in EVERYTHING.values()))

    assert tuple(themes) == THEMES
    assert [kpi.theme for kpi in EVERYTHING.values()] == sorted(
        (kpi.theme for kpi in EVERYTHING.values()), key=THEMES.index
    )


def test_the_policy_says_how_long_first_contact_resolution_looks_ahead() -> None:
    policy = Policy.model_validate({"fcr": {"windows_days": [3, 90]}})

    named = [name for name in catalogue(policy) if name.startswith("first_contact")]

    assert named == ["first_contact_resolution_3d", "first_contact_resolution_90d"]
    assert measures_of("first_contact_resolution_90d", policy) == ("solved", "came_back.1")


def test_a_window_that_the_policy_names_twice_leaves_the_others_what_is_theirs() -> None:
    policy = Policy.model_validate({"fcr": {"windows_days": [7, 7, 30]}})

    assert [name for name in catalogue(policy) if name.startswith("first_contact")] == [
        "first_contact_resolution_7d",
        "first_contact_resolution_30d",
    ]
    assert measures_of("first_contact_resolution_30d", policy) == ("solved", "came_back.2")


def test_the_policy_says_what_counts_as_backlog_and_what_utilisation_is_a_share_of() -> None:
    policy = Policy.model_validate(
        {
            "backlog": {"statuses": ["open", "solved"], "actionable_statuses": ["open"]},
            "utilisation": {"denominator_states": ["busy", "break", "offline"]},
        }
    )

    assert measures_of("backlog", policy) == ("backlog.open",)  # of solved tickets no level is kept
    assert set(measures_of("utilisation", policy)) == {"agent.busy", "agent.wrap_up", "agent.break"}


def test_a_kpi_that_is_not_there_has_no_measures() -> None:
    with pytest.raises(KeyError):
        measures_of("happiness", Policy())
