"""Contact centres in which much happens, one after the other: what `worlds` comes to only by chance."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from hypothesis import strategies as st

from schemas.codec import Fact, Millis
from services.core.tally import MINUTE_MS
from tests.core.histories import BEGIN
from tests.core.stories import told
from tests.core.worlds import TICKETS, opinions

CONTENTS = (None, None, ("actionable",), ("article_link", "template"), ("troubleshooting",), ("template",))
CATEGORIES = ("c1", "c1", "c2", "bug", None)
STATES = ("available", "available", "busy", "break", "training", "meeting", "away", "offline")
PAUSES = (0, 0, 1, 5, 5, 15, 15, 30, 60, 240, 1440)
"""Minutes."""


class Chance:
    """The events of one history, made by chance."""

    def __init__(self, random: Random) -> None:
        self.one = random.choice
        self.random = random
        self._made = 0

    def often(self, share: float) -> bool:
        return self.random.random() < share

    def event(self, kind: str, moment: Millis, **fields: Any) -> Fact:
        """Ids decide at equal instants, so they do not follow the order in which events are made."""
        self._made += 1
        event_id = f"{self.random.randrange(10)}/{self._made}"
        return told(kind, moment, event_id=event_id, **fields)


def _begin(chance: Chance) -> Millis:
    return BEGIN + chance.random.randrange(0, 24 * 60, 5) * MINUTE_MS


def _reply(chance: Chance, author: str) -> dict[str, Any]:
    agent = chance.one(["A1", "A2", None]) if author == "agent" else None
    return {
        "author": author,
        "public": chance.often(0.9),
        "agent_id": agent,
        "content_flags": chance.one(CONTENTS),
    }


_HAPPENS: tuple[tuple[str, Callable[[Chance], dict[str, Any]]], ...] = (
    *(("ticket.replied", lambda chance: _reply(chance, "customer")),) * 3,
    *(("ticket.replied", lambda chance: _reply(chance, "agent")),) * 3,
    ("ticket.replied", lambda chance: _reply(chance, "bot")),
    *(
        (
            "ticket.status_changed",
            lambda chance: {
                "status": chance.one(["solved", "solved", "closed"]),
                "agent_id": chance.one([None, "A1"]),
                "reason": chance.one(["abandoned", "fixed", "duplicate", None]),
            },
        ),
    )
    * 3,
    *(("ticket.status_changed", lambda chance: {"status": chance.one(["open", "open", "pending", "on_hold"])}),) * 3,
    (
        "ticket.assigned",
        lambda chance: {"agent_id": chance.one([None, "A1", "A2", ""]), "queue": chance.one([None, "a", "b", ""])},
    ),
    ("ticket.escalated", lambda chance: {"from_tier": chance.one(["bot", "bot", "1"]), "queue": "b"}),
    (
        "ticket.snapshot",
        lambda chance: {
            "status": chance.one([None, "open", "solved"]),
            "agent_id": chance.one([None, "A2", ""]),
            "team": "day",
            "created_at": chance.one([None, BEGIN, BEGIN + 700 * MINUTE_MS]),
        },
    ),
    ("ticket.tags_changed", lambda chance: {"tags_added": chance.one([("bug",), ("feature_request",), ("vip",)])}),
    ("ticket.tags_changed", lambda chance: {"tags_removed": chance.one([("bug",), ("feature_request",)])}),
    ("ticket.priority_changed", lambda chance: {"priority": chance.one(["low", "urgent"])}),
)


def _ticket(chance: Chance, name: str, most: int) -> Iterator[Fact]:
    its = {"entity": name, "ticket_id": name}
    moment = _begin(chance)
    if chance.often(0.9):
        yield chance.event(
            "ticket.created",
            moment + chance.one([0, 0, 0, 7]) * MINUTE_MS,
            requester_id=chance.one(["R1", "R1", "R2", None]),
            category=chance.one(CATEGORIES),
            channel=chance.one(["voice", "email", None]),
            queue=chance.one(["a", "b", None]),
            product_area=chance.one(["app", None]),
            tags_added=chance.one([None, None, ("bug_report",)]),
            created_by=chance.one(["customer", "customer", "customer", "agent", None]),
            status=chance.one([None, None, None, "open", "solved"]),
            **its,
        )
    for _ in range(chance.random.randint(1, most)):
        moment += chance.one(PAUSES) * MINUTE_MS
        kind, fields = chance.one(_HAPPENS)
        late = {"requester_id": chance.one(["R1", "R2"])} if chance.often(0.1) else {}
        yield chance.event(kind, moment, **fields(chance), **late, **its)
    if chance.often(0.2):
        yield chance.event("ticket.merged", moment, into_ticket_id=chance.one([*TICKETS, "elsewhere"]), **its)
    if chance.often(0.03):
        yield chance.event("ticket.deleted", moment, **its)


def _agent(chance: Chance, name: str, most: int) -> Iterator[Fact]:
    moment = _begin(chance)
    for _ in range(chance.random.randint(1, 2 * most)):
        moment += chance.one(PAUSES) * MINUTE_MS
        its = {
            "entity": name,
            "agent_id": name,
            "queue": chance.one([None, None, "a", "b"]),
            "team": chance.one([None, None, "day", "night"]),
        }
        if chance.often(0.15):
            begins_at = moment + chance.one([-60, 0, 15, 60, 300]) * MINUTE_MS
            yield chance.event(
                "agent.scheduled",
                moment,
                ticket_id=None,
                begins_at=begins_at,
                ends_at=begins_at + chance.one([15, 60, 480, 10_000]) * MINUTE_MS,
                activity=chance.one(["on_queue", "on_queue", "break", "training", "meeting", "off"]),
                **its,
            )
            continue
        ticket = chance.one([None, *TICKETS])
        state = chance.one(STATES if ticket is None else ["busy", "busy", "wrap_up", "available"])
        yield chance.event("agent.state_changed", moment, ticket_id=ticket, contact=ticket, state=state, **its)


def _views(chance: Chance) -> Iterator[Fact]:
    for _ in range(chance.random.randint(0, 4)):
        visit = chance.one(["v1", "v2"])
        yield chance.event(
            "helpcenter.viewed",
            _begin(chance),
            entity=f"visit//{visit}",
            ticket_id=None,
            visit_id=visit,
            requester_id=chance.one(["R1", "R2", None]),
            article_id=chance.one(["a", "b"]),
        )


def _world(seed: int, tickets: int, most: int) -> list[Fact]:
    chance = Chance(Random(seed))
    facts = [fact for name in TICKETS[:tickets] for fact in _ticket(chance, name, most)]
    facts += [fact for name in ("A1", "A2") if chance.often(0.6) for fact in _agent(chance, name, most)]
    facts += _views(chance)
    chance.random.shuffle(facts)
    return facts


@st.composite
def busy_worlds(draw: st.DrawFn) -> list[Fact]:
    """Everything that helpdesks may tell, in no order."""
    tickets, most = draw(st.integers(2, len(TICKETS))), draw(st.integers(6, 12))
    return _world(draw(st.integers(0, 2**32)), tickets, most) + draw(opinions())
