"""How many agents a queue needs: Erlang C, and Erlang A where callers give up.

Both speak of contacts that are answered as they arrive (calls, chats), one skill, a steady half hour. Tickets and
mail are no such queue. Formulas, tables and limits: docs/kpis.md, Staffing.
"""

from dataclasses import dataclass
from itertools import count
from math import ceil, exp, lgamma, log

_SLACK = 1e-9
"""What rounding may have added: 21 / (1 - 0.3) is 30.000000000000004."""


def erlangs(contacts: float, aht_s: float, interval_s: float) -> float:
    """Offered traffic: how many contacts would be handled at once, were nobody to wait.

    Raises:
        ValueError: a length of time is not positive, or contacts are negative.
    """
    if aht_s <= 0 or interval_s <= 0 or contacts < 0:
        raise ValueError(f"traffic needs contacts and positive times, got {contacts} of {aht_s} s in {interval_s} s")
    return contacts * aht_s / interval_s


def erlang_b(traffic: float, agents: int) -> float:
    """Probability that all of ``agents`` are busy when a contact comes, were those turned away not to wait."""
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = traffic * blocked / (number + traffic * blocked)
    return blocked


@dataclass(frozen=True, slots=True)
class ErlangC:
    """What waiting is like with so many agents. Named as in the cases' `result`."""

    agents: int
    wait_probability: float
    service_level: float
    asa_seconds: float | None
    occupancy: float


def erlang_c(traffic: float, agents: int, aht_s: float, threshold_s: float) -> ErlangC:
    """A queue that nobody leaves, with ``agents`` to answer it.

    Args:
        traffic: In Erlang (`erlangs`).
        aht_s: Mean handle time; handle times are taken as exponential.
        threshold_s: What counts as answered in time, inclusive.

    Returns:
        With no more agents than Erlangs the queue only grows: all wait, none is answered in time, all are occupied,
        and there is no mean wait.

    Source:
        Erlang (1917); KPI cases, convention 29; docs/kpis.md, Staffing.
    """
    if agents <= traffic:
        return ErlangC(agents, 1.0, 0.0, None, 1.0)
    return _erlang_c(traffic, agents, erlang_b(traffic, agents), aht_s, threshold_s)


def _erlang_c(traffic: float, agents: int, blocked: float, aht_s: float, threshold_s: float) -> ErlangC:
    spare = agents - traffic
    waits = blocked / (1 - traffic / agents * (1 - blocked))
    return ErlangC(
        agents=agents,
        wait_probability=waits,
        service_level=1 - waits * exp(-spare * threshold_s / aht_s),
        asa_seconds=waits * aht_s / spare,
        occupancy=traffic / agents,
    )


def required(traffic: float, aht_s: float, threshold_s: float, target: float, max_occupancy: float = 1.0) -> ErlangC:
    """The fewest agents, more than Erlangs, that reach a service level and are not too busy.

    Args:
        target: The service level to reach, from 0 to 1, inclusive.
        max_occupancy: The largest share of time on contacts, inclusive; 0.85 is usual.

    Raises:
        ValueError: a target or an occupancy that no number of agents gives.
    """
    if not 0 <= target <= 1 or not 0 < max_occupancy <= 1:
        raise ValueError(
            f"a service level is from 0 to 1 and an occupancy above 0, up to 1; got {target} and {max_occupancy}"
        )
    blocked = 1.0
    for agents in count(1):
        blocked = traffic * blocked / (agents + traffic * blocked)
        if agents > traffic:
            queue = _erlang_c(traffic, agents, blocked, aht_s, threshold_s)
            if queue.service_level >= target - _SLACK and queue.occupancy <= max_occupancy + _SLACK:
                return queue
    raise AssertionError("counting ends only with an answer")


