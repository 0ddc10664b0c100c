"""A process of ours: tied to our life, its output kept, ended in order."""

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from services.config import PREFIX

_TETHER = Path(__file__).with_name("tether.py")
_KEPT_LINES = 20


class Child:
    """A running process that does not outlive us, not even a `kill -9` of ours.

    Start it from a thread that lives as long as we do, best the main one: the kernel ties a child to the thread
    that made it. It gets a session of its own, so that Ctrl-C reaches us alone and we decide the order of the end.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        settings: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
        inherit_stdout: bool = False,
    ) -> None:
        """Start ``command``.

        Args:
            name: What we call it in sentences.
            command: The program and its arguments.
            settings: DESKPULSE_* variables; those of our own environment are not passed on beside them.
            on_line: Told each line of its output, on a thread.
            inherit_stdout: It writes to our standard output itself, such as a progress bar.
        """
        self.name = name
        self.tail: deque[str] = deque(maxlen=_KEPT_LINES)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
        self.process = subprocess.Popen(  # noqa: S603 - every command is ours
            [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *command],
            env={**inherited, **(settings or {})},
            stdin=subprocess.DEVNULL,
            stdout=None if inherit_stdout else subprocess.PIPE,
            stderr=subprocess.PIPE if inherit_stdout else subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(on_line,), name=name, daemon=True)
        self._reader.start()

    def _read(self, on_line: Callable[[str], None] | None) -> None:
        output = self.process.stdout or self.process.stderr
        assert output is not None
        with output:
            for raw in output:
                line = raw.decode(errors="replace").rstrip()
                self.tail.append(line)
                if on_line is not None:
                    on_line(line)
        self.process.wait()

    def when_ended(self, tell: "Callable[[Child], None]") -> None:
        """``tell`` us, on a thread, once it has ended and its output is read."""

        def wait() -> None:
            self._reader.join()
            tell(self)

        threading.Thread(target=wait, name=f"end of {self.name}", daemon=True).start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; below zero it is the signal that ended it."""
        return self.process.poll()

    def last_words(self) -> str:
        """How it ended, and its last lines, for a person."""
        code = self.exit_code
        if code is not None:
            self._reader.join(timeout=1)
        ended = "is running" if code is None else f"ended with exit code {code}"
        if code is not None and code < 0:
            ended = f"was ended by signal {-code}"
        lines = "".join(f"\n  {line}" for line in self.tail)
        return f"{self.name} {ended}" + (f"; its last lines:{lines}" if lines else "; it said nothing")

    def stop(self, grace_s: float = 5) -> None:
        """Ask it to end, and end it when it has not after ``grace_s``."""
        if self.exit_code is None:
            self.process.terminate()
            try:
                self.process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self._reader.join()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()
