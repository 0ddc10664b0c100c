"""Every KPI as data: what it is called, what it asks, and of which measures it is made.

A policy decides some of it: how many days first contact resolution looks ahead, what counts as backlog, what
utilisation is a share of.
"""

from schemas.policy import Policy
from services.core.catalogue.economy import economy
from services.core.catalogue.entry import THEMES as THEMES
from services.core.catalogue.entry import Kpi as Kpi
from services.core.catalogue.entry import Theme as Theme
from services.core.catalogue.load import load
from services.core.catalogue.people import people
from services.core.catalogue.quality import quality
from services.core.catalogue.resolution import resolution
from services.core.catalogue.speed import speed

Catalogue = dict[str, Kpi]
"""By name, in the order of the themes."""


def catalogue(policy: Policy) -> Catalogue:
    """Every KPI under a policy."""
    entries = [
        *speed(),
        *resolution(policy.fcr.windows_days),
        *load(policy.backlog.statuses, policy.backlog.actionable_statuses),
        *people(policy.utilisation.denominator_states),
        *quality(),
        *economy(policy.economy.not_digital),
    ]
    return {kpi.name: kpi for kpi in entries}


def measures_of(kpi: str, policy: Policy) -> tuple[str, ...]:
    """The measures that a KPI is made of.

    Raises:
        KeyError: there is no such KPI under this policy.
    """
    return catalogue(policy)[kpi].measures
