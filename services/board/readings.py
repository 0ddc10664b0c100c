"""How families are read: functions that make one, for the lines of the table in `exported`."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product

import numpy as np

from schemas.policy import Policy
from services.board.columns import Numbers, Rows
from services.board.families import Count, Read
from services.board.figures import FOREVER
from services.board.scrape import Labels, Scrape, Sums
from services.board.series import Shown
from services.core import surveys
from services.core.tally import ACTIVITIES, CLOCKS, DOINGS, FLAGS, SIGNED_IN, UNSOLVED

PLANS = tuple(f"plan.{planned}.{did}" for planned, did in product(ACTIVITIES, DOINGS))
AGENT_STATES = tuple(f"agent.{state}" for state in SIGNED_IN)

Split = Callable[[Policy], Mapping[str, str]]
"""The values of a label, and the measure of each."""


# Flows since ever.


def flow(measure: str, *more: str, known: str = "opened") -> Count:
    """All of some flows, and zeros where ``known`` ever was."""

    def read(scrape: Scrape, labels: Labels) -> Sums:
        rows = scrape.all_time(measure, *more)
        return dict.fromkeys(scrape.known(labels, known), 0) | scrape.counts(rows, labels)

    return read


def flows(split: Split) -> Count:
    """A flow for each value of the last label."""

    def read(scrape: Scrape, labels: Labels) -> Sums:
        return {
            (*shown, value): count
            for value, measure in split(scrape.policy).items()
            for shown, count in flow(measure)(scrape, labels).items()
        }

    return read


def signs(policy: Policy) -> dict[str, str]:
    """Patterns that make figures look better than the service was, in the words of `gaming`."""
    return {"pause_without_reply": "paused_unasked", "premature_solve": "solved_early"}


def content(policy: Policy) -> dict[str, str]:
    """First responses by what was in them."""
    return {flag: f"first_response.{flag}" for flag in FLAGS}


def only(measure: str) -> Split:
    """One measure, without a label of its own."""
    return lambda policy: {"": measure}


def fcr_windows(policy: Policy) -> dict[str, str]:
    """`7d`: who came back within that window."""
    return {f"{days}d": f"came_back.{place}" for place, days in enumerate(policy.fcr.windows_days)}


def totals(split: Split) -> Callable[[Scrape, Labels], dict[Shown, tuple[int, int]]]:
    """Counts and sums for each value of the last label, which is left out where the split names none."""

    def read(scrape: Scrape, labels: Labels) -> dict[Shown, tuple[int, int]]:
        found: dict[Shown, tuple[int, int]] = {}
        for value, measure in split(scrape.policy).items():
            rows, own = scrape.all_time(measure), (value,) if value else ()
            sums = scrape.texts.summed(scrape.columns, rows, rows.total, labels)
            found |= {(*s, *own): (n, sums[s]) for s, n in scrape.counts(rows, labels).items()}
        return found

    return read


def answers(kind: str, classes: Sequence[str], class_of: Callable[[float, Policy], str]) -> Count:
    """Survey answers by class, which is the last label."""

    def read(scrape: Scrape, labels: Labels) -> Sums:
        known = product(scrape.known(labels, "opened"), classes)
        found: Tally[Shown] = Tally({(*shown, each): 0 for shown, each in known})
        rows = scrape.all_time(kind)
        for step in np.unique(rows.step).tolist():
            given = scrape.counts(rows.where(rows.step == step), labels)
            for shown, count in given.items():
                found[*shown, class_of(step / 100, scrape.policy)] += count
        return dict(found)

    return read


def csat_class(score: float, policy: Policy) -> str:
    return "satisfied" if surveys.csat([score], policy.csat).satisfied_rate else "not_satisfied"


def nps_class(score: float, policy: Policy) -> str:
    of = surveys.nps([score])
    return "promoter" if of.promoters else "detractor" if of.detractors else "passive"


def ces_class(score: float, policy: Policy) -> str:
    return "easy" if surveys.ces([score], policy.ces).easy_rate else "not_easy"


# What stands now.


def backlog_by_state(scrape: Scrape, labels: Labels) -> Sums:
    """By the last label, the status."""
    statuses = scrape.meaning.backlog_statuses
    counted = {status: scrape.counts(scrape.level(f"backlog.{status}"), labels) for status in statuses}
    known = set(scrape.seen(labels, "opened")).union(*counted.values())
    return {(*shown, status): counted[status].get(shown, 0) for shown, status in product(known, statuses)}


def actionable(scrape: Scrape, labels: Labels) -> Sums:
    statuses = [status for status in UNSOLVED if status in scrape.policy.backlog.actionable_statuses]
    return _where_opened(scrape, labels, statuses, scrape.level(*(f"backlog.{status}" for status in statuses)))


def unassigned(scrape: Scrape, labels: Labels) -> Sums:
    rows = scrape.level(*scrape.meaning.backlog)
    agents, group = scrape.columns.groups(rows, "agent")
    nobody = agents.index(None) if None in agents else -1
    return _where_opened(scrape, labels, scrape.meaning.backlog, rows.where(group == nobody))


def backlog_since(scrape: Scrape) -> tuple[Rows, Numbers]:
    """What is in the backlog, and when it was opened."""
    return scrape.standing(*(f"opened_at.{status}" for status in scrape.meaning.backlog_statuses))


def _where_opened(scrape: Scrape, labels: Labels, statuses: Iterable[str], rows: Rows) -> Sums:
    """Nothing at all when the policy counts no status that is kept."""
    return dict.fromkeys(scrape.known(labels, "opened"), 0) | scrape.counts(rows, labels) if statuses else {}


def waiting(measure: str, known: str) -> Read:
    """How many wait now."""

    def read(scrape: Scrape, labels: Labels) -> Sums:
        rows, _ = scrape.standing(measure)
        return dict.fromkeys(scrape.known(labels, known, "answered"), 0) | scrape.counts(rows, labels)

    return read


def oldest(measure: str) -> Read:
    """Since when the one waits who has waited longest; no sample where nobody waits."""

    def read(scrape: Scrape, labels: Labels) -> dict[Shown, float]:
        rows, since = scrape.standing(measure)
        if not len(rows):
            return {}
        shown, of = scrape.places(labels)
        found = np.full(len(shown), scrape.at + 1)
        np.minimum.at(found, of[rows.dims], since)
        return {shown[n]: int(found[n]) / 1000 for n in np.flatnonzero(found <= scrape.at).tolist()}

    return read


def agents_by_state(scrape: Scrape, labels: Labels) -> Sums:
    """By the last label, the state."""
    by_state = scrape.levels(labels, AGENT_STATES)
    known = set(scrape.seen(labels, *AGENT_STATES)).union(*by_state.values())
    return {(*shown, state): by_state[f"agent.{state}"].get(shown, 0) for shown, state in product(known, SIGNED_IN)}


def level(measure: str) -> Read:
    """How many there are now, and zeros where agents were lately."""

    def read(scrape: Scrape, labels: Labels) -> Sums:
        known = scrape.seen(labels, *AGENT_STATES)
        return dict.fromkeys(known, 0) | scrape.counts(scrape.level(measure), labels)

    return read


def planned(*, elsewhere: bool) -> Read:
    """Agents by what the plan says, the last label; only those who do something else, or all of them."""

    def read(scrape: Scrape, labels: Labels) -> Sums:
        known = scrape.seen(labels, *AGENT_STATES)
        found: Tally[Shown] = Tally({(*shown, activity): 0 for shown, activity in product(known, ACTIVITIES)})
        for measure, counts in scrape.levels(labels, PLANS).items():
            _, activity, did = measure.split(".")
            if not elsewhere or did != activity:
                for shown, count in counts.items():
                    found[*shown, activity] += count
        return dict(found)

    return read


# Promises. A breach counts when the due time passes, not when the answer comes: else a stuck queue looks perfect.


def sla(parts: Callable[[Scrape, str], Iterable[tuple[int, Rows]]]) -> Count:
    """Rows that add to the value of a clock, the last label, or take from it.

    Zeros are there for clocks that something is, or ever was, promised for.
    """

    def read(scrape: Scrape, labels: Labels) -> Sums:
        known = product(scrape.known(labels, "opened"), scrape.once(_promised))
        found: Tally[Shown] = Tally({(*shown, clock): 0 for shown, clock in known})
        for clock in CLOCKS:
            for sign, rows in parts(scrape, clock):
                for shown, count in scrape.counts(rows, labels).items():
                    found[*shown, clock] += sign * count
        return dict(found)

    return read


def _promised(scrape: Scrape) -> frozenset[str]:
    targets = (of for policy in scrape.policy.sla.policies for of in policy.targets.values())
    promised = {clock for of in targets for clock, target in of.items() if target}
    return frozenset(promised | {clock for clock in CLOCKS if _left(scrape, clock)})


def _left(scrape: Scrape, clock: str) -> int:
    """How many cells there are of a clock, whatever the policy says by now."""
    open_ones, _ = scrape.standing(*(f"{kind}.{clock}" for kind in ("due", "overdue", "paused")), until=FOREVER)
    return len(open_ones) + len(scrape.all_time(f"sla_met.{clock}", f"sla_breached.{clock}"))


def running(scrape: Scrape, clock: str) -> Iterable[tuple[int, Rows]]:
    return (1, scrape.standing(f"due.{clock}", until=FOREVER)[0]), (-1, passed(scrape, clock))


def paused(scrape: Scrape, clock: str) -> Iterable[tuple[int, Rows]]:
    return ((1, scrape.standing(f"paused.{clock}")[0]),)


def next_due(scrape: Scrape, labels: Labels) -> dict[Shown, float]:
    """By the last label, the clock; no sample where none runs."""
    found: dict[Shown, float] = {}
    shown, of = scrape.places(labels)
    for clock in CLOCKS:
        rows, due = scrape.standing(f"due.{clock}", until=FOREVER)
        ahead = due >= scrape.at
        first = np.full(len(shown), FOREVER)
        np.minimum.at(first, of[rows.dims[ahead]], due[ahead])
        found |= {(*shown[n], clock): int(first[n]) / 1000 for n in np.flatnonzero(first < FOREVER).tolist()}
    return found


def passed(scrape: Scrape, clock: str) -> Rows:
    """Running clocks whose last good instant is over."""
    return scrape.standing(f"due.{clock}", until=scrape.at - 1)[0]


def at_risk(scrape: Scrape, clock: str) -> Iterable[tuple[int, Rows]]:
    return (1, scrape.standing(f"at_risk_from.{clock}")[0]), (-1, passed(scrape, clock))


def overdue(scrape: Scrape, clock: str) -> Iterable[tuple[int, Rows]]:
    return (1, scrape.standing(f"overdue.{clock}")[0]), (1, passed(scrape, clock))


def breached(scrape: Scrape, clock: str) -> Iterable[tuple[int, Rows]]:
    return (1, scrape.all_time(f"sla_breached.{clock}")), (1, passed(scrape, clock))


def evaluated(scrape: Scrape, clock: str) -> Iterable[tuple[int, Rows]]:
    return (1, scrape.all_time(f"sla_met.{clock}")), *breached(scrape, clock)
