"""python -m tests.chaos.victim services.incidents: the service as it is, but that it dies where its plan says, and that
its clock jumps."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from tests.chaos.clock import JumpingClock
from tests.chaos.doom import Victim
from tests.chaos.points import STEPS, watch

FOLDER = "WATCHBILL_CHAOS"


def main(module: str) -> None:
    """Runs the module as the main one."""
    service = module.rpartition(".")[2]
    clock = JumpingClock()
    victim = Victim(Path(os.environ[FOLDER]), service, clock)
    for step in STEPS:
        if step.happens_in(service):
            watch(step, victim.passes)
    clock.install()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1])
