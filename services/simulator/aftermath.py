"""After a solve: what customers say of it, who looks at it again, and who comes back."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from services.simulator.agenda import Agenda
from services.simulator.cases import Cases
from services.simulator.chance import Chance
from services.simulator.demand import CATEGORIES, DAY, HOUR, Contact, area_of
from services.simulator.roster import Person
from services.simulator.ticket import Ticket

_REOPENED = {"workaround": 0.13, "answered": 0.06}
_REOPENED_ELSE = 0.05
_BACK = {"workaround": 0.14, "no_response": 0.05, "bot": 0.12, "duplicate": 0.0}
_BACK_ELSE = 0.065
"""Share of the solves after which the customer writes anew, of another ticket of theirs."""
_SAME_THING = 0.85
_ASKED = {"csat": 0.2, "ces": 0.09, "nps": 0.035}
"""Share of the solves after which a question is answered."""
_REVIEWED = 0.03
_CONTENT = {"5": 0.62, "4": 0.22, "3": 0.08, "2": 0.04, "1": 0.04}
_WEARY = {"5": 0.34, "4": 0.24, "3": 0.18, "2": 0.13, "1": 0.11}
"""Grades from 1 to 5, of those who were helped at once, and of those who were not."""
SCALES = {"csat": (1.0, 5.0), "ces": (1.0, 7.0), "nps": (0.0, 10.0)}


class Aftermath:
    """What follows from a solve."""

    def __init__(
        self,
        agenda: Agenda,
        cases: Cases,
        chance: Chance,
        reopen: Callable[[Ticket], None],
        open: Callable[[Contact], None],
    ) -> None:
        self._agenda = agenda
        self._cases = cases
        self._chance = chance
        self._reopen = reopen
        self._open = open

    def by_agent(self, ticket: Ticket, person: Person, outcome: str | None) -> None:
        """An agent has solved it."""
        care, kind = person.care, outcome or "fixed"
        if self._chance.once_in(_REOPENED.get(kind, _REOPENED_ELSE) / care):
            self._cases.later(ticket, self._chance.around(3 * HOUR, 0.9), self._reopen)
            return
        for question, share in _ASKED.items():
            if self._chance.once_in(share):
                asked = partial(self._answer, question=question, person=person)
                self._cases.later(ticket, self._chance.around(HOUR, 0.9), asked)
        if self._chance.once_in(_REVIEWED):
            self._cases.later(ticket, self._chance.around(30 * HOUR, 0.4), partial(self._review, person=person))
        self._perhaps_back(ticket, _BACK.get(kind, _BACK_ELSE) / care)

    def alone(self, ticket: Ticket, outcome: str, by_bot: bool) -> None:
        """It was solved without an agent."""
        if by_bot and self._chance.once_in(0.08):
            asked = partial(self._answer, question="csat", person=None)
            self._cases.later(ticket, self._chance.minutes(1, 20), asked)
        self._perhaps_back(ticket, _BACK["bot" if by_bot else outcome])

    def _answer(self, ticket: Ticket, question: str, person: Person | None) -> None:
        """The customer answers a question about the ticket."""
        grade = self._grade(ticket.talks == 1, 0.8 if person is None else person.care)
        about: dict[str, Any] = {"ticket_id": ticket.ticket_id, "requester_id": ticket.requester_id}
        if person is not None:
            about |= {"agent_id": person.agent_id, "team": person.team}
        score = score_of(self._chance.rng, question, grade)
        self._agenda.tell(
            "survey.answered", kind=question, score=score, scale=SCALES[question], actor="customer", **about
        )

    def _grade(self, at_once: bool, care: float) -> int:
        grade = int(self._chance.word(_CONTENT if at_once else _WEARY))
        return max(1, grade - 1) if care < 1 and self._chance.once_in(1 - care) else grade

    def _review(self, ticket: Ticket, person: Person) -> None:
        """Quality assurance looks at how the ticket was handled."""
        rng = self._chance.rng
        mean = 3.2 + person.care
        marks = [max(1, min(5, round(rng.gauss(mean, 0.8)))) for _ in range(3)]
        told: dict[str, Any] = {"score": round(25 * (sum(marks) / 3 - 1), 1)}
        if self._chance.once_in(0.6):
            tone, solution, process = ({"rating": float(mark), "scale": (1.0, 5.0)} for mark in marks)
            told = {"ratings": (tone, solution | {"weight": 2.0, "critical": True}, process)}
        about = {"ticket_id": ticket.ticket_id, "agent_id": person.agent_id, "team": person.team}
        self._agenda.tell("review.scored", actor="agent", **about, **told)

    def _perhaps_back(self, ticket: Ticket, share: float) -> None:
        if self._chance.once_in(share):
            delay = self._chance.around(26 * HOUR, 0.9, longest=12 * DAY)
            self._agenda.after(delay, partial(self._back, ticket))

    def _back(self, ticket: Ticket) -> None:
        """The customer turns up again, mostly about the same thing; whose ticket is open writes on that instead."""
        if not ticket.done:
            return
        before, chance = ticket.contact, self._chance
        category, area = before.category, before.product_area
        if not chance.once_in(_SAME_THING):
            category = chance.word(CATEGORIES[before.queue])
            area = area_of(chance.rng, category)
        channel = before.channel if chance.once_in(0.65) else "email"
        self._open(
            replace(before, at=self._agenda.now, channel=channel, category=category, product_area=area, tags=())
        )


def score_of(rng: Random, question: str, grade: int) -> float:
    """A grade from 1 to 5, on the scale of the question."""
    if question == "csat":
        return float(grade)
    if question == "ces":
        return float(min(7, grade + rng.randint(1, 2)))
    return float({5: rng.choice((9, 9, 10)), 4: rng.choice((7, 8, 8, 9))}.get(grade, 2 * grade))
