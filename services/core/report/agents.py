"""What agents did in a window, exact: `agents`, `agents_total`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from schemas.codec import Millis
from services.core.agent import Agent
from services.core.kpis import mean, ratio
from services.core.report.notation import Figures
from services.core.rules import Rules
from services.core.schedules import compared, schedule_figures
from services.core.tally import AGENT_STATES, OFFLINE


def agent_figures(agent: Agent, rules: Rules, begin: Millis, end: Millis) -> Figures:
    """`agents.<agent_id>` over a window (conventions 20 and 21)."""
    spent = _shown_ms(agent, begin, end)
    contact_ms, joint_ms, handled = _contact_ms([agent], begin, end)
    handling = spent["busy"] + spent["wrap_up"]
    denominator = sum(spent[state] for state in rules.policy.utilisation.denominator_states)
    return {
        "state_seconds": {state: spent[state] // 1000 for state in AGENT_STATES if spent[state]},
        "occupancy": ratio(handling, handling + spent["available"]),
        "utilisation": ratio(handling, denominator),
        "concurrency": ratio(contact_ms, joint_ms),
        "handled": handled,
        "aht_seconds": ratio(contact_ms / 1000, handled),
        "aht_concurrent_seconds": ratio(joint_ms / 1000, handled),
        **_against_plan(agent, rules, begin, end),
    }


def _against_plan(agent: Agent, rules: Rules, begin: Millis, end: Millis) -> Figures:
    planned = [*rules.plan_of(agent.agent_id), *agent.planned]
    spent = compared([(shown.since, shown.state) for shown in agent.shown], planned, begin, end)
    outside = rules.policy.adherence.count_outside_shift
    return asdict(schedule_figures(spent, count_outside_shift=outside))


def unseen_agents(agents: Iterable[Agent], rules: Rules) -> dict[str, Agent]:
    """Those who have a schedule and of whom nothing was told: they did not come."""
    seen = {agent.agent_id for agent in agents}
    return {name: Agent(name) for name in rules.policy.schedules if name not in seen}


def agents_total(agents: Sequence[Agent], begin: Millis, end: Millis) -> Figures:
    """`agents_total`: over all agents, with distinct contacts."""
    contact_ms, _, handled = _contact_ms(agents, begin, end)
    each = [count for agent in agents if (count := _contact_ms([agent], begin, end)[2])]
    return {"aht_seconds": ratio(contact_ms / 1000, handled), "handled": handled, "tickets_per_agent": mean(each)}


def _shown_ms(agent: Agent, begin: Millis, end: Millis) -> Counter[str]:
    ends = [*(shown.since for shown in agent.shown), end][1:]
    spent: Counter[str] = Counter()
    for shown, until in zip(agent.shown, ends, strict=True):
        spent[shown.state] += max(0, min(until, end) - max(shown.since, begin))
    first = agent.shown[0].since if agent.shown else end
    spent[OFFLINE] += max(0, min(first, end) - begin)
    return spent


def _contact_ms(agents: Sequence[Agent], begin: Millis, end: Millis) -> tuple[Millis, Millis, int]:
    """Contact time, time with at least one contact (of one agent), and distinct contacts, inside a window."""
    total = joint = 0
    tickets: set[str] = set()
    for agent in agents:
        covered = begin
        for contact in agent.contacts:  # in order of their beginning
            since, until = (
                max(contact.began_at, begin),
                end if contact.ended_at is None else min(contact.ended_at, end),
            )
            if since < until or begin <= contact.began_at < end:
                tickets.add(contact.ticket_id)
            if since < until:
                total += until - since
                joint += max(0, until - max(since, covered))
                covered = max(covered, until)
    return total, joint, len(tickets)
