"""An explanation as text, for people: lines that a terminal may wrap, and `grep` can find."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from rich.console import Console
from rich.text import Text

from services.core.explanation.parts import Contribution, Explanation, Happening, Promise, Run, State
from services.core.explanation.words import lasting
from services.core.promises import ONE_A_TICKET

OPENINGS_SHOWN = 7


def show(explained: Explanation, console: Console) -> None:
    """Print ``explained``."""
    lines = [_bold(f"Ticket {explained.ticket} as of {_time(explained.as_of)}"), *_state(explained.state)]
    for title, chapter in _chapters(explained):
        told = list(chapter)
        if told:
            lines += ["", _bold(title), *(f"  {line}" for line in told)]
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _bold(text: str) -> Text:
    return Text(text, "bold")


def _chapters(its: Explanation) -> Iterator[tuple[str, Iterable[str]]]:
    yield "Timeline", _timeline(its.timeline)
    yield "Statuses", _statuses(its)
    yield "Waits for an answer", _waits(its)
    yield "Promises", _clocks(its)
    yield "First contact and automation", _returns(its)
    shared = _shared_cut([add for theme in its.adds for add in theme.adds])
    if shared:
        yield "Counted under", [", ".join(f"{name} {value}" for name, value in shared.items())]
    for theme in its.adds:
        yield f"Adds to {theme.theme}", _added(theme.adds, shared)
    yield "Tells others", _told(its)


def _state(state: State | None) -> Iterator[str]:
    if state is None:
        yield "Nothing is told of the ticket itself, only opinions of it."
        return
    cut = [state.queue, state.channel, state.priority, state.tier, state.category, state.product_area, state.team]
    words = [state.status, *(value for value in cut if value is not None)]
    words.append(f"agent {state.agent}" if state.agent is not None else "no agent")
    if state.requester is not None:
        words.append(f"requester {state.requester}")
    if state.tags:
        words.append(f"tags {', '.join(state.tags)}")
    if not state.creation_known:
        words.append("creation not told")
    if state.merged_into is not None:
        words.append(f"merged into {state.merged_into}")
    if state.deleted:
        words.append("deleted: adds nothing")
    yield " · ".join(words)


def _aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows as lines, one column below the other."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _timeline(timeline: Iterable[Happening]) -> Iterator[str]:
    for event in timeline:
        tells = ", ".join(f"{name}={value}" for name, value in event.tells.items())
        teller = "" if event.told_by is None else f" (told by {event.told_by})"
        yield f"{_time(event.at)}  {event.type}{teller}  {tells}".rstrip()
        for sentence in (*_arrival(event), *(event.changed or ["nothing changes"])):
            yield f"    {sentence}"


def _arrival(event: Happening) -> Iterator[str]:
    """What is worth knowing of how an event came."""
    late_s = (event.received_at - event.at).total_seconds()
    if event.overtaken_by:
        yield f"[received {lasting(late_s)} later, after {event.overtaken_by} later ones]"
    if event.repeats:
        yield f"[came again, {event.repeats} times: without effect]"


def _statuses(its: Explanation) -> Iterator[str]:
    yield from _aligned(
        (_time(each.since), each.status, lasting(each.lasted_s), each.queue or "-", each.agent or "-")
        for each in its.periods
    )
    if its.status_s:
        yield "in all: " + ", ".join(f"{status} {lasting(spent)}" for status, spent in its.status_s.items())


def _waits(its: Explanation) -> Iterator[str]:
    for wait in its.waits:
        how = f"{lasting(wait.lasted_s)} (in opening hours {lasting(wait.business_s)})"
        if wait.until is None:
            yield f"{wait.kind}: waits since {_time(wait.since)}, for {how}"
        else:
            by = "" if wait.agent is None else f" by {wait.agent}"
            yield f"{wait.kind}: {_time(wait.since)} to {_time(wait.until)}, {how}{by}"


def _clocks(its: Explanation) -> Iterator[str]:
    for clock in its.clocks:
        yield f"{_name(clock)}: {_verdict(clock)}"
        fits = ", ".join(f"{trait} {_listed(wanted)}" for trait, wanted in clock.match.items()) or "every ticket"
        version = "" if clock.in_force_since is None else f", in force since {_time(clock.in_force_since)}"
        promised, used = (lasting(each, days=False) for each in (clock.target_s, clock.elapsed_s))
        yield f"    policy {clock.policy} (fits {fits}{version}): {promised}, used {used}"
        for other in clock.passed_over:
            wants = ", ".join(f"{trait} {_listed(wanted)}" for trait, wanted in other.wants.items())
            yield f"    not policy {other.policy}, which comes before it: it wants {wants}"
        for run in clock.runs:
            yield f"    {_run(run)}"
            yield from _openings(run)
        yield from (f"    {line}" for line in _deadlines(clock))
    if its.unpromised:
        yield f"nothing is promised for: {', '.join(its.unpromised)}"


def _openings(run: Run) -> Iterator[str]:
    if not run.closed_s:
        return
    for opening in run.openings[:OPENINGS_SHOWN]:
        yield f"        open {_time(opening.since)} to {_time(opening.until)}: {lasting(opening.lasted_s)}"
    if rest := run.openings[OPENINGS_SHOWN:]:
        in_all = lasting(sum(opening.lasted_s for opening in rest), days=False)
        yield f"        and {len(rest)} more times, until {_time(rest[-1].until)}: {in_all}"


def _listed(wanted: str | list[str]) -> str:
    return " or ".join([wanted] if isinstance(wanted, str) else wanted)


def _deadlines(clock: Promise) -> Iterator[str]:
    """How the deadline moved, if it did."""
    dues = [each for each in clock.deadlines if each.due_at is not None or each.policy is None]
    for before, each in pairwise(dues):
        if each.policy is None:
            yield f"deadline gone at {_time(each.at)}: nothing is promised any more"
        elif each.due_at is not None:
            was = "none" if before.due_at is None else _time(before.due_at)
            yield f"deadline moved at {_time(each.at)}: {was} to {_time(each.due_at)}, of {each.policy}"


def _name(clock: Promise) -> str:
    return clock.metric if clock.metric in ONE_A_TICKET else f"{clock.metric} {clock.number}"


def _verdict(clock: Promise) -> str:
    words = [clock.state + (", at risk" if clock.at_risk else "")]
    if clock.breached_at is not None:
        words.append(f"passed its target at {_time(clock.breached_at)} ({clock.breached_agent or 'no agent'})")
    if clock.due_at is not None:
        words.append(f"due {_time(clock.due_at)}")
    if clock.stopped_at is not None:
        words.append(f"stopped at {_time(clock.stopped_at)}")
    return ", ".join(words)


def _run(run: Run) -> str:
    ends = "now" if run.until is None else _time(run.until)
    if not run.runs:
        return f"stood still {_time(run.since)} to {ends} ({run.status}): {lasting(run.lasted_s)}"
    calendar = "every hour counts" if run.calendar is None else f"calendar {run.calendar}"
    closed = f", closed {lasting(run.closed_s)}" if run.closed_s else ""
    counted = lasting(run.counted_s, days=False)
    return f"ran {_time(run.since)} to {ends} ({run.status}, {calendar}): counted {counted}{closed}"


def _returns(its: Explanation) -> Iterator[str]:
    for each in its.returns:
        back = "did not come back" if each.came_back_at is None else f"came back at {_time(each.came_back_at)}"
        until = f"{each.window_days:g} days, until {_time(each.ends_at)}"
        yield f"{each.figure} ({until}): {each.verdict}; the customer {back}"


def _shared_cut(adds: Sequence[Contribution]) -> dict[str, str]:
    """The dimensions that all contributions are counted under."""
    first, *others = [add.cut for add in adds] or [{}]
    return {name: value for name, value in first.items() if all(cut.get(name) == value for cut in others)}


def _added(adds: Iterable[Contribution], shared: dict[str, str]) -> Iterator[str]:
    for each in adds:
        value = (
            "" if each.value is None else f" {each.value:g}" if each.unit == "points" else f" {lasting(each.value)}"
        )
        words = [f"{_time(each.at)}  {each.measure} {each.count:+d}: {each.means}{value}"]
        cut = ", ".join(f"{name} {told}" for name, told in each.cut.items() if name not in shared)
        words += [f"[{cut}]"] if cut else []
        words += [f"(counted by requester {each.counted_by})"] if each.counted_by is not None else []
        words += [f"-> {', '.join(each.kpis)}"] if each.kpis else []
        yield " ".join(words)


def _told(its: Explanation) -> Iterator[str]:
    for news in its.tells:
        yield f"{news.to}: {news.type}  {', '.join(f'{name}={value}' for name, value in news.says.items())}"


def _time(at: datetime) -> str:
    exact = "milliseconds" if at.microsecond else "seconds"
    return at.isoformat(sep=" ", timespec=exact).replace("+00:00", "Z")
