"""What a ticket adds to the cells by itself."""

from itertools import pairwise

from schemas.codec import Millis
from services.core.gaming import pauses_without_reply, premature_solves
from services.core.quality import first_reply
from services.core.rules import Rules
from services.core.service_level import add_offer
from services.core.sla import Clock
from services.core.tally import FLAGS, Dims, Tallies, add, dims_of, step_of
from services.core.ticket import Ticket, status_ms, working_ms


def ticket_tallies(ticket: Ticket, rules: Rules) -> Tallies:
    """What a ticket adds. Flows carry the traits that it was created with, and the agent who did it (convention 14);
    what stands carries the traits and the assignee of its time."""
    tallies: Tallies = {}
    _add_opening(ticket, rules, tallies)
    _add_responses(ticket, rules, tallies)
    _add_first_reply(ticket, rules, tallies)
    _add_contacts(ticket, tallies)
    _add_backlog(ticket, tallies)
    if ticket.merged_at is None:
        _add_solves(ticket, tallies)
        _add_resolution(ticket, rules, tallies)
        _add_signs(ticket, rules, tallies)
        add_offer(ticket, rules.policy.service_level, tallies)
    for clock in ticket.promises:
        add_clock(ticket, clock, tallies)
    return tallies


def _flow(tallies: Tallies, measure: str, at: Millis, dims: Dims, took_ms: Millis | None = None) -> None:
    if took_ms is None:
        add(tallies, (measure, at, dims, 0), 1, 0)
    else:
        add(tallies, (measure, at, dims, step_of(took_ms)), 1, took_ms)


def _add_opening(ticket: Ticket, rules: Rules, tallies: Tallies) -> None:
    """What is counted by the creation; of tickets that were not merged away, which leave all but their own count."""
    dims = dims_of(ticket.first_traits, None)
    for measure, instants in (
        ("escalated", ticket.escalated_at),
        ("transferred", ticket.transferred_at),
        ("handed_over", ticket.handed_over_at),
    ):
        for at in instants:
            _flow(tallies, measure, at, dims)
    if not ticket.creation_known:
        return
    if ticket.merged_at is not None:
        _flow(tallies, "merged_away", ticket.opened_at, dims)
        return
    feedback, category = rules.policy.feedback, ticket.now.traits.category
    for measure, counts in (
        ("opened", True),
        ("escalated_tickets", bool(ticket.escalated_at)),
        ("transferred_tickets", bool(ticket.transferred_at)),
        *(
            (measure, category in marks.categories or not ticket.tags.isdisjoint(marks.tags))
            for measure, marks in (
                ("bug_reports", feedback.bug_report),
                ("feature_requests", feedback.feature_request),
            )
        ),
    ):
        if counts:
            _flow(tallies, measure, ticket.opened_at, dims)


def _add_responses(ticket: Ticket, rules: Rules, tallies: Tallies) -> None:
    traits, responses = ticket.first_traits, ticket.responses
    first, handover = responses.first, responses.since_handover
    if first is not None:
        dims, took_ms = dims_of(traits, first.agent), first.at - first.since
        _flow(tallies, "first_response", first.at, dims, took_ms)
        worked = working_ms(ticket, first.since, first.at, rules)
        _flow(tallies, "first_response_business", first.at, dims, worked)
        for flag in FLAGS:
            if flag in first.flags:
                _flow(tallies, f"first_response.{flag}", first.at, dims, took_ms)
    if handover is not None:
        took_ms = handover.at - handover.since
        _flow(tallies, "first_response_since_handover", handover.at, dims_of(traits, handover.agent), took_ms)
    for turn in responses.turns:
        _flow(tallies, "next_response", turn.at, dims_of(traits, turn.agent), turn.at - turn.since)
    if ticket.waiting_since is not None:
        add(tallies, ("waiting", ticket.waiting_since, dims_of(ticket.now.traits, ticket.now.agent), 0), 1, 0)


def _add_first_reply(ticket: Ticket, rules: Rules, tallies: Tallies) -> None:
    reply = first_reply(ticket, 1000 * rules.policy.gaming.stub_followup_seconds)
    if reply is None:
        return
    dims = dims_of(ticket.first_traits, reply.agent)
    _flow(tallies, "first_reply", reply.at, dims)
    if reply.helpful:
        _flow(tallies, "first_reply_helpful", reply.at, dims)
    if reply.stub:
        _flow(tallies, "first_reply_stub", reply.at, dims)


