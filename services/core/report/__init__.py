"""Every figure of a batch of events at one instant, exact: what `deskpulse compute` and `deskpulse cases` show."""

from services.core.report.agents import agent_figures, agents_total, unseen_agents
from services.core.report.known import Known, known
from services.core.report.lateness import windows
from services.core.report.notation import Figures, rfc3339
from services.core.report.themes import (
    alert_figures,
    automation_figures,
    deflection_figures,
    gaming_figures,
    insight_figures,
    quality_figures,
    rolling_figures,
    service_level_figures,
    survey_figures,
)
from services.core.report.tickets import at_risk, fcr_verdicts, sla_figures, ticket_figures
from services.core.report.totals import aggregate, backlog, fcr_totals, segments

__all__ = [
    "Figures",
    "Known",
    "agent_figures",
    "agents_total",
    "aggregate",
    "alert_figures",
    "at_risk",
    "automation_figures",
    "backlog",
    "deflection_figures",
    "fcr_totals",
    "fcr_verdicts",
    "gaming_figures",
    "insight_figures",
    "known",
    "quality_figures",
    "rfc3339",
    "rolling_figures",
    "segments",
    "service_level_figures",
    "sla_figures",
    "survey_figures",
    "ticket_figures",
    "unseen_agents",
    "windows",
]
