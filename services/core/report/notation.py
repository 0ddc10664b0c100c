"""How figures are written down: the keys are the `result_keys` of the KPI cases, durations are whole seconds."""

from typing import Any

from schemas.codec import Millis, instant

Figures = dict[str, Any]


def rfc3339(at: Millis | None) -> str | None:
    """An instant as text; None stays None."""
    if at is None:
        return None
    return instant(at).isoformat(timespec="milliseconds" if at % 1000 else "seconds").replace("+00:00", "Z")


def seconds(duration_ms: Millis | None) -> int | None:
    return None if duration_ms is None else duration_ms // 1000
