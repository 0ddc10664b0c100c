"""What a history must hold besides its own span: open tickets from before, who is at work, and the plan."""

from datetime import datetime, timedelta

from services.simulator.agenda import Fields

_RUN_IN = timedelta(days=2)
"""After which a centre that opened empty has its usual backlog."""


def opening(now: datetime, history: timedelta) -> datetime:
    """When the centre opened: a Monday 00:00 UTC, long enough before the history.

    A simulator that is started again in the same week thus tells the very same events, with the same ids, and
    a store that kept the first ones takes no ticket twice.
    """
    day = (now - history - _RUN_IN).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


class Past:
    """Facts from before a history, of which those are kept that it does not make sense without."""

    def __init__(self) -> None:
        self._noted = 0
        self._last_at: datetime | None = None
        self._tickets: dict[str, list[tuple[int, Fields]]] = {}
        self._agents: dict[str, list[tuple[int, Fields]]] = {}
        self._plans: list[tuple[int, Fields]] = []

    def note(self, fact: Fields) -> None:
        """Remember ``fact``; an agent who goes home is forgotten, and so is what is over when it is told."""
        self._noted += 1
        self._last_at = fact["occurred_at"]
        if fact["type"] == "agent.scheduled":
            self._plans.append((self._noted, fact))
            return
        if "ticket_id" in fact:
            self._tickets.setdefault(fact["ticket_id"], []).append((self._noted, fact))
        if fact["type"] != "agent.state_changed":
            return
        if fact["state"] == "offline":
            self._agents.pop(fact["agent_id"], None)
        else:
            self._agents.setdefault(fact["agent_id"], []).append((self._noted, fact))

    def kept(self, unfinished: frozenset[str]) -> list[Fields]:
        """All facts of the ``unfinished`` tickets, who worked on them among them, of the agents at work since they
        came, and of the plan for what is not over, in order."""
        tickets = (facts for ticket, facts in self._tickets.items() if ticket in unfinished)
        last_at = self._last_at
        plans = [each for each in self._plans if last_at is not None and each[1]["ends_at"] > last_at]
        noted = dict(each for entity in (*tickets, *self._agents.values(), plans) for each in entity)
        return [noted[number] for number in sorted(noted)]
