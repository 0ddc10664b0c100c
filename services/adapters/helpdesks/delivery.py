"""A delivery as it arrived: exact bytes, headers, and the JSON that they hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from services.adapters.helpdesks.strict_json import parsed


def headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name. A repeated one becomes a list, `a, b`, which no credential survives."""
    by_name: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        by_name[key] = f"{by_name[key]}, {value}" if key in by_name else value
    return by_name


@dataclass(frozen=True)
class Delivery:
    """One authentic delivery."""

    vendor: str
    tenant: str
    body: bytes
    headers: Mapping[str, str]
    """By lower-case name."""
    received_at: datetime

    @cached_property
    def content(self) -> Any:
        """The body's JSON.

        Raises:
            Untranslatable: not_json, utf8, depth, dup_key or number.
        """
        return parsed(self.body)
