"""Which tickets stand behind a figure: what a request asks for, and which tallies of a ticket answer it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from schemas.codec import Millis
from schemas.policy import Policy
from services.board.asking import Question, Unclear, limit_of, question
from services.board.cuts import Filters
from services.core.catalogue import catalogue
from services.core.catalogue.formulas import AtRisk, Attainment, Formula, Level, Spread, Standing
from services.core.explanation.words import OF_TICKETS
from services.core.tally import CLOCKS, DIMENSIONS, HOUR_MS, MEASURES, UNSOLVED, Dims, Entry, Kind, Tallies

State = Literal["open", "waiting", "queueing", "running", "at_risk", "overdue", "paused"]
STATES: tuple[State, ...] = get_args(State)
OF_CLOCKS = ("running", "at_risk", "overdue", "paused")
"""Those of SLA clocks: all that run and hold, those of them at risk, the broken ones, those that stand still."""
WORDS = ("window", "kpi", "measure", "state", "at", "limit", "cursor")
DEFAULT_LIMIT, HIGHEST_LIMIT = 50, 500


@dataclass(frozen=True)
class Standings:
    """Of what stands now: which measures, and from which instant to which, both included; None: without end."""

    measures: frozenset[str]
    since: Millis | None
    until: Millis | None


@dataclass(frozen=True)
class Wanted:
    """Which tallies are told of. Either of what happened in a window, or of what stands."""

    flows: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()
    """Deadlines that count as broken once they are passed, in the window."""
    stands: frozenset[str] = frozenset()
    """Instants up to now."""
    running: frozenset[str] = frozenset()
    """Clocks ..."""
    at_risk: frozenset[str] = frozenset()
    overdue: frozenset[str] = frozenset()

    @property
    def standing(self) -> bool:
        """Whether it is about what stands now, and not about a window."""
        return bool(self.stands or self.running or self.at_risk or self.overdue)

    @property
    def measures(self) -> list[str]:
        """In the order of MEASURES."""
        named = self.flows | self.passed | self.stands
        for clock in self.running | self.at_risk | self.overdue:
            named |= {f"due.{clock}"}
        for clock in self.overdue:
            named |= {f"overdue.{clock}"}
        return [measure for measure in MEASURES if measure in named]

    @property
    def through_requesters(self) -> bool:
        """Whether requesters add some of it on behalf of their tickets."""
        return any(measure == "automated" or measure.startswith("came_back.") for measure in self.flows)

    def standings(self, now: Millis) -> Iterator[Standings]:
        """What of the standing cells it is about."""
        if self.stands:
            yield Standings(self.stands, None, now)
        if holding := self.running | self.at_risk:
            yield Standings(frozenset(f"due.{clock}" for clock in holding), now, None)
        if self.overdue:
            yield Standings(frozenset(f"due.{clock}" for clock in self.overdue), None, now - 1)
            yield Standings(frozenset(f"overdue.{clock}" for clock in self.overdue), None, now)


@dataclass(frozen=True)
class ListQuestion:
    """A request for tickets."""

    shared: Question
    """Windows, filters and instant, as for figures."""
    wanted: Wanted
    limit: int
    cursor: str | None


def list_question(words: Iterable[tuple[str, str]], policy: Policy) -> ListQuestion:
    """What a request for tickets asks.

    Raises:
        Unclear: a name or a value is not known, or they do not go together.
    """
    words = list(words)
    if unknown := [name for name, _ in words if name not in (*WORDS, *DIMENSIONS)]:
        raise Unclear(f"there is no parameter {unknown[0]!r}; known: {', '.join((*WORDS, *DIMENSIONS))}")
    own = {name: value for name, value in words if name in ("state", "limit", "cursor")}
    measures = [name.strip() for key, value in words if key == "measure" for name in value.split(",")]
    shared = question([pair for pair in words if pair[0] in ("window", "kpi", "at", *DIMENSIONS)], policy)
    kpis = shared.kpis if any(name == "kpi" for name, _ in words) else ()
    if len(shared.windows) != 1:
        raise Unclear("tickets are listed for one window at a time")
    wanted = _wanted(kpis, measures, own.get("state"), policy)
    if wanted.standing and (shared.at is not None or any(name == "window" for name, _ in words)):
        raise Unclear("what stands is listed as it is now: leave out at and window")
    limit = limit_of(own["limit"], HIGHEST_LIMIT) if "limit" in own else DEFAULT_LIMIT
    return ListQuestion(shared, wanted, limit, own.get("cursor") or None)


def _wanted(kpis: Sequence[str], measures: Sequence[str], state: str | None, policy: Policy) -> Wanted:
    if bool(kpis) + bool(measures) + (state is not None and not kpis) != 1:
        raise Unclear("say what is asked for with one of kpi, measure and state; such as kpi=first_response_seconds")
    if len(kpis) > 1:
        raise Unclear(f"tickets are listed for one KPI at a time, got {', '.join(kpis)}")
    if kpis:
        formula = catalogue(policy)[kpis[0]].formula
        return _of_formula(kpis[0], formula, state)
    if state is not None:
        return _of_state(state, policy)
    for measure in measures:
        if measure not in MEASURES:
            raise Unclear(f"there is no measure {measure!r}; known are {', '.join(sorted(OF_TICKETS))}")
    return _of_measures(" and ".join(measures), measures)


def _of_state(state: str, policy: Policy) -> Wanted:
    match state:
        case "open":
            statuses = [status for status in UNSOLVED if status in policy.backlog.statuses]
            return Wanted(stands=frozenset(f"opened_at.{status}" for status in statuses))
        case "waiting":
            return Wanted(stands=frozenset({"waiting"}))
        case "queueing":
            return Wanted(stands=frozenset({"offered"}))
    if state in OF_CLOCKS:
        return _of_clocks(state, frozenset(CLOCKS))
    raise Unclear(f"there is no state {state!r}; known: {', '.join(STATES)}")


def _of_clocks(state: str, clocks: frozenset[str]) -> Wanted:
    match state:
        case "running":
            return Wanted(running=clocks)
        case "at_risk":
            return Wanted(at_risk=clocks)
        case "overdue":
            return Wanted(overdue=clocks)
    return Wanted(stands=frozenset(f"paused.{clock}" for clock in clocks))


def _of_formula(kpi: str, formula: Formula, state: str | None) -> Wanted:
    if isinstance(formula, AtRisk):
        clocks = frozenset({formula.clock})
        if state is None:
            return Wanted(at_risk=clocks, overdue=clocks)
        if state not in OF_CLOCKS:
            raise Unclear(f"{kpi} tells of clocks that are {', '.join(OF_CLOCKS)}; not of tickets that are {state}")
        return _of_clocks(state, clocks)
    if state is not None:
        raise Unclear(f"state goes alone, or with a KPI of clocks at risk, not with {kpi}")
    if isinstance(formula, Attainment):
        met, breached, due = formula.measures
        return Wanted(flows=frozenset({met, breached}), passed=frozenset({due}))
    measures = formula.measures
    if isinstance(formula, Standing | Level | Spread):
        return _of_measures(kpi, measures)
    # What else stands or lasts in a formula is beside what happened in the window: no ticket's part in it.
    return _of_measures(kpi, [name for name in measures if MEASURES[name] is Kind.FLOW] or measures)


def _of_measures(asked: str, measures: Sequence[str]) -> Wanted:
    """Those of one kind: flows, or what stands; a level of the backlog as what stands in it."""
    standing = [measure.replace("backlog.", "opened_at.") for measure in measures]
    known = [measure for measure in standing if measure in OF_TICKETS and measure != "nps"]
    if not known:
        raise Unclear(f"{asked} is not made of tickets: agents, visits or customers' answers to NPS have no list")
    flows = frozenset(measure for measure in known if MEASURES[measure] is Kind.FLOW)
    stands = frozenset(known) - flows
    if flows and stands:
        raise Unclear(f"{asked}: what happened and what stands now are listed apart; ask for one of them")
    return Wanted(flows=flows, stands=stands)


Holds = Callable[[Dims, Millis], bool]
"""Whether an instant is in the window of those dimensions."""


@dataclass(frozen=True)
class Choice:
    """Which tallies of a ticket are told of: what is wanted, when, and under which cut."""

    wanted: Wanted
    filters: Filters
    in_window: Holds
    now: Millis

    def of(self, tallies: Tallies, hour: int) -> list[Entry]:
        """The tallies of an hour that are wanted."""
        return [
            entry
            for entry in tallies
            if entry[1] // HOUR_MS == hour and self._let_through(entry[2]) and self._wanted(entry, tallies)
        ]

    def _let_through(self, dims: Dims) -> bool:
        return all(dims[DIMENSIONS.index(name)] in values for name, values in self.filters.items())

    def _wanted(self, entry: Entry, tallies: Tallies) -> bool:
        measure, at, dims, _ = entry
        wanted = self.wanted
        if measure in wanted.flows:
            return self.in_window(dims, at)
        if measure in wanted.passed:
            return at < self.now and self.in_window(dims, at)
        if measure in wanted.stands:
            return at <= self.now
        kind, _, clock = measure.partition(".")
        if kind == "due" and clock in wanted.running and at >= self.now:
            return True
        if kind == "due" and clock in wanted.at_risk and at >= self.now:
            return any(name == f"at_risk_from.{clock}" and since <= self.now for name, since, _, _ in tallies)
        if kind == "due" and clock in wanted.overdue:
            return at < self.now
        return kind == "overdue" and clock in wanted.overdue and at <= self.now
