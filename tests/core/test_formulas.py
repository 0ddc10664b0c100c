"""Cost, forecast, anomaly, peers: KPI cases, convention 29."""

from collections.abc import Sequence

import pytest

from services.core.anomaly import Limits, anomaly
from services.core.economy import cost_figures
from services.core.forecast import bias, mape, same_interval_average, wape
from services.core.peers import Lines, Peer, peer_outliers


@pytest.mark.parametrize(
    ("resolved", "contacts", "expected"),
    [
        pytest.param(4, 5, (100, 25, 20), id="for each"),
        pytest.param(0, 5, (100, None, 20), id="nothing resolved: no value"),
        pytest.param(4, None, (100, 25, None), id="contacts not known"),
    ],
)
def test_cost(resolved: float, contacts: float | None, expected: tuple[float | None, ...]) -> None:
    figures = cost_figures({"salaries": 90, "software": 10}, resolved, contacts)

    assert (figures.total_cost, figures.cost_per_resolution, figures.cost_per_contact) == expected


def test_no_costs_are_a_cost_of_nothing() -> None:
    assert cost_figures({}, 4, 4).cost_per_resolution == 0


@pytest.mark.parametrize(
    ("history", "weeks", "expected"),
    [
        pytest.param([], 4, (None, 0), id="no history: no value"),
        pytest.param([10, 20], 4, (15, 2), id="fewer weeks than asked for"),
        pytest.param([100, 10, 20], 2, (15, 2), id="the last ones"),
        pytest.param([0, 0], 2, (0, 2), id="nothing came, and that is a value"),
    ],
)
def test_the_forecast(history: Sequence[float], weeks: int, expected: tuple[float | None, int]) -> None:
    assert same_interval_average(history, weeks) == expected


def test_a_forecast_of_no_weeks_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one week"):
        same_interval_average([1], 0)


@pytest.mark.parametrize(
    ("forecast", "actual", "expected"),
    [
        pytest.param([], [], (None, None, None), id="nothing"),
        pytest.param([5], [0], (None, None, None), id="nothing came"),
        pytest.param([12, 8], [10, 10], (0.2, 0.0, 0.2), id="misses that cancel out in the bias alone"),
        pytest.param([15, 40], [10, 50], (0.25, -5 / 60, 0.35), id="a quiet interval weighs more in mape"),
        pytest.param([5, 12], [0, 10], (0.7, 0.7, 0.2), id="an interval in which nothing came is not in mape"),
    ],
)
def test_forecast_errors(
    forecast: Sequence[float], actual: Sequence[float], expected: tuple[float | None, ...]
) -> None:
    assert (wape(forecast, actual), bias(forecast, actual), mape(forecast, actual)) == pytest.approx(expected)


@pytest.mark.parametrize("error", [wape, bias, mape])
def test_as_many_forecasts_as_values(error: object) -> None:
    with pytest.raises(ValueError, match="zip"):
        error([1], [1, 2])  # type: ignore[operator]


LIMITS = Limits(z_threshold=3, min_delta=5, sd_floor_ratio=0.1, sd_floor=1)


@pytest.mark.parametrize(
    ("baseline", "value", "limits", "z", "anomalous"),
    [
        pytest.param([], 35, LIMITS, None, False, id="no baseline: nothing to say"),
        pytest.param([20, 20], 26, LIMITS, 3.0, True, id="at the threshold, with the floor as the spread"),
        pytest.param([20, 20], 25.9, LIMITS, 2.95, False, id="below it"),
        pytest.param([20, 20], 5, LIMITS, -7.5, False, id="less than usual is no alarm"),
        pytest.param([2, 2], 6.9, LIMITS, 4.9, False, id="too few for an alarm"),
        pytest.param([2, 2], 7, LIMITS, 5.0, True, id="just enough"),
        pytest.param([10, 30], 50, LIMITS, 3.0, True, id="the spread of all, not of a sample"),
        pytest.param([20, 20], 35, Limits(), None, False, id="no spread and no floor: no z"),
        pytest.param([3, 3], 3.9, Limits(sd_floor_ratio=0.1), 3.0, True, id="rounding does not decide"),
    ],
)
def test_anomaly(baseline: Sequence[float], value: float, limits: Limits, z: float | None, anomalous: bool) -> None:
    figures = anomaly(baseline, value, limits)

    assert figures.z == pytest.approx(z)
    assert figures.anomalous is anomalous


LINES = Lines(
    min_handled=10, fast_ratio=0.5, csat_drop=0.1, low_escalation_ratio=0.5, high_reopen_ratio=2, easy_share_delta=0.2
)
USUAL = {"aht_seconds": 600, "csat": 0.8, "escalation_rate": 0.1, "reopen_rate": 0.05, "easy_share": 0.3}


def peer(name: str, handled: int = 10, **fields: float | None) -> Peer:
    return Peer(name, handled, **USUAL | fields)


OTHERS = [peer("B"), peer("C"), peer("D")]


@pytest.mark.parametrize(
    ("agent", "flags"),
    [
        pytest.param(peer("A"), [], id="as the others"),
        pytest.param(peer("A", aht_seconds=300, csat=0.7), ["rushing"], id="fast and worse, just so"),
        pytest.param(peer("A", aht_seconds=301, csat=0.7), [], id="not fast enough"),
        pytest.param(peer("A", aht_seconds=300, csat=0.71), [], id="fast and good is fine"),
        pytest.param(peer("A", aht_seconds=None, csat=0.1), [], id="nobody knows how fast"),
        pytest.param(peer("A", escalation_rate=0.05, reopen_rate=0.1), ["under_escalating"], id="keeps all"),
        pytest.param(peer("A", escalation_rate=0.06, reopen_rate=0.1), [], id="escalates enough"),
        pytest.param(peer("A", escalation_rate=0.0, reopen_rate=0.09), [], id="reopened no more than others"),
        pytest.param(peer("A", easy_share=0.5), ["cherry_picking"], id="takes the easy ones, just so"),
        pytest.param(peer("A", easy_share=0.49), [], id="a few more easy ones"),
        pytest.param(peer("A", easy_share=None), [], id="nobody knows which are easy"),
        pytest.param(peer("A", 9, easy_share=0.9, aht_seconds=1, csat=0), [], id="too few to judge"),
        pytest.param(
            peer("A", aht_seconds=1, csat=0, escalation_rate=0, reopen_rate=1, easy_share=1),
            ["rushing", "under_escalating", "cherry_picking"],
            id="all at once",
        ),
    ],
)
def test_an_agent_among_peers(agent: Peer, flags: list[str]) -> None:
    found = peer_outliers([*OTHERS, agent], LINES)

    assert [(each.agent_id, each.flag) for each in found] == [("A", flag) for flag in flags]


def test_who_is_not_judged_is_no_part_of_the_medians() -> None:
    newcomers = [peer(f"N{number}", 1, easy_share=0.0) for number in range(9)]

    assert peer_outliers([*newcomers, *OTHERS], LINES) == []


def test_flags_come_in_the_order_of_the_agents() -> None:
    found = peer_outliers([*OTHERS, peer("Z", easy_share=0.9), peer("A", easy_share=0.9)], LINES)

    assert [each.agent_id for each in found] == ["Z", "A"]


def test_nothing_is_rare_or_frequent_among_those_who_never_do_it() -> None:
    nobody = [peer(name, escalation_rate=0.0, reopen_rate=0.0) for name in "ABC"]

    assert peer_outliers(nobody, LINES) == []
    assert peer_outliers([], LINES) == []
