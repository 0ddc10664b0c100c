"""The documents say what is there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qsl

import pytest
from prometheus_client import CollectorRegistry

from schemas.events import AnyEvent
from schemas.policy import DEFAULT, Policy
from services.adapters.helpdesks.vendors import VENDORS
from services.adapters.metrics import GatewayMetrics, ProcessorMetrics
from services.adapters.webhook_metrics import WebhookMetrics
from services.board import wanted
from services.board.answer import Answer
from services.board.asking import WORDS, question
from services.board.wanted import list_question
from services.board.whatif_routes import WORDS as OF_WHATIF
from services.board.whatif_routes import asked_of
from services.board.windows import NAMED
from services.config import Settings
from services.core.catalogue import THEMES, catalogue
from services.core.tally import DIMENSIONS
from services.core.variants import SETTINGS
from services.notifier.posting import RESULTS

PAGES = sorted([*Path().glob("*.md"), *Path("docs").rglob("*.md")])
POLICY = Policy()
KPIS, API = Path("docs/kpis.md"), Path("docs/api.md")


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


def test_every_metric_of_gateway_processor_and_notifier_is_listed() -> None:
    registry = CollectorRegistry()
    WebhookMetrics(registry, ["pager"], RESULTS)
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


def test_every_kpi_is_explained() -> None:
    assert set(catalogue(POLICY)) - set(named(KPIS)) == set()


def test_the_pages_name_no_kpi_figure_or_setting_that_there_is_not() -> None:
    cases = json.loads(Path("tests/kpi_cases/cases.json").read_text())
    of_cases = json.dumps([cases[part] for part in ("result_keys", "conventions", "event_vocabulary")])
    figures, settings = json.dumps(Answer.model_json_schema()), json.dumps(Policy.model_json_schema())
    known = {*cases, *catalogue(POLICY), *(word for text in (of_cases, figures, settings) for word in words(text))}
    assert {name for name in named(KPIS) if "_" in name and "." not in name} - known == set()
    paths = {*paths_of(DEFAULT), *(setting.path for setting in SETTINGS)}
    assert {name for name in named(KPIS) if "." in name} - paths == set()


def test_every_setting_that_vendors_differ_in_is_explained() -> None:
    assert {setting.path for setting in SETTINGS} - set(named(KPIS)) == set()


def test_every_chapter_of_kpis_that_code_refers_to_is_there() -> None:
    titles = re.findall(r"^#+ (.+)$", KPIS.read_text().lower(), re.MULTILINE)
    chapters = {part for title in titles for part in (title, *title.split(", "))}
    code = "".join(module.read_text() for module in Path("services").rglob("*.py"))
    referred = re.findall(r"docs/kpis\.md, ([A-Z][\w -]*\w)", code)
    assert len(referred) > 10
    assert [title for title in referred if title.lower() not in chapters] == []


def test_every_word_of_a_request_is_explained() -> None:
    known = {*WORDS, *wanted.WORDS, *OF_WHATIF, *wanted.STATES, *DIMENSIONS, *NAMED, *THEMES}
    assert {
        word for word in known if f"`{word}`" not in API.read_text() and f"`{word}=" not in API.read_text()
    } == set()


def test_every_request_that_the_pages_show_is_answered() -> None:
    asked = [found for page in PAGES for found in re.findall(r"/api/v1/(\w+)\?([^'\s`]+)'", page.read_text())]
    assert len(asked) > 5
    for address, query in asked:
        read = {"kpis": question, "tickets": list_question, "whatif": asked_of}[address]
        read(parse_qsl(query, keep_blank_values=True), POLICY)


def named(page: Path) -> list[str]:
    """What looks like a name of ours: in backticks, without a blank or a slash."""
    return re.findall(r"`([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)`", page.read_text())


def words(text: str) -> list[str]:
    return re.findall(r"[a-z][a-z0-9_]*", text)


def paths_of(document: Any) -> Iterator[str]:
    """`sla.pause.resolution`, and `sla` and `sla.pause` on the way."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from (key, *(f"{key}.{path}" for path in paths_of(value)))
