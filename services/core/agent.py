"""An agent's timeline: own state, contacts at once, and the state that both show (KPI cases, convention 20)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from schemas.codec import Fact, Millis, altered
from services.core.rules import Rules, Traits
from services.core.schedules import OFF, Planned, Shown, doing, flattened, together
from services.core.tally import DAY_MS, HANDLING, OFFLINE, Dims, Tallies, add, dims_of, step_of
from services.core.timeline import TAKEN_UP

PLAN_AHEAD_DAYS = 8
"""How far after an agent's last event the plan is counted, in whole days of UTC: the days after that of the event."""


@dataclass(slots=True)
class Contact:
    """One contact that an agent had: taken up, perhaps wrapped up, ended."""

    ticket_id: str
    key: str
    """Of the ticket."""
    began_at: Millis
    queue: str | None
    """The agent's then, as is the team."""
    team: str | None
    event_id: str
    """Of that event."""
    ended_at: Millis | None = None


@dataclass(slots=True)
class Agent:
    """One agent after the facts of its timeline. Changed in place while `replay_agent` tells it."""

    agent_id: str
    queue: str | None = None
    team: str | None = None
    own: str = OFFLINE
    last_at: Millis = 0
    shown: list[Shown] = field(default_factory=list)
    """Each holding until the next."""
    planned: list[Planned] = field(default_factory=list)
    """As told: where two overlap, the later one holds."""
    contacts: list[Contact] = field(default_factory=list)
    open: dict[str, tuple[str, Contact]] = field(default_factory=dict)
    """By ticket: busy or wrap_up, and the contact."""

    @property
    def state(self) -> str:
        """busy if any contact is, else wrap_up if any is, else the agent's own state."""
        states = {state for state, _ in self.open.values()}
        if "busy" in states:
            return "busy"
        return "wrap_up" if states else self.own

    def tell(self, fact: Fact) -> None:
        """The next event of the timeline."""
        self.last_at = fact.at
        if fact.type == "agent.scheduled":
            planned = Planned(fact.begins_at or 0, fact.ends_at or 0, fact.activity or OFF, fact.queue, fact.team)
            self.planned.append(planned)
            return
        self.queue = fact.queue or self.queue
        self.team = fact.team or self.team
        state = fact.state or OFFLINE
        if fact.ticket_id is None:
            self.own = state
            if state == OFFLINE:
                self._end_all(fact.at)
        elif state in HANDLING:
            self._take_up(fact, fact.ticket_id, state)
        elif fact.ticket_id in self.open:
            self.open.pop(fact.ticket_id)[1].ended_at = fact.at
        self._show(fact.at)

    def _take_up(self, fact: Fact, ticket_id: str, state: str) -> None:
        held = self.open.get(ticket_id)
        if held is None:
            if state == "wrap_up":
                return  # wrapping up continues a contact, and there is none
            key = fact.contact or ticket_id
            contact = Contact(ticket_id, key, fact.at, self.queue, self.team, fact.event_id)
            self.contacts.append(contact)
        else:
            contact = held[1]
        self.open[ticket_id] = (state, contact)

    def _end_all(self, at: Millis) -> None:
        for _, contact in self.open.values():
            contact.ended_at = at
        self.open.clear()

    def _show(self, at: Millis) -> None:
        if self.shown and self.shown[-1].since == at:
            self.shown.pop()
        shown = Shown(at, self.state, self.queue, self.team, bool(self.open))
        if not self.shown or self.shown[-1][1:] != shown[1:]:
            self.shown.append(shown)


def replay_agent(facts: Sequence[Fact]) -> Agent:
    """The agent that a timeline tells of.

    Args:
        facts: One agent's timeline, in order, and not empty.
    """
    agent = Agent(facts[0].agent_id or facts[0].entity)
    for fact in facts:
        agent.tell(fact)
    return agent


