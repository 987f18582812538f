"""The assets service as a process: `python -m services.assets`."""

from infra.runtime.room import run
from services.assets.app import room

if __name__ == "__main__":
    run(room)
