"""From a sheet of cells to the figures of a KPI, one for each group that was chosen."""

from collections.abc import Sequence
from functools import singledispatch

from schemas.codec import Millis
from services.board import figures
from services.board.percentiles import durations, percentile_figures
from services.board.plans import plan_figures
from services.board.rows import Numbers
from services.board.scores import score_figures
from services.board.sheet import Sheet
from services.board.standing import count_standing, risk_figures, standing_figures
from services.core.catalogue import formulas
from services.core.catalogue.formulas import Formula
from services.core.economy import cost_figures
from services.core.evenness import spread
from services.core.fcr import FcrFigures
from services.core.kpis import ratio
from services.core.report import Figures
from services.core.service_level import Counts, abandonment_rate, gave_up, served, service_level
from services.core.tally import DAY_MS

MONTH_MS: Millis = round(365.25 / 12 * DAY_MS)
Groups = Sequence[int]
"""The numbers of some groups."""


@singledispatch
def figures_of(formula: Formula, sheet: Sheet, groups: Groups) -> list[Figures]:
    """What a formula comes to in each of ``groups``, in their order.

    Durations are seconds; a ratio, a mean and a percentile of nothing are None. What stands is None where it is not
    known: it is of no instant but now.
    """
    raise NotImplementedError(f"no figures are made of {type(formula).__name__}")


@figures_of.register
def _(formula: formulas.Count, sheet: Sheet, groups: Groups) -> list[Figures]:
    return [{"value": count} for count in _of(sheet.counts(formula.measures), groups)]


@figures_of.register
def _(formula: formulas.Duration, sheet: Sheet, groups: Groups) -> list[Figures]:
    counts, totals = _of(sheet.count(formula.measure), groups), _of(sheet.total(formula.measure), groups)
    told = percentile_figures(sheet.percentiles(formula.measure, durations), groups)
    return [
        {"count": count, "mean": _seconds(total, count), **percentiles}
        for count, total, percentiles in zip(counts, totals, told, strict=True)
    ]


@figures_of.register
def _(formula: formulas.Share, sheet: Sheet, groups: Groups) -> list[Figures]:
    return _shares(sheet.counts(formula.part), sheet.counts(formula.whole), groups)


@figures_of.register
def _(formula: formulas.ShareOfDuration, sheet: Sheet, groups: Groups) -> list[Figures]:
    return _time_shares(sheet.total(formula.part), sheet.total(formula.whole), groups)


@figures_of.register
def _(formula: formulas.ShareOfTime, sheet: Sheet, groups: Groups) -> list[Figures]:
    return _time_shares(sheet.times(formula.part), sheet.times(formula.whole), groups)


@figures_of.register
def _(formula: formulas.TimePerCount, sheet: Sheet, groups: Groups) -> list[Figures]:
    times, counts = _of(sheet.time(formula.time), groups), _of(sheet.count(formula.count), groups)
    return [_share(time / 1000, count) for time, count in zip(times, counts, strict=True)]


@figures_of.register
def _(formula: formulas.ShareWithout, sheet: Sheet, groups: Groups) -> list[Figures]:
    unknown = sheet.count_among(formula.measure, formula.dimension, {None})
    named = sheet.count_among(formula.measure, formula.dimension, formula.values)
    known = sheet.count(formula.measure) - unknown
    return _shares(known - named, known, groups)


@figures_of.register
def _(formula: formulas.Level, sheet: Sheet, groups: Groups) -> list[Figures]:
    kinds = {kind: _of(sheet.level(measure), groups) for kind, measure in formula.kinds}
    values = _of(sheet.levels(formula.measures), groups)
    return [
        {"value": value, "by_kind": {kind: levels[place] for kind, levels in kinds.items()}}
        for place, value in enumerate(values)
    ]


@figures_of.register
def _(formula: formulas.Standing, sheet: Sheet, groups: Groups) -> list[Figures]:
    return standing_figures(formula, sheet, groups)


@figures_of.register
def _(formula: formulas.AtRisk, sheet: Sheet, groups: Groups) -> list[Figures]:
    return risk_figures(formula, sheet, groups)


@figures_of.register
def _(formula: formulas.Attainment, sheet: Sheet, groups: Groups) -> list[Figures]:
    met, breached, due = formula.measures
    kept = sheet.count(met)
    # A running clock whose due time has passed is broken, though no event has come since to say so.
    return _shares(kept, kept + sheet.count(breached) + sheet.passed(due), groups)


@figures_of.register
def _(formula: formulas.Queueing, sheet: Sheet, groups: Groups) -> list[Figures]:
    policy = sheet.asked.rules.policy.service_level
    waiting = sheet.standing("offered")
    beyond = count_standing(sheet, waiting, sheet.asked.now - waiting[1] > 1000 * policy.threshold_seconds)
    columns = [
        *(sheet.count(name) for name in ("answered", "abandoned", "abandoned_shortly")),
        count_standing(sheet, waiting, waiting[1] <= sheet.asked.now),
        *(sheet.count(name) for name in ("answered_in_time", "abandoned_in_time")),
        beyond,
    ]
    found = []
    for numbers in zip(*(_of(column, groups) for column in columns), strict=True):
        count = Counts(*numbers)
        if formula.figure == "service_level":
            value, parts = service_level(count, policy), served(count, policy)
        else:
            value, parts = abandonment_rate(count), gave_up(count)
        found.append({"value": value, "numerator": parts[0], "denominator": parts[1], **_named(count)})
    return found


