"""What customers and reviewers say, from cells: the formulas of `core` over the scores that were given."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, repeat

from schemas.policy import Policy
from services.board.percentiles import counted, percentile_figures, scores
from services.board.sheet import Sheet
from services.core.catalogue.formulas import Score
from services.core.kpis import ratio
from services.core.report import Figures
from services.core.surveys import ces, csat, nps

Counted = Mapping[float, int]
"""How often a score was given."""
_BARS = 20
"""A scale of more points than this has no bar for each."""


def score_figures(formula: Score, sheet: Sheet, groups: Sequence[int]) -> list[Figures]:
    """Responses, mean, rate and distribution in each of ``groups``; None where nobody answered."""
    measure, policy = formula.measure, sheet.asked.rules.policy
    every, totals = _counted(sheet, measure), sheet.total(measure)
    found = []
    for number in groups:
        given = every.get(number, {})
        responses = sum(given.values())
        mean = ratio(int(totals[number]) / 1000, responses)
        found.append({"responses": responses, "mean": mean, **_FIGURES[measure](given, policy)})
    if measure != "review":
        return found
    told = percentile_figures(sheet.percentiles(measure, scores), groups)
    return [figures | percentiles for figures, percentiles in zip(found, told, strict=True)]


def _counted(sheet: Sheet, measure: str) -> dict[int, dict[float, int]]:
    """How often each score was given, by group."""
    flow = sheet.flow(measure)
    groups, steps, counts = counted(flow.group, flow.rows.step, flow.rows.count)
    given: dict[int, dict[float, int]] = {}
    for group, score, count in zip(groups.tolist(), scores(steps).tolist(), counts.tolist(), strict=True):
        given.setdefault(group, {})[score] = count
    return given


def _csat(given: Counted, policy: Policy) -> Figures:
    its = csat(_listed(given), policy.csat)
    return {
        "satisfied_rate": its.satisfied_rate,
        "satisfied": _times(its.satisfied_rate, its.responses),
        "distribution": _bars(given, policy.csat.scale),
    }


def _nps(given: Counted, policy: Policy) -> Figures:
    its = nps(_listed(given))
    return {
        "score": its.score,
        "promoters": its.promoters,
        "passives": its.passives,
        "detractors": its.detractors,
        "distribution": _bars(given, policy.nps.scale),
    }


def _ces(given: Counted, policy: Policy) -> Figures:
    """The mean is told anew where the scale is mirrored."""
    its = ces(_listed(given), policy.ces)
    mirrored = {} if policy.ces.higher_is_easier else {"mean": its.mean}
    return mirrored | {
        "easy_rate": its.easy_rate,
        "easy": _times(its.easy_rate, its.responses),
        "distribution": _bars(given, policy.ces.scale),
    }


def _review(given: Counted, _: Policy) -> Figures:
    """The distribution is by tens; 100 is with the nineties."""
    tens = {f"{low}-{low + 9 if low < 90 else 100}": 0 for low in range(0, 100, 10)}
    names = tuple(tens)
    for score, count in given.items():
        tens[names[min(max(int(score // 10), 0), 9)]] += count
    return {"distribution": tens}


_FIGURES: Mapping[str, Callable[[Counted, Policy], Figures]] = {
    "csat": _csat,
    "nps": _nps,
    "ces": _ces,
    "review": _review,
}


def _listed(given: Counted) -> list[float]:
    """Every score, as often as it was given."""
    return list(chain.from_iterable(repeat(score, count) for score, count in given.items()))


def _times(rate: float | None, responses: int) -> int:
    return round((rate or 0) * responses)


def _bars(given: Counted, scale: tuple[float, float]) -> dict[str, int]:
    """By the nearest whole point, every point of a short scale among them."""
    low, high = round(min(scale)), round(max(scale))
    bars = {str(point): 0 for point in range(low, high + 1)} if high - low <= _BARS else {}
    for score, count in sorted(given.items()):
        point = str(round(score))
        bars[point] = bars.get(point, 0) + count
    return bars