def staffed(agents: int, shrinkage: float) -> int:
    """How many to roster so that ``agents`` are on the queue: divided by who is left, not multiplied by who is away.

    Args:
        shrinkage: The share of scheduled time not spent on the queue, from 0 to below 1.

    Raises:
        ValueError: nobody would be left.
    """
    if not 0 <= shrinkage < 1:
        raise ValueError(f"shrinkage is from 0 to below 1, got {shrinkage}")
    return ceil(agents / (1 - shrinkage) - _SLACK)


@dataclass(frozen=True, slots=True)
class ErlangA:
    """What waiting is like where callers give up."""

    agents: int
    wait_probability: float
    abandon_probability: float
    occupancy: float
    mean_wait_seconds: float
    """Of all contacts, those that gave up included."""
    service_level: float
    """Share of all contacts answered within the threshold."""


def erlang_a(traffic: float, agents: int, aht_s: float, patience_s: float, threshold_s: float) -> ErlangA:
    """A queue that callers leave when their patience ends, with ``agents`` to answer it.

    Args:
        traffic: In Erlang, above 0. There may be fewer agents than that.
        agents: At least one.
        patience_s: Mean time that a caller would wait; taken as exponential, as handle times are. From a log: the
            waiting time of all, divided by how many gave up.

    Raises:
        ValueError: nothing to serve, nobody to serve it, or a time that is not positive.

    Source:
        Palm (1957), Garnett, Mandelbaum & Reiman (2002); docs/kpis.md, Staffing.
    """
    if traffic <= 0 or agents < 1 or aht_s <= 0 or patience_s <= 0 or threshold_s < 0:
        raise ValueError(f"Erlang A needs traffic, agents, handle time and patience, got {traffic} and {agents}")
    theta = aht_s / patience_s  # in units of the mean handle time, in which an agent serves at rate 1
    waiting = _chain(traffic, agents, theta)
    queued = sum(number * chance for number, chance in enumerate(waiting))
    in_time = _served_in_time(waiting, agents, theta, threshold_s / aht_s)
    gives_up = theta * queued / traffic
    return ErlangA(
        agents=agents,
        wait_probability=sum(waiting),
        abandon_probability=gives_up,
        occupancy=traffic * (1 - gives_up) / agents,
        mean_wait_seconds=queued / traffic * aht_s,
        service_level=1 - sum(waiting) + in_time,
    )


def _chain(traffic: float, agents: int, theta: float) -> list[float]:
    """How likely it is that all are busy and so many wait, up to where it no longer matters."""
    # Logarithms of the weight relative to the state in which all are busy and nobody waits: they may be huge.
    logs, peak = [0.0], 0.0
    while logs[-1] > peak - 45 or traffic > agents + len(logs) * theta:
        logs.append(logs[-1] + log(traffic / (agents + len(logs) * theta)))
        peak = max(peak, logs[-1])
    below = 0.0
    for number in range(1, agents + 1):
        below = (1 + below) * number / traffic
    weights = [exp(each - peak) for each in logs]
    total = sum(weights) + below * exp(-peak)
    return [weight / total for weight in weights]


def _served_in_time(waiting: list[float], agents: int, theta: float, within: float) -> float:
    """How likely it is that a contact has to wait and is then answered in time, by uniformisation.

    A contact with ``ahead`` others before it moves up with rate ``agents + ahead * theta``, and gives up with
    ``theta``.
    """
    rate = agents + len(waiting) * theta
    mean = rate * within
    served = [0.0] * len(waiting)
    """By how many are ahead: the chance to be answered within so many events."""
    seen = result = 0.0
    ups = [(agents + ahead * theta) / rate for ahead in range(len(waiting))]
    stays = [1 - up - theta / rate for up in ups]
    for events in count() if mean else ():
        likely = exp(events * log(mean) - mean - lgamma(events + 1))
        seen += likely
        result += likely * sum(p * q for p, q in zip(waiting, served, strict=True))
        if seen > 1 - 1e-13 or (events > mean and likely < 1e-18):
            break
        before = [1.0, *served[:-1]]
        served = [u * b + s * one for u, b, s, one in zip(ups, before, stays, served, strict=True)]
    return result
