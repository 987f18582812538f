"""How an error is told in logs, spans and health: what went wrong, never the data that it went wrong on."""

from __future__ import annotations

import traceback

from pymongo.errors import BulkWriteError

from contracts.masks import masked

_LONGEST = 300


def told(error: BaseException) -> str:
    """One line of at most 300 characters: the kind of the error and its words, without anybody's number or address."""
    return masked(f"{type(error).__name__}: {_words(error)}")[:_LONGEST]


def told_whole(error: BaseException) -> str:
    """With the last four places of the traceback, for people who mend it. The same is left out."""
    if isinstance(error, BulkWriteError):
        places = "".join(traceback.format_tb(error.__traceback__, limit=-4))
        return f"{places}{told(error)}"
    return masked("".join(traceback.format_exception(error, limit=-4)))


def _words(error: BaseException) -> str:
    """The driver's own words for a failed write hold the whole document."""
    if isinstance(error, BulkWriteError):
        failed = (error.details or {}).get("writeErrors", [])
        return "; ".join(f"{one.get('code')} {one.get('errmsg')}" for one in failed[:3])
    return str(error)
