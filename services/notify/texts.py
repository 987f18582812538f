"""Texts: what the templates make of the facts. Chinese first; an SMS is Chinese.

A single one has at most 140 characters; one that tells of several has at most four parts of a long SMS.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contracts.events.notify import ChannelKind
from services.notify.domain.directory import LOCAL
from services.notify.domain.facts import Facts, headline_of
from services.notify.domain.messages import JOINED, Wording

SMS_LENGTH = 140
JOINED_SMS_LENGTH = 4 * 67
"""Characters; a part of a long SMS in UCS-2 holds 67 (3GPP TS 23.040)."""
_HEADLINE_LENGTH = 60
SIGNATURE = "【值守单】"
_FOLDER = Path(__file__).with_name("templates")


def cut(text: str, length: int) -> str:
    """At most so many characters, the last of them an ellipsis where something is missing."""
    return text if len(text) <= length else text[: length - 1] + "…"


def local(at: datetime) -> str:
    """A moment in an SMS: `3月5日10:02`."""
    here = at.astimezone(LOCAL)
    return f"{here.month}月{here.day}日{here:%H:%M}"


def full(at: datetime) -> str:
    """A moment in a mail: `2026-03-05 10:02`."""
    return f"{at.astimezone(LOCAL):%Y-%m-%d %H:%M}"


def money(amount: Decimal) -> str:
    """An amount of CNY: `12,345.60`."""
    return f"{amount:,.2f}"


def lasting(seconds: int) -> str:
    """A length of time in Chinese: `1小时30分`, `1小时`, `30分钟`."""
    hours, minutes = divmod(seconds // 60, 60)
    if not hours:
        return f"{minutes}分钟" if minutes else "不足1分钟"
    return f"{hours}小时{minutes}分" if minutes else f"{hours}小时"


def lasting_en(seconds: int) -> str:
    """A length of time in English: `1 h 30 min`, `1 h`, `30 min`."""
    hours, minutes = divmod(seconds // 60, 60)
    if not hours:
        return f"{minutes} min" if minutes else "less than 1 min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=False,  # plain text, never HTML
    )  # fmt: skip
    made.filters.update(cut=cut, local=local, full=full, money=money, lasting=lasting, lasting_en=lasting_en)
    return made


_TEMPLATES = _environment()


def template_ids() -> frozenset[str]:
    """The templates there are."""
    return frozenset(path.name.split(".")[0] for path in _FOLDER.glob("*.sms.j2"))


def worded(template: str, channel: ChannelKind, facts: Facts, languages: Collection[str]) -> Wording:
    """The words of one message. Raises jinja2's errors where the template is unknown, or a fact is not there."""
    context = {**facts, "signature": SIGNATURE, "languages": languages}
    headline = headline_of(facts)
    if channel == "sms":
        text = _line(_render(f"{template}.sms.j2", context))
        text = _joined(text, facts) if template == JOINED else cut(text, SMS_LENGTH)
        return Wording(headline=headline, title="", text=text)
    title = _line(_render(f"{template}.subject.j2", context))
    return Wording(headline=headline, title=title, text=_render(f"{template}.mail.j2", context).strip() + "\n")


def _joined(title: str, facts: Facts) -> str:
    """A title line, then a line for each: its text, or its headline where the texts are too long together."""
    texts, lines = facts["texts"], facts["lines"]
    if not isinstance(texts, tuple) or not isinstance(lines, tuple):
        raise TypeError("facts of no messages")
    whole = _numbered(title, [_line(text.removeprefix(SIGNATURE)) for text in texts])
    return whole if len(whole) <= JOINED_SMS_LENGTH else _headlines(title, [line.zh for _, line in lines])


def _headlines(title: str, lines: Sequence[str]) -> str:
    """As many headlines as there is room for, and how many are left out."""
    short = [cut(_line(line), _HEADLINE_LENGTH) for line in lines]
    for shown in range(len(short), -1, -1):
        left = len(short) - shown
        text = _numbered(title, short[:shown]) + (f"\n另有{left}条，详见平台。" if left else "")
        if len(text) <= JOINED_SMS_LENGTH:
            return text
    raise ValueError("a title longer than an SMS")


def _numbered(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"{number}. {line}" for number, line in enumerate(lines, 1))])


def _render(name: str, context: Facts) -> str:
    return _TEMPLATES.get_template(name).render(context)


def _line(text: str) -> str:
    """One line: a name with a line break in it must not end a mail header."""
    return " ".join(text.split())
