"""How families of sliding windows are read: their parts add up, their ratios and percentiles do not."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from schemas.codec import Millis
from schemas.policy import Policy
from services.board import figures
from services.board.families import Read
from services.board.readings import AGENT_STATES, PLANS
from services.board.scrape import WINDOWS_MS, Labels, Scrape, Sums
from services.board.series import Shown
from services.core.kpis import ratio
from services.core.schedules import ON_QUEUE, ScheduleFigures, Spent, schedule_figures
from services.core.service_level import Counts, abandonment_rate, service_level
from services.core.tally import DAY_MS, HANDLING, ON_QUEUE_STATES, SIGNED_IN

TIMES = (*AGENT_STATES, "contacts", "in_contact", *PLANS)
"""Levels whose time is looked at: read together, which is cheaper."""
STATS = {"p50": 0.5, "p90": 0.9}
OFFERS = ("answered", "answered_in_time", "abandoned", "abandoned_in_time", "abandoned_shortly")


def percentiles(measure: str) -> Read:
    """By the last two labels, the window and the statistic."""

    def read(scrape: Scrape, labels: Labels) -> dict[Shown, float]:
        shown, of = scrape.places(labels)
        found = {}
        for window, size in WINDOWS_MS.items():
            rows = scrape.window(size, measure)
            place = of[rows.dims] if len(rows) else rows.dims
            for number in np.unique(place).tolist():
                sketch = figures.sketch(rows.where(place == number))
                for stat, p in STATS.items():
                    if (value := sketch.percentile_s(p)) is not None:
                        found[*shown[number], window, stat] = value
        return found

    return read


def in_windows(read: Callable[[Scrape, Labels, Millis], Mapping[Shown, float | None]]) -> Read:
    """The same in each window, which is the last label; null is left out."""

    def all_windows(scrape: Scrape, labels: Labels) -> dict[Shown, float]:
        return {
            (*shown, window): value
            for window, size in WINDOWS_MS.items()
            for shown, value in read(scrape, labels, size).items()
            if value is not None
        }

    return all_windows


def offers(figure: Callable[[Counts, Policy], float | None]) -> Read:
    """A figure of the contacts that were offered to a queue."""

    def read(scrape: Scrape, labels: Labels, size: Millis) -> dict[Shown, float | None]:
        return {shown: figure(counts, scrape.policy) for shown, counts in scrape.once(_offered, labels, size).items()}

    return in_windows(read)


def _offered(scrape: Scrape, labels: Labels, size: Millis) -> dict[Shown, Counts]:
    rows = scrape.window(size, *OFFERS)
    of = scrape.by_measure(rows, rows.count, labels, OFFERS)
    threshold_ms = 1000 * scrape.policy.service_level.threshold_seconds
    of["waiting"] = scrape.counts(scrape.standing("offered")[0], labels)
    of["beyond"] = scrape.counts(scrape.standing("offered", until=scrape.at - threshold_ms - 1)[0], labels)
    return {
        shown: Counts(
            answered=of["answered"].get(shown, 0),
            abandoned=of["abandoned"].get(shown, 0),
            short_abandoned=of["abandoned_shortly"].get(shown, 0),
            waiting=of["waiting"].get(shown, 0),
            answered_within=of["answered_in_time"].get(shown, 0),
            abandoned_within=of["abandoned_in_time"].get(shown, 0),
            waiting_beyond=of["beyond"].get(shown, 0),
        )
        for shown in set[Shown]().union(*of.values())
    }


def in_service_level(counts: Counts, policy: Policy) -> float | None:
    return service_level(counts, policy.service_level)


def abandonment(counts: Counts, policy: Policy) -> float | None:
    return abandonment_rate(counts)


def time_in(measure: str) -> Read:
    """How much time agents spent in a level, in seconds."""

    def read(scrape: Scrape, labels: Labels, size: Millis) -> dict[Shown, float | None]:
        return {shown: ms / 1000 for shown, ms in scrape.spent(size, labels, TIMES)[measure].items()}

    return in_windows(read)


def time_by_state(scrape: Scrape, labels: Labels) -> dict[Shown, float]:
    """By the last two labels, the state and the window."""
    return {
        (*shown, state, window): ms / 1000
        for window, size in WINDOWS_MS.items()
        for state, measure in zip(SIGNED_IN, AGENT_STATES, strict=True)
        for shown, ms in scrape.spent(size, labels, TIMES)[measure].items()
    }


def handling_share(states: Callable[[Scrape], Iterable[str]]) -> Read:
    """Handling time as a share of the time in ``states``."""

    def read(scrape: Scrape, labels: Labels, size: Millis) -> dict[Shown, float | None]:
        spent = scrape.spent(size, labels, TIMES)

        def time(shown: Shown, states: Iterable[str]) -> Millis:
            return sum(spent.get(f"agent.{state}", {}).get(shown, 0) for state in states)

        known = set[Shown]().union(*(spent[measure] for measure in AGENT_STATES))
        return {shown: ratio(time(shown, HANDLING), time(shown, states(scrape))) for shown in known}

    return in_windows(read)


occupancy = handling_share(lambda scrape: ON_QUEUE_STATES)
utilisation = handling_share(lambda scrape: scrape.meaning.utilisation_states)
utilisation_signed_in = handling_share(lambda scrape: SIGNED_IN)


def _by_plan(scrape: Scrape, labels: Labels, size: Millis) -> dict[Shown, ScheduleFigures]:
    spent = scrape.spent(size, labels, TIMES)
    found: dict[Shown, Tally[Spent]] = {}
    for measure in PLANS:
        _, activity, did = measure.split(".")
        for shown, ms in spent[measure].items():
            found.setdefault(shown, Tally())[Spent(activity, did)] += ms
    for shown, times in found.items():
        worked = sum(spent[f"agent.{state}"].get(shown, 0) for state in ON_QUEUE_STATES)
        times[Spent(None, ON_QUEUE)] = worked - sum(ms for (_, did), ms in times.items() if did == ON_QUEUE)
    outside = scrape.policy.adherence.count_outside_shift
    return {shown: schedule_figures(times, count_outside_shift=outside) for shown, times in found.items()}


def against_plan(figure: Callable[[ScheduleFigures], float | None]) -> Read:
    """A figure of what was done instead of what was planned."""

    def read(scrape: Scrape, labels: Labels, size: Millis) -> dict[Shown, float | None]:
        return {shown: figure(of) for shown, of in scrape.once(_by_plan, labels, size).items()}

    return in_windows(read)


# What a quiet window shows, of what is older than that window: the rolling days of it that came before.


def _cohort(scrape: Scrape, labels: Labels, window_ms: Millis, base: str, less: str | None = None) -> Sums:
    size, until = scrape.policy.rolling_window_days * DAY_MS, scrape.at - window_ms
    found = Tally(scrape.once(_happened, labels, size, until, base))
    if less is not None:
        found.subtract(scrape.once(_happened, labels, size, until, less))
    return dict(found)


def _happened(scrape: Scrape, labels: Labels, size: Millis, until: Millis, measure: str) -> Sums:
    return scrape.counts(scrape.window(size, measure, until=until), labels)


def first_contact(*, resolved: bool) -> Read:
    """By the last label, the window: solves that are old enough, all of them or those that held."""

    def read(scrape: Scrape, labels: Labels) -> Sums:
        return {
            (*shown, f"{days}d"): count
            for place, days in enumerate(scrape.policy.fcr.windows_days)
            for shown, count in _cohort(
                scrape, labels, days * DAY_MS, "solved", f"came_back.{place}" if resolved else None
            ).items()
        }

    return read


def automation(measure: str) -> Read:
    """Solves that are old enough to tell whether a bot did it for good."""

    def read(scrape: Scrape, labels: Labels) -> Sums:
        window_ms = 1000 * scrape.policy.automation.window_seconds
        base = _cohort(scrape, labels, window_ms, "solved")
        return dict.fromkeys(base, 0) | _cohort(scrape, labels, window_ms, measure)

    return read


def help_visits(*, deflected: bool) -> Read:
    """Visits that are old enough to tell whether a ticket followed; none where nobody visited."""

    def read(scrape: Scrape, labels: Labels) -> Sums:
        window_ms = 1000 * scrape.policy.deflection.window_seconds
        less = "visits_asked" if deflected else None
        return _cohort(scrape, labels, window_ms, "visits_identified", less)

    return read
