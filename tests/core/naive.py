"""The figures of one entity, from the text of the KPI cases and from nothing of `core`: slow, and easy to read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from schemas.codec import Fact, Millis

UNSOLVED = {"new", "open", "pending", "on_hold"}
_KINDS = "created snapshot assigned priority_changed escalated replied status_changed tags_changed merged deleted"
WAIT = "ticket.wait_inherited"
"""What a merge hands over to the ticket that remains: a part of the merge."""


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """By time, then by kind, then by id; each id once (convention 1)."""
    once: dict[str, Fact] = {}
    for fact in facts:
        once.setdefault(fact.event_id, fact)
    kinds = {f"ticket.{kind}": number for number, kind in enumerate(_KINDS.split())}
    kinds[WAIT] = kinds["ticket.merged"]
    return sorted(once.values(), key=lambda fact: (fact.at, kinds.get(fact.type, 0), fact.event_id))


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
    """customer and agent messages (public), solve and reopen; inherit: a wait that a merge hands over."""
    tellers: list[Fact | None] = field(default_factory=list)
    """Of the moments."""
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
            self._notes(moment, "solve")
        if was in ("solved", "closed") and status in UNSOLVED:
            self._notes(moment, "reopen")

    def _notes(self, moment: Millis, what: str, teller: Fact | None = None) -> None:
        self.moments.append((moment, what))
        self.tellers.append(teller)

    def _tell(self, fact: Fact) -> None:
        moment = max(fact.at, self.begin)
        if fact.type == "ticket.replied" and fact.public and fact.author in ("customer", "agent"):
            self._notes(moment, fact.author, fact)
        elif fact.type in ("ticket.status_changed", "ticket.snapshot") and fact.status:
            self._becomes(moment, fact.status)
        elif fact.type == "ticket.merged":
            self._becomes(moment, "merged")
        elif fact.type == "ticket.deleted":
            self.gone = True
        elif fact.type == WAIT and self.statuses[-1][1] in UNSOLVED:
            self._notes(moment, "inherit", fact)


def life(facts: Iterable[Fact]) -> Life:
    """A ticket's life. What seems to come before its creation came with it."""
    events = in_order(facts)
    created = next((fact for fact in events if fact.type == "ticket.created"), None)
    first = next(fact for fact in events if fact.type != WAIT)
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


def first_waits(told: Life) -> Iterator[tuple[Millis, int | None]]:
    """Each time that a first response was waited for: since when, and after which of the moments no longer; None for
    until now (convention 7 with its defaults, and 17)."""
    moments = told.moments
    if not told.known_from_creation:
        return
    since, place = told.begin, 0
    if told.outbound:
        asked = [number for number, (_, what) in enumerate(moments) if what in ("customer", "inherit")]
        if not asked:
            return
        place = asked[0]
        since = moments[place][0] if moments[place][1] == "customer" else _handed_over(told, place)
    while True:
        ends = [number for number in range(place, len(moments)) if moments[number][1] in ("agent", "solve")]
        end = ends[0] if ends else None
        handed_over = [
            _handed_over(told, number)
            for number in range(place, len(moments) if end is None else end)
            if moments[number][1] == "inherit"
        ]
        yield min([since, *handed_over]), end
        if end is None or moments[end][1] == "agent":
            return
        again = [number for number in range(end, len(moments)) if moments[number][1] == "reopen"]
        if not again:
            return
        asked = [number for number in range(end, again[0]) if moments[number][1] == "customer"]
        place = (asked or again)[0]
        since = moments[place][0]


def _handed_over(told: Life, number: int) -> Millis:
    """Since when the wait that a merge hands over has lasted: nobody waits from after the merge on."""
    moment, fact = told.moments[number][0], told.tellers[number]
    assert fact is not None
    assert fact.created_at is not None
    return min(fact.created_at, moment)


def first_response(told: Life) -> tuple[Millis, Millis, int] | None:
    """Since when, and when, and after which of the moments."""
    for since, end in first_waits(told):
        if end is not None and told.moments[end][1] == "agent":
            return since, told.moments[end][0], end
    return None


def turns(told: Life) -> Iterator[tuple[Millis, int | None]]:
    """Each turn after the first response: since when, and after which of the moments it ended (convention 8)."""
    place = 0
    if told.known_from_creation:
        first = first_response(told)
        if first is None:
            return
        place = first[2] + 1
    since = None
    for number in range(place, len(told.moments)):
        moment, what = told.moments[number]
        if what == "customer" and since is None:
            since = moment
        elif what in ("agent", "solve") and since is not None:
            yield since, number
            since = None
    if since is not None:
        yield since, None


def next_responses(told: Life) -> list[tuple[Millis, Millis]]:
    """Each turn that was answered: since when, and when."""
    ended = [(since, told.moments[end]) for since, end in turns(told) if end is not None]
    return [(since, moment) for since, (moment, what) in ended if what == "agent"]


def shown_state(facts: Sequence[Fact], moment: Millis) -> tuple[str, int]:
    """An agent's state and how many contacts it has, after all that is known at an instant (convention 20)."""
    own, contacts = "offline", dict[str, str]()
    for fact in facts:
        if fact.at > moment:
            break
        if fact.type != "agent.state_changed":
            continue
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
