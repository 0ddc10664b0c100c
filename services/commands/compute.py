"""`deskpulse compute`: every figure from a file of events, with the same core as the live way."""

import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from io import BufferedReader
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.codec import NO_EVENT, Fact, Millis, decode, is_derived
from schemas.events import EVENT
from services.adapters.event_faults import faults_of
from services.adapters.helpdesks.fields import kind
from services.core import report
from services.core.fcr import Judged
from services.core.rules import Rules
from services.core.ticket import Ticket
from services.errors import Misconfigured

_GZIP = b"\x1f\x8b"
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


class _Answers:
    """What is known of the events at the instant of a question. Each part is computed when it is asked for."""

    def __init__(self, arrivals: Sequence[Fact], rules: Rules, question: Question) -> None:
        self.arrivals, self.rules, self.question, self.as_of = arrivals, rules, question, question.as_of
        self.known = report.known(arrivals, rules, question.as_of)
        self.window = question.window or Window(min((fact.at for fact in arrivals), default=self.as_of), self.as_of)

    @cached_property
    def verdicts(self) -> dict[str, dict[str, Judged]]:
        return report.fcr_verdicts(self.known, self.rules, self.as_of)

    @cached_property
    def sla(self) -> dict[str, Any]:
        read = {name: report.sla_figures(ticket, self.as_of) for name, ticket in self.known.tickets.items()}
        return {name: metrics for name, metrics in read.items() if metrics}

    def tickets(self) -> dict[str, Any]:
        return {
            key: report.ticket_figures(ticket, self.rules, self.as_of)
            | {"fcr": {days: verdict for days, (verdict, _) in self.verdicts[key].items()}}
            for key, ticket in self.known.tickets.items()
        }

    def aggregate(self, tickets: Mapping[str, Ticket]) -> dict[str, Any]:
        fcr = report.fcr_totals((self.verdicts[key] for key in tickets), self.rules)
        return report.aggregate(list(tickets.values())) | fcr

    def backlog(self) -> dict[str, Any]:
        times = self.question.backlog_at or (self.as_of,)
        tickets = self.known.tickets.values()
        return {str(report.rfc3339(at)): report.backlog(tickets, self.rules, at) for at in times}

    def agents(self) -> dict[str, Any]:
        everyone = self.known.agents | report.unseen_agents(self.known.agents.values(), self.rules)
        begin, end = self.window.begin, self.window.end
        return {name: report.agent_figures(agent, self.rules, begin, end) for name, agent in everyone.items()}

    def agents_total(self) -> dict[str, Any]:
        return report.agents_total(list(self.known.agents.values()), self.window.begin, self.window.end)


FIGURES: Mapping[str, Callable[[_Answers], Any]] = {
    "tickets": _Answers.tickets,
    "sla": lambda its: its.sla,
    "at_risk": lambda its: report.at_risk(its.sla),
    "aggregate": lambda its: its.aggregate(its.known.tickets),
    "segments": lambda its: report.segments(its.known.tickets, its.aggregate),
    "backlog": _Answers.backlog,
    "alerts": lambda its: report.alert_figures(its.known, its.rules, its.as_of),
    "agents": _Answers.agents,
    "agents_total": _Answers.agents_total,
    "service_level": lambda its: report.service_level_figures(its.known, its.rules, its.as_of),
    "surveys": lambda its: report.survey_figures(its.known, its.rules),
    "deflection": lambda its: report.deflection_figures(its.known, its.rules, its.as_of),
    "automation": lambda its: report.automation_figures(its.known, its.rules, its.as_of),
    "response_quality": lambda its: report.quality_figures(its.known, its.rules),
    "gaming": lambda its: report.gaming_figures(its.known, its.rules),
    "insights": lambda its: report.insight_figures(its.known, its.rules),
    "rolling": lambda its: report.rolling_figures(its.known, its.rules, its.as_of),
    "windows": lambda its: report.windows(its.arrivals, its.rules, its.as_of),
    "duplicates_ignored": lambda its: its.known.duplicates_ignored,
}
"""What `--only` can name, and how it is answered."""


def figures(arrivals: Sequence[Fact], rules: Rules, question: Question) -> dict[str, Any]:
    """The document that `compute` prints: keys are the `result_keys` of the KPI cases."""
    answers = _Answers(arrivals, rules, question)
    wanted = FIGURES.keys() if question.only is None else question.only
    return {name: answer(answers) for name, answer in FIGURES.items() if name in wanted}


def read_file(path: str, warn: Callable[[str], None]) -> tuple[list[Fact], int]:
    """The events of a file, and how many lines are none; each of those is told to ``warn``, and how many at the end.

    Raises:
        Misconfigured: there is no such file, or it cannot be unpacked.
    """
    skipped = 0

    def skip(number: int, sentence: str) -> None:
        nonlocal skipped
        skipped += 1
        warn(f"{path}: line {number} is no event: {sentence}")

    if path != "-" and not Path(path).is_file():
        raise Misconfigured(f"there is no file {path}")
    facts = read_events(path, skipped=skip)
    if skipped:
        warn(f"{path}: {skipped} of {skipped + len(facts)} lines are no events and were left out")
    return facts, skipped


def read_events(path: str, *, skipped: Callable[[int, str], None]) -> list[Fact]:
    """The events of an NDJSON file, in order; `-` is standard input, `.gz` is unpacked.

    What entities told each other, in a file that was recorded from the log, is no event and is told anew.

    Args:
        skipped: Called with the number of each line that is no event, and with what is wrong with it.

    Raises:
        Misconfigured: the file cannot be unpacked, or not to its end.
    """
    facts: list[Fact] = []
    try:
        with _lines(path) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip() and not is_derived(line):
                    _take(line, facts, partial(skipped, number))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Misconfigured(f"{path} cannot be unpacked, after {len(facts)} events: {error}") from None
    return facts


def _take(line: bytes, facts: list[Fact], skipped: Callable[[str], None]) -> None:
    try:
        facts.append(decode(line))
    except NO_EVENT as error:
        skipped(_what_is_wrong(line, error))


@contextmanager
def _lines(path: str) -> Iterator[Iterator[bytes]]:
    if path == "-":
        packed = isinstance(sys.stdin.buffer, BufferedReader) and sys.stdin.buffer.peek(2)[:2] == _GZIP
        yield iter(gzip.open(sys.stdin.buffer) if packed else sys.stdin.buffer)  # noqa: SIM115 - not ours to close
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
