"""`measure`: what one entity adds to the cells. The only way from a timeline to a figure that is kept."""

from collections.abc import Sequence
from itertools import pairwise

from schemas.codec import Fact, Millis
from services.core.agent import agent_tallies
from services.core.rules import Rules, Traits
from services.core.sla import Clock
from services.core.tally import Dims, Tallies, add, step_of
from services.core.ticket import Ticket, replay, working_ms


def measure(timeline: Sequence[Fact], rules: Rules) -> Tallies:
    """What the entity of ``timeline`` adds to the cells; nothing when it is empty.

    Args:
        timeline: One ticket's or one agent's facts, in order (`timeline.absorb`).
    """
    if not timeline:
        return {}
    if timeline[0].type == "agent.state_changed":
        return agent_tallies(timeline)
    ticket = replay(timeline, rules)
    return {} if ticket is None or ticket.deleted else ticket_tallies(ticket, rules)


def ticket_tallies(ticket: Ticket, rules: Rules) -> Tallies:
    """What a ticket adds. Flows carry the traits that it was created with, and the agent who did it (convention 14);
    what stands carries the traits and the assignee of its time."""
    tallies: Tallies = {}
    _add_opening(ticket, tallies)
    _add_responses(ticket, rules, tallies)
    _add_backlog(ticket, tallies)
    if ticket.merged_at is None:
        _add_resolution(ticket, tallies)
    for clock in ticket.promises:
        if clock.target is not None and not clock.cancelled:
            _add_clock(ticket, clock, tallies)
    return tallies


def dims_of(traits: Traits, agent: str | None) -> Dims:
    """A whole dimension set, in the order of DIMENSIONS."""
    return *traits, agent


def _flow(tallies: Tallies, measure: str, at: Millis, dims: Dims, took_ms: Millis | None = None) -> None:
    if took_ms is None:
        add(tallies, (measure, at, dims, 0), 1, 0)
    else:
        add(tallies, (measure, at, dims, step_of(took_ms)), 1, took_ms)


def _add_opening(ticket: Ticket, tallies: Tallies) -> None:
    if ticket.creation_known:
        measure = "opened" if ticket.merged_at is None else "merged_away"
        _flow(tallies, measure, ticket.opened_at, dims_of(ticket.first_traits, None))


def _add_responses(ticket: Ticket, rules: Rules, tallies: Tallies) -> None:
    first = ticket.responses.first
    if first is not None:
        dims = dims_of(ticket.first_traits, first.agent)
        _flow(tallies, "first_response", first.at, dims, first.at - first.since)
        worked = working_ms(ticket, first.since, first.at, rules)
        _flow(tallies, "first_response_business", first.at, dims, worked)
    for turn in ticket.responses.turns:
        _flow(tallies, "next_response", turn.at, dims_of(ticket.first_traits, turn.agent), turn.at - turn.since)
    if ticket.waiting_since is not None:
        add(tallies, ("waiting", ticket.waiting_since, dims_of(ticket.now.traits, ticket.now.agent), 0), 1, 0)


def _add_backlog(ticket: Ticket, tallies: Tallies) -> None:
    for stretch, following in pairwise([*ticket.stretches, None]):
        if stretch is not None and stretch.in_backlog:
            dims = dims_of(stretch.traits, stretch.agent)
            add(tallies, (f"backlog.{stretch.status}", stretch.since, dims, 0), 1, 0)
            if following is not None:
                add(tallies, (f"backlog.{stretch.status}", following.since, dims, 0), -1, 0)
            else:
                add(tallies, (f"opened_at.{stretch.status}", ticket.opened_at, dims, 0), 1, 0)


def _add_resolution(ticket: Ticket, tallies: Tallies) -> None:
    traits = ticket.first_traits
    for number, solve in enumerate(ticket.solves):
        dims = dims_of(traits, solve.agent)
        if number == 0:
            _flow(tallies, "solved", solve.at, dims)
        _flow(tallies, "resolved", solve.at, dims)
    for reopen in ticket.reopens:
        _flow(tallies, "reopened", reopen.at, dims_of(traits, reopen.agent))
    if ticket.now.solved and ticket.solves and ticket.creation_known:
        last = ticket.solves[-1]
        _flow(tallies, "resolution", last.at, dims_of(traits, last.agent), last.at - ticket.opened_at)


def _add_clock(ticket: Ticket, clock: Clock, tallies: Tallies) -> None:
    """A clock's outcome so far, under the traits of that instant, which no later event changes.

    A running clock that still holds leaves its instants for the reader to count what is past; so a breach is in the
    figures the moment that it happens, and no timer has to fire.
    """
    metric, running = clock.metric, clock.running_since is not None
    now = _dims_at(ticket, ticket.last_at)
    if clock.breached_at is not None:
        then = _dims_at(ticket, clock.breached_at, clock.breached_agent)
        _flow(tallies, f"sla_breached.{metric}", clock.breached_at, then)
        if running:
            add(tallies, (f"overdue.{metric}", clock.breached_at, now, 0), 1, 0)
    elif clock.stopped_at is not None:
        _flow(tallies, f"sla_met.{metric}", clock.stopped_at, _dims_at(ticket, clock.stopped_at))
    elif running:
        for measure, at in (("at_risk_from", clock.at_risk_from()), ("due", clock.holds_until())):
            if at is not None:
                add(tallies, (f"{measure}.{metric}", at, now, 0), 1, 0)


def _dims_at(ticket: Ticket, at: Millis, agent: str | None = None) -> Dims:
    """The dimensions of a ticket at an instant; ``agent`` in place of the assignee then."""
    stretch = ticket.stretch_at(at) or ticket.stretches[0]
    return dims_of(stretch.traits, agent or stretch.agent)
