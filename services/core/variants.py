"""What vendors mean by the same name: the settings that they differ in, and what each choice is called.

The names are those of the variants in the KPI cases, where there is one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.policy import Policy, laid_over


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that vendors differ in."""

    path: str
    """Its place in the policy; `sla.hours` is that of every promise."""
    choices: Sequence[tuple[Any, str]]
    """(value, what it is called)"""
    read_only: bool = False
    """It is the reader's alone: the same cells serve every choice."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The policy with another choice of one setting."""

    setting: str
    title: str
    policy: Policy
    read_only: bool


def _yes_or_no(path: str, yes: str, no: str, *, read_only: bool = False) -> Setting:
    return Setting(path, ((True, yes), (False, no)), read_only)


_WORKING = ["available", "busy", "wrap_up", "training", "meeting"]

SETTINGS = (
    _yes_or_no("first_response.bot_counts", "bot answers count", "bot answers do not count"),
    _yes_or_no("first_response.private_note_counts", "private notes count", "private notes do not count"),
    Setting(
        "first_response.agent_created",
        (
            ("from_first_customer_message", "opened by an agent: from the customer's first message"),
            ("from_creation_second_reply", "from creation to the second public agent reply"),
            ("exclude", "excluded: tickets that an agent opened"),
        ),
    ),
    _yes_or_no(
        "first_response.reopen_restarts",
        "a reopening starts the first-response clock again",
        "a reopening does not start the first-response clock again",
    ),
    _yes_or_no("merge.inherit_oldest_wait", "a merge hands on the older wait", "a merge hands on no wait"),
    Setting(
        "business_calendar_change",
        (
            ("per_segment", "each stretch by the calendar then in force"),
            ("last", "last calendar for the whole span"),
        ),
    ),
    Setting(
        "sla.hours",
        (("business", "business time for every promise"), ("calendar", "calendar time for every promise")),
    ),
    Setting(
        "sla.pause.resolution",
        (
            (["pending"], "pending pauses"),
            ([], "no pause"),
            (["pending", "on_hold"], "on hold pauses too"),
        ),
    ),
    Setting(
        "sla.reopen",
        (
            ("resume", "a reopening resumes the clock"),
            ("restart", "a reopening starts another clock"),
            ("first_resolution_only", "only the first resolution counts"),
        ),
    ),
    Setting(
        "sla.time_while_solved",
        (("stands_still", "time while solved does not count"), ("counts", "time while solved counts")),
    ),
    Setting(
        "sla.deadline_at_closing",
        (
            ("closing", "an answer before the next opening is in time"),
            ("closing_final", "an answer after closing time is late"),
        ),
    ),
    Setting(
        "sla.policy_chosen",
        (("at_every_event", "the promise follows the ticket"), ("at_start", "the promise of the start holds")),
    ),
    _yes_or_no("sla.breach_stands", "a breach stands", "another promise can take a breach back"),
    _yes_or_no(
        "first_response.status_change_counts", "a status click is a response", "a status click is no response"
    ),
    Setting(
        "fcr.first_contact",
        (("conversation", "first contact = the whole conversation"), ("one_reply", "first contact = one reply")),
    ),
    Setting(
        "fcr.repeat_match",
        (
            ("requester_category", "a repeat contact is of the same category"),
            ("requester", "a repeat contact is any ticket of the requester"),
        ),
    ),
    _yes_or_no("fcr.escalation_fails", "an escalation fails first contact", "an escalation does not fail it"),
    Setting(
        "service_level.method",
        (
            ("answered_of_offered", "answered of offered"),
            ("answered_only", "answered contacts only"),
            ("removed_from_queue", "everything that left the queue in time (Amazon Connect)"),
        ),
        read_only=True,
    ),
    _yes_or_no(
        "service_level.count_short_abandoned", "short abandons count", "short abandons are left out", read_only=True
    ),
    _yes_or_no(
        "service_level.count_waiting_over_threshold",
        "those who wait too long already count",
        "those who wait still do not count",
        read_only=True,
    ),
    Setting(
        "utilisation.denominator_states",
        (
            (_WORKING, "of logged-in time without breaks"),
            ([*_WORKING, "break"], "breaks in the denominator too"),
            (["available", "busy", "wrap_up"], "of time on the queue only"),
        ),
        read_only=True,
    ),
    _yes_or_no(
        "adherence.count_outside_shift",
        "work outside the shift counts against adherence",
        "work outside the shift does not count",
        read_only=True,
    ),
)
"""Every setting that vendors differ in, and what they choose."""


def variants(policy: Policy) -> Iterator[Variant]:
    """The policy with every other choice of each setting, one at a time; what would be the same one is left out."""
    document = policy.model_dump(mode="json", by_alias=True)
    same = _canonical(policy)
    for setting in SETTINGS:
        for value, title in setting.choices:
            other = Policy.model_validate(laid_over(document, _overlay(document, setting.path, value)))
            if _canonical(other) != same:
                yield Variant(setting.path, title, other, setting.read_only)


def _overlay(document: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    if path == "sla.hours":  # said of each promise by itself
        return {"sla": {"policies": [promise | {"hours": value} for promise in document["sla"]["policies"]]}}
    first, *rest = path.split(".")
    if not rest:
        return {first: value}
    if len(rest) == 1:
        return {first: {rest[0]: value}}
    return {first: {rest[0]: document[first][rest[0]] | {rest[1]: value}}}


def _canonical(policy: Policy) -> str:
    """The same for policies that mean the same: the order of the states of a list is nothing."""
    document = policy.model_dump(mode="json", by_alias=True)
    document["utilisation"]["denominator_states"].sort()
    for statuses in document["sla"]["pause"].values():
        statuses.sort()
    return json.dumps(document, sort_keys=True)
