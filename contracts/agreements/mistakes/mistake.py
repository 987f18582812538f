"""A mistake in an agreement's files, told so that its author can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from contracts.values import Frozen, Words

SHOWN = 12


class Mistake(Frozen):
    """What is wrong, and where: `line` counts from 1, `field` is the dotted path by ids, `file` is below the folder."""

    file: str
    line: int
    field: str
    wrong: str
    expected: Words
    nearest: str | None = None
    """The valid name or value that looks most like the wrong one."""

    def __str__(self) -> str:
        hint = f"; 是否 {self.nearest}？ / did you mean {self.nearest}?" if self.nearest else ""
        told = f"应为 {self.expected.zh} / expected {self.expected.en}{hint}"
        return f"{self.file}:{self.line} {self.field}: {self.wrong!r}; {told}"


class WrongAgreement(ValueError):
    """The folder has mistakes; nothing of it was loaded."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """The known name most like the wrong one, if any is at all like it."""
    return next(iter(get_close_matches(wrong, sorted(known), n=1)), None)


def one_of(known: Iterable[str]) -> Words:
    """The names to choose from, the first dozen of them."""
    names = sorted(known)
    if not names:
        return Words(zh="先定义后引用的值（尚无可选）", en="something that is defined (nothing is)")
    listed = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
    return Words(zh=f"其中之一：{listed}", en=f"one of: {listed}")
