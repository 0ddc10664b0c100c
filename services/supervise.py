"""Several programs as one: start them in order, say when they answer, end them together.

One thread decides everything: what happens (a program ends, a signal comes) waits in a queue for it.
"""

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from queue import Empty, SimpleQueue
from types import FrameType

from services.adapters.child import Child
from services.errors import Unavailable

RESTARTS_A_MINUTE = 5
_RESTART_AFTER_S = 0.5
_ANSWER_S = 60.0
_POLL_S = 0.1
_GRACE_S = 10.0
_ON_PURPOSE = range(70, 76)
"""Exit codes (those of sysexits.h) by which a program says: start me again."""


@dataclass(frozen=True)
class Program:
    """One program to run."""

    name: str
    command: Sequence[str]
    settings: Mapping[str, str] = field(repr=False)
    answers_at: tuple[str, int, str] | None = None
    """Host, port and path that answer 200 once it is ready."""
    restarted: bool = False
    """An end by a signal or with an exit code from 70 to 75 starts it again."""
    essential: bool = True
    """Its end ends all."""
    draws: bool = False
    """It writes to the terminal itself."""


class Supervisor:
    """Runs programs until a signal or an end that nobody asked for."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """``say`` tells the person at the terminal one line."""
        self._say = say
        self._happened: SimpleQueue[Child | int] = SimpleQueue()
        self._running: dict[str, tuple[Program, Child]] = {}
        self._ends: dict[str, list[float]] = {}
        self._due: dict[str, tuple[float, Program]] = {}

    def run(
        self,
        programs: Sequence[Program],
        followers: Sequence[Program] = (),
        servers: Sequence[Child] = (),
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        """Start ``programs``, once they answer ``followers``, and stay; then end the followers and them, in order.

        Returns after SIGINT, SIGTERM or SIGHUP. A second signal ends everything at once.

        Raises:
            Unavailable: an essential program or one of ``servers`` ended, or did not answer; with its last lines.
        """
        for server in servers:
            server.when_ended(self._happened.put)
        with self._signals():
            try:
                self._start_and_stay(programs, followers, on_ready)
            finally:
                self._end([program.name for program in (*followers, *programs)])

    def _start_and_stay(
        self, programs: Sequence[Program], followers: Sequence[Program], on_ready: Callable[[], None]
    ) -> None:
        for program in programs:
            self._start(program)
        if not self._all_answer(programs):
            return
        on_ready()
        for program in followers:
            self._start(program)
        while self._goes_on(None):
            pass

    def _start(self, program: Program) -> None:
        child = Child(
            program.name,
            program.command,
            settings=program.settings,
            on_line=Loud(lambda line: self._say(f"{program.name:>9} | {line}")),
            inherit_stdout=program.draws,
        )
        self._running[program.name] = (program, child)
        child.when_ended(self._happened.put)

    def _all_answer(self, programs: Sequence[Program]) -> bool:
        """Whether all are ready; false when a signal came first."""
        silent = [program for program in programs if program.answers_at is not None]
        deadline = time.monotonic() + _ANSWER_S
        while silent := [program for program in silent if not _answers(program)]:
            if time.monotonic() > deadline:
                raise Unavailable(self._silence(silent[0].name))
            if not self._goes_on(_POLL_S):
                return False
        return True

    def _silence(self, name: str) -> str:
        said = self._running[name][1].last_words() if name in self._running else "it is not running"
        return f"{name} does not answer after {_ANSWER_S:g} s: {said}"

    def _goes_on(self, timeout_s: float | None) -> bool:
        """Wait for what happens next and answer it; false when we are asked to end."""
        if self._due:
            until_due = max(0.0, min(at for at, _ in self._due.values()) - time.monotonic())
            timeout_s = until_due if timeout_s is None else min(until_due, timeout_s)
        try:
            happened = self._happened.get(timeout=timeout_s)
        except Empty:
            self._start_due()
            return True
        if isinstance(happened, int):
            return False
        self._answer_end(happened)
        return True

    def _start_due(self) -> None:
        for name, (at, program) in list(self._due.items()):
            if at <= time.monotonic():
                del self._due[name]
                self._start(program)

    def _answer_end(self, child: Child) -> None:
        program, _ = self._running.pop(child.name, (None, None))
        if program is None:
            raise Unavailable(f"{child.last_words()}\nwithout it nothing works: everything is ended")
        if not program.essential:
            self._say(f"{child.last_words()}\nthe rest goes on")
        elif program.restarted and _asks_for_restart(child.exit_code):
            self._restart(program, child)
        else:
            raise Unavailable(f"{child.last_words()}\nwithout it nothing works: everything is ended")

    def _restart(self, program: Program, child: Child) -> None:
        now = time.monotonic()
        ends = [at for at in self._ends.get(program.name, []) if at > now - 60] + [now]
        self._ends[program.name] = ends
        if len(ends) > RESTARTS_A_MINUTE:
            raise Unavailable(
                f"{child.last_words()}\n{program.name} ended {len(ends)} times within a minute: everything is ended"
            )
        delay_s = _RESTART_AFTER_S * 2 ** (len(ends) - 1)
        self._due[program.name] = (now + delay_s, program)
        self._say(f"{child.last_words()}\n{program.name} starts again in {delay_s:g} s")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def happened(number: int, _frame: FrameType | None) -> None:
            self._happened.put(number)

        asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, happened) for number in asked}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, names: Sequence[str]) -> None:
        children = [self._running[name][1] for name in names if name in self._running]

        def at_once(_number: int, _frame: FrameType | None) -> None:
            for child in children:
                child.process.kill()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, at_once)
        for child in children:
            child.stop(_GRACE_S)


def _asks_for_restart(exit_code: int | None) -> bool:
    return exit_code is not None and (exit_code < 0 or exit_code in _ON_PURPOSE)


def _answers(program: Program) -> bool:
    assert program.answers_at is not None
    host, port, path = program.answers_at
    connection = HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


_LEVEL = re.compile(r"\b(DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b|\bTraceback \(most recent")
_QUIET = {"DEBUG", "INFO", "NOTICE"}


class Loud:
    """Passes on warnings, errors and tracebacks; a line without a level goes with the line before it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._loud = False

    def __call__(self, line: str) -> None:
        if level := _LEVEL.search(line[:200]):
            self._loud = level[1] not in _QUIET
        if self._loud and line:
            self._say(line)


def to_stderr(line: str) -> None:
    """Say it at the terminal; several threads may at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
