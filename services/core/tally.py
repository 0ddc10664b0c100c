"""Cells: what can be added and taken away.

A *tally* is what one entity adds to one measure at one instant; `measure(timeline, rules)` gives a dict of them.
The difference of two such dicts, spread over the grains, is a change of *cells*: (grain, bucket, dimensions,
measure, step) -> (count, sum), two integers. Cells form a group: any order of additions gives the same state.

Three kinds of measure:

- FLOW: something happened (`opened`), or took a duration (`first_response`; `step` is its log bucket, the sum is
  in milliseconds). Kept by the minute, the hour and the day in which it happened, and of all time.
- LEVEL: something stands from one instant to another (`backlog.open`, `agent.busy`). Entering adds one,
  leaving takes one away, in the bucket of that instant, with the offset into the bucket as the sum; so the
  level at any past instant and its integral over any window are exact. The cell of grain NOW and bucket 0 is the
  level after all events.
- STANDING: an instant that waits to be looked at (`waiting` since, `due.first_response`). Kept in grain NOW
  while it holds: the bucket is its hour, the step its millisecond in that hour. What depends on the present is
  counted when somebody looks.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import TypeVar

from schemas.codec import Dims as Dims
from schemas.codec import Millis
from schemas.policy import MOST_FCR_WINDOWS
from schemas.sla import METRICS

DIMENSIONS = (
    *("queue", "channel", "priority", "tier", "category", "product_area", "team", "agent"),
    "outcome",  # of a solve: what the resolution was
    "article",  # of the help centre
)
"""What figures are cut by. An entity's set of values (`Dims`) is kept whole, once: the reader sums over what is not
asked."""

Entry = tuple[str, Millis, Dims, int]
"""(measure, instant, dims, step)"""
Tally = tuple[int, int]
"""(count, sum)"""
Tallies = dict[Entry, Tally]

NOTHING_TOLD: Dims = (None,) * len(DIMENSIONS)
ALL_TIME_DIMENSIONS = 2
"""Queue and channel."""

MINUTE, HOUR, DAY, ALL, NOW = "m", "h", "d", "a", "n"
MINUTE_MS: Millis = 60_000
HOUR_MS: Millis = 3_600_000
DAY_MS: Millis = 86_400_000
GRAIN_MS: dict[str, Millis] = {MINUTE: MINUTE_MS, HOUR: HOUR_MS, DAY: DAY_MS}
KEPT_MS: dict[str, Millis] = {MINUTE: 50 * HOUR_MS, HOUR: 60 * DAY_MS, DAY: 400 * DAY_MS}
"""How long a bucket is kept behind the watermark of its partition; cells of ALL and NOW are kept for ever."""

Cell = tuple[str, int, Dims, str, int]
"""(grain, bucket, dims, measure, step)"""
Cells = dict[Cell, Tally]


class Kind(Enum):
    """How a measure is kept: see the module."""

    FLOW = 1
    LEVEL = 2
    STANDING = 3


_FLOW, _LEVEL, _STANDING = Kind
_GRAINS = tuple(GRAIN_MS.items())

STATUSES = ("new", "open", "pending", "on_hold", "solved", "closed")
UNSOLVED = ("new", "open", "pending", "on_hold")
OFFLINE = "offline"
HANDLING = ("busy", "wrap_up")
ON_QUEUE_STATES = ("available", *HANDLING)
AGENT_STATES = (OFFLINE, "available", "busy", "wrap_up", "break", "training", "meeting", "away")
SIGNED_IN = tuple(state for state in AGENT_STATES if state != OFFLINE)
CLOCKS: tuple[str, ...] = METRICS
FLAGS = ("actionable", "article_link", "troubleshooting", "template")
SURVEYS = ("csat", "nps", "ces")
ACTIVITIES = ("on_queue", "break", "training", "meeting")
DOINGS = (*ACTIVITIES, "away", OFFLINE)
FCR_PLACES = tuple(range(MOST_FCR_WINDOWS))
"""One for each of the policy's `fcr.windows_days`."""

