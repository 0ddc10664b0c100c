"""What becomes of a ticket: the bot, the agents, the customer, each with their habits."""

from functools import partial
from random import Random
from typing import Any

from services.simulator.aftermath import Aftermath
from services.simulator.agenda import Agenda
from services.simulator.answers import flags_of_first, outcome_of
from services.simulator.cases import Cases
from services.simulator.chance import Chance
from services.simulator.demand import HOUR, MINUTE, SECOND, Contact
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
_DECISIONS = {
    True: {"solve": 0.76, "ask": 0.11, "transfer": 0.04, "escalate": 0.05, "hold": 0.04},
    False: {"solve": 0.60, "ask": 0.28, "transfer": 0.05, "escalate": 0.035, "hold": 0.035},
}
"""After a conversation on the line; after a written answer."""
_ASKED_WITHOUT_A_WORD = 0.03
"""Share of the tickets put on pending for which nobody writes to the customer."""


class Conversations:
    """Every ticket of the centre, from the first message to the last."""

    def __init__(self, agenda: Agenda, rng: Random, first_number: int) -> None:
        self._chance = Chance(rng)
        self._cases = Cases(agenda, first_number)
        self._floor = Floor(agenda, self._handle)
        self._aftermath = Aftermath(agenda, self._cases, self._chance, reopen=self._answer, open=self.open)

    @property
    def unfinished(self) -> dict[str, Ticket]:
        """Tickets about which more will happen."""
        return self._cases.unfinished

    def sign_in(self, shift: Shift) -> None:
        """An agent comes to work."""
        self._floor.sign_in(shift)

    def open(self, contact: Contact, duplicate_of: Ticket | None = None) -> None:
        """A customer writes, calls or chats."""
        ticket = self._cases.open(contact)
        ticket.duplicate_of = duplicate_of
        self._cases.tell(
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
            product_area=ticket.product_area,
            requester_id=ticket.requester_id,
            **({"tags": contact.tags} if contact.tags else {}),
        )
        if ticket.channel == "chat" and self._chance.once_in(0.6):
            self._cases.later(ticket, self._chance.seconds(2, 5), self._bot_answers)
            return
        if duplicate_of is None and not ticket.live and self._chance.once_in(0.012):
            self._cases.later(ticket, self._chance.minutes(3, 40), partial(self._write_again, contact))
        if ticket.live:
            self._wait(ticket)
        else:
            median = _SORTED_AFTER[ticket.priority] * (0.5 if ticket.tier == "vip" else 1)
            self._cases.later(ticket, self._chance.around(median, 0.6), self._wait)

    def _write_again(self, contact: Contact, ticket: Ticket) -> None:
        self.open(contact, duplicate_of=ticket)

    def _bot_answers(self, ticket: Ticket) -> None:
        self._cases.tell(ticket, "replied", "bot", author="bot", public=True)
        if self._chance.once_in(0.24):
            self._cases.later(ticket, self._chance.minutes(1, 6), self._solve_alone)
        else:
            self._cases.later(ticket, self._chance.seconds(25, 150), self._hand_off)

    def _hand_off(self, ticket: Ticket) -> None:
        self._cases.tell(ticket, "escalated", "bot", from_tier="bot", to_tier="1", reason="handoff")
        self._wait(ticket)

    def _wait(self, ticket: Ticket) -> None:
        """The ticket wants an agent; somebody on the line will not wait for ever."""
        self._size(ticket)
        self._floor.offer(ticket)
        if ticket.live and ticket.waiting_since is not None:
            patience = self._chance.wait(_PATIENCE[ticket.channel])
            self._cases.later(ticket, patience, partial(self._give_up, wait=ticket.waits))

    def _give_up(self, ticket: Ticket, wait: int) -> None:
        if ticket.waits != wait or ticket.waiting_since is None:
            return
        self._floor.withdraw(ticket)
        self._cases.status(ticket, "closed", "customer", reason="abandoned")

    def _size(self, ticket: Ticket) -> None:
        """How long the next handling will take."""
        median, sigma = _HANDLING[ticket.channel if ticket.live else "email"]
        scale = 1.7 if ticket.queue == "escalations" else 0.75 if ticket.talks else 1.0
        minutes = median * scale * self._chance.rng.lognormvariate(0, sigma)
        ticket.work = min(max(int(minutes * MINUTE), 30 * SECOND), _LONGEST_HANDLING)
        ticket.wrap_up = self._chance.seconds(30, 100) if ticket.live else 0

    def _handle(self, agent: Agent, ticket: Ticket) -> None:
        """An agent takes the ticket."""
        name = agent.agent_id
        if ticket.assignee != name:
            ticket.assignee = name
            self._cases.tell(ticket, "assigned", "agent", agent_id=name, team=agent.shift.person.team)
        if not ticket.talks and self._chance.once_in(0.03):
            old, ticket.priority = ticket.priority, _NEXT_PRIORITY[ticket.priority]
            self._cases.tell(ticket, "priority_changed", "agent", priority=ticket.priority, old_priority=old)
        if ticket.status == "new":
            self._cases.status(ticket, "open", "agent", agent_id=name)
        self._floor.show(agent, "busy", ticket)
        if ticket.live:
            self._talk(agent, ticket)
        self._cases.later(ticket, ticket.work, partial(self._finish, agent=agent))

    def _talk(self, agent: Agent, ticket: Ticket) -> None:
        """On the line: the first answer comes at once, in a chat a few more follow."""
        greeting = SECOND if ticket.channel == "voice" else self._chance.seconds(6, 24)
        self._cases.later(ticket, greeting, partial(self._reply, author="agent", name=agent.agent_id))
        if ticket.channel == "chat":
            for share in (0.35, 0.6) if self._chance.once_in(0.5) else (0.5,):
                said = max(greeting + SECOND, int(ticket.work * share))
                self._cases.later(ticket, said, partial(self._reply, author="customer"))
                answered = said + (ticket.work - said) // 3
                self._cases.later(ticket, answered, partial(self._reply, author="agent", name=agent.agent_id))

    def _reply(self, ticket: Ticket, author: str, name: str | None = None, public: bool = True) -> None:
        told: dict[str, Any] = {} if name is None else {"agent_id": name}
        if author == "agent" and public and not ticket.answered:
            ticket.answered = True
            told["content_flags"] = flags_of_first(self._chance, ticket)
        self._cases.tell(ticket, "replied", author, author=author, public=public, **told)

    def _finish(self, ticket: Ticket, agent: Agent) -> None:
        """The agent has done what there was to do, and says what comes next."""
        spoke, ticket.live = ticket.live, False
        ticket.talks += 1
        if not self._merge(ticket):
            self._tag(ticket)
            self._decide(ticket, agent, spoke)
        if ticket.wrap_up:
            self._floor.show(agent, "wrap_up", ticket)
            self._cases.later(ticket, ticket.wrap_up, partial(self._floor.done, agent))
        else:
            self._floor.done(agent, ticket)

    def _merge(self, ticket: Ticket) -> bool:
        into = ticket.duplicate_of
        if into is None or into.done:
            return False
        ticket.merged = True
        self._cases.tell(ticket, "merged", "agent", into_ticket_id=into.ticket_id)
        return True

    def _tag(self, ticket: Ticket) -> None:
        """The agent finds a bug that the form did not know, or that it is none."""
        if ticket.category != "bug" or ticket.talks > 1:
            return
        knew = "bug" in ticket.contact.tags
        if not knew and self._chance.once_in(0.6):
            self._cases.tell(ticket, "tags_changed", "agent", added=("bug",), removed=())
        elif knew and self._chance.once_in(0.08):
            self._cases.tell(ticket, "tags_changed", "agent", added=("user_error",), removed=("bug",))

    def _decide(self, ticket: Ticket, agent: Agent, spoke: bool) -> None:
        decision = self._chance.word(_DECISIONS[spoke])
        if ticket.queue == "escalations" or ticket.talks > 1:
            decision = {"escalate": "solve", "transfer": "ask"}.get(decision, decision)
        if not spoke or decision in ("transfer", "escalate"):
            if self._chance.once_in(0.9 if decision in ("transfer", "escalate") else 0.12):
                self._reply(ticket, "agent", agent.agent_id, public=False)
            silent = decision == "transfer" or (decision == "ask" and self._chance.once_in(_ASKED_WITHOUT_A_WORD))
            if not spoke and not silent:
                self._reply(ticket, "agent", agent.agent_id)
        getattr(self, f"_{decision}")(ticket, agent)

    def _transfer(self, ticket: Ticket, agent: Agent) -> None:
        self._move(ticket, _OTHER_QUEUE[ticket.queue])

    def _escalate(self, ticket: Ticket, agent: Agent) -> None:
        told = {"from_tier": "1", "to_tier": "2", "reason": f"needs {ticket.category}"}
        self._cases.tell(ticket, "escalated", "agent", agent_id=agent.agent_id, **told)
        self._move(ticket, "escalations")

    def _move(self, ticket: Ticket, queue: str) -> None:
        ticket.queue, ticket.assignee = queue, None
        self._cases.tell(ticket, "assigned", "agent", queue=queue)
        self._cases.tell(ticket, "assigned", "agent", agent_id=None)
        self._cases.later(ticket, SECOND, self._wait)

    def _hold(self, ticket: Ticket, agent: Agent) -> None:
        """Waits for somebody else in the house."""
        self._cases.status(ticket, "on_hold", "agent", agent_id=agent.agent_id)
        self._cases.later(ticket, self._chance.around(4 * HOUR, 0.7), self._resume)

    def _resume(self, ticket: Ticket) -> None:
        self._cases.status(ticket, "open", "system")
        self._wait(ticket)

    def _ask(self, ticket: Ticket, agent: Agent) -> None:
        """Waits for the customer, who may never answer."""
        self._cases.status(ticket, "pending", "agent", agent_id=agent.agent_id)
        if self._chance.once_in(0.8):
            self._cases.later(ticket, self._chance.around(2.2 * HOUR, 0.9), self._answer)
        else:
            self._cases.later(ticket, self._chance.minutes(14 * 60, 20 * 60), self._solve_alone)

    def _answer(self, ticket: Ticket) -> None:
        """The customer writes, and the ticket is open (again)."""
        self._reply(ticket, "customer")
        self._cases.status(ticket, "open", "customer")
        self._wait(ticket)

    def _solve_alone(self, ticket: Ticket) -> None:
        """Solved without an agent: by the bot, or because the customer did not answer."""
        by_bot = not ticket.talks
        outcome = "answered" if by_bot else "no_response"
        self._cases.status(ticket, "solved", "bot" if by_bot else "system", reason=outcome)
        self._aftermath.alone(ticket, outcome, by_bot)

    def _solve(self, ticket: Ticket, agent: Agent) -> None:
        outcome = outcome_of(self._chance, ticket)
        told = {} if outcome is None else {"reason": outcome}
        self._cases.status(ticket, "solved", "agent", agent_id=agent.agent_id, **told)
        self._aftermath.by_agent(ticket, agent.shift.person, outcome)
