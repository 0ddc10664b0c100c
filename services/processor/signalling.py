"""Which lines a shard announces and which it takes back, and which tickets are to be looked at next. Pure: reading,
writing and sending are left to others.

A line is judged whenever its ticket is touched, and when its instant comes: `upcoming` knows the tickets of the hours
that were looked through. As long as the shard catches up, time stands still for it at `until`: what became true since
then waits until the events are there that may undo it.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from schemas.codec import Fact, Millis, instant
from schemas.signals import WITHDRAWN, Signal, SignalType, encode_signal
from schemas.topics import origin_of
from services.adapters.state_layout import (
    SIGNALS,
    Field,
    SignalState,
    Unsent,
    announced_field,
    pack_announced,
    pack_signals,
)
from services.core.announcing import Announced, Verdict, judged, next_line, signal_id, withdrawal_id
from services.core.exchange import Entity
from services.core.rules import Rules
from services.core.tally import DAY_MS, HOUR_MS, MINUTE_MS
from services.core.ticket import Ticket, replay

LOOK_BACK_MS: Millis = DAY_MS
"""What a shard that was not live for longer has missed before that, nobody is told of."""
AHEAD_MS: Millis = 10 * MINUTE_MS
"""How long before an hour begins its tickets are looked through."""
KEPT_MS: Millis = MINUTE_MS
"""How far behind the store may be of how far time has come: whoever goes on looks through so much once more."""
PIECE = 200
"""How many tickets are looked through at once."""
MOST_WAITING = 2000
"""As long as more signals wait to be sent, time brings no new ones."""


class Upcoming:
    """When which ticket crosses its next line."""

    def __init__(self) -> None:
        self._next: dict[str, Millis] = {}
        self._heap: list[tuple[Millis, str]] = []

    def __contains__(self, entity: str) -> bool:
        return entity in self._next

    def note(self, entity: str, at: Millis | None) -> None:
        """The next line of a ticket; None when it has none."""
        if self._next.get(entity) == at:
            return
        if at is None:
            self._next.pop(entity, None)
            return
        self._next[entity] = at
        heapq.heappush(self._heap, (at, entity))
        if len(self._heap) > 2 * len(self._next) + 1000:
            self._heap = [(its_at, ticket) for ticket, its_at in self._next.items()]
            heapq.heapify(self._heap)

    def crossed(self, upto: Millis, most: int) -> list[str]:
        """At most so many tickets that have crossed a line, first ones first; each is given once."""
        found: list[str] = []
        while self._heap and self._heap[0][0] <= upto and len(found) < most:
            at, entity = heapq.heappop(self._heap)
            if self._next.get(entity) == at:
                del self._next[entity]
                found.append(entity)
        return found

    def any_crossed(self, upto: Millis) -> bool:
        return bool(self._heap) and self._heap[0][0] <= upto


class Handover(NamedTuple):
    """What a switch leaves to the state that it makes live."""

    switched_at: Millis
    before: SignalState
    """Of the state that was live until then."""


def taken_over(state: SignalState, handover: Handover) -> SignalState:
    """Where a state begins that goes on after a switch: nothing that the one before it was about to tell is lost, and
    what became true while that one was behind is told."""
    before = handover.before
    begin = before.swept if before.silent_until else state.swept or handover.switched_at
    return SignalState(
        begin,
        begin,
        begin,
        (*before.outbox, *state.outbox),
        max(state.written_at, before.written_at),
        handover.switched_at,
    )


class Signalling:
    """One shard's signals: what is to be said, and what still has to be written and sent."""

    def __init__(self, rules: Rules, namespace: str, state: SignalState, handover: Handover | None = None) -> None:
        """``handover``: where the namespace was switched to."""
        if handover is not None and handover.switched_at != state.switched_at:
            state = taken_over(state, handover)
        self._rules = rules
        self._namespace = namespace
        self._switched_at = state.switched_at
        self._silent_until = state.silent_until
        self.until = state.until
        self._swept = self._kept_until = state.swept
        self.outbox = list(state.outbox)
        """What may not be on its topic yet, in the order in which it has to come."""
        self.written_at = state.written_at
        self._known: dict[str, list[Announced]] = {}
        self._changed: set[str] = set()
        self._upcoming = Upcoming()
        self._unread: deque[str] = deque()
        self._listed_to: int | None = None
        """The first hour that was not looked through yet."""
        self._stored: tuple[Unsent, ...] | None = state.outbox
        """The outbox as the store has it; None when more than that has to be written."""

    @property
    def ever_live(self) -> bool:
        return self._silent_until > 0

    def told_since(self, now: Millis) -> Millis:
        """From when on somebody may have announced what this shard is going to, or has in its outbox."""
        return min([max(self.until, now - LOOK_BACK_MS), *(unsent.announced_at for unsent in self.outbox)])

    def go_on(self, now: Millis) -> None:
        """The shard is live at ``now``: what is true by now may be told."""
        if not self.ever_live:
            self._silent_until = self._swept = now
            self._stored = None  # whoever goes on is silent until the same instant
        self.until = max(self.until, now)
        if self._swept < now - LOOK_BACK_MS:
            self._swept = now - LOOK_BACK_MS
            self._silent_until = max(self._silent_until, self._swept)

    def recall(self, entity: str, known: list[Announced]) -> None:
        """What was announced of a ticket that comes into memory."""
        if known:
            self._known[entity] = known

    def forget(self, entity: str) -> None:
        """A ticket leaves the memory."""
        self._known.pop(entity, None)

    def hours(self, entity: Entity) -> set[int]:
        """Under which hours a ticket has to be listed so that its lines are found."""
        return (
            {line.at // HOUR_MS for line in entity.told.lines if line.at > self._swept} if self.ever_live else set()
        )

    def judge(self, entities: Mapping[str, Entity], touched: Iterable[str], now: Millis) -> None:
        """Say at ``now`` what has to be said of tickets whose timelines or whose time has changed."""
        if not self.ever_live:
            return
        for ticket in touched:
            lines, known = entities[ticket].told.lines, self._known.get(ticket, ())
            if lines or known:
                self._note_next(ticket, next_line(lines, self.until))
                verdict = judged(lines, known, self._silent_until, self.until)
                if verdict is not None:
                    self._known[ticket] = verdict.known
                    self._changed.add(ticket)
                    self.outbox += self._signals(ticket, entities[ticket].timeline, verdict, now)

    def _note_next(self, ticket: str, at: Millis | None) -> None:
        """What lies beyond the hours that were looked through is found when they are."""
        if self._listed_to is not None:
            self._upcoming.note(ticket, at if at is not None and at <= self._listed_to * HOUR_MS else None)

    def _signals(self, key: str, timeline: Sequence[Fact], verdict: Verdict, now: Millis) -> Iterable[Unsent]:
        return signals(key, replay(timeline, self._rules), verdict, now, self._namespace)

    def new_hours(self) -> range:
        """The hours whose tickets have to be looked through next; asked once for each."""
        begin = self._swept // HOUR_MS if self._listed_to is None else self._listed_to
        self._listed_to = max(begin, (self.until + AHEAD_MS) // HOUR_MS + 1)
        return range(begin, self._listed_to)

    def listed(self, tickets: Iterable[str]) -> None:
        """The tickets of those hours."""
        self._unread.extend(ticket for ticket in tickets if ticket not in self._upcoming)

    def next_tickets(self) -> list[str]:
        """Those that have crossed a line, and some that were not looked through yet; to be judged now."""
        if len(self.outbox) > MOST_WAITING:
            return []
        found = self._upcoming.crossed(self.until, PIECE)
        while self._unread and len(found) < PIECE:
            found.append(self._unread.popleft())
        if not self.more:
            self._swept = self.until
        return list(dict.fromkeys(found))

    @property
    def more(self) -> bool:
        """Whether some tickets still have to be looked at for this instant."""
        return bool(self._unread) or self._upcoming.any_crossed(self.until)

    def news(self, now: Millis) -> dict[Field, bytes]:
        """What has to be written if nothing else is; empty when nothing has."""
        if not self._changed and tuple(self.outbox) == self._stored and self._swept < self._kept_until + KEPT_MS:
            return {}
        return self.fields(now)

    def fields(self, now: Millis) -> dict[Field, bytes]:
        """What goes into a write at ``now``; it counts as written then."""
        if not self.ever_live:
            return {}
        fields = {announced_field(ticket): pack_announced(self._known[ticket]) for ticket in self._changed}
        self._changed.clear()
        self._stored, self._kept_until = (outbox := tuple(self.outbox)), self._swept
        fields[SIGNALS] = pack_signals(
            SignalState(self._silent_until, self.until, self._swept, outbox, now, self._switched_at)
        )
        return fields


def signals(
    key: str, ticket: Ticket | None, verdict: Verdict, announced_at: Millis, namespace: str
) -> Iterable[Unsent]:
    """The signals that say a verdict: what is taken back, then what is new."""
    for each in verdict.withdrawn:
        withdraws = signal_id(key, each)
        type_ = _type(each)
        signal = _signal(key, ticket, each, announced_at, namespace, WITHDRAWN, withdrawal_id(withdraws))
        told = signal.model_copy(update={"withdraws": withdraws, "withdrawn_type": type_})
        yield Unsent(told.signal_id, told.type, key, announced_at, announced_at, encode_signal(told))
    for each in verdict.announced:
        signal = _signal(key, ticket, each, announced_at, namespace, _type(each), signal_id(key, each))
        yield Unsent(signal.signal_id, signal.type, key, each.line.at, announced_at, encode_signal(signal))


def _type(announced: Announced) -> SignalType:
    return f"sla.{announced.line.kind}"  # type: ignore[return-value]


def _signal(
    key: str,
    ticket: Ticket | None,
    announced: Announced,
    announced_at: Millis,
    namespace: str,
    type_: SignalType,
    signal_id: str,
) -> Signal:
    line = announced.line
    tenant, source = origin_of(key)
    about: dict[str, object] = {"ticket_id": key.rpartition("/")[2]}
    if ticket is not None:
        now = ticket.now
        about = {"ticket_id": ticket.id, "status": now.status, "agent_id": now.agent, **now.traits._asdict()}
    return Signal.model_validate(
        {
            "type": type_,
            "signal_id": signal_id,
            "occurred_at": instant(line.true_at),
            "announced_at": instant(announced_at),
            "namespace": namespace,
            "ticket": key,
            "tenant": tenant,
            "source": source,
            "metric": line.metric,
            "clock_started_at": instant(line.started_at),
            "policy": line.policy,
            "target_s": line.target_ms / 1000,
            "due_at": None if line.due_at is None else instant(line.due_at),
            **about,
        }
    )
