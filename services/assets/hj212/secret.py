"""Nobody reads a station's password, or a key that was sent to the wrong door, in a log, an event or a page."""

import re
from typing import Any

from msgspec import Struct

MASK = "******"

# PW may hold any sign but these two (grammar.py), `&` and `=` too. What comes behind a NewPW is of no use to anybody.
_PASSWORD = re.compile(rb"(PW\s*=)[^;,]*", re.IGNORECASE)
_NEW_PASSWORD = re.compile(rb"(NewPW\s*=?).*", re.IGNORECASE | re.DOTALL)
# Where the line has damaged the name itself, its place tells: the password stands behind CN.
_PLACE = re.compile(rb"(CN=[^;]{1,6};)(?!(?:QN|ST|PW|MN|Flag|PNUM|PNO|CP)\s*=)([^;=]{0,2}=?)[^;,]*", re.IGNORECASE)
_HEADER = re.compile(rb"((?:proxy-)?authorization\s*:|x-api-key\s*:|cookie\s*:)[^\r\n]*", re.IGNORECASE)


class Guarded(Struct, frozen=True):
    """A value that holds a password: whoever prints it gets its `repr`, rich too."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", repr(self))]


def masked(raw: bytes) -> bytes:
    """The same bytes with `******` for the text after each `PW=`, for everything after a `NewPW=`, and for the secrets
    in the head of an HTTP request."""
    mask = MASK.encode()
    raw = _PASSWORD.sub(rb"\1" + mask, raw)
    raw = _PLACE.sub(rb"\1\2" + mask, raw)
    raw = _NEW_PASSWORD.sub(rb"\1" + mask, raw)
    return _HEADER.sub(rb"\1 " + mask, raw)
