"""Promises under two policies from the cells of two states: one window for both, and what each has in it."""

from schemas.codec import Millis
from services.board.answers import Steps, parts_of
from services.board.columns import Columns
from services.board.cuts import Filters
from services.board.evaluation import figures_of
from services.board.hours import holds
from services.board.sheet import Asked, Sheet
from services.board.windows import Window, window
from services.core.catalogue.formulas import AtRisk, Attainment
from services.core.report import Figures, rfc3339
from services.core.rules import Rules
from services.core.tally import CLOCKS, DIMENSIONS, MINUTE, Dims
from services.core.whatif import NOW, Counted, Scope


def shared_window(name: str, one: Columns, other: Columns, rules: Rules, now: Millis) -> Window:
    """A window whose edges both states can tell: those of the state that has forgotten more of its minutes."""
    return window(name, max(one, other, key=lambda columns: columns.kept_since(MINUTE)), now, rules)


def scope_of(its: Window, filters: Filters, rules: Rules, now: Millis) -> Scope:
    """What is looked at, as an instant and a ticket's dimensions decide it."""

    def lets_through(dims: Dims) -> bool:
        return all(dims[DIMENSIONS.index(name)] in values for name, values in filters.items())

    return Scope(holds(its, rules), lets_through, now)


def counted_in(columns: Columns, rules: Rules, its: Window, filters: Filters, now: Millis) -> Steps[Counted]:
    """How many clocks came to what, by metric and queue, as `core.whatif.counted` counts their outcomes.

    Args:
        rules: They say which local day a queue has; of both states the same.
    """
    asked = Asked(columns, rules, ("queue",), filters, now, live=True)
    sheet = Sheet.of(asked, parts_of(asked, its, "current"), "current")
    groups, counts = range(sheet.size), Counted()
    for clock in CLOCKS:
        kept, risks = figures_of(Attainment(clock), sheet, groups), figures_of(AtRisk(clock), sheet, groups)
        for [queue], ended, open_now in zip(sheet.cut.keys, kept, risks, strict=True):
            found = {"met": ended["numerator"], "breached": ended["denominator"] - ended["numerator"]}
            found |= {what: open_now[what] for what in NOW}
            counts.update({(clock, queue, what): count for what, count in found.items() if count})
        yield
    return counts


def edges(its: Window) -> Figures:
    """A window as it is told, over all of its queues."""
    periods = [each.current for each in its.stretches]
    return {
        "window": its.name,
        "from": rfc3339(min(period.begins for period in periods)),
        "to": rfc3339(max(period.ends for period in periods)),
    }
