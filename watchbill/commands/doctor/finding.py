"""What a check found, in plain words: how things stand, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from contracts.values import Frozen, Words
from infra.local.trouble import Trouble

State = Literal["ok", "warn", "bad"]


class Finding(Frozen):
    """`check` names it for programs; `found` says how it is, `todo` what mends it. `data`: the same as values."""

    check: str
    state: State
    found: Words
    todo: Words | None = None
    data: dict[str, Any] = {}


Check = Callable[[], Iterable[Finding]]


def ok(check: str, zh: str, en: str, **data: Any) -> Finding:
    """All is well."""
    return Finding(check=check, state="ok", found=Words(zh=zh, en=en), data=data)


def warn(check: str, found: tuple[str, str], todo: tuple[str, str], **data: Any) -> Finding:
    """Somebody should look at it; the installation works."""
    return _wrong(check, "warn", found, todo, data)


def bad(check: str, found: tuple[str, str], todo: tuple[str, str], **data: Any) -> Finding:
    """Something does not work, or is open to others."""
    return _wrong(check, "bad", found, todo, data)


def _wrong(check: str, state: State, found: tuple[str, str], todo: tuple[str, str], data: dict[str, Any]) -> Finding:
    words = Words(zh=found[0], en=found[1]), Words(zh=todo[0], en=todo[1])
    return Finding(check=check, state=state, found=words[0], todo=words[1], data=data)


def guarded(name: str, check: Check) -> list[Finding]:
    """The findings of a check; one that cannot be made is itself a finding."""
    try:
        return list(check())
    except Trouble as trouble:
        return [bad(name, (trouble.zh, trouble.en), ("见上", "as above"))]
    except Exception as error:  # a doctor that falls ill helps nobody
        why = f"{type(error).__name__}: {error}"[:300]
        return [bad(name, (f"无法检查：{why}", f"could not be checked: {why}"), ("查看日志 logs/", "look into logs/"))]
