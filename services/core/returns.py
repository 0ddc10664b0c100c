"""Whether a customer came back: reopened the ticket, or opened another about the same thing (convention 11)."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from schemas.codec import Millis, TicketStory

Match = Literal["requester_category", "requester"]
Verdict = bool | Literal["pending"] | None
"""Of something that takes a quiet window to show; None where there is nothing to judge."""


class Opening(NamedTuple):
    """When a requester opened which ticket."""

    at: Millis
    ticket: str


class Openings:
    """The tickets that one requester opened, ready to be asked what came after an instant.

    Tickets that an agent opened are left out, and so are those whose creation nobody told. A ticket that was merged
    away was opened all the same.
    """

    def __init__(self, stories: Iterable[TicketStory]) -> None:
        """``stories``: of the tickets of one requester."""
        self._all: list[Opening] = []
        self._by_category: dict[str, list[Opening]] = {}
        self._by_target: dict[str, list[Opening]] = {}
        for story in sorted(stories, key=lambda story: (story.opened_at, story.ticket)):
            if not story.asked:
                continue
            opening = Opening(story.opened_at, story.ticket)
            self._all.append(opening)
            if story.category is not None:
                self._by_category.setdefault(story.category, []).append(opening)
            if story.merged_into is not None:
                self._by_target.setdefault(story.merged_into, []).append(opening)

    def opened(self, begin: Millis, end: Millis) -> bool:
        """Whether the requester opened a ticket from ``begin`` to ``end``, both included."""
        place = bisect_left(self._all, (begin,))
        return place < len(self._all) and self._all[place].at <= end

    def repeat_contact_at(self, story: TicketStory, after: Millis, match: Match) -> Millis | None:
        """When the requester first opened another ticket about the same thing, later than ``after``.

        Args:
            match: What is the same thing: the same known category, or anything. A ticket that was merged into that of
                ``story`` always is.

        Returns:
            None when they did not.
        """
        alike = [self._by_target.get(story.ticket, [])]
        if match == "requester":
            alike.append(self._all)
        elif story.category is not None:
            alike.append(self._by_category.get(story.category, []))
        return min((at for openings in alike if (at := _first_after(openings, after)) is not None), default=None)


NOBODYS = Openings(())
"""Of a ticket whose requester nobody told."""


def _first_after(openings: Sequence[Opening], after: Millis) -> Millis | None:
    place = bisect_right(openings, after, key=lambda opening: opening.at)
    return openings[place].at if place < len(openings) else None


def came_back_at(story: TicketStory, openings: Openings, match: Match) -> Millis | None:
    """When the customer first came back after the first solve: reopened the ticket, or opened another like it.

    Returns:
        None when never solved, or when all was quiet since.
    """
    if story.solved_at is None:
        return None
    repeated = openings.repeat_contact_at(story, story.solved_at, match)
    return min((at for at in (story.reopened_at, repeated) if at is not None), default=None)


def quiet(since: Millis, window_ms: Millis, broken_at: Millis | None, as_of: Millis) -> Verdict:
    """Whether nothing came in a window, its end included.

    Returns:
        False once something came in it, else "pending" until the window is over, else True.
    """
    if broken_at is not None and broken_at <= since + window_ms:
        return False
    return True if as_of >= since + window_ms else "pending"
