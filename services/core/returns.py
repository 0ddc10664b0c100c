"""Whether a customer came back: reopened the ticket, or opened another about the same thing (convention 11)."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from schemas.codec import Millis
from services.core.ticket import Ticket

Match = Literal["requester_category", "requester"]
Verdict = bool | Literal["pending"] | None
"""Of something that takes a quiet window to show; None where there is nothing to judge."""


class Opening(NamedTuple):
    """When a requester opened which ticket."""

    at: Millis
    ticket: str


class Openings:
    """The tickets that requesters opened themselves, ready to be asked what came after an instant.

    Tickets that an agent opened are left out, and so are those whose creation or requester nobody told. A ticket that
    was merged away was opened all the same.
    """

    def __init__(self, tickets: Mapping[str, Ticket]) -> None:
        """``tickets``: by their key."""
        self._by_requester: dict[str, list[Opening]] = {}
        self._by_category: dict[tuple[str, str], list[Opening]] = {}
        self._by_target: dict[tuple[str, str], list[Opening]] = {}
        for key, ticket in sorted(tickets.items(), key=lambda item: (item[1].opened_at, item[0])):
            requester, category = ticket.requester_id, ticket.first_traits.category
            if requester is None or ticket.outbound or not ticket.creation_known:
                continue
            opening = Opening(ticket.opened_at, key)
            self._by_requester.setdefault(requester, []).append(opening)
            if category is not None:
                self._by_category.setdefault((requester, category), []).append(opening)
            if ticket.merged_into is not None:
                self._by_target.setdefault((requester, ticket.merged_into), []).append(opening)

    def opened(self, requester: str, begin: Millis, end: Millis) -> bool:
        """Whether the requester opened a ticket from ``begin`` to ``end``, both included."""
        openings = self._by_requester.get(requester, [])
        place = bisect_left(openings, (begin,))
        return place < len(openings) and openings[place].at <= end

    def repeat_contact_at(self, key: str, ticket: Ticket, after: Millis, match: Match) -> Millis | None:
        """When the requester of ``ticket`` first opened another about the same thing, later than ``after``.

        Args:
            key: The key of ``ticket``.
            match: What is the same thing: the same known category, or anything. A ticket that was merged into
                ``ticket`` always is.

        Returns:
            None when nobody did, or when nobody knows whose the ticket is.
        """
        requester, category = ticket.requester_id, ticket.first_traits.category
        if requester is None:
            return None
        alike = [self._by_target.get((requester, key), [])]
        if match == "requester":
            alike.append(self._by_requester.get(requester, []))
        elif category is not None:
            alike.append(self._by_category.get((requester, category), []))
        return min((at for openings in alike if (at := _first_after(openings, after)) is not None), default=None)


def _first_after(openings: Sequence[Opening], after: Millis) -> Millis | None:
    place = bisect_right(openings, after, key=lambda opening: opening.at)
    return openings[place].at if place < len(openings) else None


def came_back_at(key: str, ticket: Ticket, openings: Openings, match: Match) -> Millis | None:
    """When the customer first came back after the first solve: reopened the ticket, or opened another like it.

    Returns:
        None when never solved, or when all was quiet since.
    """
    if not ticket.solves:
        return None
    reopened = ticket.reopens[0].at if ticket.reopens else None
    repeated = openings.repeat_contact_at(key, ticket, ticket.solves[0].at, match)
    return min((at for at in (reopened, repeated) if at is not None), default=None)


def quiet(since: Millis, window_ms: Millis, broken_at: Millis | None, as_of: Millis) -> Verdict:
    """Whether nothing came in a window, its end included.

    Returns:
        False once something came in it, else "pending" until the window is over, else True.
    """
    if broken_at is not None and broken_at <= since + window_ms:
        return False
    return True if as_of >= since + window_ms else "pending"
