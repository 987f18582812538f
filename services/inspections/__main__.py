"""python -m services.inspections"""

from infra.runtime.room import run
from services.inspections.app import room

if __name__ == "__main__":
    run(room)
