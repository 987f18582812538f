"""The one exception of `infra.local`: what is wrong, where, and what to do, in Chinese and in English."""

from __future__ import annotations

import importlib
from types import ModuleType


class Trouble(RuntimeError):
    """Something the person at the keyboard can put right.

    `zh` and `en` say the same in both languages; `tail` is the end of a child's log, or empty.
    """

    def __init__(self, zh: str, en: str, *, tail: str = "") -> None:
        super().__init__(zh, en, tail)
        self.zh, self.en, self.tail = zh, en, tail

    def __str__(self) -> str:
        return "\n".join(part for part in (self.zh, self.en, self.tail) if part)


def extra(module: str) -> ModuleType:
    """The module of the optional `local` extra. Raises Trouble when the extra is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        raise Trouble(
            f"缺少 Python 包 {missing.name}：本机运行需要可选组件 local。请执行 pip install 'watchbill[local]'",
            f"Python package {missing.name} is missing: running on this machine needs the extra `local`. "
            "Run: pip install 'watchbill[local]'",
        ) from missing
