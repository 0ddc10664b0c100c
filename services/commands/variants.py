"""`deskpulse compute --variants`: what each vendor's meaning of a figure would make of the same events."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from schemas.codec import Fact, Millis
from services.board.answers import answer
from services.board.asking import Question
from services.commands.kpis import columns_of
from services.core.catalogue import catalogue
from services.core.report import Figures, rfc3339
from services.core.rules import Rules
from services.core.timeline import known_at
from services.core.variants import Variant, variants
from services.errors import Misconfigured

Told = dict[str, Any]
"""Every number by its place, such as `first_response_seconds.mean`."""


def show_variants(
    arrivals: Sequence[Fact],
    rules: Rules,
    windows: Sequence[str],
    as_of: Millis,
    *,
    print_json: Callable[[Figures], None] | None,
) -> None:
    """Print a table for people, or one document.

    Args:
        print_json: How a document is printed; None for the table.

    Raises:
        Misconfigured: not one window.
    """
    if len(windows) != 1:
        raise Misconfigured(f"--variants compares one window, got {', '.join(windows)}")
    document = compared_variants(arrivals, rules, variants(rules.policy), windows[0], as_of)
    if print_json is not None:
        print_json(document)
        return
    Console().print(table(document))


def compared_variants(
    arrivals: Sequence[Fact], rules: Rules, among: Iterable[Variant], window: str, as_of: Millis
) -> Figures:
    """Each variant with the figures that differ from the policy's own, and how many do not."""
    known = known_at(arrivals, as_of)
    columns = columns_of(known, rules)
    question = Question(windows=(window,), kpis=tuple(catalogue(rules.policy)))
    document = answer(columns, rules, question, as_of)
    own = _numbers(document)
    [its] = document["windows"]
    told = []
    console = Console(stderr=True)
    for variant in track(
        list(among), "counting anew", console=console, transient=True, disable=not console.is_terminal
    ):
        its_rules = Rules(variant.policy)
        its_columns = columns if variant.read_only else columns_of(known, its_rules)
        other = _numbers(answer(its_columns, its_rules, question, as_of))
        told.append({"setting": variant.setting, "title": variant.title} | _differing(own, other))
    return {
        "as_of": rfc3339(as_of),
        "window": {name: its[name] for name in ("window", "from", "to")},
        "figures": len(own),
        "variants": told,
    }


def _numbers(document: Figures) -> Told:
    [window] = document["windows"]
    [whole] = window["groups"]
    return {
        f"{kpi}.{name}": value
        for kpi, figures in whole["kpis"].items()
        for name, value in figures["current"].items()
        if value is None or isinstance(value, int | float)
    }


def _differing(own: Told, other: Told) -> Figures:
    changed = {
        name: {"policy": value, "variant": other.get(name)} for name, value in own.items() if value != other.get(name)
    }
    return {"figures": changed, "unchanged": len(own) - len(changed)}


def table(document: Figures) -> Table:
    """The same for people: under each variant the figures that it changes."""
    window = document["window"]
    shown = Table(title=f"Vendor variants, {window['from']} to {window['to']}", title_justify="left")
    shown.add_column("variant, and the figures that it changes", overflow="fold")
    shown.add_column("policy", justify="right", no_wrap=True)
    shown.add_column("variant", justify="right", no_wrap=True)
    for variant in [each for each in document["variants"] if each["figures"]]:
        shown.add_row(_heading(variant), "", f"{variant['unchanged']} same", style="bold")
        for name, pair in variant["figures"].items():
            shown.add_row(f"  {name}", written(pair["policy"]), written(pair["variant"]))
        shown.add_section()
    for variant in [each for each in document["variants"] if not each["figures"]]:
        shown.add_row(_heading(variant), "", "all same", style="dim")
    return shown


def written(value: float | None) -> str:
    """A number as people read it."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"


def _heading(variant: Figures) -> Text:
    """As it stands: rich would take what is in brackets for a style."""
    return Text(f"{variant['title']} ({variant['setting']})")
