"""First and next responses, edge by edge: KPI cases, conventions 7 and 8, worked out by hand."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.codec import NOBODY, Fact
from tests.core.stories import (
    answer,
    assigned,
    becomes,
    bot,
    created,
    customer,
    escalated,
    merged,
    note,
    part,
    reopened,
    snapshot,
    solved,
    ticket_figures,
    told,
)

MINUTE = 60
HOUR = 3600


def policy(**first_response: Any) -> dict[str, Any]:
    return {"first_response": first_response}


FROM_CUSTOMER = policy(agent_created="from_first_customer_message")
SECOND_REPLY = policy(agent_created="from_creation_second_reply")
EXCLUDE = policy(agent_created="exclude")
NO_RESTART = policy(reopen_restarts=False)


def outbound(when: str) -> Fact:
    return created(when, created_by="agent", agent_id="A1")


@pytest.mark.parametrize(
    ("facts", "config", "expected"),
    [
        pytest.param(
            [created("09:00")],
            {},
            {"frt_seconds": None, "frt_agent_id": None, "waiting_since": "2026-03-02T09:00:00Z"},
            id="not answered yet: no value, and the customer waits since the creation",
        ),
        pytest.param(
            [created("09:00"), answer("09:10", "A7")],
            {},
            {"frt_seconds": 10 * MINUTE, "frt_agent_id": "A7", "waiting_since": None},
            id="the author of the reply is the agent, and nobody waits",
        ),
        pytest.param(
            [created("09:00"), answer("09:00")],
            {},
            {"frt_seconds": 0},
            id="answered at once: zero is a value",
        ),
        pytest.param(
            [created("09:00"), note("09:05"), bot("09:06"), answer("09:10")],
            {},
            {"frt_seconds": 10 * MINUTE, "public_agent_replies": 1},
            id="neither a note nor a bot answers",
        ),
        pytest.param(
            [created("09:00"), note("09:05"), bot("09:06"), answer("09:10")],
            policy(bot_counts=True),
            {"frt_seconds": 6 * MINUTE, "frt_agent_id": None, "public_agent_replies": 1},
            id="bot_counts: the bot ended it, and is no agent",
        ),
        pytest.param(
            [created("09:00"), note("09:05"), bot("09:06"), answer("09:10")],
            policy(private_note_counts=True),
            {"frt_seconds": 5 * MINUTE, "frt_agent_id": "A9", "public_agent_replies": 1},
            id="private_note_counts: the note ended it",
        ),
        pytest.param(
            [created("09:00"), note("09:05"), bot("09:06"), answer("09:10")],
            policy(bot_counts=True, private_note_counts=True),
            {"frt_seconds": 5 * MINUTE, "frt_agent_id": "A9"},
            id="both count: the earlier ended it",
        ),
        pytest.param(
            [created("09:00"), bot("09:03", public=False), answer("09:10")],
            policy(bot_counts=True, private_note_counts=True),
            {"frt_seconds": 10 * MINUTE},
            id="a bot's private note is neither",
        ),
        pytest.param(
            [created("09:00"), told("ticket.replied", "09:03", author="customer", public=False), answer("09:10")],
            policy(private_note_counts=True),
            {"frt_seconds": 10 * MINUTE},
            id="a customer does not answer himself",
        ),
        pytest.param(
            [created("09:00"), told("ticket.replied", "09:03", author="system", public=True), answer("09:10")],
            policy(bot_counts=True),
            {"frt_seconds": 10 * MINUTE},
            id="the system's own message answers nobody",
        ),
        pytest.param(
            [created("09:00"), customer("09:20"), answer("09:30")],
            {},
            {"frt_seconds": 30 * MINUTE, "next_response_seconds": []},
            id="the customer writes again before the answer: still the first turn, from the creation",
        ),
        pytest.param(
            [created("09:00"), assigned("09:05", agent_id="A2"), answer("09:30", "A3")],
            {},
            {"frt_agent_id": "A3"},
            id="the author counts, not the assignee",
        ),
        pytest.param(
            [
                created("09:00"),
                bot("09:01"),
                escalated("09:06", from_tier="bot"),
                bot("09:06:30"),
                answer("09:07:30"),
            ],
            {},
            {"frt_seconds": 450, "frt_since_handoff_seconds": 90},
            id="from the hand-over to the next public agent reply",
        ),
        pytest.param(
            [created("09:00"), answer("09:05"), escalated("09:06", from_tier="bot"), answer("09:10")],
            {},
            {"frt_seconds": 5 * MINUTE, "frt_since_handoff_seconds": 4 * MINUTE},
            id="a hand-over after the first response has its own answer",
        ),
        pytest.param(
            [
                created("09:00"),
                escalated("09:05", from_tier="bot"),
                escalated("09:20", from_tier="bot"),
                answer("09:30"),
            ],
            {},
            {"frt_since_handoff_seconds": 25 * MINUTE},
            id="the first of two hand-overs counts",
        ),
        pytest.param(
            [created("09:00"), escalated("09:05", from_tier="1"), answer("09:30")],
            {},
            {"frt_since_handoff_seconds": None},
            id="an escalation between people is no hand-over",
        ),
        # created_by = agent
        pytest.param(
            [outbound("09:00"), answer("09:00"), answer("09:30")],
            FROM_CUSTOMER,
            {"frt_seconds": None, "waiting_since": None},
            id="outbound, and the customer never wrote: no value, nobody waits",
        ),
        pytest.param(
            [outbound("09:00"), answer("09:00"), customer("10:00"), customer("10:20"), answer("10:30")],
            FROM_CUSTOMER,
            {"frt_seconds": 30 * MINUTE, "next_response_seconds": []},
            id="outbound: from the customer's first public reply, which is no next turn",
        ),
        pytest.param(
            [outbound("09:00"), customer("10:00")],
            FROM_CUSTOMER,
            {"frt_seconds": None, "waiting_since": "2026-03-02T10:00:00Z"},
            id="outbound: the customer waits since he wrote",
        ),
        pytest.param(
            [outbound("09:00"), customer("10:00", public=False), answer("10:30")],
            FROM_CUSTOMER,
            {"frt_seconds": None},
            id="outbound: what the customer wrote in private starts nothing",
        ),
        pytest.param(
            [outbound("09:00"), bot("09:30"), customer("10:00"), bot("10:01"), answer("10:30")],
            FROM_CUSTOMER | policy(bot_counts=True),
            {"frt_seconds": 1 * MINUTE},
            id="outbound with bot_counts: only an answer after the customer's message ends it",
        ),
        pytest.param(
            [outbound("09:00"), customer("09:00", event_id="e1"), answer("09:00", event_id="e2"), answer("09:30")],
            FROM_CUSTOMER,
            {"frt_seconds": 0},
            id="outbound: asked and answered within the instant of the creation",
        ),
        pytest.param(
            [outbound("09:00"), answer("09:00"), answer("09:30"), customer("10:00")],
            SECOND_REPLY,
            {"frt_seconds": 30 * MINUTE, "waiting_since": "2026-03-02T10:00:00Z"},
            id="second reply: the first was sent at creation, so the second ends it",
        ),
        pytest.param(
            [outbound("09:00"), answer("09:10"), answer("09:30")],
            SECOND_REPLY,
            {"frt_seconds": 10 * MINUTE},
            id="second reply: the first was not sent at creation, so it ends it",
        ),
        pytest.param(
            [outbound("09:00"), answer("09:00")],
            SECOND_REPLY,
            {"frt_seconds": None, "waiting_since": "2026-03-02T09:00:00Z"},
            id="second reply: only the opening message so far",
        ),
        pytest.param(
            [
                outbound("09:00"),
                answer("09:00"),
                customer("10:00"),
                answer("10:12"),
                customer("11:00"),
                answer("11:05"),
            ],
            EXCLUDE,
            {"frt_seconds": None, "frt_agent_id": None},
            id="exclude: no value, however it goes on",
        ),
        pytest.param(
            [created("09:00"), answer("09:10")],
            EXCLUDE,
            {"frt_seconds": 10 * MINUTE},
            id="exclude is about outbound tickets only",
        ),
        pytest.param(
            [created("09:00", created_by="bot"), answer("09:10")],
            FROM_CUSTOMER,
            {"frt_seconds": 10 * MINUTE},
            id="opened by a bot for the customer: not outbound",
        ),
        # solved before any response
        pytest.param(
            [created("09:00"), solved("09:30")],
            {},
            {"frt_seconds": None, "waiting_since": None},
            id="solved before a response: no value, nobody waits",
        ),
        pytest.param(
            [created("09:00"), solved("09:30"), answer("09:40")],
            {},
            {"frt_seconds": None},
            id="an answer after the solve does not bring the value back",
        ),
        pytest.param(
            [created("09:00"), solved("09:30"), reopened("11:00"), answer("11:10")],
            {},
            {"frt_seconds": 10 * MINUTE},
            id="reopened: it starts again at the reopen",
        ),
        pytest.param(
            [created("09:00"), solved("09:30"), reopened("11:00")],
            {},
            {"frt_seconds": None, "waiting_since": "2026-03-02T11:00:00Z"},
            id="reopened and not answered: waits since the reopen",
        ),
        pytest.param(
            [created("09:00"), solved("09:30"), customer("10:00"), reopened("11:00"), answer("11:10")],
            {},
            {"frt_seconds": 70 * MINUTE},
            id="the customer wrote after the solve, before the reopen: from then",
        ),
        pytest.param(
            [created("09:00"), solved("09:30"), customer("10:00"), customer("10:30"), reopened("11:00")],
            {},
            {"waiting_since": "2026-03-02T10:00:00Z"},
            id="of two such messages the first counts",
        ),
        pytest.param(
            [created("09:00"), solved("09:30"), reopened("11:00"), customer("11:30"), answer("11:40")],
            {},
            {"frt_seconds": 40 * MINUTE},
            id="the customer wrote after the reopen: from the reopen",
        ),
        pytest.param(
            [created("09:00"), solved("09:30"), customer("10:00"), answer("10:20"), reopened("11:00")],
            {},
            {"frt_seconds": 20 * MINUTE, "waiting_since": None},
            id="asked and answered before the reopen: that answer ends the clock that starts again",
        ),
        pytest.param(
            [
                created("09:00"),
                solved("09:30"),
                answer("09:50"),
                customer("10:00"),
                reopened("11:00"),
                answer("11:10"),
            ],
            {},
            {"frt_seconds": 70 * MINUTE},
            id="an answer before the question ends nothing",
        ),
        pytest.param(
            [
                created("09:00"),
                solved("09:30"),
                customer("10:00"),
                answer("10:10"),
                customer("10:20"),
                reopened("10:30"),
                answer("10:40"),
            ],
            {},
            {"frt_seconds": 10 * MINUTE, "next_response_seconds": [20 * MINUTE]},
            id="asked, answered and asked again before the reopen: a next turn",
        ),
        pytest.param(
            [created("09:00"), solved("09:30"), customer("10:00"), bot("10:01"), answer("10:20"), reopened("11:00")],
            policy(bot_counts=True),
            {"frt_seconds": 1 * MINUTE},
            id="asked, and answered by a bot that counts, before the reopen",
        ),
        pytest.param(
            [created("09:00"), solved("09:30"), customer("10:00"), answer("10:20")],
            {},
            {"frt_seconds": None, "waiting_since": None},
            id="asked and answered after the solve, never reopened: no value",
        ),
        pytest.param(
            [
                created("09:00"),
                solved("09:30"),
                reopened("10:00"),
                solved("10:30"),
                customer("10:40"),
                reopened("11:00"),
                answer("11:10"),
            ],
            {},
            {"frt_seconds": 30 * MINUTE},
            id="solved twice without a response: from what came after the last solve",
        ),
        pytest.param(
            [created("09:00"), solved("09:30"), becomes("closed", "09:40"), reopened("10:00"), answer("10:05")],
            {},
            {"frt_seconds": 5 * MINUTE},
            id="closing a solved ticket changes nothing",
        ),
        pytest.param(
            [created("09:00"), bot("09:10"), solved("09:30"), reopened("10:00"), answer("10:05")],
            policy(bot_counts=True),
            {"frt_seconds": 10 * MINUTE},
            id="the bot's answer was the response: nothing starts again",
        ),
        pytest.param(
            [created("09:00"), solved("09:30"), reopened("11:00"), answer("11:10")],
            NO_RESTART,
            {"frt_seconds": None},
            id="reopen_restarts off: never a value after a solve without a response",
        ),
        pytest.param(
            [created("09:00"), solved("09:30"), customer("10:00"), reopened("11:00"), answer("11:10")],
            NO_RESTART,
            {"frt_seconds": None},
            id="reopen_restarts off: not from the customer's message either",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), solved("09:30"), reopened("11:00"), answer("11:10")],
            {},
            {"frt_seconds": 10 * MINUTE, "waiting_since": None},
            id="answered before the solve: a reopening starts nothing again",
        ),
        pytest.param(
            [
                outbound("09:00"),
                answer("09:00"),
                solved("09:30"),
                reopened("10:00"),
                customer("11:00"),
                answer("11:05"),
            ],
            FROM_CUSTOMER,
            {"frt_seconds": 5 * MINUTE},
            id="outbound, solved before the customer wrote: his first message still starts it",
        ),
        pytest.param(
            [outbound("09:00"), customer("09:30"), solved("10:00"), reopened("11:00"), answer("11:05")],
            FROM_CUSTOMER,
            {"frt_seconds": 5 * MINUTE},
            id="outbound, solved while he waited, reopened: from the reopen",
        ),
        pytest.param(
            [outbound("09:00"), answer("09:00"), solved("09:30"), reopened("11:00"), answer("11:05")],
            SECOND_REPLY,
            {"frt_seconds": 5 * MINUTE},
            id="second reply, solved before it, reopened: from the reopen",
        ),
        pytest.param(
            [created("09:00", status="solved"), reopened("10:00"), answer("10:20")],
            {},
            {"frt_seconds": 20 * MINUTE},
            id="created as solved: the clock ended at once, and starts again at the reopen",
        ),
        # in one instant
        pytest.param(
            [created("09:00"), answer("09:30"), solved("09:30")],
            {},
            {"frt_seconds": 30 * MINUTE},
            id="answered and solved in one instant: the answer comes first",
        ),
        pytest.param(
            [created("09:00"), solved("09:30"), customer("11:00"), reopened("11:00"), answer("11:10")],
            {},
            {"frt_seconds": 10 * MINUTE},
            id="the customer's message reopens it in the same instant",
        ),
        # merge
        pytest.param(
            [created("09:00"), merged("09:30"), answer("09:40")],
            {},
            {"frt_seconds": None, "waiting_since": None, "status": "merged", "public_agent_replies": 0},
            id="merged away: what comes afterwards is not about it",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), merged("09:30")],
            {},
            {"frt_seconds": 10 * MINUTE},
            id="merged away after its response: the value stays",
        ),
        # seen from the middle
        pytest.param(
            [answer("09:10"), customer("09:30"), answer("09:45")],
            {},
            {"frt_seconds": None, "next_response_seconds": [15 * MINUTE]},
            id="first seen in the middle: the first response is unknown, the turns are not",
        ),
        pytest.param(
            [customer("09:30")],
            {},
            {"frt_seconds": None, "waiting_since": "2026-03-02T09:30:00Z"},
            id="first seen with a message: the customer waits since then",
        ),
        pytest.param(
            [snapshot("09:30", status="open"), answer("09:45")],
            {},
            {"frt_seconds": None},
            id="known from a snapshot: the first response is unknown",
        ),
        pytest.param(
            [becomes("open", "08:59"), created("09:00"), answer("09:10")],
            {},
            {"frt_seconds": 10 * MINUTE},
            id="a clock that is behind: what comes before the creation came with it",
        ),
    ],
)
def test_first_response(facts: list[Fact], config: dict[str, Any], expected: dict[str, Any]) -> None:
    assert part(ticket_figures(facts, config), expected) == expected


@pytest.mark.parametrize(
    ("facts", "config", "expected"),
    [
        pytest.param(
            [created("09:00"), answer("09:10"), customer("10:00"), customer("10:20"), answer("11:00")],
            {},
            {"next_response_seconds": [HOUR], "waiting_since": None},
            id="from the oldest unanswered message",
        ),
        pytest.param(
            [
                created("09:00"),
                answer("09:10"),
                customer("10:00"),
                answer("10:05"),
                customer("10:10"),
                answer("10:30"),
                answer("10:40"),
            ],
            {},
            {"next_response_seconds": [5 * MINUTE, 20 * MINUTE]},
            id="one entry per turn; a second answer to the same turn is none",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), customer("10:00"), bot("10:01"), note("10:02"), answer("10:30")],
            policy(bot_counts=True, private_note_counts=True),
            {"next_response_seconds": [30 * MINUTE]},
            id="a next response is a public agent reply, whatever counts as a first",
        ),
        pytest.param(
            [created("09:00"), bot("09:01"), customer("10:00"), answer("10:30")],
            policy(bot_counts=True),
            {"frt_seconds": 1 * MINUTE, "next_response_seconds": [30 * MINUTE]},
            id="after a bot's first response the next turn is counted",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), customer("10:00", public=False), answer("11:00")],
            {},
            {"next_response_seconds": []},
            id="a customer's private message is no turn",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), customer("10:00"), solved("10:30"), answer("10:40")],
            {},
            {"next_response_seconds": [], "waiting_since": None},
            id="a solve ends a turn without an entry",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), customer("10:00"), becomes("closed", "10:30"), reopened("11:00")],
            {},
            {"next_response_seconds": [], "waiting_since": None},
            id="the turn that a solve ended does not come back with a reopening",
        ),
        pytest.param(
            [
                created("09:00"),
                answer("09:10"),
                solved("09:30"),
                reopened("10:00"),
                customer("10:10"),
                answer("10:30"),
            ],
            {},
            {"next_response_seconds": [20 * MINUTE]},
            id="a message after the reopening is a turn",
        ),
        pytest.param(
            [
                created("09:00"),
                answer("09:10"),
                solved("09:20"),
                customer("10:00"),
                reopened("10:00"),
                answer("11:00"),
            ],
            {},
            {"next_response_seconds": [HOUR]},
            id="the message that reopens the ticket is a turn",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), solved("09:20"), customer("10:00"), reopened("10:05")],
            {},
            {"waiting_since": "2026-03-02T10:00:00Z"},
            id="he waits since his message, not since the reopening",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), solved("09:20"), customer("10:00")],
            {},
            {"waiting_since": None},
            id="nobody waits on a ticket that is solved",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), customer("10:00"), answer("10:00")],
            {},
            {"next_response_seconds": [0]},
            id="answered in the same instant: zero is a value (ids tell the order)",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), customer("10:00"), merged("10:05")],
            {},
            {"next_response_seconds": [], "waiting_since": None},
            id="merged away while the customer waits: he waits elsewhere",
        ),
        pytest.param(
            [outbound("09:00"), answer("09:00"), customer("10:00"), answer("10:12")],
            EXCLUDE,
            {"frt_seconds": None, "next_response_seconds": [12 * MINUTE]},
            id="exclude: after the agent's own opening message, what the customer writes is a turn",
        ),
        pytest.param(
            [created("09:00"), answer("09:10"), customer("10:00"), assigned("10:05", agent_id=NOBODY), note("10:06")],
            {},
            {"waiting_since": "2026-03-02T10:00:00Z"},
            id="he waits on, whatever else happens",
        ),
    ],
)
def test_next_response(facts: list[Fact], config: dict[str, Any], expected: dict[str, Any]) -> None:
    facts = [replace(fact, event_id=f"e{number:02}") for number, fact in enumerate(facts)]

    assert part(ticket_figures(facts, config), expected) == expected


def test_without_a_restart_turns_begin_with_the_first_reply_after_the_reopening() -> None:
    story = [created("09:00"), solved("09:30"), reopened("10:00"), customer("10:10"), answer("10:20")]

    first = ticket_figures(story, NO_RESTART)
    then = ticket_figures([*story, customer("10:30"), answer("10:40")], NO_RESTART)

    assert first["next_response_seconds"] == []
    assert first["frt_seconds"] is None
    assert then["next_response_seconds"] == [10 * MINUTE]


def test_solved_while_its_customer_waited_an_outbound_ticket_without_a_restart_has_no_first_response() -> None:
    story = [
        outbound("09:00"),
        customer("09:10"),
        solved("09:30"),
        reopened("10:00"),
        customer("10:10"),
        answer("10:15"),
    ]

    assert ticket_figures(story, NO_RESTART)["frt_seconds"] is None


def test_a_bot_that_counts_answers_an_outbound_ticket_at_once() -> None:
    config = policy(agent_created="from_creation_second_reply", bot_counts=True)

    assert ticket_figures([outbound("09:00"), bot("09:00"), answer("09:30")], config)["frt_seconds"] == 0
