"""Run a command that dies with its parent: no broker or service outlives the process that started it.

A tiny program of its own instead of a `preexec_fn`, which is not safe in a process with threads (PyMongo has some).
Linux only, as is the mongod wheel: see prctl(2), PR_SET_PDEATHSIG. The parent, for the kernel, is the *thread* that
started the child: start children from a thread that stays, such as the one of the event loop.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def leashed(command: Sequence[str]) -> list[str]:
    """The command line that runs `command` on a leash held by the calling process."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def main(parent: int, command: list[str]) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the leash was on
        sys.exit(1)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
