"""`deskpulse compute`: every figure from a file of events, with the same core as the live way."""

import gzip
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.codec import NO_EVENT, Fact, Millis, decode
from schemas.events import EVENT
from services.adapters.event_faults import faults_of
from services.adapters.helpdesks.fields import kind
from services.core import report
from services.core.rules import Rules

_LONGEST_MESSAGE = 500


@dataclass(frozen=True)
class Window:
    """From ``begin`` to ``end``, in milliseconds."""

    begin: Millis
    end: Millis


@dataclass(frozen=True)
class Question:
    """What is asked of a batch of events."""

    as_of: Millis
    backlog_at: tuple[Millis, ...] = ()
    window: Window | None = None
    only: frozenset[str] | None = None


def figures(arrivals: Sequence[Fact], rules: Rules, question: Question) -> dict[str, Any]:
    """The document that `compute` prints: keys are the `result_keys` of the KPI cases."""
    as_of = question.as_of
    entities = report.known(arrivals, rules, as_of)
    tickets, agents = entities.tickets, entities.agents
    window = question.window or Window(min((fact.at for fact in arrivals), default=as_of), as_of)

    def sla() -> dict[str, Any]:
        read = {name: report.sla_figures(ticket, as_of) for name, ticket in tickets.items()}
        return {name: metrics for name, metrics in read.items() if metrics}

    parts: Mapping[str, Callable[[], Any]] = {
        "tickets": lambda: {name: report.ticket_figures(ticket, rules, as_of) for name, ticket in tickets.items()},
        "sla": sla,
        "at_risk": lambda: report.at_risk(sla()),
        "aggregate": lambda: report.aggregate(list(tickets.values())),
        "segments": lambda: report.segments(list(tickets.values())),
        "backlog": lambda: {
            str(report.rfc3339(at)): report.backlog(tickets.values(), rules, at)
            for at in question.backlog_at or (as_of,)
        },
        "agents": lambda: {
            name: report.agent_figures(agent, rules, window.begin, window.end) for name, agent in agents.items()
        },
        "agents_total": lambda: report.agents_total(list(agents.values()), window.begin, window.end),
        "windows": lambda: report.windows(arrivals, rules, as_of),
        "duplicates_ignored": lambda: entities.duplicates_ignored,
    }
    return {name: part() for name, part in parts.items() if question.only is None or name in question.only}


FIGURES = (
    *("tickets", "sla", "at_risk", "aggregate", "segments", "backlog"),
    *("agents", "agents_total", "windows", "duplicates_ignored"),
)
"""What `--only` can name."""


def read_events(path: str, *, skipped: Callable[[int, str], None]) -> list[Fact]:
    """The events of an NDJSON file, in order; `-` is standard input, `.gz` is unpacked.

    Args:
        skipped: Called with the number of each line that is no event, and with what is wrong with it.
    """
    facts = []
    with _lines(path) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                facts.append(decode(line))
            except NO_EVENT as error:
                skipped(number, _what_is_wrong(line, error))
    return facts


@contextmanager
def _lines(path: str) -> Iterator[Iterator[bytes]]:
    if path == "-":
        yield iter(sys.stdin.buffer)
        return
    console = Console(stderr=True)
    columns = (TextColumn("reading events"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with (
        open(path, "rb") as raw,
        gzip.open(raw) if path.endswith(".gz") else raw as stream,
        Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress,
    ):
        task = progress.add_task("read", total=Path(path).stat().st_size)

        def counted() -> Iterator[bytes]:
            for number, line in enumerate(stream):
                if number % 1000 == 0:
                    progress.update(task, completed=raw.tell())
                yield line

        yield counted()


def _what_is_wrong(line: bytes, error: Exception) -> str:
    """The full check tells more than the fast one that found the fault."""
    try:
        fields = json.loads(line)
        EVENT.validate_python(fields)
    except ValidationError as full:
        if not isinstance(fields, dict):
            return f"an event is a JSON object, got {kind(fields)}"
        message = "; ".join(
            f"{fault['at']}: {fault['came']}, expected {fault['expected']}" for fault in faults_of(full, "", fields)
        )
    except (ValueError, RecursionError) as full:
        message = f"no JSON: {full}"
    else:
        message = str(error)
    return message if len(message) <= _LONGEST_MESSAGE else message[:_LONGEST_MESSAGE] + " ..."
