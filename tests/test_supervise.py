"""Programs are started, watched and ended together; here each is a line or two of Python."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from services import supervise
from services.adapters.child import Child
from services.errors import Unavailable
from services.supervise import Loud, Program, Supervisor
from tests.processes import eventually

STAYS = "signal.pause()"
"""A program that ends on SIGTERM as it is told to by default."""


def program(name: str, code: str = STAYS, *, restarted: bool = False, essential: bool = True) -> Program:
    command = [sys.executable, "-c", f"import os, pathlib, signal, sys\n{code}"]
    return Program(name, command, {}, restarted=restarted, essential=essential)


def ask_to_end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


class Told:
    """What was said, and a signal once a certain thing was."""

    def __init__(self, then: str = "", act: Callable[[], None] = ask_to_end) -> None:
        self.lines: list[str] = []
        self._then, self._act = then, act

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        if self._then and self._then in line:
            self._act()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def test_followers_end_first_and_then_the_programs_in_order(tmp_path: Path) -> None:
    book = tmp_path / "ends"

    def noting(name: str) -> Program:
        note = f"open({str(book)!r}, 'a').write({name + ' '!r})"
        up = f"pathlib.Path({str(tmp_path / name)!r}).touch()"
        return program(name, f"signal.signal(15, lambda *_: ({note}, sys.exit()))\n{up}\nsignal.pause()")

    names = ["simulator", "gateway", "board"]

    def end_once_all_run() -> None:
        eventually(lambda: all((tmp_path / name).exists() for name in names))
        ask_to_end()

    watcher = threading.Thread(target=end_once_all_run)
    watcher.start()
    Supervisor(Told()).run([noting("gateway"), noting("board")], [noting("simulator")])
    watcher.join()

    assert book.read_text() == "simulator gateway board "


@pytest.mark.parametrize("end", ["sys.exit(70)", "sys.exit(75)", "os.kill(os.getpid(), 9)"])
def test_a_program_that_asks_for_it_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(supervise, "_RESTART_AFTER_S", 0.01)
    ran = tmp_path / "ran"
    code = (
        f"ran = pathlib.Path({str(ran)!r})\n"
        f"if not ran.exists():\n    ran.touch()\n    print('out of cheese', flush=True)\n    {end}\n"
        "print('WARNING runs again', flush=True)\nsignal.pause()"
    )
    told = Told(then="runs again")

    Supervisor(told).run([program("processor", code, restarted=True)])

    assert "out of cheese" in told.text
    assert "processor starts again in 0.01 s" in told.text


def test_a_program_that_ends_again_and_again_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "_RESTART_AFTER_S", 0.01)
    told = Told()

    with pytest.raises(Unavailable, match=r"exit code 70(?s:.*)ended 6 times within a minute"):
        Supervisor(told).run([program("processor", "sys.exit(70)", restarted=True)])

    assert told.text.count("starts again") == supervise.RESTARTS_A_MINUTE


@pytest.mark.parametrize(
    ("name", "end", "restarted"),
    [
        pytest.param("gateway", "sys.exit('no such policy')", False, id="a program that is not restarted"),
        pytest.param("processor", "sys.exit('no such policy')", True, id="an exit code that asks for no restart"),
    ],
)
def test_an_end_that_nobody_asked_for_ends_all(name: str, end: str, restarted: bool) -> None:
    others: list[str] = []

    with pytest.raises(Unavailable, match=rf"{name} ended with exit code 1(?s:.*)no such policy"):
        Supervisor(others.append).run([program("board"), program(name, end, restarted=restarted)])


def test_all_end_with_a_server_that_ends() -> None:
    server = Child("the embedded store", [sys.executable, "-c", "print('out of memory')"])

    with pytest.raises(Unavailable, match=r"the embedded store ended with exit code 0(?s:.*)out of memory"):
        Supervisor(Told()).run([program("board")], servers=[server])
    server.stop()


def test_the_rest_goes_on_without_the_simulator() -> None:
    told = Told(then="the rest goes on")

    Supervisor(told).run([program("board")], [program("simulator", "sys.exit(3)", essential=False)])

    assert "simulator ended with exit code 3" in told.text


def test_a_program_that_never_answers_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "_ANSWER_S", 0.2)
    silent = Program("board", program("board").command, {}, answers_at=("127.0.0.1", 1, "/healthz"))

    with pytest.raises(Unavailable, match=r"board does not answer after 0\.2 s"):
        Supervisor(Told()).run([silent])


def test_a_second_signal_ends_a_program_that_does_not_want_to() -> None:
    stubborn = (
        "signal.signal(15, lambda *_: os.write(1, b'WARNING never\\n'))\n"
        "print('WARNING runs', flush=True)\nwhile True: signal.pause()"
    )
    told = Told()

    def say(line: str) -> None:
        told(line)
        if line.endswith(("runs", "never")):  # the first signal, and the answer to it
            ask_to_end()

    Supervisor(say).run([program("board", stubborn)])

    assert "never" in told.text


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        pytest.param(["INFO: started", "  more of it"], [], id="what is normal is kept quiet"),
        pytest.param(["a banner"], [], id="so is what has no level"),
        pytest.param(
            ["WARNING no broker", "  at 9092", "INFO ok"], ["WARNING no broker", "  at 9092"], id="warnings"
        ),
        pytest.param(
            ["Traceback (most recent call last):", "  File x", "KeyError: 1"],
            ["Traceback (most recent call last):", "  File x", "KeyError: 1"],
            id="tracebacks",
        ),
        pytest.param(
            ["2026-03-02 10:00:00 ERROR [x] event rejected"],
            ["2026-03-02 10:00:00 ERROR [x] event rejected"],
            id="after a time",
        ),
    ],
)
def test_warnings_and_errors_are_shown(lines: list[str], shown: list[str]) -> None:
    said: list[str] = []
    loud = Loud(said.append)

    for line in lines:
        loud(line)

    assert said == shown
