"""python -m services.incidents"""

from infra.runtime.room import run
from services.incidents.app import room

if __name__ == "__main__":
    run(room)
