"""A child is tied to our life, and its output is kept."""

import json
import os
import sys

import pytest

from services.adapters.child import Child
from tests.processes import alive, eventually


def python(code: str) -> list[str]:
    return [sys.executable, "-c", f"import json, os, signal, sys\n{code}"]


def test_a_child_inherits_our_environment_but_only_the_settings_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORDINARY", "kept")
    monkeypatch.setenv("DESKPULSE_NAMESPACE", "ours")
    shown = "print(json.dumps({k: v for k, v in os.environ.items() if k[:9] in ('ORDINARY', 'DESKPULSE')}))"

    child = Child("gateway", python(shown), settings={"DESKPULSE_GATEWAY_PORT": "1"})
    child.process.wait(10)
    child.stop()

    assert json.loads(child.tail[0]) == {"ORDINARY": "kept", "DESKPULSE_GATEWAY_PORT": "1"}


def test_the_last_lines_are_kept_and_told() -> None:
    told: list[str] = []

    child = Child("board", python("for n in range(50): print(n)\nsys.exit(4)"), on_line=told.append)
    child.process.wait(10)

    assert child.last_words().startswith("board ended with exit code 4; its last lines:\n  30\n")
    assert told == [str(number) for number in range(50)]


def test_a_child_that_does_not_want_to_end_is_ended() -> None:
    ignores = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\nwhile True: signal.pause()"
    child = Child("board", python(ignores))
    assert eventually(lambda: "up" in child.tail)

    child.stop(grace_s=0.05)

    assert child.exit_code == -9
    assert child.last_words() == "board was ended by signal 9; its last lines:\n  up"


def test_a_signal_to_our_group_does_not_reach_a_child() -> None:
    child = Child("board", python("signal.pause()"))

    assert os.getpgid(child.pid) != os.getpgid(0)
    child.stop()
    assert not alive(child.pid)
