"""Speed: how long customers wait."""

from collections.abc import Iterator

from services.core.catalogue.entry import Kpi
from services.core.catalogue.formulas import AtRisk, Attainment, Duration, Queueing, Share, Standing
from services.core.tally import CLOCKS, FLAGS

_CLOCK_NAMES = {
    "first_response": "first answer",
    "next_response": "next answer",
    "periodic_update": "next update",
    "requester_wait": "time that the requester waits",
    "agent_work": "time that agents work",
    "resolution": "resolution",
    "escalation_response": "answer to an escalation",
    "escalation_closure": "end of an escalation",
}


def speed() -> Iterator[Kpi]:
    """First and next responses, who waits, the queue, and what was promised."""
    yield from _responses()
    yield from _queue()
    for clock in CLOCKS:
        yield from _promise(clock, _CLOCK_NAMES[clock])


def _responses() -> Iterator[Kpi]:
    yield Kpi(
        "first_response_seconds",
        "speed",
        "seconds",
        "How long does a customer wait for the first human answer?",
        Duration("first_response"),
        "By when the answer was given. Who has had none yet is in `waiting`, not here.",
    )
    yield Kpi(
        "first_response_business_seconds",
        "speed",
        "seconds",
        "How much opening time goes by before the first human answer?",
        Duration("first_response_business"),
        "By the calendar of the queue; an answer outside opening hours to a question of that night took 0.",
    )
    yield Kpi(
        "first_response_since_handoff_seconds",
        "speed",
        "seconds",
        "How long do people take once a bot has handed over?",
        Duration("first_response_since_handover"),
        "From the first hand-off to the next public agent reply.",
    )
    for flag in FLAGS:
        yield Kpi(
            f"first_response_{flag}_seconds",
            "speed",
            "seconds",
            f"How long does a customer wait for a first answer of the kind {flag.replace('_', ' ')}?",
            Duration(f"first_response.{flag}"),
            "Only where the helpdesk tells what is in an answer; one answer may be of several kinds.",
        )
    yield Kpi(
        "next_response_seconds",
        "speed",
        "seconds",
        "How long does each later question wait?",
        Duration("next_response"),
        "One value a turn; a solve ends a turn without one.",
    )
    yield Kpi(
        "waiting",
        "speed",
        "tickets",
        "Who waits for an answer now, and since when?",
        Standing((("waiting", "waiting"),)),
        "Only of now: null when asked about the past.",
    )
    yield Kpi(
        "first_response_quality",
        "speed",
        "ratio",
        "Does the first answer help?",
        Share(("first_reply_helpful",), ("first_reply",)),
        "0, not null, where no helpdesk tells what is in an answer.",
    )
    yield Kpi(
        "first_response_stub_rate",
        "speed",
        "ratio",
        "How many first answers are only there to stop the clock?",
        Share(("first_reply_stub",), ("first_reply",)),
    )


def _queue() -> Iterator[Kpi]:
    yield Kpi(
        "service_level",
        "speed",
        "ratio",
        "Are calls and chats taken up in time?",
        Queueing("service_level"),
        "By when the wait ended. Those who wait now are in every window that ends now, and in none of the past.",
    )
    yield Kpi(
        "speed_of_answer_seconds",
        "speed",
        "seconds",
        "How long did those wait who were taken up?",
        Duration("answered"),
        "The mean is the average speed of answer (ASA). Who gave up is not in it.",
    )
    yield Kpi(
        "abandonment_rate",
        "speed",
        "ratio",
        "How many give up before anybody takes them up?",
        Queueing("abandonment_rate"),
        "Short abandons are left out on both sides.",
    )
    yield Kpi(
        "abandoned_after_seconds",
        "speed",
        "seconds",
        "How long did those wait who gave up?",
        Duration("abandoned"),
        "Short ones are in it.",
    )
    yield Kpi(
        "queueing",
        "speed",
        "contacts",
        "Who waits in the queue now, and since when?",
        Standing((("queueing", "offered"),)),
        "Only of now: null when asked about the past.",
    )


def _promise(clock: str, words: str) -> Iterator[Kpi]:
    yield Kpi(
        f"sla_attainment_{clock}",
        "speed",
        "ratio",
        f"Do we keep what we promised for the {words}?",
        Attainment(clock),
        "Kept: when the clock stopped. Broken: when the target was passed.",
    )
    yield Kpi(
        f"sla_at_risk_{clock}",
        "speed",
        "tickets",
        f"Which promises for the {words} are about to break, and which are broken?",
        AtRisk(clock),
        "Only of now: null when asked about the past.",
    )
