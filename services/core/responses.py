"""Who waits for whom: the first response, and each later turn (KPI cases, conventions 7 and 8)."""

from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.codec import Fact, Millis
from schemas.policy import FirstResponse


class Response(NamedTuple):
    """An answer: since when it was waited for, when it came, and by whom."""

    since: Millis
    at: Millis
    agent: str | None
    flags: tuple[str, ...] = ()
    """What is in it."""


@dataclass(slots=True)
class Responses:
    """What a ticket's public messages say about waiting. Changed in place by the ticket that owns it.

    `awaited_since` is set while a first response is awaited, `turn_since` while a next one is; never both.
    """

    policy: FirstResponse
    opened_at: Millis
    outbound: bool = False
    """An agent opened the ticket."""
    first: Response | None = None
    awaited_since: Millis | None = None
    turn_since: Millis | None = None
    turns: list[Response] = field(default_factory=list)
    handed_over_at: Millis | None = None
    since_handover: Response | None = None
    public_agent_replies: int = 0
    agent_notes: int = 0
    """Private messages of agents."""
    _conversing: bool = False
    """The first response is given, counted or not: messages open turns from now on."""
    _valueless: bool = False
    """Solved before any response, and no reopening starts the wait again."""
    _given_up: bool = False
    """Solved before any response: a reopening starts the wait again."""
    _meanwhile: list[tuple[Fact, Millis]] = field(default_factory=list)
    """Messages since then: they count if it is reopened."""

    def open(self, *, outbound: bool, known: bool) -> None:
        """The ticket exists. Where its beginning is not ``known``, the first response is taken as given."""
        self.outbound = outbound
        mode = self.policy.agent_created
        if not known:
            self._conversing = True
        elif not outbound or mode == "from_creation_second_reply":
            self.awaited_since = self.opened_at

    def message(self, fact: Fact, at: Millis) -> None:
        """A reply or a note."""
        if _by_agent(fact):
            self._agent_replied(fact, at)
        elif fact.author == "agent":
            self.agent_notes += 1
        if self._given_up:
            self._meanwhile.append((fact, at))
        else:
            self._follow(fact, at)

    def handed_over(self, at: Millis) -> None:
        """A bot gave the ticket to people."""
        if self.handed_over_at is None:
            self.handed_over_at = at

    def clicked(self, at: Millis, agent: str) -> None:
        """An agent took the ticket out of new or open: an answer, where the policy says so."""
        if self.policy.status_change_counts and not self._given_up:
            self._answered(Response(0, at, agent), by_agent=True)

    def solved(self) -> None:
        """Nobody is waited for any more."""
        self.turn_since = None
        if self.awaited_since is not None:
            self.awaited_since = None
            self._given_up = self.policy.reopen_restarts
            self._valueless = not self.policy.reopen_restarts

    def reopened(self, at: Millis) -> None:
        """After a solve without a response the wait starts again: now, or with what the customer wrote before."""
        if not self._given_up:
            return
        self._given_up = False
        meanwhile, self._meanwhile = self._meanwhile, []
        asked = next((number for number, (fact, _) in enumerate(meanwhile) if _by_customer(fact)), len(meanwhile))
        self.awaited_since = meanwhile[asked][1] if asked < len(meanwhile) else at
        for fact, then in meanwhile[asked:]:
            self._follow(fact, then)

    def inherit(self, since: Millis) -> None:
        """A ticket merged into this one waits since ``since``: while this one has no answer either, that counts."""
        if self.awaited_since is not None:
            self.awaited_since = min(self.awaited_since, since)
        elif not self.answered and not self._given_up and self._waits_for_customer:
            self.awaited_since = since

    @property
    def answered(self) -> bool:
        """The first response is given, or taken as given, whether it has a value or not."""
        return self._conversing

    @property
    def waiting_since(self) -> Millis | None:
        """Since when the customer waits for a first or next response; None when for none."""
        return self.awaited_since if self.awaited_since is not None else self.turn_since

    @property
    def _waits_for_customer(self) -> bool:
        """Whether the first message of the customer would start the first response."""
        mode = self.policy.agent_created
        return self.outbound and mode == "from_first_customer_message" and not self._valueless

    def _follow(self, fact: Fact, at: Millis) -> None:
        if _by_customer(fact):
            self._customer_wrote(at)
        elif _by_agent(fact) or self._also_counts(fact):
            answer = Response(0, at, fact.agent_id or None, fact.content_flags or ())
            self._answered(answer, by_agent=_by_agent(fact))

    def _agent_replied(self, fact: Fact, at: Millis) -> None:
        self.public_agent_replies += 1
        if self.handed_over_at is not None and self.since_handover is None:
            self.since_handover = Response(self.handed_over_at, at, fact.agent_id or None)

    def _also_counts(self, fact: Fact) -> bool:
        if fact.author == "bot":
            return self.policy.bot_counts and fact.public is True
        return self.policy.private_note_counts and fact.author == "agent"

    def _customer_wrote(self, at: Millis) -> None:
        if self._conversing:
            if self.turn_since is None:
                self.turn_since = at
        elif self.awaited_since is None and self._waits_for_customer:
            self.awaited_since = at

    def _answered(self, answer: Response, *, by_agent: bool) -> None:
        if self.awaited_since is not None:
            if not (by_agent and self._is_opening_message(answer)):
                self.first = answer._replace(since=self.awaited_since)
                self.awaited_since = None
                self._conversing = True
        elif self._conversing:
            if by_agent and self.turn_since is not None:
                self.turns.append(Response(self.turn_since, answer.at, answer.agent))
                self.turn_since = None
        elif by_agent and not self._waits_for_customer:
            self._conversing = True  # the first response, of which no value is wanted

    def _is_opening_message(self, answer: Response) -> bool:
        """The agent's own message that opened an outbound ticket answers nobody."""
        second_reply = self.outbound and self.policy.agent_created == "from_creation_second_reply"
        return second_reply and answer.at == self.opened_at and self.public_agent_replies <= 1


def _by_agent(fact: Fact) -> bool:
    return fact.author == "agent" and fact.public is True


def _by_customer(fact: Fact) -> bool:
    return fact.author == "customer" and fact.public is True
