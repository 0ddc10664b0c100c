"""Which tickets are behind the figures of an hour: for lists, never for figures.

A ticket is listed in each hour in which it ever added to a measure. It stays listed when it adds nothing there any
more: who reads the list measures the tickets again.
"""

from collections.abc import Mapping
from itertools import islice

from schemas.codec import Millis
from services.adapters.state_layout import Fetch, Field, pack_keys, tickets_field, unpack_keys
from services.core.tally import DAY, DAY_MS, HOUR_MS, KEPT_MS, oldest_kept

HOT_HOURS = 96
"""How many lists stay in memory: what lies around now, and the promises of the next days."""
_HOURS_PER_DAY = DAY_MS // HOUR_MS


class KeptHours:
    """The lists that were used last; the others are fetched by name. Kept as long as the days are."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._lists: dict[int, set[str]] = {}
        self._dropped: list[Field] = []
        self._swept_to: int | None = None

    async def apply(
        self, found: Mapping[int, set[str]], watermark_before: Millis, watermark: Millis
    ) -> dict[Field, bytes]:
        """List ``found``; what changed, packed. Hours that ``watermark`` no longer keeps are left out."""
        oldest = _oldest(watermark)
        found = {hour: keys for hour, keys in found.items() if hour >= oldest}
        missing = [hour for hour in found if hour not in self._lists]
        for hour, value in zip(missing, await self._fetch([tickets_field(h) for h in missing]), strict=True):
            self._lists[hour] = set(unpack_keys(value))
        fields: dict[Field, bytes] = {}
        for hour, keys in found.items():
            listed = self._lists.pop(hour)  # put back as the most recently used
            self._lists[hour] = listed
            if not keys <= listed:
                listed |= keys
                fields[tickets_field(hour)] = pack_keys(listed)
        self._sweep(watermark_before, oldest)
        return fields

    def take_dropped(self) -> list[Field]:
        """The fields that are nothing any more since this was last asked."""
        dropped, self._dropped = self._dropped, []
        return dropped

    def cool(self, hot_hours: int = HOT_HOURS) -> None:
        """Keep no more than the most recently used lists in memory."""
        for hour in list(islice(self._lists, max(0, len(self._lists) - hot_hours))):
            del self._lists[hour]

    def _sweep(self, watermark_before: Millis, oldest: int) -> None:
        """Note for dropping what has come to its age; once more after a load, if a worker did not live to do it."""
        if watermark_before <= 0:
            return
        if self._swept_to is None:
            self._swept_to = _oldest(watermark_before - DAY_MS)
        # In a jump ahead in time: those that were kept before it, and as many that promises may have been made for.
        end = min(oldest, self._swept_to + 2 * KEPT_MS[DAY] // HOUR_MS)
        for hour in range(self._swept_to, end):
            self._lists.pop(hour, None)
            self._dropped.append(tickets_field(hour))
        self._swept_to = max(oldest, self._swept_to)


def _oldest(watermark: Millis) -> int:
    return oldest_kept(DAY, watermark) * _HOURS_PER_DAY
