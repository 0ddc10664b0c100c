"""The formulas by name, with the inputs that cases give them."""

from typing import Any

import pytest

from services.commands.calculations import FORMULAS, Miscalculated, calculated

TRAFFIC = {"contacts": 100, "interval_seconds": 1800, "aht_seconds": 180}
ERLANG = {"formula": "erlang_c", "threshold_seconds": 20, **TRAFFIC}
FORECAST = {"formula": "forecast_same_interval_average"}
HISTORY = [{"date": f"2026-01-{day:02}", "contacts": contacts} for day, contacts in ((7, 40), (14, 90), (21, 44))]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        pytest.param(
            ERLANG | {"agents": 14, "available_agents": 18, "shrinkage": 0.3},
            {"erlangs": 10, "agents": 14, "staffed": 20, "gap": -2},
            id="erlang_c with a team",
        ),
        pytest.param(
            ERLANG | {"target_service_level": 0.8}, {"agents": 14, "staffed": 14, "gap": None}, id="erlang_c without"
        ),
        pytest.param(
            ERLANG | {"agents": 10},
            {"wait_probability": 1, "service_level": 0, "asa_seconds": None, "occupancy": 1},
            id="erlang_c with too few",
        ),
        pytest.param(
            ERLANG | {"formula": "erlang_a", "agents": 10, "patience_seconds": 60},
            {"abandon_probability": pytest.approx(0.157527, abs=1e-6)},
            id="erlang_a",
        ),
        pytest.param(
            FORECAST | {"weeks": 2, "history": HISTORY, "exclude_dates": ["2026-01-14"]},
            {"forecast": 42, "samples": 2},
            id="what is excluded is no week",
        ),
        pytest.param(
            FORECAST | {"weeks": 1, "history": HISTORY[::-1]},
            {"forecast": 44, "samples": 1},
            id="the last by date",
        ),
        pytest.param(
            {"formula": "forecast_error", "forecast": [12, 8], "actual": [10, 10]},
            {"wape": 0.2, "bias": 0.0, "mape": pytest.approx(0.2)},
            id="forecast_error of two lists",
        ),
        pytest.param(
            {
                "formula": "forecast_error",
                "intervals": [{"forecast": 12, "actual": 10}, {"forecast": 8, "actual": 10}],
            },
            {"wape": 0.2, "bias": 0.0},
            id="forecast_error of intervals",
        ),
        pytest.param(
            {"formula": "percentiles", "values": [], "p": [0.5, 0.995]},
            {"p50": None, "p99.5": None, "mean": None},
            id="percentiles of nothing",
        ),
        pytest.param(
            {"formula": "anomaly", "baseline": [20, 20], "value": 30, "sd_floor": 2},
            {"z": 5.0, "anomalous": True},
            id="anomaly",
        ),
        pytest.param(
            {
                "formula": "quality_score",
                "scale": [1, 5],
                "reviews": [
                    {"categories": [{"name": "tone", "rating": 5}, {"name": "grammar", "rating": 3, "weight": 3}]},
                    {"categories": [{"name": "tone", "rating": None}]},
                    {"categories": [{"name": "fact", "rating": 2, "critical": True}, {"name": "tone", "rating": 5}]},
                ],
            },
            {"review_scores": [62.5, None, 0], "mean": 31.25, "p50": 31.25},
            id="quality_score of ratings",
        ),
        pytest.param(
            {
                "formula": "quality_score",
                "categories": {"tone": {"weight": 1, "scale": {"min": 0, "max": 2}}, "fact": {"weight": 3}},
                "reviews": [{"ratings": {"tone": 1, "fact": 100}}],
            },
            {"review_scores": [87.5]},
            id="quality_score of categories defined once",
        ),
        pytest.param(
            {
                "formula": "peer_outliers",
                "easy_share_delta": 0.1,
                "agents": [{"agent_id": name, "handled": 5, "easy_share": name == "A"} for name in "ABC"],
            },
            {"flags": [{"agent_id": "A", "flag": "cherry_picking"}]},
            id="peer_outliers",
        ),
    ],
)
def test_a_formula(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    result = calculated(inputs)

    assert {name: result[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        pytest.param({"formula": "alchemy"}, "no formula is called 'alchemy'; known: erlang_c", id="no such formula"),
        pytest.param({"formula": "percentiles"}, "percentiles wants the input 'values'", id="an input is missing"),
        pytest.param(ERLANG | {"agents": "ten"}, "erlang_c: ", id="a word for a number"),
        pytest.param(ERLANG | {"agents": 14, "shrinkage": 1}, "from 0 to below 1", id="nobody is left"),
        pytest.param(
            {"formula": "forecast_error", "intervals": [7]}, "forecast_error: ", id="a number for an interval"
        ),
    ],
)
def test_what_cannot_be_calculated_says_why(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(Miscalculated, match=message):
        calculated(inputs)


def test_every_formula_says_what_it_misses() -> None:
    for name in FORMULAS:
        with pytest.raises(Miscalculated, match=name):
            calculated({"formula": name, "intervals": [{}]})
