"""How far a replay is: events done of all, rate, and an estimate of the time left."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from services.adapters.log_ends import Offsets

RATE_OVER_S = 30.0
PLAIN_LINE_S = 10.0


@dataclass(frozen=True)
class Standing:
    """One look at a replay."""

    done: int
    all: int
    rate: float | None
    """Events a second; None before there is anything to say."""

    @property
    def left_s(self) -> float | None:
        """Estimated seconds until all are done."""
        return (self.all - self.done) / self.rate if self.rate else None

    @property
    def share(self) -> float:
        return self.done / self.all if self.all else 1.0

    def __str__(self) -> str:
        words = [f"{self.done:,} of {self.all:,} events, {self.share:.0%}"]
        if self.rate:
            words.append(f"{self.rate:,.0f} a second")
        if self.left_s is not None and self.done < self.all:
            words.append(f"about {duration(self.left_s)} left")
        return ", ".join(words)


@dataclass
class Course:
    """The way from where the log begins to where it ended when the replay began."""

    begins: Offsets
    goal: Offsets
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def at(self, nexts: Offsets, now_s: float) -> Standing:
        """How far it is.

        Args:
            now_s: A time that only goes on.
        """
        done = sum(min(max(nexts.get(place, 0), self.begins[place]), end) for place, end in self.goal.items())
        done -= sum(self.begins[place] for place in self.goal)
        self._seen.append((now_s, done))
        while self._seen[0][0] < now_s - RATE_OVER_S:
            self._seen.popleft()
        since_s, before = self._seen[0]
        rate = (done - before) / (now_s - since_s) if now_s > since_s and done > before else None
        return Standing(done, sum(self.goal.values()) - sum(self.begins[place] for place in self.goal), rate)


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `2 h 5 min`."""
    whole = max(round(seconds), 0)
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class Show(Protocol):
    """Shows how far a replay is."""

    def __call__(self, standing: Standing) -> None: ...


@contextmanager
def shown(console: Console) -> Iterator[Show]:
    """A bar on a terminal, and a line now and then elsewhere."""
    if not console.is_terminal:
        yield PlainLines(console)
        return
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("begins")

        def show(standing: Standing) -> None:
            bar.update(task, completed=standing.done, total=max(standing.all, 1), description=str(standing))

        yield show


class PlainLines:
    """Says how far it is at first, every ten seconds, and at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said_s = float("-inf")
        self._over = False

    def __call__(self, standing: Standing) -> None:
        now_s, over = monotonic(), standing.done >= standing.all
        if now_s - self._said_s >= PLAIN_LINE_S or over != self._over:
            self._said_s, self._over = now_s, over
            self._console.print(str(standing))
