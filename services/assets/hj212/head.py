"""The outer parts of a data segment: the head before `CP=&&` (HJ 212-2017 table 3), and CP itself, still unread."""

import re
from collections.abc import Mapping

from services.assets.hj212.grammar import HEAD_NAMES, STANDARD_HEAD, Malformed, check_forms, check_numbers

Head = tuple[str, str, str, str | None, int | None, int | None, int | None]
"""ST, CN, MN, PW, Flag, PNUM, PNO."""

_CP = re.compile(r"CP\s*=\s*&&")
_NAMES = {name.upper(): name for name in HEAD_NAMES}


def text_of(segment: bytes) -> str:
    """The segment as text, UTF-8 or GB 18030."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return segment.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Malformed("segment", "neither UTF-8 nor GB 18030")


def cut(text: str) -> tuple[str, str, str]:
    """What stands before CP, in it, and behind it."""
    opening = _CP.search(text)
    if opening is None:
        raise Malformed("CP", "missing")
    start, closing = opening.end(), text.rfind("&&")
    if closing < start:
        raise Malformed("CP", "not closed")
    return text[: opening.start()], text[start:closing], text[closing + 2 :]


def head_of(text: str, strict: bool) -> dict[str, str]:
    """The fields of the head by their names in table 3; ST, CN and MN are there."""
    standard = STANDARD_HEAD.fullmatch(text)
    if standard is not None:
        head = {name: value for name, value in standard.groupdict().items() if value is not None}
    else:
        head = _free_head(text, strict)
    for name in ("ST", "CN", "MN"):
        if not head.get(name):
            raise Malformed(name, "missing")
    if strict:
        check_numbers(head)
    return head


def _free_head(text: str, strict: bool) -> dict[str, str]:
    head: dict[str, str] = {}
    for part in text.replace(",", ";").split(";"):
        written, equals, value = part.partition("=")
        name = _NAMES.get(written.strip().upper())
        if name is None or not equals:
            if strict and part.strip():
                raise Malformed("head", "an unknown field")
        elif head.setdefault(name, value.strip()) != value.strip():
            raise Malformed(name, "twice, with different values")
    if strict:
        check_forms(head)
    return head


def fields_of(head: Mapping[str, str]) -> Head:
    """What a packet keeps of its head, but for QN."""
    numbers = _number(head, "Flag"), _number(head, "PNUM"), _number(head, "PNO")
    return (head["ST"], head["CN"], head["MN"], head.get("PW"), *numbers)


def _number(head: Mapping[str, str], name: str) -> int | None:
    text = head.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def before_cp(text: str) -> str:
    """The head's text, whatever became of CP."""
    return _CP.split(text, maxsplit=1)[0]
