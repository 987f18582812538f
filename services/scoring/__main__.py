"""python -m services.scoring"""

from infra.runtime.room import run
from services.scoring.app import room

if __name__ == "__main__":
    run(room)
