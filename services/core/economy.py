"""What support costs (KPI cases, convention 29)."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.core.kpis import ratio


@dataclass(frozen=True, slots=True)
class CostFigures:
    """Named as in the cases' `result`, in the currency of the costs."""

    total_cost: float
    cost_per_resolution: float | None
    cost_per_contact: float | None


def cost_figures(costs: Mapping[str, float], resolved: float | None, contacts: float | None) -> CostFigures:
    """All costs of a period, for each ticket resolved in it and for each contact.

    Args:
        costs: By what they are for: salaries, software, overhead. Leaving one out flatters.
        resolved: Distinct tickets resolved: one that was reopened and resolved again counts once. None: not known.
        contacts: Calls, chats and mails; a ticket may take several. None: not known.

    Returns:
        None for a cost of nothing.

    Source:
        KPI cases, convention 29; docs/kpis.md, Cost per resolution.
    """
    total = sum(costs.values())
    return CostFigures(total, ratio(total, resolved or 0), ratio(total, contacts or 0))
