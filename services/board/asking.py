"""What a reader asks of the figures: read from the words of a request, refused in a sentence where it is unclear."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches

from schemas.codec import Millis, millis
from schemas.policy import Policy
from services.board.cuts import Filters
from services.board.figures import Value
from services.board.windows import length_ms
from services.core.catalogue import THEMES, Catalogue, catalogue
from services.core.tally import DIMENSIONS

DEFAULT_WINDOW = "24h"
DEFAULT_LIMIT, HIGHEST_LIMIT = 100, 10_000
MOST_DIMENSIONS = 2
MOST_WINDOWS = 20
WORDS = ("window", "by", "kpi", "theme", "at", "limit")
"""The words of a request beside the dimensions."""
_WORTH_LISTING = 30


class Unclear(ValueError):
    """A question that cannot be answered as it was put; the message says what came and what would have been right."""


@dataclass(frozen=True)
class Question:
    """Which figures, of which windows, how cut."""

    windows: tuple[str, ...]
    kpis: tuple[str, ...]
    by: tuple[str, ...] = ()
    filters: Filters = field(default_factory=dict)
    at: Millis | None = None
    """Of which instant; None for now."""
    limit: int = DEFAULT_LIMIT
    """How many groups are told of."""


def question(words: Iterable[tuple[str, str]], policy: Policy) -> Question:
    """What a request asks.

    Args:
        words: Names and values as they came, in order. A name may come more than once, and all but a filter's value
            may be several, separated by commas. A filter's empty value stands for what nobody told.

    Raises:
        Unclear: a name or a value is not known, or they do not go together.
    """
    came: dict[str, list[str]] = {}
    for name, value in words:
        came.setdefault(name, []).append(value)
    for name in came:
        _known(name, (*WORDS, *DIMENSIONS), "parameter")
    return Question(
        windows=windows_of(_listed(came, "window"), policy),
        kpis=kpis_of(_listed(came, "kpi"), _listed(came, "theme"), catalogue(policy)),
        by=dimensions_of(_listed(came, "by")),
        filters=filters_of(came),
        at=None if "at" not in came else _instant(came["at"][-1]),
        limit=DEFAULT_LIMIT if "limit" not in came else limit_of(came["limit"][-1], HIGHEST_LIMIT),
    )


def windows_of(names: Sequence[str], policy: Policy) -> tuple[str, ...]:
    """Which windows; the last 24 hours when none is named.

    Raises:
        Unclear: one is not known, or they are too many.
    """
    for name in names:
        try:
            length_ms(name, policy)
        except ValueError as error:
            raise Unclear(str(error)) from None
    if len(names) > MOST_WINDOWS:
        raise Unclear(f"{len(names)} windows are asked for; at most {MOST_WINDOWS} are told at once")
    return tuple(names) or (DEFAULT_WINDOW,)


def kpis_of(names: Sequence[str], themes: Sequence[str], known: Catalogue) -> tuple[str, ...]:
    """Which KPIs: those named and those of the themes; every one when neither is named.

    Raises:
        Unclear: one is not known.
    """
    for theme in themes:
        _known(theme, THEMES, "theme")
    for name in names:
        _known(name, known, "KPI")
    of_themes = [kpi.name for kpi in known.values() if kpi.theme in themes]
    return tuple(dict.fromkeys([*names, *of_themes])) or tuple(known)


def dimensions_of(names: Sequence[str]) -> tuple[str, ...]:
    """What to cut by.

    Raises:
        Unclear: a dimension is not known, or they are too many.
    """
    for name in names:
        _known(name, DIMENSIONS, "dimension")
    if len(names) > MOST_DIMENSIONS:
        raise Unclear(f"figures are cut by {MOST_DIMENSIONS} dimensions at most, got {', '.join(names)}")
    return tuple(names)


def filters_of(came: Mapping[str, Sequence[str]]) -> Filters:
    """What is let through, by dimension."""
    filters: dict[str, frozenset[Value]] = {}
    for dimension in DIMENSIONS:
        if dimension in came:
            filters[dimension] = frozenset(value or None for value in came[dimension])
    return filters


def _listed(came: Mapping[str, Sequence[str]], name: str) -> list[str]:
    """Every value once, in order."""
    values = [value.strip() for each in came.get(name, ()) for value in each.split(",")]
    return list(dict.fromkeys(value for value in values if value))


def _known(name: str, known: Iterable[str], kind: str) -> None:
    names = list(known)
    if name in names:
        return
    near = get_close_matches(name, names, n=3, cutoff=0.5) or [each for each in names if each.startswith(name)][:3]
    if len(names) <= _WORTH_LISTING:
        raise Unclear(f"there is no {kind} {name!r}; known: {', '.join(names)}")
    hint = f"perhaps {' or '.join(near)}; " if near else ""
    raise Unclear(f"there is no {kind} {name!r}; {hint}/api/v1/catalogue has all {len(names)}")


def _instant(text: str) -> Millis:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise Unclear(f"at={text} has no time zone; write {text}Z for UTC")
        return millis(at)
    except ValueError as error:
        if isinstance(error, Unclear):
            raise
        raise Unclear(f"at={text} is no time; a time is such as 2026-03-02T09:00:00Z") from None


def limit_of(text: str, highest: int) -> int:
    """How many are told of at most.

    Raises:
        Unclear: it is no number, or a larger one.
    """
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= highest):
        raise Unclear(f"limit={text} is no number from 1 to {highest}")
    return int(text)
