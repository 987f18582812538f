"""Nobody reads a station's password in a log, an event or a page."""

import re

MASK = "******"

_PASSWORD = re.compile(rb"(PW\s*=)[^;,&]*", re.IGNORECASE)


def masked(raw: bytes) -> bytes:
    """The same bytes with the text after each `PW=` (and `NewPW=`) replaced by `******`."""
    return _PASSWORD.sub(rb"\1" + MASK.encode(), raw)
