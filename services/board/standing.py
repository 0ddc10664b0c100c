"""What stands now: who waits and since when, how old the backlog is, which promises are about to break."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.codec import Millis
from services.board.columns import summed_by
from services.board.rows import Numbers
from services.board.sheet import Grouped, Sheet
from services.core.catalogue.formulas import AtRisk, Standing
from services.core.report import Figures, rfc3339
from services.core.tally import DAY_MS, HOUR_MS

AGES: Mapping[str, Millis] = {
    "1h": HOUR_MS,
    "4h": 4 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "7d": 7 * DAY_MS,
    "28d": 28 * DAY_MS,
}
"""Up to which age something is told as so old; what is older is told as `older`."""


_RISKS = ("at_risk", "overdue", "running", "paused", "next_due_at", "longest_overdue_seconds")


def standing_figures(formula: Standing, sheet: Sheet, groups: Sequence[int]) -> list[Figures]:
    if not sheet.standing_known:
        return [dict.fromkeys(("value", "oldest_at", "longest_seconds", "by_age", "by_kind")) for _ in groups]
    read = [sheet.standing(measure) for measure in formula.measures]
    parts = [_before(cells.group, since, cells.rows.count, sheet.asked.now) for cells, since in read]
    group, since, count = (np.concatenate([part[place] for part in parts]) for place in range(3))
    oldest = _first(group, since, sheet.size)
    ages = np.searchsorted(list(AGES.values()), sheet.asked.now - since, side="left")
    names = (*AGES, "older")
    by_age = summed_by(group * len(names) + ages, count, sheet.size * len(names)).reshape(-1, len(names))
    by_kind = {
        kind: summed_by(part[0], part[2], sheet.size) for (kind, _), part in zip(formula.kinds, parts, strict=True)
    }
    return [
        {
            "value": int(by_age[number].sum()),
            "oldest_at": rfc3339(oldest.get(number)),
            "longest_seconds": _ago(oldest.get(number), sheet.asked.now),
            "by_age": dict(zip(names, by_age[number].tolist(), strict=True)),
            "by_kind": {kind: int(counts[number]) for kind, counts in by_kind.items()},
        }
        for number in groups
    ]


def risk_figures(formula: AtRisk, sheet: Sheet, groups: Sequence[int]) -> list[Figures]:
    if not sheet.standing_known:
        return [dict.fromkeys(_RISKS) for _ in groups]
    now = sheet.asked.now
    lines, due, overdue, paused = (sheet.standing(measure) for measure in formula.measures)
    past = due[1] < now
    at_risk = count_standing(sheet, lines, lines[1] <= now) - count_standing(sheet, due, past)
    running, still = count_standing(sheet, due, ~past), count_standing(sheet, paused, paused[1] <= now)
    broken = count_standing(sheet, due, past) + count_standing(sheet, overdue, overdue[1] <= now)
    upcoming = _first(due[0].group[~past], due[1][~past], sheet.size)
    broken_since = _first(
        np.concatenate((due[0].group[past], overdue[0].group)), np.concatenate((due[1][past], overdue[1])), sheet.size
    )
    return [
        {
            "at_risk": int(at_risk[number]),
            "overdue": int(broken[number]),
            "running": int(running[number]),
            "paused": int(still[number]),
            "next_due_at": rfc3339(upcoming.get(number)),
            "longest_overdue_seconds": _ago(broken_since.get(number), now),
        }
        for number in groups
    ]


def _before(group: Numbers, since: Numbers, count: Numbers, now: Millis) -> tuple[Numbers, Numbers, Numbers]:
    past = since <= now
    return group[past], since[past], count[past]


def _first(group: Numbers, instants: Numbers, size: int) -> dict[int, Millis]:
    """The first instant of each group that has any."""
    first = np.full(size, _NEVER, dtype=np.int64)
    np.minimum.at(first, group, instants)
    return {int(number): int(first[number]) for number in np.flatnonzero(first != _NEVER)}


_NEVER = np.iinfo(np.int64).max


def count_standing(sheet: Sheet, standing: tuple[Grouped, Numbers], chosen: NDArray[np.bool_]) -> Numbers:
    """How many of what stands are chosen, by group."""
    cells, _ = standing
    return summed_by(cells.group[chosen], cells.rows.count[chosen], sheet.size)


def _ago(at: Millis | None, now: Millis) -> float | None:
    return None if at is None else max(0, now - at) / 1000
