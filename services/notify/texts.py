"""Texts: what the templates make of the facts. Chinese first; an SMS is Chinese and at most 140 characters."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contracts.events.notify import ChannelKind
from services.notify.domain.directory import LOCAL
from services.notify.domain.facts import Facts, headline_of
from services.notify.domain.messages import Wording

SMS_LENGTH = 140
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
    """A length of time in Chinese: `1小时30分`."""
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}小时{minutes}分" if hours else f"{minutes}分钟"


def lasting_en(seconds: int) -> str:
    """A length of time in English: `1 h 30 min`."""
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


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
        text = cut(_line(_render(f"{template}.sms.j2", context)), SMS_LENGTH)
        return Wording(headline=headline, title="", text=text)
    title = _line(_render(f"{template}.subject.j2", context))
    return Wording(headline=headline, title=title, text=_render(f"{template}.mail.j2", context).strip() + "\n")


def _render(name: str, context: Facts) -> str:
    return _TEMPLATES.get_template(name).render(context)


def _line(text: str) -> str:
    """One line: a name with a line break in it must not end a mail header."""
    return " ".join(text.split())
