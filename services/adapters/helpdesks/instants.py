"""Instants as helpdesks write them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.events import EPOCH

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,12})?([Zz]|[+-]\d\d:?\d\d)", re.ASCII)


def rfc3339(value: Any) -> datetime | None:
    """The instant that ``value`` writes with its zone, cut to microseconds; None when it writes none."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def unix_seconds(value: Any) -> datetime | None:
    """The instant ``value`` seconds after 1970, whole or with a fraction; None for what is no such number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return EPOCH + timedelta(milliseconds=round(value * 1000))
    except (OverflowError, ValueError):
        return None
