"""How many contacts to expect, and how good a forecast was (KPI cases, convention 29)."""

from collections.abc import Sequence

from services.core.kpis import mean, ratio


def same_interval_average(history: Sequence[float], weeks: int) -> tuple[float | None, int]:
    """The mean of the same interval (say, Wednesday 10:00 to 10:15) of the last weeks, and of how many it is.

    Args:
        history: One value for each week, in order, without holidays and other days that say nothing.
        weeks: How many of the last to use.

    Raises:
        ValueError: ``weeks`` is not positive.

    Source:
        Zendesk workforce management's eight-weeks average; docs/kpis.md, Forecast.
    """
    if weeks <= 0:
        raise ValueError(f"a forecast needs at least one week, got {weeks}")
    used = history[-weeks:]
    return mean(used), len(used)


def wape(forecast: Sequence[float], actual: Sequence[float]) -> float | None:
    """Weighted absolute percentage error: by how much the intervals were missed, of all that came.

    Returns:
        A ratio, 0 for a perfect forecast; None when nothing came.

    Raises:
        ValueError: not as many forecasts as values.
    """
    return ratio(sum(abs(f - a) for f, a in zip(forecast, actual, strict=True)), sum(actual))


def bias(forecast: Sequence[float], actual: Sequence[float]) -> float | None:
    """By how much the whole was forecast too high (above 0) or too low; None when nothing came.

    Raises:
        ValueError: not as many forecasts as values.
    """
    return ratio(sum(f - a for f, a in zip(forecast, actual, strict=True)), sum(actual))


def mape(forecast: Sequence[float], actual: Sequence[float]) -> float | None:
    """Mean absolute percentage error over the intervals in which something came; None when there is none.

    One quiet interval can outweigh a day: look at `wape` beside it.

    Raises:
        ValueError: not as many forecasts as values.
    """
    return mean([abs(f - a) / a for f, a in zip(forecast, actual, strict=True) if a])
