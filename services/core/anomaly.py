"""Whether a value stands out from what is usual at that hour (KPI cases, convention 29)."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import pstdev

from services.core.kpis import mean, ratio

_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Limits:
    """When a value is called anomalous."""

    z_threshold: float = 3.0
    min_delta: float = 0.0
    """By how much it has to exceed the mean, too."""
    sd_floor_ratio: float = 0.0
    """The spread is taken to be at least this share of the mean: even weeks must not make every blip an alarm."""
    sd_floor: float = 0.0


@dataclass(frozen=True, slots=True)
class AnomalyFigures:
    """Named as in the cases' `result`."""

    baseline_mean: float | None
    baseline_sd: float | None
    z: float | None
    anomalous: bool


def anomaly(baseline: Sequence[float], value: float, limits: Limits) -> AnomalyFigures:
    """How far ``value`` lies above the baseline, in spreads.

    Args:
        baseline: The same interval of earlier weeks.

    Returns:
        Only more than usual is anomalous. Without a baseline, or with no spread and no floor, there is no ``z``, and
        no alarm.

    Source:
        KPI cases, convention 29; docs/kpis.md, Anomaly.
    """
    usual = mean(baseline)
    if usual is None:
        return AnomalyFigures(None, None, None, False)
    deviation = pstdev(baseline)
    z = ratio(value - usual, max(deviation, limits.sd_floor_ratio * usual, limits.sd_floor))
    stands_out = z is not None and z >= limits.z_threshold - _SLACK and value - usual >= limits.min_delta - _SLACK
    return AnomalyFigures(usual, deviation, z, stands_out)
