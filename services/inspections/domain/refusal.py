"""What cannot be taken, and why, in the words of the person who tried."""

from __future__ import annotations

from typing import NamedTuple

from contracts.values import Words


class Flaw(NamedTuple):
    """One field that is wrong, and what was expected there."""

    field: str
    expected: Words


class Refused(Exception):
    """A post that is not taken. `status`: 409 it contradicts what is known, 422 its content cannot be."""

    def __init__(self, status: int, code: str, words: Words, flaws: tuple[Flaw, ...] = ()) -> None:
        super().__init__(f"{code}: {words.en} {'; '.join(flaw.field for flaw in flaws)}")
        self.status, self.code, self.words, self.flaws = status, code, words, flaws