def agent_tallies(agent: Agent, rules: Rules) -> Tallies:
    """What an agent adds: levels of the state shown, of contacts at once and of what was done instead of what was
    planned; and each contact, as it was taken up and as it ended."""
    tallies: Tallies = {}
    for shown, following in pairwise([*agent.shown, None]):
        if shown is None:
            continue
        until = None if following is None else following.since
        dims = _dims(shown.queue, shown.team, agent.agent_id)
        if shown.state != OFFLINE:
            _add_level(tallies, f"agent.{shown.state}", shown.since, until, dims)
        if shown.in_contact:
            _add_level(tallies, "in_contact", shown.since, until, dims)
    for contact in agent.contacts:
        dims = _dims(contact.queue, contact.team, agent.agent_id)
        add(tallies, ("handled", contact.began_at, dims, 0), 1, 0)
        _add_level(tallies, "contacts", contact.began_at, contact.ended_at, dims)
        if contact.ended_at is not None:
            took_ms = contact.ended_at - contact.began_at
            add(tallies, ("handle_time", contact.ended_at, dims, step_of(took_ms)), 1, took_ms)
    _add_plan(agent, rules, tallies)
    return tallies


def _add_plan(agent: Agent, rules: Rules, tallies: Tallies) -> None:
    """What was planned and what was done, as far ahead as the plan is looked at; in the queue and the team that
    the agent had, else in those of the plan."""
    planned = (*rules.plan_of(agent.agent_id), *agent.planned)
    if not planned:
        return
    until = (agent.last_at // DAY_MS + 1 + PLAN_AHEAD_DAYS) * DAY_MS
    for stretch in together(agent.shown, flattened(planned), until):
        shown, plan = stretch.shown, stretch.planned
        queue = (shown and shown.queue) or plan.queue
        team = (shown and shown.team) or plan.team
        did = doing(OFFLINE if shown is None else shown.state)
        dims = _dims(queue or None, team or None, agent.agent_id)
        _add_level(tallies, f"plan.{plan.activity}.{did}", stretch.since, stretch.until, dims)


def taken_up(agent: Agent) -> list[Fact]:
    """What tickets have to know: that the agent was busy with them."""
    return [
        Fact(
            contact.began_at,
            TAKEN_UP,
            f"{contact.event_id}/taken-up",
            contact.key,
            contact.began_at,
            ticket_id=contact.ticket_id,
            agent_id=agent.agent_id,
        )
        for contact in agent.contacts
    ]


def _dims(queue: str | None, team: str | None, agent_id: str) -> Dims:
    return dims_of(Traits(queue, None, None, None, None, None, team), agent_id)


def _add_level(tallies: Tallies, measure: str, since: Millis, until: Millis | None, dims: Dims) -> None:
    add(tallies, (measure, since, dims, 0), 1, 0)
    if until is not None:
        add(tallies, (measure, until, dims, 0), -1, 0)


def settled(facts: list[Fact], before: Millis) -> list[Fact]:
    """The timeline without what no event from ``before`` on can change any more.

    Kept are all facts from ``before`` on, and of the earlier ones those that say how things stood then: the last of
    the agent's own state, those of contacts still open, plans that are not over; and, without what else they say, the
    last that told a queue, the last that told a team and the last of all, from which the plan is looked ahead. What
    the dropped facts added to the cells stays there, since `measure` of the rest changes by the same difference as
    `measure` of the whole.
    """
    earlier = [fact for fact in facts if fact.at < before]
    if len(earlier) < 2:
        return facts
    agent = replay_agent(earlier)
    presences = [fact for fact in earlier if fact.type != "agent.scheduled"]
    last_own = next((fact for fact in reversed(presences) if fact.ticket_id is None), None)
    tellers = [next((fact for fact in reversed(presences) if fact.queue), None)]
    tellers.append(next((fact for fact in reversed(presences) if fact.team), None))
    tellers.append(earlier[-1] if len(earlier) == len(facts) else None)

    kept = []
    for fact in earlier:
        teller = any(fact is each for each in tellers)
        if fact.type == "agent.scheduled":
            if teller or (fact.ends_at or 0) > before:
                kept.append(fact)
            continue
        _, contact = agent.open.get(fact.ticket_id or "", (None, None))
        if contact is not None and (fact.at, fact.event_id) >= (contact.began_at, contact.event_id):
            begins = fact.event_id == contact.event_id
            kept.append(altered(fact, queue=contact.queue, team=contact.team) if begins else fact)
        elif fact is last_own:
            kept.append(fact)
        elif teller:  # what else it told is over: it must not take a contact up again
            kept.append(altered(fact, ticket_id=fact.ticket_id or "-", state=OFFLINE))
    return kept + facts[len(earlier) :]
