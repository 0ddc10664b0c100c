"""The tickets about which more will happen, and how what happens to them is told."""

from collections.abc import Callable
from functools import partial
from typing import Any

from schemas.codec import Millis
from services.simulator.agenda import Agenda
from services.simulator.demand import Contact
from services.simulator.ticket import Ticket


class Cases:
    """Every ticket of the centre, as long as there is something to come."""

    def __init__(self, agenda: Agenda, first_number: int) -> None:
        self._agenda = agenda
        self._number = first_number
        self.unfinished: dict[str, Ticket] = {}

    def open(self, contact: Contact) -> Ticket:
        """A new ticket."""
        self._number += 1
        ticket = Ticket.opened(str(self._number), contact)
        self.unfinished[ticket.ticket_id] = ticket
        return ticket

    def tell(self, ticket: Ticket, kind: str, actor: str, **fields: Any) -> None:
        """Write down what happens to a ticket now."""
        self._agenda.tell(f"ticket.{kind}", ticket_id=ticket.ticket_id, actor=actor, **fields)

    def status(self, ticket: Ticket, status: str, actor: str, **fields: Any) -> None:
        """The ticket's status becomes another."""
        old, ticket.status = ticket.status, status
        self.tell(ticket, "status_changed", actor, status=status, old_status=old, **fields)

    def later(self, ticket: Ticket, delay: Millis, act: Callable[[Ticket], None]) -> None:
        """Let ``act`` happen to the ticket; until then it is not finished."""
        ticket.due += 1
        self._agenda.after(delay, partial(self._now, ticket, act))

    def _now(self, ticket: Ticket, act: Callable[[Ticket], None]) -> None:
        ticket.due -= 1
        act(ticket)
        if ticket.finished:
            self.unfinished.pop(ticket.ticket_id, None)
