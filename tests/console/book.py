"""The book of visitors in memory: the twin of the one in the database."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from services.console.sessions import Session


class BookInMemory:
    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.tries: Counter[str] = Counter()

    async def keep(self, session: Session) -> None:
        self.sessions[session.id] = session

    async def find(self, id: str) -> Session | None:
        return self.sessions.get(id)

    async def drop(self, id: str) -> None:
        self.sessions.pop(id, None)

    async def tried(self, what: str, until: datetime) -> int:
        self.tries[what] += 1
        return self.tries[what]
