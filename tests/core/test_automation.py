"""What bots resolved alone: KPI cases, convention 25."""

from typing import Any

import pytest

from schemas.codec import Fact
from tests.core.stories import answer, bot, computed, created, escalated, merged, note, of, part, reopened, solved

HOUR = {"automation": {"window_seconds": 3600}}
ASKED = created("09:00", requester_id="R1", category="billing")
BY_BOT = [ASKED, bot("09:01"), solved("10:00")]
"""Quiet until 11:00 is confirmed."""


@pytest.mark.parametrize(
    ("facts", "as_of", "confirmed", "pending"),
    [
        pytest.param(BY_BOT, "10:59:59", 0, 1, id="the window is not over"),
        pytest.param(BY_BOT, "11:00", 1, 0, id="over at its last instant"),
        pytest.param([ASKED, bot("10:00"), solved("10:00")], "12:00", 1, 0, id="answered at that instant"),
        pytest.param([ASKED, solved("10:00"), bot("10:01")], "12:00", 0, 0, id="the bot came after the solve"),
        pytest.param([ASKED, bot("09:01", public=False), solved("10:00")], "12:00", 0, 0, id="the bot made a note"),
        pytest.param([ASKED, solved("10:00")], "12:00", 0, 0, id="nobody said anything"),
        pytest.param([*BY_BOT, answer("09:30")], "10:30", 0, 0, id="an agent replied before the solve"),
        pytest.param([*BY_BOT, answer("11:00")], "12:00", 0, 0, id="an agent replied at the end of the window"),
        pytest.param([*BY_BOT, answer("11:00:01")], "12:00", 1, 0, id="an agent replied after the window"),
        pytest.param([*BY_BOT, note("09:30")], "12:00", 1, 0, id="an agent's note is no reply"),
        pytest.param([*BY_BOT, escalated("09:30", from_tier="1")], "12:00", 0, 0, id="escalated"),
        pytest.param([*BY_BOT, escalated("09:30", from_tier="bot")], "12:00", 0, 0, id="handed to people"),
        pytest.param([*BY_BOT, reopened("11:00")], "12:00", 0, 0, id="reopened at the end of the window"),
        pytest.param([*BY_BOT, reopened("11:00:01")], "12:00", 1, 0, id="reopened after the window"),
        pytest.param(
            [*BY_BOT, *of("T2", created("10:30", requester_id="R1", category="billing"))],
            "12:00",
            0,
            0,
            id="the customer asked again",
        ),
        pytest.param(
            [*BY_BOT, *of("T2", created("10:30", requester_id="R1", category="login"))],
            "12:00",
            1,
            0,
            id="the customer asked about something else",
        ),
    ],
)
def test_a_ticket(facts: list[Fact], as_of: str, confirmed: int, pending: int) -> None:
    figures = computed("automation", facts, HOUR, as_of)

    expected: dict[str, Any] = {"automated_confirmed": confirmed, "automated_pending": pending, "solved": 1}
    assert part(figures, expected) == expected


def test_the_share_is_of_all_that_was_ever_solved() -> None:
    facts = [*BY_BOT, *of("T2", created("09:00"), answer("09:10"), solved("09:20")), *of("T3", created("09:00"))]

    assert computed("automation", facts, HOUR)["automation_share"] == 0.5


def test_nothing_solved_is_no_share() -> None:
    assert computed("automation", [ASKED, bot("09:01")])["automation_share"] is None


def test_what_is_merged_away_was_not_automated() -> None:
    figures = computed("automation", [*BY_BOT, merged("10:30")], HOUR)

    assert figures == {"solved": 0, "automated_confirmed": 0, "automated_pending": 0, "automation_share": None}
