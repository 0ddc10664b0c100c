"""The figures of one entity, from the text of the KPI cases and from nothing of `core`: slow, and easy to read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from schemas.codec import Fact, Millis

UNSOLVED = {"new", "open", "pending", "on_hold"}
_KINDS = "created snapshot assigned priority_changed escalated replied status_changed tags_changed merged deleted"


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """By time, then by kind, then by id; each id once (convention 1)."""
    once: dict[str, Fact] = {}
    for fact in facts:
        once.setdefault(fact.event_id, fact)
    kinds = [f"ticket.{kind}" for kind in _KINDS.split()]
    return sorted(once.values(), key=lambda f: (f.at, kinds.index(f.type) if f.type in kinds else 0, f.event_id))


@dataclass
class Life:
    """What happened to a ticket, as far as it counts."""

    begin: Millis
    known_from_creation: bool
    """Its creation was told."""
    begin_known: bool
    outbound: bool
    statuses: list[tuple[Millis, str]] = field(default_factory=list)
    moments: list[tuple[Millis, str]] = field(default_factory=list)
    """customer and agent messages (public), solve and reopen."""
    gone: bool = False

    @property
    def merged(self) -> bool:
        return self.statuses[-1][1] == "merged"

    def solves(self) -> list[Millis]:
        return [moment for moment, what in self.moments if what == "solve"]

    def reopens(self) -> list[Millis]:
        return [moment for moment, what in self.moments if what == "reopen"]

    def status_at(self, moment: Millis) -> str | None:
        return next((status for since, status in reversed(self.statuses) if since <= moment), None)

    def _becomes(self, moment: Millis, status: str) -> None:
        was = self.statuses[-1][1] if self.statuses else "new"
        self.statuses.append((moment, status))
        if was in UNSOLVED and status in ("solved", "closed"):
            self.moments.append((moment, "solve"))
        if was in ("solved", "closed") and status in UNSOLVED:
            self.moments.append((moment, "reopen"))

    def _tell(self, fact: Fact) -> None:
        moment = max(fact.at, self.begin)
        if fact.type == "ticket.replied" and fact.public and fact.author in ("customer", "agent"):
            self.moments.append((moment, fact.author))
        elif fact.type in ("ticket.status_changed", "ticket.snapshot") and fact.status:
            self._becomes(moment, fact.status)
        elif fact.type == "ticket.merged":
            self._becomes(moment, "merged")
        elif fact.type == "ticket.deleted":
            self.gone = True


def life(facts: Iterable[Fact]) -> Life:
    """A ticket's life. What seems to come before its creation came with it."""
    events = in_order(facts)
    created = next((fact for fact in events if fact.type == "ticket.created"), None)
    first = events[0]
    if created is not None:
        told = Life(created.at, True, True, created.created_by == "agent")
        told._becomes(created.at, created.status or "new")
    elif first.type == "ticket.snapshot" and first.created_at is not None:
        told = Life(min(first.created_at, first.at), False, True, False)
        told._becomes(told.begin, "new")
    else:
        told = Life(first.at, False, False, False)
        told._becomes(told.begin, "open")
    for fact in events:
        if fact is not created and not told.merged and not told.gone:
            told._tell(fact)
    return told


def first_response(told: Life) -> tuple[Millis, Millis, int] | None:
    """Since when, and when, and after which of the moments (convention 7 with its defaults)."""
    moments = told.moments
    if not told.known_from_creation:
        return None
    since, place = told.begin, 0
    if told.outbound:
        asked = [number for number, (_, what) in enumerate(moments) if what == "customer"]
        if not asked:
            return None
        since, place = moments[asked[0]][0], asked[0]
    while True:
        ends = [number for number in range(place, len(moments)) if moments[number][1] in ("agent", "solve")]
        if not ends:
            return None
        if moments[ends[0]][1] == "agent":
            return since, moments[ends[0]][0], ends[0]
        again = [number for number in range(ends[0], len(moments)) if moments[number][1] == "reopen"]
        if not again:
            return None
        asked = [number for number in range(ends[0], again[0]) if moments[number][1] == "customer"]
        place = (asked or again)[0]
        since = moments[place][0]


def next_responses(told: Life) -> list[tuple[Millis, Millis]]:
    """Each turn that was answered, after the first response (convention 8)."""
    place = 0
    if told.known_from_creation:
        first = first_response(told)
        if first is None:
            return []
        place = first[2] + 1
    answered, since = [], None
    for moment, what in told.moments[place:]:
        if what == "customer" and since is None:
            since = moment
        elif what == "agent" and since is not None:
            answered.append((since, moment))
            since = None
        elif what == "solve":
            since = None
    return answered


def shown_state(facts: Sequence[Fact], moment: Millis) -> tuple[str, int]:
    """An agent's state and how many contacts it has, after all that is known at an instant (convention 20)."""
    own, contacts = "offline", dict[str, str]()
    for fact in facts:
        if fact.at > moment:
            break
        if fact.ticket_id is None:
            own = fact.state or "offline"
            if own == "offline":
                contacts.clear()
        elif fact.state == "busy" or (fact.state == "wrap_up" and fact.ticket_id in contacts):
            contacts[fact.ticket_id] = fact.state
        elif fact.state != "wrap_up":
            contacts.pop(fact.ticket_id, None)
    for state in ("busy", "wrap_up"):
        if state in contacts.values():
            return state, len(contacts)
    return own, len(contacts)


def state_ms(facts: Iterable[Fact], begin: Millis, end: Millis) -> Counter[str]:
    """How long each state was shown in a window, and under `contacts` how long contacts were held."""
    events = in_order(facts)
    edges = sorted({begin, end, *(fact.at for fact in events if begin < fact.at < end)})
    spent: Counter[str] = Counter()
    for since, until in pairwise(edges):
        state, contacts = shown_state(events, since)
        spent[state] += until - since
        spent["contacts"] += contacts * (until - since)
    return spent
