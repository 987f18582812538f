"""A box: keeps what a sink was given, in memory and as lines of a JSONL file, each key once."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class Box:
    """Rows by their key. A row that comes again with the same key is counted, not kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._rows: dict[str, Row] = {}
        self.repeats: Counter[str] = Counter()
        self._read(path.read_text("utf-8") if path.exists() else "")

    def _read(self, written: str) -> None:
        """A sink that was killed may have left half a line."""
        for line in written.splitlines():
            with suppress(ValueError):
                row = json.loads(line)
                self._rows[row["key"]] = row
        if written and not written.endswith("\n"):
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n")

    @property
    def rows(self) -> list[Row]:
        """All rows, oldest first."""
        return list(self._rows.values())

    def find(self, key: str) -> Row | None:
        """The row of this key."""
        return self._rows.get(key)

    def put(self, row: Row) -> bool:
        """Keeps a row under `row["key"]`; False where there is one of that key."""
        if row["key"] in self._rows:
            self.repeats[row["key"]] += 1
            return False
        self._rows[row["key"]] = row
        self._append(row)
        return True

    def mark(self, key: str, **changes: Any) -> None:
        """Changes fields of a row; in the file the last line of a key counts."""
        self._rows[key] = {**self._rows[key], **changes}
        self._append(self._rows[key])

    def empty(self) -> None:
        """Forgets all rows, in the file too."""
        self._rows.clear()
        self.repeats.clear()
        self._path.unlink(missing_ok=True)

    def _append(self, row: Row) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
