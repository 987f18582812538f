"""What cannot be recorded, and why, in the words of the person who tried."""

from __future__ import annotations

from contracts.values import Words


class Refused(Exception):
    """A post that does not fit what is known. `status`: 409 it contradicts the fault, 422 its time cannot be."""

    def __init__(self, status: int, code: str, zh: str, en: str) -> None:
        super().__init__(f"{code}: {en}")
        self.status = status
        self.code = code
        self.words = Words(zh=zh, en=en)
