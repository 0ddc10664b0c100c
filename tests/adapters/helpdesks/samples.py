"""The recorded deliveries of tests/payloads, and the manifest's rules of what an event must equal."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.events import AnyEvent
from services.adapters.helpdesks.vendors import translated
from services.errors import Untranslatable

PAYLOADS = Path(__file__).parents[2] / "payloads"
SECRET = b"test-secret"
VENDORS = ("chatwoot", "freshdesk", "zendesk")
NOW = datetime(2026, 3, 10, 9, 45, tzinfo=UTC)


@dataclass(frozen=True)
class Sample:
    """One recorded delivery, and what the manifest says that it means."""

    vendor: str
    name: str
    body: bytes
    headers: Mapping[str, str]
    sent_at: datetime
    expected: Sequence[Mapping[str, Any]]
    may: Sequence[Mapping[str, Any]]
    tolerance_s: float


def samples() -> list[Sample]:
    manifest = json.loads((PAYLOADS / "manifest.json").read_text(encoding="utf-8"))
    return [_sample(each) for each in manifest["samples"] if each["vendor"] in VENDORS]


def _sample(entry: Mapping[str, Any]) -> Sample:
    around = json.loads((PAYLOADS / entry["headers"]).read_text(encoding="utf-8"))
    return Sample(
        vendor=entry["vendor"],
        name=Path(entry["file"]).stem,
        body=(PAYLOADS / entry["file"]).read_bytes(),
        headers=around["headers"],
        sent_at=datetime.fromisoformat(entry["sent_at"]),
        expected=entry["expected"],
        may=entry.get("may", []),
        tolerance_s=entry.get("tolerance_s", 0),
    )


SAMPLES = samples()


def sample(vendor: str, name: str) -> Sample:
    return next(each for each in SAMPLES if (each.vendor, each.name) == (vendor, name))


def differences(sample: Sample, events: Sequence[AnyEvent]) -> list[str]:
    """What the manifest would object to; empty when the events are as it says."""
    left = [event.model_dump() for event in events]
    problems = []
    for entry in sample.expected:
        met = next((event for event in left if _meets(event, entry, sample.tolerance_s)), None)
        if met is None:
            problems.append(f"no event meets {entry}")
        else:
            left.remove(met)
    unwanted = [event for event in left if not any(_meets(event, entry, sample.tolerance_s) for entry in sample.may)]
    return problems + [f"nobody asked for {event}" for event in unwanted]


def _meets(event: Mapping[str, Any], entry: Mapping[str, Any], tolerance_s: float) -> bool:
    return all(_equal(name, event.get(name), value, tolerance_s) for name, value in entry.items())


def _equal(name: str, came: Any, wanted: Any, tolerance_s: float) -> bool:
    if name == "occurred_at":
        assert isinstance(came, datetime)
        return abs((came - datetime.fromisoformat(wanted)).total_seconds()) <= max(tolerance_s, 0.001)
    if isinstance(wanted, list) and name != "scale":
        return any(_equal(name, came, each, tolerance_s) for each in wanted)
    if isinstance(wanted, str) and isinstance(came, str):
        return came == wanted or (wanted.isalnum() and came.endswith((f":{wanted}", f"/{wanted}")))
    return bool(came == wanted)


def events(vendor: str, content: Any, at: datetime = NOW, tenant: str = "acme") -> list[AnyEvent]:
    return translated(vendor, json.dumps(content).encode(), {}, at, tenant)


def told(event: AnyEvent, *names: str) -> Mapping[str, Any]:
    """These fields of ``event``, as far as it tells them."""
    return {name: getattr(event, name) for name in names if name in event.model_fields_set}


def only(vendor: str, content: Any) -> AnyEvent:
    (event,) = events(vendor, content)
    return event


def reason(vendor: str, content: Any) -> str:
    with pytest.raises(Untranslatable) as refused:
        events(vendor, content)
    return refused.value.reason
