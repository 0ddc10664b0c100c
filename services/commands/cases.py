"""`deskpulse cases`: runs case files, events in and values out, and shows each difference."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from schemas.codec import Fact, Millis, decode, millis
from schemas.policy import DEFAULT, Policy, laid_over
from services.commands.calculations import Miscalculated, calculated
from services.commands.compute import Question, Window, figures
from services.core.rules import Rules
from services.errors import Misconfigured

_MISSING = object()


@dataclass(frozen=True)
class Outcome:
    """One case, with its variants: what differs, by place."""

    id: str
    title: str
    differences: tuple[str, ...]


def run_file(path: Path, only: str | None = None) -> Iterator[Outcome]:
    """Run the cases of one file, or the one with the id ``only``.

    Raises:
        Misconfigured: the file is no case file.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path} cannot be read as a case file: {error}") from None
    if not isinstance(document, dict) or document.get("format") != "kpi-cases/1" or "cases" not in document:
        raise Misconfigured(f'{path} is no case file: it wants "format": "kpi-cases/1" and "cases"')
    defaults = laid_over(DEFAULT, document.get("default_config", {}))
    for case in document["cases"]:
        if only is None or case.get("id") == only:
            yield run_case(case, defaults)


def run_case(case: dict[str, Any], defaults: dict[str, Any]) -> Outcome:
    """Run a case and each of its variants, laid over it."""
    config = laid_over(defaults, case.get("config", {}))
    differences = list(_run(case, config, ""))
    for variant in case.get("variants", []):
        replaced = {key: variant[key] for key in ("as_of", "inputs", "window", "expected") if key in variant}
        overlaid = laid_over(config, variant.get("config", {}))
        differences += _run(case | replaced, overlaid, f"({variant.get('title', 'a variant')}) ")
    return Outcome(case.get("id", "a case without an id"), case.get("title", ""), tuple(differences))


def _run(case: dict[str, Any], config: dict[str, Any], prefix: str) -> Iterator[str]:
    compute = _KINDS.get(case.get("kind", ""))
    if compute is None:
        yield f"{prefix}result: nothing computes the kind {case.get('kind')!r}; known: {', '.join(_KINDS)}"
        return
    try:
        got = compute(case, config)
    except KeyError as missing:
        yield f"{prefix}not understood: the case has no {missing}"
        return
    except (ValidationError, msgspec.DecodeError, Miscalculated) as error:
        yield f"{prefix}not understood: {error}"
        return
    except Exception as error:  # whatever is wrong with one case, the others are run
        yield f"{prefix}not understood: {type(error).__name__}: {error}"
        return
    for difference in differences(case.get("expected", {}), json.loads(json.dumps(got)), ""):
        yield prefix + difference


def _replayed(case: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """The figures that the case expects something of, from its events."""
    window = case.get("window")
    question = Question(
        as_of=_instant(case["as_of"]),
        backlog_at=tuple(_instant(text) for text in case.get("backlog_at", [])),
        window=Window(_instant(window["from"]), _instant(window["to"])) if window else None,
        only=frozenset(case.get("expected", {})),
    )
    return figures([_fact(event) for event in case["events"]], Rules(Policy.model_validate(config)), question)


def _calculated(case: dict[str, Any], _: dict[str, Any]) -> dict[str, Any]:
    return {"result": calculated(case.get("inputs", {}))}


_KINDS = {"events": _replayed, "calculation": _calculated}


def _fact(event: dict[str, Any]) -> Fact:
    return decode(json.dumps(event).encode())


def _instant(text: str) -> Millis:
    """An instant; one without a zone is of UTC."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Miscalculated(f"{text!r} is no instant, such as 2026-03-02T10:00:00Z") from None
    return millis(at if at.tzinfo else at.replace(tzinfo=UTC))


def differences(expected: Any, got: Any, place: str) -> Iterator[str]:
    """Where ``got`` is not as ``expected``: only keys that are expected are compared, and what has no value may be
    missing (convention 3)."""
    if got is _MISSING and isinstance(expected, dict):
        got = {}
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, value in expected.items():
            yield from differences(value, got.get(key, _MISSING), f"{place}.{key}" if place else key)
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for number, (wanted, came) in enumerate(zip(expected, got, strict=True)):
            yield from differences(wanted, came, f"{place}[{number}]")
    elif not _agrees(expected, got):
        came = "nothing" if got is _MISSING else json.dumps(got)
        yield f"{place}: expected {json.dumps(expected)}, got {came}"


def _agrees(expected: Any, got: Any) -> bool:
    if got is _MISSING:
        return expected is None or expected == []
    numbers = (int, float)
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, numbers) and isinstance(got, numbers):
        return abs(expected - got) <= max(0.0001, abs(expected) * 0.0001 if abs(expected) > 1000 else 0)
    return bool(expected == got) or _same_instant(expected, got)


def _same_instant(expected: Any, got: Any) -> bool:
    """Whether both are texts of one instant, however it is written."""
    try:
        one, other = datetime.fromisoformat(expected), datetime.fromisoformat(got)
    except (TypeError, ValueError):
        return False
    return one.tzinfo is not None and other.tzinfo is not None and one == other
