"""The documents say what is there."""

import re
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry

from schemas.events import AnyEvent
from services.adapters.helpdesks.vendors import VENDORS
from services.adapters.metrics import GatewayMetrics, ProcessorMetrics
from services.config import Settings

PAGES = sorted([*Path().glob("*.md"), *Path("docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_setting_is_listed_with_its_default() -> None:
    rows = Path("docs/settings.md").read_text()
    for name, field in Settings.model_fields.items():
        assert f"| `DESKPULSE_{name.upper()}` |" in rows
        if isinstance(field.default, (int, float, str)):
            assert f"| `DESKPULSE_{name.upper()}` | `{field.default}` | {field.description} |" in rows


def test_every_metric_of_gateway_and_processor_is_listed() -> None:
    registry = CollectorRegistry()
    GatewayMetrics(registry, list(VENDORS))
    ProcessorMetrics(registry, "deskpulse")
    page = Path("docs/metrics.md").read_text()
    missing = [
        family.name
        for family in registry.collect()
        if f"`{family.name}{'_total' if family.type == 'counter' else ''}`" not in page
    ]
    assert missing == []


def test_every_event_type_is_listed() -> None:
    page = Path("docs/events.md").read_text()
    for model in get_args(get_args(AnyEvent)[0]):
        assert f"| `{get_args(model.model_fields['type'].annotation)[0]}` |" in page
