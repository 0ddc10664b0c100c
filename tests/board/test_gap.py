"""When two states can be compared."""

import pytest

from services.board.following import Reached
from services.board.gap import FEW_RECORDS, NEXT_TO_NONE, SHORT_MS, gap

SHARD = ("tickets", 0)


@pytest.mark.parametrize(
    ("records", "behind_ms", "closed"),
    [
        (0, 0, True),
        (NEXT_TO_NONE, 100 * SHORT_MS, True),
        (NEXT_TO_NONE + 1, SHORT_MS, True),
        (NEXT_TO_NONE + 1, SHORT_MS + 1, False),
        (FEW_RECORDS, SHORT_MS, True),
        (FEW_RECORDS + 1, 0, False),
    ],
)
def test_a_gap_is_closed_when_what_is_missing_can_be_on_its_way(records: int, behind_ms: int, closed: bool) -> None:
    live, other = Reached(5000 + records, 10_000_000), Reached(5000, 10_000_000 - behind_ms)

    assert gap({SHARD: live}, {SHARD: other}).closed is closed