MEASURES: dict[str, Kind] = {
    # At the creation.
    "opened": Kind.FLOW,
    "merged_away": Kind.FLOW,
    "escalated_tickets": Kind.FLOW,  # escalated at least once
    "transferred_tickets": Kind.FLOW,  # moved to another queue at least once
    "bug_reports": Kind.FLOW,
    "feature_requests": Kind.FLOW,
    # When it happened.
    "escalated": Kind.FLOW,
    "transferred": Kind.FLOW,
    "handed_over": Kind.FLOW,  # from a bot to people
    "customer_contacts": Kind.FLOW,  # the customer asked: opened a ticket, or wrote again after an answer
    "paused_unasked": Kind.FLOW,  # to pending with no reply shortly before
    "solved_early": Kind.FLOW,  # a solve that was soon followed by a reopening
    # At the response.
    "first_response": Kind.FLOW,
    "first_response_business": Kind.FLOW,
    "first_response_since_handover": Kind.FLOW,
    **{f"first_response.{flag}": Kind.FLOW for flag in FLAGS},
    "next_response": Kind.FLOW,
    "first_reply": Kind.FLOW,  # the first public reply by an agent, whether it ended the wait or not
    "first_reply_helpful": Kind.FLOW,
    "first_reply_stub": Kind.FLOW,
    # At the first solve.
    "solved": Kind.FLOW,
    "first_resolution": Kind.FLOW,
    "reopened_tickets": Kind.FLOW,  # reopened at least once
    **{f"came_back.{place}": Kind.FLOW for place in FCR_PLACES},  # not resolved at the first contact, for certain
    "automated": Kind.FLOW,  # by a bot, as far as is known
    # At each solve, at each reopening.
    "resolved": Kind.FLOW,  # every change from unsolved to solved or closed
    "reopened": Kind.FLOW,
    # At the last solve, of tickets solved now.
    "solved_now": Kind.FLOW,
    "one_touch": Kind.FLOW,
    "resolution": Kind.FLOW,  # full resolution
    "resolution_business": Kind.FLOW,
    "requester_wait": Kind.FLOW,
    "agent_work": Kind.FLOW,
    "agent_wait": Kind.FLOW,
    "on_hold": Kind.FLOW,
    # Contacts that wait in a queue to be taken up.
    "answered": Kind.FLOW,  # when it was; how long it waited
    "answered_in_time": Kind.FLOW,
    "abandoned": Kind.FLOW,
    "abandoned_in_time": Kind.FLOW,
    "abandoned_shortly": Kind.FLOW,
    "offered": Kind.STANDING,  # since when it waits
    # Visits to the help centre, at the last view.
    "visits": Kind.FLOW,
    "visits_identified": Kind.FLOW,
    "visits_asked": Kind.FLOW,  # followed by a ticket
    "article_visits": Kind.FLOW,  # identified ones, once for each article
    "article_visits_asked": Kind.FLOW,
    # Scores, when they were given: `step` and sum are hundredths and thousandths of a point.
    **dict.fromkeys(SURVEYS, Kind.FLOW),
    "review": Kind.FLOW,
    # Agents.
    "handled": Kind.FLOW,  # contacts, when an agent took them up
    "handle_time": Kind.FLOW,  # contacts, when they ended
    "contacts": Kind.LEVEL,  # contacts that an agent has at once
    "in_contact": Kind.LEVEL,  # agents that have at least one
    **{f"plan.{planned}.{did}": Kind.LEVEL for planned in ACTIVITIES for did in DOINGS},
    "waiting": Kind.STANDING,  # since when a customer waits for a first or next response
    **{f"backlog.{status}": Kind.LEVEL for status in UNSOLVED},
    **{f"opened_at.{status}": Kind.STANDING for status in UNSOLVED},  # of what is in the backlog now
    **{f"agent.{state}": Kind.LEVEL for state in SIGNED_IN},
    **{f"sla_met.{clock}": Kind.FLOW for clock in CLOCKS},  # when the clock stopped
    **{f"sla_breached.{clock}": Kind.FLOW for clock in CLOCKS},  # when the target was passed, once that is certain
    **{f"at_risk_from.{clock}": Kind.STANDING for clock in CLOCKS},  # of running clocks that hold so far
    **{f"due.{clock}": Kind.STANDING for clock in CLOCKS},  # the last instant that holds, of the same clocks
    **{f"overdue.{clock}": Kind.STANDING for clock in CLOCKS},  # running, breach certain: since when
    **{f"paused.{clock}": Kind.STANDING for clock in CLOCKS},  # standing still, neither kept nor broken: since when
}
"""Every measure there is. Their order is their code in the store: new ones go to the end."""


K = TypeVar("K")


def add(tallies: dict[K, Tally], key: K, count: int, total: int) -> None:
    """Add to one tally in place; what comes to nothing goes away."""
    was = tallies.get(key)
    if was is not None:
        count, total = count + was[0], total + was[1]
        if count == 0 and total == 0:
            del tallies[key]
            return
    tallies[key] = (count, total)


