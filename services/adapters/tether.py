"""Run a command that dies with its parent: `python tether.py PARENT_PID COMMAND ARG...`.

A file of its own, run by path: it becomes the command, so it must start in milliseconds and import nothing of
ours. (`preexec_fn` would do the same, but is unsafe and warns where the parent has threads.)
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Become ``command``; the kernel kills it once ``parent`` is gone, however that went. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel knew
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is the point


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
