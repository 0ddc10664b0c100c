"""What came late for windows that were over: `windows`."""

from collections import Counter
from collections.abc import Iterable

from schemas.codec import Fact, Millis
from services.core.report.notation import Figures, rfc3339
from services.core.rules import Rules


def windows(arrivals: Iterable[Fact], rules: Rules, as_of: Millis) -> Figures:
    """`windows`: events of one type counted in windows, and what came late for them (convention 18)."""
    late = rules.policy.late_events
    size, allowed = 1000 * late.window_seconds, 1000 * late.allowed_lateness_seconds
    counts: Counter[Millis] = Counter()
    revised: set[Millis] = set()
    seen: set[tuple[str, str]] = set()
    dropped, watermark = 0, -1
    for fact in arrivals:
        identity = (fact.entity, fact.event_id)
        if fact.at > as_of or fact.received_at > as_of or identity in seen:
            continue
        seen.add(identity)
        if fact.type == late.count:
            begin = fact.at // size * size
            if begin + size + allowed <= watermark:
                dropped += 1
            else:
                counts[begin] += 1
                if begin + size <= watermark:
                    revised.add(begin)
        watermark = max(watermark, fact.at)
    return {
        "windows": {rfc3339(begin): counts[begin] for begin in sorted(counts)},
        "revised": [rfc3339(begin) for begin in sorted(revised)],
        "late_dropped": dropped,
    }
