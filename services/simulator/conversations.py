"""What becomes of a ticket: the bot, the agents, the customer, each with their habits."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from schemas.codec import Millis
from services.simulator.agenda import Agenda
from services.simulator.demand import HOUR, MINUTE, SECOND, Contact, draw
from services.simulator.floor import Agent, Floor
from services.simulator.roster import Shift
from services.simulator.ticket import Ticket

_HANDLING = {"voice": (4.2, 0.5), "chat": (6.5, 0.4), "email": (4.0, 0.6), "web": (4.0, 0.6)}
"""Median minutes of one handling, and sigma of its logarithm."""
_LONGEST_HANDLING = 25 * MINUTE
_PATIENCE = {"voice": 7 * MINUTE, "chat": 16 * MINUTE}
"""Mean time before a customer on the line gives up."""
_SORTED_AFTER = {"urgent": 3 * MINUTE, "high": 12 * MINUTE, "normal": 45 * MINUTE, "low": 100 * MINUTE}
"""Median time in the inbox before a new mail is sorted and given to agents."""
_NEXT_PRIORITY = {"low": "normal", "normal": "high", "high": "urgent", "urgent": "high"}
_OTHER_QUEUE = {
    "billing": "orders",
    "orders": "billing",
    "technical": "billing",
    "onboarding": "technical",
    "vip": "technical",
}
_OUTCOMES = {
    True: {"solve": 0.76, "ask": 0.11, "transfer": 0.04, "escalate": 0.05, "hold": 0.04},
    False: {"solve": 0.60, "ask": 0.28, "transfer": 0.05, "escalate": 0.035, "hold": 0.035},
}
"""After a conversation on the line; after a written answer."""


class Conversations:
    """Every ticket of the centre, from the first message to the last."""

    def __init__(self, agenda: Agenda, rng: Random, first_number: int) -> None:
        self._agenda = agenda
        self._rng = rng
        self._number = first_number
        self._floor = Floor(agenda, self._handle)
        self.unfinished: dict[str, Ticket] = {}
        """Tickets about which more will happen."""

    def sign_in(self, shift: Shift) -> None:
        """An agent comes to work."""
        self._floor.sign_in(shift)

    def open(self, contact: Contact, duplicate_of: Ticket | None = None) -> None:
        """A customer writes, calls or chats."""
        self._number += 1
        ticket = Ticket.opened(str(self._number), contact)
        ticket.duplicate_of = duplicate_of
        self.unfinished[ticket.ticket_id] = ticket
        self._tell(
            ticket,
            "created",
            "customer",
            created_by="customer",
            status="new",
            channel=ticket.channel,
            queue=ticket.queue,
            priority=ticket.priority,
            tier=ticket.tier,
            category=ticket.category,
            requester_id=ticket.requester_id,
        )
        if ticket.channel == "chat" and self._chance(0.6):
            self._later(ticket, self._seconds(2, 5), self._bot_answers)
            return
        if duplicate_of is None and not ticket.live and self._chance(0.012):
            self._later(ticket, self._minutes(3, 40), partial(self._write_again, contact))
        if ticket.live:
            self._wait(ticket)
        else:
            median = _SORTED_AFTER[ticket.priority] * (0.5 if ticket.tier == "vip" else 1)
            self._later(ticket, self._lognormal(median, 0.6), self._wait)

    def _write_again(self, contact: Contact, ticket: Ticket) -> None:
        self.open(contact, duplicate_of=ticket)

    def _bot_answers(self, ticket: Ticket) -> None:
        self._tell(ticket, "replied", "bot", author="bot", public=True)
        if self._chance(0.24):
            self._later(ticket, self._minutes(1, 6), partial(self._solve, agent=None))
        else:
            self._later(ticket, self._seconds(25, 150), self._hand_off)

    def _hand_off(self, ticket: Ticket) -> None:
        self._tell(ticket, "escalated", "bot", from_tier="bot", to_tier="1", reason="handoff")
        self._wait(ticket)

    def _wait(self, ticket: Ticket) -> None:
        """The ticket wants an agent; somebody on the line will not wait for ever."""
        self._size(ticket)
        self._floor.offer(ticket)
        if ticket.live and ticket.waiting_since is not None:
            patience = max(2 * SECOND, int(self._rng.expovariate(1 / _PATIENCE[ticket.channel])))
            self._later(ticket, patience, partial(self._give_up, wait=ticket.waits))

    def _give_up(self, ticket: Ticket, wait: int) -> None:
        if ticket.waits != wait or ticket.waiting_since is None:
            return
        self._floor.withdraw(ticket)
        self._status(ticket, "closed", "customer", reason="abandoned")

    def _size(self, ticket: Ticket) -> None:
        """How long the next handling will take."""
        median, sigma = _HANDLING[ticket.channel if ticket.live else "email"]
        scale = 1.7 if ticket.queue == "escalations" else 0.75 if ticket.talks else 1.0
        minutes = median * scale * self._rng.lognormvariate(0, sigma)
        ticket.work = min(max(int(minutes * MINUTE), 30 * SECOND), _LONGEST_HANDLING)
        ticket.wrap_up = self._seconds(30, 100) if ticket.live else 0

    def _handle(self, agent: Agent, ticket: Ticket) -> None:
        """An agent takes the ticket."""
        name = agent.agent_id
        if ticket.assignee != name:
            ticket.assignee = name
            self._tell(ticket, "assigned", "agent", agent_id=name)
        if not ticket.talks and self._chance(0.03):
            old, ticket.priority = ticket.priority, _NEXT_PRIORITY[ticket.priority]
            self._tell(ticket, "priority_changed", "agent", priority=ticket.priority, old_priority=old)
        if ticket.status == "new":
            self._status(ticket, "open", "agent", agent_id=name)
        self._agenda.tell("agent.state_changed", agent_id=name, state="busy", ticket_id=ticket.ticket_id)
        if ticket.live:
            self._talk(agent, ticket)
        self._later(ticket, ticket.work, partial(self._finish, agent=agent))

    def _talk(self, agent: Agent, ticket: Ticket) -> None:
        """On the line: the first answer comes at once, in a chat a few more follow."""
        greeting = SECOND if ticket.channel == "voice" else self._seconds(6, 24)
        self._later(ticket, greeting, partial(self._reply, author="agent", name=agent.agent_id))
        if ticket.channel == "chat":
            for share in (0.35, 0.6) if self._chance(0.5) else (0.5,):
                said = max(greeting + SECOND, int(ticket.work * share))
                self._later(ticket, said, partial(self._reply, author="customer"))
                answered = said + (ticket.work - said) // 3
                self._later(ticket, answered, partial(self._reply, author="agent", name=agent.agent_id))

    def _reply(self, ticket: Ticket, author: str, name: str | None = None, public: bool = True) -> None:
        told = {} if name is None else {"agent_id": name}
        self._tell(ticket, "replied", author, author=author, public=public, **told)

    def _finish(self, ticket: Ticket, agent: Agent) -> None:
        """The agent has done what there was to do, and says what comes next."""
        spoke, ticket.live = ticket.live, False
        ticket.talks += 1
        if not self._merge(ticket):
            self._decide(ticket, agent, spoke)
        if ticket.wrap_up:
            name, wrapped_up = agent.agent_id, partial(self._floor.done, agent)
            self._agenda.tell("agent.state_changed", agent_id=name, state="wrap_up", ticket_id=ticket.ticket_id)
            self._later(ticket, ticket.wrap_up, wrapped_up)
        else:
            self._floor.done(agent, ticket)

    def _merge(self, ticket: Ticket) -> bool:
        into = ticket.duplicate_of
        if into is None or into.merged or into.status in ("solved", "closed"):
            return False
        ticket.merged = True
        self._tell(ticket, "merged", "agent", into_ticket_id=into.ticket_id)
        return True

    def _decide(self, ticket: Ticket, agent: Agent, spoke: bool) -> None:
        outcome = draw(self._rng, _OUTCOMES[spoke])
        if ticket.queue == "escalations" or ticket.talks > 1:
            outcome = {"escalate": "solve", "transfer": "ask"}.get(outcome, outcome)
        if not spoke or outcome in ("transfer", "escalate"):
            if self._chance(0.9 if outcome in ("transfer", "escalate") else 0.12):
                self._reply(ticket, "agent", agent.agent_id, public=False)
            if not spoke and outcome != "transfer":
                self._reply(ticket, "agent", agent.agent_id)
        getattr(self, f"_{outcome}")(ticket, agent)

    def _transfer(self, ticket: Ticket, agent: Agent) -> None:
        self._move(ticket, _OTHER_QUEUE[ticket.queue])

    def _escalate(self, ticket: Ticket, agent: Agent) -> None:
        told = {"from_tier": "1", "to_tier": "2", "reason": f"needs {ticket.category}"}
        self._tell(ticket, "escalated", "agent", agent_id=agent.agent_id, **told)
        self._move(ticket, "escalations")

    def _move(self, ticket: Ticket, queue: str) -> None:
        ticket.queue, ticket.assignee = queue, None
        self._tell(ticket, "assigned", "agent", queue=queue)
        self._tell(ticket, "assigned", "agent", agent_id=None)
        self._later(ticket, SECOND, self._wait)

    def _hold(self, ticket: Ticket, agent: Agent) -> None:
        """Waits for somebody else in the house."""
        self._status(ticket, "on_hold", "agent", agent_id=agent.agent_id)
        self._later(ticket, self._lognormal(4 * HOUR, 0.7), self._resume)

    def _resume(self, ticket: Ticket) -> None:
        self._status(ticket, "open", "system")
        self._wait(ticket)

    def _ask(self, ticket: Ticket, agent: Agent) -> None:
        """Waits for the customer, who may never answer."""
        self._status(ticket, "pending", "agent", agent_id=agent.agent_id)
        if self._chance(0.8):
            self._later(ticket, self._lognormal(2.2 * HOUR, 0.9), self._answer)
        else:
            self._later(ticket, self._minutes(14 * 60, 20 * 60), partial(self._solve, agent=None))

    def _answer(self, ticket: Ticket) -> None:
        """The customer writes, and the ticket is open (again)."""
        self._reply(ticket, "customer")
        self._status(ticket, "open", "customer")
        self._wait(ticket)

    def _solve(self, ticket: Ticket, agent: Agent | None) -> None:
        """Solved by an agent, or without one: by the bot, or because nobody answered."""
        if agent is None:
            self._status(ticket, "solved", "system" if ticket.talks else "bot")
            return
        self._status(ticket, "solved", "agent", agent_id=agent.agent_id)
        if self._chance(0.06):
            self._later(ticket, self._lognormal(3 * HOUR, 0.9), self._answer)
        elif self._chance(0.2):
            self._later(ticket, self._lognormal(HOUR, 0.9), partial(self._rate, agent_id=agent.agent_id))

    def _rate(self, ticket: Ticket, agent_id: str) -> None:
        happy = {"5": 0.62, "4": 0.22, "3": 0.08, "2": 0.04, "1": 0.04}
        weary = {"5": 0.36, "4": 0.24, "3": 0.18, "2": 0.12, "1": 0.10}
        self._agenda.tell(
            "survey.answered",
            kind="csat",
            score=float(draw(self._rng, happy if ticket.talks == 1 else weary)),
            scale=(1.0, 5.0),
            ticket_id=ticket.ticket_id,
            requester_id=ticket.requester_id,
            agent_id=agent_id,
            actor="customer",
        )

    def _status(self, ticket: Ticket, status: str, actor: str, **fields: Any) -> None:
        old, ticket.status = ticket.status, status
        self._tell(ticket, "status_changed", actor, status=status, old_status=old, **fields)

    def _tell(self, ticket: Ticket, kind: str, actor: str, **fields: Any) -> None:
        self._agenda.tell(f"ticket.{kind}", ticket_id=ticket.ticket_id, actor=actor, **fields)

    def _later(self, ticket: Ticket, delay: Millis, act: Callable[[Ticket], None]) -> None:
        ticket.due += 1
        self._agenda.after(delay, partial(self._now, ticket, act))

    def _now(self, ticket: Ticket, act: Callable[[Ticket], None]) -> None:
        ticket.due -= 1
        act(ticket)
        if ticket.finished:
            self.unfinished.pop(ticket.ticket_id, None)

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share

    def _seconds(self, least: int, most: int) -> Millis:
        return self._rng.randint(least * SECOND, most * SECOND)

    def _minutes(self, least: int, most: int) -> Millis:
        return self._rng.randint(least * MINUTE, most * MINUTE)

    def _lognormal(self, median: float, sigma: float) -> Millis:
        return max(MINUTE, min(int(median * self._rng.lognormvariate(0, sigma)), 60 * HOUR))