def difference(before: Mapping[Entry, Tally], after: Mapping[Entry, Tally]) -> Tallies:
    """What turns ``before`` into ``after``; tallies that are equal vanish."""
    change = {}
    for entry, tally in after.items():
        was = before.get(entry)
        if was is None:
            change[entry] = tally
        elif was != tally:
            change[entry] = (tally[0] - was[0], tally[1] - was[1])
    for entry, (count, total) in before.items():
        if entry not in after:
            change[entry] = (-count, -total)
    return change


D = TypeVar("D")


def dims_of(traits: Sequence[str | None], agent: str | None, outcome: str | None = None) -> Dims:
    """A whole dimension set, in the order of DIMENSIONS."""
    return *traits, agent, outcome, None


def coarse(dims: Dims) -> Dims:
    """What cells of grain ALL are cut by: only what their readers ask for, since these cells are never dropped."""
    return dims[:ALL_TIME_DIMENSIONS] + NOTHING_TOLD[ALL_TIME_DIMENSIONS:]


def parts(
    tallies: Mapping[tuple[str, Millis, D, int], Tally], coarse: Callable[[D], D]
) -> Iterator[tuple[str, int, D, str, int, int, int]]:
    """What ``tallies`` add to cells: (grain, bucket, dims, measure, step, count, sum), a cell perhaps repeatedly.

    Args:
        tallies: Dims may be anything that stands for a dimension set, such as its code in a shard.
        coarse: The dimension set for grain ALL.
    """
    for (measure, at, dims, step), (count, total) in tallies.items():
        kind = MEASURES[measure]
        if kind is _STANDING:
            yield NOW, at // HOUR_MS, dims, measure, at % HOUR_MS, count, 0
            continue
        for grain, size in _GRAINS:
            inside = total if kind is _FLOW else count * (at % size)
            yield grain, at // size, dims, measure, step, count, inside
        if kind is _LEVEL:
            yield NOW, 0, dims, measure, 0, count, 0
        else:
            yield ALL, 0, coarse(dims), measure, step, count, total


def spread(tallies: Mapping[Entry, Tally], cells: Cells) -> None:
    """Add ``tallies``, spread over the grains, to ``cells`` in place (the caller alone owns them)."""
    for grain, bucket, dims, measure, step, count, total in parts(tallies, coarse):
        add(cells, (grain, bucket, dims, measure, step), count, total)


def oldest_kept(grain: str, watermark: Millis) -> int:
    """The oldest bucket of ``grain`` that is kept when the partition's watermark is ``watermark``."""
    return (watermark - KEPT_MS[grain]) // GRAIN_MS[grain]


# The sketch: log buckets of ratio (1 + a) / (1 - a) with a = 1 %, so that a bucket's middle is within 1 % of
# whatever fell into it. The edges are integers, computed without floats, so that every machine has the same. The
# edges of the exported histograms are edges of the sketch too, so that their counts are exact.

HISTOGRAM_EDGES_MS = tuple(
    1000 * seconds
    for seconds in (
        *(5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800),
        *(43200, 86400, 172800, 259200, 604800),
    )
)


def _edges() -> list[int]:
    edges, numerator, denominator = list[int](), 1, 1
    while not edges or edges[-1] < 100 * 366 * 86_400_000:
        edge = numerator // denominator
        if not edges or edge > edges[-1]:
            edges.append(edge)
        numerator, denominator = numerator * 101, denominator * 99
        if numerator.bit_length() > 400:  # 1e-90 of precision is enough, and keeps this fast
            shift = numerator.bit_length() - 300
            numerator, denominator = numerator >> shift, denominator >> shift
    return sorted({*edges, *HISTOGRAM_EDGES_MS})


_EDGES = _edges()


def step_of(duration_ms: Millis) -> int:
    """The sketch's log bucket of a duration: 0 for nothing, else buckets that grow by 2 %."""
    return 0 if duration_ms <= 0 else 1 + bisect_left(_EDGES, duration_ms)


def score_step(score: float) -> int:
    """The step of a score: hundredths of a point."""
    return round(100 * score)


def value_of(step: int) -> float:
    """A duration in milliseconds within 1 % of every duration in bucket ``step``."""
    if step <= 0:
        return 0.0
    if step == 1:
        return 1.0
    low, high = _EDGES[min(step, len(_EDGES)) - 2] + 1, _EDGES[min(step, len(_EDGES)) - 1]
    return 2 * low * high / (low + high)
