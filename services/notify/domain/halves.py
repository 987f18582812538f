"""Halves: a note that other rooms wrote in both languages on one line, taken apart for whoever reads one of them."""

from __future__ import annotations

import re

from contracts.values import Words

_HAN = re.compile(r"[\u3400-\u9fff]")
_ANSWER = re.compile(r"^(?P<title>.*?): (?P<answer>.+)$", re.DOTALL)
_CALLER = re.compile(r"^(?P<text>.*) \((?P<caller>[^()]*)\)$", re.DOTALL)
_BETWEEN = " / "


def halves(note: str) -> Words | None:
    """`中文 / English` as its two halves; a note in one language stands in both; None where there is none."""
    if not note.strip():
        return None
    at = note.find(_BETWEEN)
    while at >= 0:
        zh, en = note[:at].strip(), note[at + len(_BETWEEN) :].strip()
        if _HAN.search(zh) and en and not _HAN.search(en):
            return Words(zh=zh, en=en)
        at = note.find(_BETWEEN, at + 1)
    return Words(zh=note, en=note)


def finding(note: str) -> Words | None:
    """What an inspection found: `项目 / Item: answer`, where the answer is in the inspector's own words."""
    before, between, after = note.partition(_BETWEEN)
    found = _ANSWER.match(after)
    if not (between and found and _HAN.search(before)) or _HAN.search(found["title"]):
        return halves(note)
    return Words(zh=f"{before}：{found['answer']}", en=f"{found['title']}: {found['answer']}")


def call(note: str) -> Words | None:
    """What somebody reported: `文字 / text (caller)`."""
    found = _CALLER.match(note)
    text = halves(found["text"]) if found else None
    if found is None or text is None:
        return halves(note)
    return Words(zh=f"{text.zh}（{found['caller']}）", en=f"{text.en} ({found['caller']})")
