"""python -m services.console"""

from infra.runtime.room import run
from services.console.app import room

if __name__ == "__main__":
    run(room)