def _named(count: Counts) -> Figures:
    return {name: getattr(count, name) for name in ("answered", "abandoned", "short_abandoned", "waiting")}


@figures_of.register
def _(formula: formulas.FirstContact, sheet: Sheet, groups: Groups) -> list[Figures]:
    solved, came_back = formula.measures
    ripe = _ripe(sheet, formula.days * DAY_MS)
    columns = sheet.count(solved, ripe), sheet.count(came_back, ripe), sheet.count(solved), sheet.count(came_back)
    found = []
    for matured, failed, all_solved, all_failed in zip(*(_of(each, groups) for each in columns), strict=True):
        pending = (all_solved - all_failed) - (matured - failed)
        fcr = FcrFigures(matured=matured, resolved=matured - failed, solved=all_solved, pending=pending)
        parts = {"resolved": fcr.resolved, "matured": matured, "pending": pending, "solved": all_solved}
        found.append({"confirmed": fcr.confirmed, "provisional": fcr.provisional, **parts})
    return found


@figures_of.register
def _(_: formulas.Automated, sheet: Sheet, groups: Groups) -> list[Figures]:
    ripe = _ripe(sheet, 1000 * sheet.asked.rules.policy.automation.window_seconds)
    columns = sheet.count("automated", ripe), sheet.count("automated"), sheet.count("solved")
    return [
        _share(confirmed, solved) | {"pending": quiet - confirmed}
        for confirmed, quiet, solved in zip(*(_of(each, groups) for each in columns), strict=True)
    ]


@figures_of.register
def _(formula: formulas.Deflected, sheet: Sheet, groups: Groups) -> list[Figures]:
    ripe = _ripe(sheet, 1000 * sheet.asked.rules.policy.deflection.window_seconds)
    asked, known = sheet.count(formula.asked), sheet.count(formula.identified)
    deflected = sheet.count(formula.identified, ripe) - sheet.count(formula.asked, ripe)
    columns = deflected, asked, known, sheet.count(formula.visits)
    return [
        _share(quiet, quiet + followed)
        | {"visits": visits, "identified": identified, "pending": identified - followed - quiet}
        for quiet, followed, identified, visits in zip(*(_of(each, groups) for each in columns), strict=True)
    ]


@figures_of.register
def _(formula: formulas.Spread, sheet: Sheet, groups: Groups) -> list[Figures]:
    finer = sheet.by_agent
    each = finer.counts(formula.flows) + finer.levels(formula.levels)
    place = finer.cut.by.index("agent")
    held: dict[int, list[int]] = {}
    for count, key, group in zip(each.tolist(), finer.cut.keys, sheet.parents.tolist(), strict=True):
        if count > 0 and key[place] is not None:
            held.setdefault(group, []).append(count)
    spreads = [spread(held.get(number, [])) for number in groups]
    return [{"mean": its.mean, "most": its.most, "evenness": its.evenness, "agents": its.agents} for its in spreads]


@figures_of.register
def _(formula: formulas.Cost, sheet: Sheet, groups: Groups) -> list[Figures]:
    costs, [measure] = sheet.asked.rules.policy.economy.monthly_costs, formula.measures
    counts = _of(sheet.count(measure), groups)
    if not costs or sheet.cut.by or sheet.asked.filters:
        return [{"value": None, "numerator": None, "denominator": count} for count in counts]
    share = sheet.elapsed_ms / MONTH_MS
    spent = {name: monthly * share for name, monthly in costs.items()}
    found = [cost_figures(spent, count, count) for count in counts]
    return [
        {"value": its.cost_per_resolution, "numerator": its.total_cost, "denominator": count}
        for its, count in zip(found, counts, strict=True)
    ]


@figures_of.register
def _(formula: formulas.Score, sheet: Sheet, groups: Groups) -> list[Figures]:
    return score_figures(formula, sheet, groups)


@figures_of.register
def _(formula: formulas.AgainstPlan, sheet: Sheet, groups: Groups) -> list[Figures]:
    return plan_figures(formula, sheet, groups)


def _ripe(sheet: Sheet, window_ms: Millis) -> Millis:
    """Before which instant what happened has had its quiet window, as far as cells can tell: never too early."""
    return figures.cut(sheet.asked.columns, sheet.asked.now - window_ms)


def _of(column: Numbers, groups: Groups) -> list[int]:
    chosen: list[int] = column[list(groups)].tolist()
    return chosen


def _share(part: float, whole: float) -> Figures:
    return {"value": ratio(part, whole), "numerator": part, "denominator": whole}


def _shares(part: Numbers, whole: Numbers, groups: Groups) -> list[Figures]:
    return [_share(*pair) for pair in zip(_of(part, groups), _of(whole, groups), strict=True)]


def _time_shares(part: Numbers, whole: Numbers, groups: Groups) -> list[Figures]:
    """Parts are told in seconds."""
    pairs = zip(_of(part, groups), _of(whole, groups), strict=True)
    return [_share(above / 1000, below / 1000) for above, below in pairs]


def _seconds(total_ms: int, count: int) -> float | None:
    return ratio(total_ms / 1000, count)
