"""What a command's exit code says, for its help."""

from __future__ import annotations

AWAY_WORDS = "系统未运行 nothing runs"


def exits(good: str, bad: str) -> str:
    """The last lines of a command's help: 0, 1, 2 and 3 in both languages."""
    return f"退出码 / exit codes: 0 {good}; 1 {bad}; 2 用法错误 wrong use; 3 {AWAY_WORDS}"
