"""All figures in one table: `python -m tests.bench [name ...]`, such as `python -m tests.bench gateway decode`."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys

from tests.bench.figures import Figure, show, yardstick

NAMES = ("gateway", "decode", "rules", "idle", "alarm", "chain", "start", "quix")


def main(names: list[str]) -> None:
    found: list[Figure] = []
    yards = [yardstick()]
    for name in names or NAMES:
        print(f"… {name}", file=sys.stderr, flush=True)
        figures = importlib.import_module(f"tests.bench.bench_{name}").figures()
        found += asyncio.run(figures) if inspect.iscoroutine(figures) else figures
        yards.append(yardstick())
    show(found, yards)


if __name__ == "__main__":
    main(sys.argv[1:])