def _add_contacts(ticket: Ticket, tallies: Tallies) -> None:
    """Each time that the customer asked: the opening, and every first message after an answer."""
    dims = dims_of(ticket.first_traits, None)
    asking = ticket.creation_known and not ticket.outbound
    if asking:
        _flow(tallies, "customer_contacts", ticket.opened_at, dims)
    for message in ticket.messages:
        if message.author == "customer":
            if not asking:
                _flow(tallies, "customer_contacts", message.at, dims)
            asking = True
        elif message.author in ("agent", "bot"):
            asking = False


def _add_backlog(ticket: Ticket, tallies: Tallies) -> None:
    for stretch, following in pairwise([*ticket.stretches, None]):
        if stretch is not None and stretch.in_backlog:
            dims = dims_of(stretch.traits, stretch.agent)
            add(tallies, (f"backlog.{stretch.status}", stretch.since, dims, 0), 1, 0)
            if following is not None:
                add(tallies, (f"backlog.{stretch.status}", following.since, dims, 0), -1, 0)
            else:
                add(tallies, (f"opened_at.{stretch.status}", ticket.opened_at, dims, 0), 1, 0)


def _add_solves(ticket: Ticket, tallies: Tallies) -> None:
    traits = ticket.first_traits
    for number, solve in enumerate(ticket.solves):
        dims = dims_of(traits, solve.agent, solve.outcome)
        _flow(tallies, "resolved", solve.at, dims)
        if number == 0:
            _flow(tallies, "solved", solve.at, dims)
            if ticket.creation_known:
                _flow(tallies, "first_resolution", solve.at, dims, solve.at - ticket.opened_at)
            if ticket.reopens:
                _flow(tallies, "reopened_tickets", solve.at, dims)
    for reopen in ticket.reopens:
        _flow(tallies, "reopened", reopen.at, dims_of(traits, reopen.agent, reopen.outcome))


def _add_resolution(ticket: Ticket, rules: Rules, tallies: Tallies) -> None:
    """What is counted by the last solve, of tickets that are solved now."""
    if not (ticket.now.solved and ticket.solves):
        return
    last, opened_at = ticket.solves[-1], ticket.opened_at
    dims = dims_of(ticket.first_traits, last.agent, last.outcome)
    _flow(tallies, "solved_now", last.at, dims)
    if ticket.responses.public_agent_replies == 1:
        _flow(tallies, "one_touch", last.at, dims)
    if not ticket.creation_known:
        return
    _flow(tallies, "resolution", last.at, dims, last.at - opened_at)
    _flow(tallies, "resolution_business", last.at, dims, working_ms(ticket, opened_at, last.at, rules))
    spent = status_ms(ticket, last.at)
    _flow(tallies, "requester_wait", last.at, dims, spent["new"] + spent["open"] + spent["on_hold"])
    _flow(tallies, "agent_work", last.at, dims, spent["new"] + spent["open"])
    _flow(tallies, "agent_wait", last.at, dims, spent["pending"])
    _flow(tallies, "on_hold", last.at, dims, spent["on_hold"])


def _add_signs(ticket: Ticket, rules: Rules, tallies: Tallies) -> None:
    """Patterns that make figures look better than the service was."""
    policy = rules.policy.gaming
    for pause in pauses_without_reply(ticket, 1000 * policy.pause_reply_lookback_seconds):
        _flow(tallies, "paused_unasked", pause.at, dims_of(ticket.first_traits, pause.agent))
    for solve in premature_solves(ticket, 1000 * policy.premature_reopen_seconds):
        _flow(tallies, "solved_early", solve.at, dims_of(ticket.first_traits, solve.agent, solve.outcome))


def add_clock(ticket: Ticket, clock: Clock, tallies: Tallies) -> None:
    """A clock's outcome so far, under the traits of that instant, which no later event changes.

    A running clock that still holds leaves its instants for the reader to count what is past; so a breach is in the
    figures the moment that it happens, and no timer has to fire. A clock without a promise, or a cancelled one, adds
    nothing.
    """
    if clock.target is None or clock.cancelled:
        return
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
    elif clock.paused_since is not None:
        add(tallies, (f"paused.{metric}", clock.paused_since, now, 0), 1, 0)


def _dims_at(ticket: Ticket, at: Millis, agent: str | None = None) -> Dims:
    """The dimensions of a ticket at an instant; ``agent`` in place of the assignee then."""
    stretch = ticket.stretch_at(at) or ticket.stretches[0]
    return dims_of(stretch.traits, agent or stretch.agent)
