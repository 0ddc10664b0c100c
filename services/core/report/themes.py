"""The figures that have a module each, written as `result_keys` name them."""

from collections.abc import Callable, Hashable
from dataclasses import asdict

from schemas.codec import Fact, Millis
from services.core.alerts import firings, levels
from services.core.automation import automated, automation
from services.core.deflection import deflected, deflection, visits
from services.core.gaming import gaming
from services.core.insights import insights, sentence
from services.core.quality import first_reply, response_quality
from services.core.report.known import Known, taken_up_at
from services.core.report.notation import Figures, rfc3339
from services.core.returns import NOBODYS
from services.core.rolling import change, period
from services.core.rules import Rules
from services.core.service_level import offer, service_figures
from services.core.surveys import Scale, ces, csat, last_scores, nps
from services.core.tally import DAY_MS


def alert_figures(known: Known, rules: Rules, as_of: Millis) -> list[Figures]:
    """`alerts`: by rule as configured, then by time (convention 16)."""
    backlog = rules.policy.backlog
    statuses = {"backlog": backlog.statuses, "backlog_actionable": backlog.actionable_statuses}
    return [
        {"rule": rule.id, "firing_at": rfc3339(firing.firing_at), "resolved_at": rfc3339(firing.resolved_at)}
        for rule in rules.policy.alerts
        for firing in firings(levels(known.tickets.values(), statuses[rule.metric]), rule, as_of)
    ]


def service_level_figures(known: Known, rules: Rules, as_of: Millis) -> Figures:
    """`service_level`, of the tickets created in the policy's channels (convention 22)."""
    policy, taken_up = rules.policy.service_level, taken_up_at(known.agents.values())
    offers = [
        offer(ticket, taken_up.get(key), as_of)
        for key, ticket in known.tickets.items()
        if ticket.first_traits.channel in policy.channels
    ]
    return asdict(service_figures([each for each in offers if each is not None], policy))


def survey_figures(known: Known, rules: Rules) -> Figures:
    """`surveys` (convention 23)."""
    policy = rules.policy

    def scores(kind: str, scale: Scale, whose: Callable[[Fact], Hashable]) -> list[float]:
        return last_scores(known.surveys, kind, scale, whose)

    def requester(answer: Fact) -> Hashable:
        ticket = known.tickets.get(answer.entity) if answer.ticket_id else None
        return answer.requester_id or (ticket.requester_id if ticket else None) or answer.entity

    return {
        "csat": asdict(csat(scores("csat", policy.csat.scale, _subject), policy.csat)),
        "nps": asdict(nps(scores("nps", policy.nps.scale, requester))),
        "ces": asdict(ces(scores("ces", policy.ces.scale, _subject), policy.ces)),
    }


def _subject(answer: Fact) -> Hashable:
    """The ticket; without one the requester, and without either the answer alone."""
    return answer.ticket_id is not None, answer.entity


def deflection_figures(known: Known, rules: Rules, as_of: Millis) -> Figures:
    """`deflection` (convention 24)."""
    window_ms = 1000 * rules.policy.deflection.window_seconds
    judged = [
        (visit, deflected(visit, known.openings.get(visit.requester, NOBODYS), window_ms, as_of))
        for visit in visits(known.views)
    ]
    return asdict(deflection(judged))


def automation_figures(known: Known, rules: Rules, as_of: Millis) -> Figures:
    """`automation` (convention 25)."""
    window_ms = 1000 * rules.policy.automation.window_seconds
    verdicts = [automated(story, known.came_back_at[key], window_ms, as_of) for key, story in known.stories.items()]
    return asdict(automation(verdicts))


def quality_figures(known: Known, rules: Rules) -> Figures:
    """`response_quality` (convention 26)."""
    followup_ms = 1000 * rules.policy.gaming.stub_followup_seconds
    replies = [first_reply(ticket, followup_ms) for ticket in known.tickets.values()]
    return asdict(response_quality(replies))


def gaming_figures(known: Known, rules: Rules) -> list[Figures]:
    """`gaming` (convention 27)."""
    return [
        {"kind": sign.kind, "ticket_id": sign.ticket, "agent_id": sign.agent, "at": rfc3339(sign.at)}
        for sign in gaming(known.tickets.items(), rules.policy.gaming)
    ]


def insight_figures(known: Known, rules: Rules) -> list[Figures]:
    """`insights`, each with the sentence that is shown (convention 28)."""
    policy = rules.policy.insights
    waits: dict[str, list[float]] = {}
    for ticket in known.tickets.values():
        segment, first = getattr(ticket.first_traits, policy.segment), ticket.responses.first
        if segment is not None and first is not None:
            waits.setdefault(segment, []).append((first.at - first.since) // 1000)
    found = insights(waits, "frt_p50_seconds", policy.min_ratio, policy.min_samples)
    return [each._asdict() | {"sentence": sentence(each, "First response")} for each in found]


def rolling_figures(known: Known, rules: Rules, as_of: Millis) -> Figures:
    """`rolling` (convention 19)."""
    length_ms = rules.policy.rolling_window_days * DAY_MS
    tickets = list(known.tickets.values())
    current = period(tickets, as_of - length_ms, as_of)
    previous = period(tickets, as_of - 2 * length_ms, as_of - length_ms)
    return {"current": asdict(current), "previous": asdict(previous), "change": change(current, previous)}
