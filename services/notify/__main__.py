"""python -m services.notify"""

from infra.runtime.room import run
from services.notify.app import room

if __name__ == "__main__":
    run(room)
