"""The floor: agents who come, pause and leave, and which of the waiting tickets each takes next."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from schemas.codec import Millis
from services.simulator.agenda import Agenda
from services.simulator.demand import HOUR, MINUTE, QUEUES, SECOND
from services.simulator.roster import Pause, Shift
from services.simulator.ticket import Ticket

CHATS_AT_ONCE = 2
_RESERVE = 0.12
"""Share of the agents on duty who wait for calls and chats rather than take mail."""
_PATIENCE_WITH_MAIL = 5 * HOUR
"""Mail older than this is taken whoever else may ring."""
_MAIL_OVERFLOWS_AFTER = 75 * MINUTE
"""When agents of other skills step in."""
_LAST_MINUTES = 10 * MINUTE

Place = tuple[int, Millis, int, int, Ticket]
"""A place in a line: rank, since when, a number, which wait, the ticket."""


@dataclass(slots=True, eq=False)
class Agent:
    """Somebody on duty."""

    shift: Shift
    contacts: list[Ticket] = field(default_factory=list)
    own: list[Place] = field(default_factory=list)
    """Customers who answered this agent."""
    due: list[Pause] = field(default_factory=list)
    paused: bool = False

    @property
    def agent_id(self) -> str:
        return self.shift.person.agent_id


class Floor:
    """Joins agents and tickets; ``work`` is called when an agent takes one."""

    def __init__(self, agenda: Agenda, work: Callable[[Agent, Ticket], None]) -> None:
        self._agenda = agenda
        self._work = work
        self._on_duty: dict[str, Agent] = {}
        self._idle: dict[Agent, None] = {}
        self._lines: dict[tuple[str, bool], list[Place]] = {(q, live): [] for q in QUEUES for live in (True, False)}
        self._places = 0

    def sign_in(self, shift: Shift) -> None:
        """An agent comes to work."""
        agent = Agent(shift)
        self._on_duty[agent.agent_id] = agent
        self.show(agent, "available")
        for pause in shift.pauses:
            self._agenda.at(max(pause.due_at, self._agenda.now + SECOND), partial(self._pause_due, agent, pause))
        self._agenda.at(shift.ends_at, partial(self._sign_out, agent))
        self._free(agent)

    def offer(self, ticket: Ticket) -> None:
        """A ticket wants an agent, now or when one is free."""
        now = self._agenda.now
        ticket.waits += 1
        ticket.waiting_since = now
        taker = next(self._takers(ticket), None)
        if taker is not None:
            self._take(taker, ticket)
            return
        self._places += 1
        place = (ticket.rank, now, self._places, ticket.waits, ticket)
        assignee = None if ticket.assignee is None else self._on_duty.get(ticket.assignee)
        heapq.heappush(self._lines[ticket.queue, ticket.live] if assignee is None else assignee.own, place)
        if ticket.live:
            self._agenda.after(_overflows_after(ticket), partial(self._overflow, ticket, ticket.waits))

    def withdraw(self, ticket: Ticket) -> None:
        """The ticket waits no longer."""
        ticket.waits += 1
        ticket.waiting_since = None

    def done(self, agent: Agent, ticket: Ticket) -> None:
        """The agent has finished with the ticket."""
        agent.contacts.remove(ticket)
        self.show(agent, "available", ticket)
        self._free(agent)

    def show(self, agent: Agent, state: str, ticket: Ticket | None = None) -> None:
        """Tell an agent's state; with a ticket, the state with that one contact."""
        person = agent.shift.person
        about = {} if ticket is None else {"ticket_id": ticket.ticket_id}
        told = {"agent_id": person.agent_id, "state": state, "queue": person.skills[0], "team": person.team}
        self._agenda.tell("agent.state_changed", **told, **about)

    def _free(self, agent: Agent) -> None:
        """Take what may be taken next; else pause, or be idle."""
        if not agent.contacts:
            if agent.due:
                self._pause(agent, agent.due.pop(0))
                return
            self._idle[agent] = None
        self._serve(agent)
        # With one more at leisure, the longest idle may take mail that was left for the sake of calls.
        longest = next(iter(self._idle), agent)
        if longest is not agent:
            self._serve(longest)

    def _serve(self, agent: Agent) -> None:
        while not agent.paused and (ticket := self._next(agent)) is not None:
            self._take(agent, ticket)

    def _take(self, agent: Agent, ticket: Ticket) -> None:
        ticket.waits += 1
        ticket.waiting_since = None
        self._idle.pop(agent, None)
        agent.contacts.append(ticket)
        self._work(agent, ticket)

    def _takers(self, ticket: Ticket) -> Iterator[Agent]:
        """Agents who may take it: its own agent, then the longest idle, then who could chat with one more."""
        own = self._on_duty.get(ticket.assignee or "")
        if own is not None and own in self._idle and self._may(own, ticket):
            yield own
        if own is None or ticket.live:
            yield from (agent for agent in self._idle if self._may(agent, ticket))
        if ticket.live and ticket.channel == "chat":
            yield from (agent for agent in self._on_duty.values() if agent.contacts and self._may(agent, ticket))

    def _next(self, agent: Agent) -> Ticket | None:
        best: Place | None = None
        line_of_best = agent.own
        for line in (agent.own, *self._lines.values()):
            while line and line[0][3] != line[0][4].waits:
                heapq.heappop(line)
            if line and (best is None or line[0] < best) and self._may(agent, line[0][4], own=line is agent.own):
                best, line_of_best = line[0], line
        return None if best is None else heapq.heappop(line_of_best)[4]

    def _may(self, agent: Agent, ticket: Ticket, *, own: bool = False) -> bool:
        now = self._agenda.now
        if agent.paused or agent.due or now + ticket.work + ticket.wrap_up >= agent.shift.ends_at:
            return False
        waited = now - (now if ticket.waiting_since is None else ticket.waiting_since)
        skilled = own or ticket.queue in agent.shift.person.skills
        if not skilled and (waited < _overflows_after(ticket) or ticket.queue == "escalations"):
            return False
        if agent.contacts:
            return (
                ticket.live
                and ticket.channel == "chat"
                and len(agent.contacts) < CHATS_AT_ONCE
                and all(contact.live and contact.channel == "chat" for contact in agent.contacts)
            )
        if ticket.live or ticket.priority == "urgent" or waited > _PATIENCE_WITH_MAIL:
            return True
        return len(self._idle) > round(_RESERVE * len(self._on_duty))

    def _overflow(self, ticket: Ticket, wait: int) -> None:
        if ticket.waits == wait and (taker := next(self._takers(ticket), None)) is not None:
            self._take(taker, ticket)

    def _pause_due(self, agent: Agent, pause: Pause) -> None:
        if self._agenda.now + pause.length + _LAST_MINUTES > agent.shift.ends_at:
            return
        if agent.contacts or agent.paused:
            agent.due.append(pause)
        else:
            self._pause(agent, pause)

    def _pause(self, agent: Agent, pause: Pause) -> None:
        if self._agenda.now + pause.length + _LAST_MINUTES > agent.shift.ends_at:
            self._free(agent)
            return
        agent.paused = True
        self._idle.pop(agent, None)
        self.show(agent, pause.state)
        self._agenda.after(pause.length, partial(self._back, agent))

    def _back(self, agent: Agent) -> None:
        agent.paused = False
        self.show(agent, "available")
        self._free(agent)

    def _sign_out(self, agent: Agent) -> None:
        """Nothing is taken that would not be done by now, so the agent's hands are empty."""
        del self._on_duty[agent.agent_id]
        self._idle.pop(agent, None)
        self.show(agent, "offline")
        for place in agent.own:
            ticket = place[4]
            if place[3] == ticket.waits:
                heapq.heappush(self._lines[ticket.queue, ticket.live], place)
        for colleague in list(self._idle):
            self._free(colleague)


def _overflows_after(ticket: Ticket) -> Millis:
    """For people on the line it takes between a quarter of a minute and a minute, as chance will have it."""
    return (15 + int(ticket.ticket_id) * 7 % 45) * SECOND if ticket.live else _MAIL_OVERFLOWS_AFTER
