"""An agent's timeline: own state, contacts at once, and the state that both show (KPI cases, convention 20)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.codec import Fact, Millis, altered
from services.core.tally import Dims, Tallies, add

OFFLINE = "offline"
_HANDLING = frozenset({"busy", "wrap_up"})


@dataclass(slots=True)
class Contact:
    """One contact that an agent had: taken up, perhaps wrapped up, ended."""

    ticket_id: str
    began_at: Millis
    queue: str | None
    """As the event told that took it up."""
    event_id: str
    """Of that event."""
    ended_at: Millis | None = None


@dataclass(slots=True)
class Agent:
    """One agent after the facts of its timeline. Changed in place while `replay_agent` tells it."""

    agent_id: str
    queue: str | None = None
    own: str = OFFLINE
    shown: list[tuple[Millis, str, str | None]] = field(default_factory=list)
    """(since, state shown, queue), each holding until the next."""
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
        state = fact.state or OFFLINE
        self.queue = fact.queue or self.queue
        if fact.ticket_id is None:
            self.own = state
            if state == OFFLINE:
                self._end_all(fact.at)
        elif state in _HANDLING:
            self._take_up(fact, fact.ticket_id, state)
        elif fact.ticket_id in self.open:
            self.open.pop(fact.ticket_id)[1].ended_at = fact.at
        self._show(fact.at)

    def _take_up(self, fact: Fact, ticket_id: str, state: str) -> None:
        held = self.open.get(ticket_id)
        if held is None:
            if state == "wrap_up":
                return  # wrapping up continues a contact, and there is none
            contact = Contact(ticket_id, fact.at, fact.queue or None, fact.event_id)
            self.contacts.append(contact)
        else:
            contact = held[1]
        self.open[ticket_id] = (state, contact)

    def _end_all(self, at: Millis) -> None:
        for _, contact in self.open.values():
            contact.ended_at = at
        self.open.clear()

    def _show(self, at: Millis) -> None:
        if self.shown and self.shown[-1][0] == at:
            self.shown.pop()
        if not self.shown or self.shown[-1][1:] != (self.state, self.queue):
            self.shown.append((at, self.state, self.queue))


def replay_agent(facts: Sequence[Fact]) -> Agent:
    """The agent that a timeline tells of.

    Args:
        facts: One agent's timeline, in order, and not empty.
    """
    agent = Agent(facts[0].agent_id or facts[0].entity)
    for fact in facts:
        agent.tell(fact)
    return agent


def agent_tallies(facts: Sequence[Fact]) -> Tallies:
    """What an agent adds: levels of the state shown and of contacts at once, and each contact as it was taken up."""
    agent = replay_agent(facts)
    tallies: Tallies = {}
    ends: list[Millis | None] = [*(since for since, _, _ in agent.shown[1:]), None]
    for (since, state, queue), until in zip(agent.shown, ends, strict=True):
        if state != OFFLINE:
            _add_level(tallies, f"agent.{state}", since, until, _dims(queue, agent.agent_id))
    for contact in agent.contacts:
        dims = _dims(contact.queue, agent.agent_id)
        add(tallies, ("handled", contact.began_at, dims, 0), 1, 0)
        _add_level(tallies, "contacts", contact.began_at, contact.ended_at, dims)
    return tallies


def _dims(queue: str | None, agent_id: str) -> Dims:
    return queue, None, None, None, None, agent_id


def _add_level(tallies: Tallies, measure: str, since: Millis, until: Millis | None, dims: Dims) -> None:
    add(tallies, (measure, since, dims, 0), 1, 0)
    if until is not None:
        add(tallies, (measure, until, dims, 0), -1, 0)


def settled(facts: list[Fact], before: Millis) -> list[Fact]:
    """The timeline without what no event from ``before`` on can change any more.

    Kept are all facts from ``before`` on, and of the earlier ones those that say how things stood then: the last of
    the agent's own state, the last that told a queue, and those of contacts still open. What the dropped facts added
    to the cells stays there, since `measure` of the rest changes by the same difference as `measure` of the whole.
    """
    earlier = [fact for fact in facts if fact.at < before]
    if len(earlier) < 2:
        return facts
    agent = replay_agent(earlier)
    last_own = next((fact for fact in reversed(earlier) if fact.ticket_id is None), None)
    last_queue = next((fact for fact in reversed(earlier) if fact.queue), None)

    kept = []
    for fact in earlier:
        _, contact = agent.open.get(fact.ticket_id or "", (None, None))
        held = contact is not None and (fact.at, fact.event_id) >= (contact.began_at, contact.event_id)
        if held or fact is last_own:
            kept.append(fact)
        elif fact is last_queue:  # what else it told is over: it must not take a contact up again
            kept.append(altered(fact, ticket_id=fact.ticket_id or "-", state=OFFLINE))
    return kept + facts[len(earlier) :]
