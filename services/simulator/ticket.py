"""A ticket in the simulated centre."""

from dataclasses import dataclass
from typing import Self

from schemas.codec import Millis
from services.simulator.demand import Contact

_RANKS = {"urgent": 2, "high": 3, "normal": 4, "low": 5}


@dataclass(slots=True, eq=False)
class Ticket:
    """What the centre knows of a case, and what the model knows of its future."""

    ticket_id: str
    queue: str
    channel: str
    priority: str
    tier: str
    category: str
    requester_id: str
    product_area: str
    contact: Contact
    """What it was opened with."""
    live: bool
    """The customer is on the line: voice or chat, until the first conversation ends."""
    status: str = "new"
    assignee: str | None = None
    duplicate_of: "Ticket | None" = None
    merged: bool = False
    talks: int = 0
    """How often an agent has worked on it."""
    answered: bool = False
    """An agent has written or spoken to the customer."""
    waits: int = 0
    """Counts the times it was lined up: an entry of an earlier time is void."""
    waiting_since: Millis | None = None
    work: Millis = 0
    """How long the next handling will take."""
    wrap_up: Millis = 0
    due: int = 0
    """Acts about it that are still to come."""

    @classmethod
    def opened(cls, ticket_id: str, contact: Contact) -> Self:
        """The ticket of a new contact."""
        return cls(
            ticket_id,
            contact.queue,
            contact.channel,
            contact.priority,
            contact.tier,
            contact.category,
            contact.requester_id,
            contact.product_area,
            contact,
            live=contact.channel in ("voice", "chat"),
        )

    @property
    def rank(self) -> int:
        """Who is served first: people on the line, then priority; important customers one step earlier."""
        if self.live:
            return 0 if self.channel == "voice" else 1
        return _RANKS[self.priority] - (self.tier == "vip")

    @property
    def done(self) -> bool:
        """Nobody has to do anything about it."""
        return self.merged or self.status in ("solved", "closed")

    @property
    def finished(self) -> bool:
        """Nothing will happen to it any more."""
        return self.due == 0 and self.done
