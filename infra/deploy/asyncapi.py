"""The AsyncAPI document of all services, from their wired rooms; `python -m infra.deploy.asyncapi` writes it anew."""

from __future__ import annotations

import importlib
from pathlib import Path

from contracts.events.published import text_of
from infra.processes import PROCESSES
from infra.runtime.asyncapi import Document, asyncapi_document
from infra.runtime.room import Room

FILE = Path(__file__).parents[2] / "docs" / "events" / "asyncapi.json"


def rooms() -> tuple[Room, ...]:
    """The room of each process, wired and not opened."""
    return tuple(importlib.import_module(f"{process.module}.app").room for process in PROCESSES)


def whole_document() -> Document:
    """What all services hear and say."""
    return asyncapi_document(*(room.ears for room in rooms()))


def write(file: Path = FILE) -> None:
    """Writes the document."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text_of(whole_document()), encoding="utf-8")


if __name__ == "__main__":
    write()
