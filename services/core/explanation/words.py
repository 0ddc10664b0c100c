"""Measures, durations and instants in words."""

from typing import Literal, NamedTuple

from schemas.codec import Millis, instant
from services.core.tally import CLOCKS, FCR_PLACES, FLAGS, MEASURES, UNSOLVED, Kind

Unit = Literal["seconds", "points"] | None


class Meaning(NamedTuple):
    """What a measure of tickets says."""

    theme: str
    says: str
    unit: Unit = None


_CLOCK = {clock: clock.replace("_", " ") for clock in CLOCKS}
_STATUS = {status: status.replace("_", " ") for status in UNSOLVED}

MEANINGS: dict[str, Meaning] = {
    "opened": Meaning("load", "opened"),
    "merged_away": Meaning("load", "opened, and merged into another ticket"),
    "customer_contacts": Meaning("load", "the customer asked"),
    **{f"backlog.{s}": Meaning("load", f"the backlog as {w}") for s, w in _STATUS.items()},
    **{f"opened_at.{s}": Meaning("load", f"in the backlog as {w}, opened then") for s, w in _STATUS.items()},
    "first_response": Meaning("speed", "first response, after a wait of", "seconds"),
    "first_response_business": Meaning("speed", "first response, after a wait in opening hours of", "seconds"),
    "first_response_since_handover": Meaning(
        "speed", "first response of people since the hand-over, after", "seconds"
    ),
    **{
        f"first_response.{flag}": Meaning("speed", f"first response with {flag.replace('_', ' ')}, after", "seconds")
        for flag in FLAGS
    },
    "next_response": Meaning("speed", "next response, after a wait of", "seconds"),
    "waiting": Meaning("speed", "the customer waits for an answer since then", "seconds"),
    "first_reply": Meaning("quality", "first public reply by an agent"),
    "first_reply_helpful": Meaning("quality", "first public reply by an agent, and it helped"),
    "first_reply_stub": Meaning("quality", "first public reply by an agent, only to stop the clock"),
    "answered": Meaning("speed", "taken up from the queue, after a wait of", "seconds"),
    "answered_in_time": Meaning("speed", "taken up from the queue within the threshold"),
    "abandoned": Meaning("speed", "the customer left the queue, after a wait of", "seconds"),
    "abandoned_in_time": Meaning("speed", "the customer left the queue within the threshold"),
    "abandoned_shortly": Meaning("speed", "the customer left the queue at once"),
    "offered": Meaning("speed", "waits in the queue to be taken up since then", "seconds"),
    "solved": Meaning("resolution", "solved for the first time"),
    "first_resolution": Meaning("resolution", "solved for the first time, after", "seconds"),
    "reopened_tickets": Meaning("resolution", "solved for the first time, and reopened at least once since"),
    "resolved": Meaning("resolution", "solved"),
    "reopened": Meaning("resolution", "reopened"),
    "solved_now": Meaning("resolution", "solved for the last time so far"),
    "one_touch": Meaning("resolution", "solved with a single public reply by an agent"),
    "resolution": Meaning("resolution", "full resolution, after", "seconds"),
    "resolution_business": Meaning("resolution", "full resolution, after opening hours of", "seconds"),
    "requester_wait": Meaning("resolution", "of that, the requester waited (new, open, on hold)", "seconds"),
    "agent_work": Meaning("resolution", "of that, it was the agents' to work on (new, open)", "seconds"),
    "agent_wait": Meaning("resolution", "of that, the agents waited (pending)", "seconds"),
    "on_hold": Meaning("resolution", "of that, it was on hold", "seconds"),
    **{
        f"came_back.{place}": Meaning("resolution", f"solved, and not for good at first contact (window {place + 1})")
        for place in FCR_PLACES
    },
    "automated": Meaning("economy", "solved by a bot, as far as is known"),
    "escalated_tickets": Meaning("resolution", "opened, and escalated at least once"),
    "transferred_tickets": Meaning("resolution", "opened, and moved to another queue at least once"),
    "escalated": Meaning("resolution", "escalated"),
    "transferred": Meaning("resolution", "moved to another queue"),
    "handed_over": Meaning("resolution", "given to people by a bot"),
    "bug_reports": Meaning("economy", "opened, and reports a bug"),
    "feature_requests": Meaning("economy", "opened, and asks for a feature"),
    "paused_unasked": Meaning("signs", "set to pending with no reply shortly before"),
    "solved_early": Meaning("signs", "solved, and reopened soon"),
    **{f"sla_met.{c}": Meaning("promises", f"the promised {w} was kept") for c, w in _CLOCK.items()},
    **{f"sla_breached.{c}": Meaning("promises", f"the promised {w} was broken") for c, w in _CLOCK.items()},
    **{f"at_risk_from.{c}": Meaning("promises", f"the {w} clock is at risk from then on") for c, w in _CLOCK.items()},
    **{f"due.{c}": Meaning("promises", f"the {w} clock holds until then") for c, w in _CLOCK.items()},
    **{f"overdue.{c}": Meaning("promises", f"the {w} is overdue since then", "seconds") for c, w in _CLOCK.items()},
    **{
        f"paused.{c}": Meaning("promises", f"the {w} clock stands still since then", "seconds")
        for c, w in _CLOCK.items()
    },
    "csat": Meaning("quality", "satisfaction (CSAT)", "points"),
    "nps": Meaning("quality", "recommendation (NPS)", "points"),
    "ces": Meaning("quality", "effort (CES)", "points"),
    "review": Meaning("quality", "reviewed", "points"),
}
"""Of every measure that tickets add to, by themselves or through their requester."""

THEMES = ("speed", "promises", "resolution", "load", "quality", "economy", "signs")
OF_TICKETS = frozenset(MEANINGS)


def says(measure: str, at: Millis, count: int, as_of: Millis) -> str:
    """What a tally of ``measure`` says at an instant."""
    words = MEANINGS[measure].says
    if MEASURES[measure] is Kind.LEVEL:
        return f"{'enters' if count > 0 else 'leaves'} {words}"
    if measure.startswith("due.") and at < as_of:
        return words.replace("holds until then", "held until then, and is overdue")
    return words


def value_of(measure: str, at: Millis, count: int, total: int, as_of: Millis) -> float | None:
    """What a tally is worth beside its count: seconds, or points; of several, their mean."""
    unit = MEANINGS[measure].unit
    if unit is None:
        return None
    if MEASURES[measure] is Kind.STANDING:
        return (as_of - at) / 1000
    return total / 1000 / count


def lasting(duration_s: float, *, days: bool = True) -> str:
    """`45 s`, `12 min`, `2 h 5 min 3 s`, `1 day 4 h`; to the millisecond.

    Args:
        days: False for opening hours, of which a day has no fixed number.
    """
    rest = round(abs(duration_s) * 1000)
    parts = []
    for size, unit in ((86_400_000, "days"), (3_600_000, "h"), (60_000, "min"))[not days :]:
        number, rest = divmod(rest, size)
        if number:
            parts.append(f"{number} {'day' if unit == 'days' and number == 1 else unit}")
    if rest or not parts:
        parts.append(f"{rest / 1000:g} s")
    return ("-" if duration_s < 0 else "") + " ".join(parts)


def moment(at: Millis | None) -> str:
    """An instant as text, in UTC."""
    if at is None:
        return "never"
    return instant(at).isoformat(sep=" ", timespec="milliseconds" if at % 1000 else "seconds").replace("+00:00", "Z")
