"""Nobody reads a station's password in a log, an event or a page."""

import re

MASK = "******"

# PW may hold any sign but these two (grammar.py), `&` and `=` too. What comes behind a NewPW is of no use to anybody.
_PASSWORD = re.compile(rb"(PW\s*=)[^;,]*", re.IGNORECASE)
_NEW_PASSWORD = re.compile(rb"(NewPW\s*=?).*", re.IGNORECASE | re.DOTALL)


def masked(raw: bytes) -> bytes:
    """The same bytes with `******` for the text after each `PW=`, and for everything after a `NewPW=`."""
    return _NEW_PASSWORD.sub(rb"\1" + MASK.encode(), _PASSWORD.sub(rb"\1" + MASK.encode(), raw))
