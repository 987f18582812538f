"""Looks for secrets in bytes: in clear, and in the forms that they take on their way."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote


def forms(secret: str) -> Iterator[bytes]:
    """In clear, in URLs, in JSON, in hexadecimal, and in base64 wherever it stands in what was coded."""
    raw = secret.encode()
    yield raw
    yield quote(secret, safe="").encode()
    yield json.dumps(secret)[1:-1].encode()
    yield raw.hex().encode()
    for coded in (b64encode, urlsafe_b64encode):
        for before in range(3):
            whole = coded(b"\0" * before + raw + b"\0\0")
            yield whole[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]


def leaks(secrets: Mapping[str, str], places: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """(where, which secret) for every secret that stands anywhere in a form of its own."""
    wanted = [(name, form) for name, secret in secrets.items() for form in dict.fromkeys(forms(secret))]
    return sorted({(where, name) for where, content in places for name, form in wanted if form in content})
