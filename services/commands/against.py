"""`deskpulse compute --policy a.yaml --against b.yaml`: what another policy would have made of the same events."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.codec import Fact, Millis
from schemas.topics import TICKETS
from services.board.asking import Question
from services.board.whatif import edges, scope_of
from services.board.windows import window
from services.commands.kpis import columns_with
from services.core.exchange import Entity, exchanged
from services.core.explanation.words import lasting
from services.core.report import Figures, rfc3339
from services.core.rules import Rules
from services.core.timeline import Name, known_at
from services.core.whatif import (
    Counted,
    Difference,
    compared,
    counted,
    difference_figures,
    differences,
    outcomes,
)
from services.errors import Misconfigured

SHOWN = 20
"""How many tickets are listed for people who do not say."""


def show_against(
    arrivals: Iterable[Fact],
    policies: tuple[Rules, Rules],
    question: Question,
    as_of: Millis,
    *,
    limit: int,
    print_json: Callable[[Figures], None] | None,
) -> None:
    """Print tables for people, or one document.

    Args:
        policies: The one, and the one that it is held against.
        limit: How many tickets are listed for people; the document has all.
        print_json: How a document is printed; None for the tables.

    Raises:
        Misconfigured: not one window.
    """
    if len(question.windows) != 1:
        raise Misconfigured(f"--against compares one window, got {', '.join(question.windows)}")
    with Console(stderr=True).status("counting under both policies"):
        document = compared_policies(arrivals, policies, question, as_of)
    if print_json is not None:
        print_json(document)
        return
    console = Console()
    console.print(figures_table(document))
    show_tickets(document["tickets"], limit, console)


def compared_policies(
    arrivals: Iterable[Fact], policies: tuple[Rules, Rules], question: Question, as_of: Millis
) -> Figures:
    """Promises under both policies, and every ticket that is breached under one of them alone."""
    known = known_at(arrivals, as_of)
    here, there = (exchanged(known, rules) for rules in policies)
    its = window(question.windows[0], columns_with(here.values()), as_of, policies[0])
    scope = scope_of(its, question.filters, policies[0], as_of)
    keys = sorted({key for stream, key in (*here, *there) if stream == TICKETS.stream})
    sums, found = (Counted(), Counted()), list[Difference]()
    for key in keys:
        ours, theirs = (
            outcomes(_timeline(entities, key), rules, as_of)
            for entities, rules in zip((here, there), policies, strict=True)
        )
        sums[0].update(counted(ours, scope))
        sums[1].update(counted(theirs, scope))
        found += differences(key, ours, theirs, scope)
    return {
        "as_of": rfc3339(as_of),
        **edges(its),
        "filters": {name: list(values) for name, values in question.filters.items()},
        **compared(*sums),
        "tickets": [difference_figures(each) for each in sorted(found, key=_newest_first)],
    }


def _timeline(entities: Mapping[Name, Entity], key: str) -> Sequence[Fact]:
    entity = entities.get((TICKETS.stream, key))
    return () if entity is None else entity.timeline


def _newest_first(difference: Difference) -> tuple[Millis, str]:
    return -difference.at, difference.ticket


COLUMNS = ("attainment", "met", "breached", "at_risk", "overdue")


def figures_table(document: Figures) -> Table:
    """Each figure under both policies; once where it is the same."""
    title = f"Promises under the policy -> under the other, {document['from']} to {document['to']}"
    shown = Table(title=title, title_justify="left")
    shown.add_column("clock and queue", no_wrap=True)
    for name in COLUMNS:
        shown.add_column(name.replace("_", " "), justify="right")
    for clock in [document["in_all"] | {"clock": "in all"}, *document["clocks"]]:
        shown.add_section()
        shown.add_row(clock["clock"].replace("_", " "), *_pairs(clock), style="bold")
        for queue in clock["queues"]:
            name = "(no queue)" if queue["queue"] is None else queue["queue"]
            shown.add_row(Text(f"  {name}"), *_pairs(queue))  # as it stands: rich would take brackets for a style
    return shown


def _pairs(figures: Figures) -> list[Text]:
    return [_pair(*(_written(figures[side][name]) for side in ("policy", "against"))) for name in COLUMNS]


def _pair(one: str, other: str) -> Text:
    return Text(one, "dim") if one == other else Text(f"{one} -> {other}")


def _written(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{100 * value:.1f} %"


def show_tickets(tickets: Sequence[Figures], limit: int, console: Console) -> None:
    """The tickets that are breached under one policy alone, the newest breach first."""
    if not tickets:
        console.print("No ticket is breached under one policy alone.")
        return
    gained = sum(each["breached_under"] == "against" for each in tickets)
    console.print(f"Breached only under the other policy: {gained}; only under the policy: {len(tickets) - gained}.")
    for each in tickets[:limit]:
        words = f"{each['ticket']}  {each['clock']}: {_side(each['policy'])} -> {_side(each['against'])}"
        console.print(words, soft_wrap=True, markup=False, highlight=False)
    if len(tickets) > limit:
        console.print(f"and {len(tickets) - limit:,} more: --limit says how many are listed, --json has all")


def _side(side: Figures | None) -> str:
    if side is None:
        return "no such clock"
    if side["policy"] is None:
        return "nothing promised"
    when = "" if side["at"] is None else f" {_when(side['state'])}{_time(side['at'])}"
    return f"{side['state']}{when} ({side['policy']}, {lasting(side['target_seconds'])})"


def _when(state: str) -> str:
    return {"running": "until ", "paused": "since "}.get(state, "")


def _time(text: str) -> str:
    return datetime.fromisoformat(text).isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
