"""Masks: what of a person must not stand in an event, a log or a span, as people in China are used to see it masked.

`13812345678` becomes `138****5678`, `zhou.jian@example.com` becomes `z***@example.com`. A name in running text cannot
be told from other words: who is meant is said by the id of a person.
"""

from __future__ import annotations

import re

from pydantic import AfterValidator

_MAIL = re.compile(
    r"([^\s@<>(),;:\"'\[\]{}=/])[^\s@<>(),;:\"'\[\]{}=/]*(@|%40)(?=[\w.-]*\.[^\W\d_]{2,})", re.IGNORECASE
)
_MOBILE = re.compile(r"(?<![0-9A-Za-z.])(\+?86[ -]?)?(1[3-9]\d)[ -]?\d{4}[ -]?(\d{4})(?![0-9A-Za-z])")
_LANDLINE = re.compile(r"(?<![0-9A-Za-z.-])(0\d{2,3})([-－ ])\d{3,4}(\d{4})(?![0-9A-Za-z])")
_IDENTITY = re.compile(r"(?<![0-9A-Za-z])([1-9]\d{5})(?:19|20)\d{9}[\dXx](?![0-9A-Za-z])")


def masked(text: str) -> str:
    """The text with the middle of every telephone number, e-mail address and identity number made unreadable."""
    text = _MAIL.sub(r"\1***\2", text)
    text = _IDENTITY.sub(r"\1************", text)
    text = _MOBILE.sub(r"\1\2****\3", text)
    return _LANDLINE.sub(r"\1\2****\3", text)


def initial(name: str) -> str:
    """A name as those see it who need not know it: its first character only. Empty stays empty."""
    return f"{name[:1]}**" if name else ""


MASKED = AfterValidator(masked)
"""For what somebody writes in their own words: it goes into events, which everybody reads and nobody deletes."""
