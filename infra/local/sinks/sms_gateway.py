"""An SMS gateway in the form of Kannel's `sendsms`: keeps the messages, and reports their delivery to `dlr-url`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from infra.local.sinks.box import Box, Row
from infra.local.sinks.mood import Mood

SUBMITTED, DELIVERED, UNDELIVERED = 8, 1, 2
_TRIES = 8


@dataclass
class SmsSink:
    """The gateway. Only this `user` with this `password` may send, where one is given. Pauses are in seconds."""

    box: Box
    user: str = ""
    password: str = ""
    report_pause_seconds: float = 0.05
    retry_pause_seconds: float = 0.25
    mood: Mood = field(default_factory=Mood)
    _reports: set[asyncio.Task[None]] = field(default_factory=set)
    _client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=10.0, trust_env=False))
    """One for all reports: a new one reads the authorities of this machine, 30 ms of a core."""

    @classmethod
    def at(cls, folder: Path) -> SmsSink:
        """A gateway that keeps its messages in this folder."""
        return cls(Box(folder / "sms.jsonl"))

    @property
    def routes(self) -> list[Route]:
        """What a phone company's gateway answers."""
        return [Route("/cgi-bin/sendsms", self.sendsms, methods=["GET", "POST"])]

    async def sendsms(self, request: Request) -> Response:
        """Takes one message: 202 with `0: Accepted for delivery: <id>`, or a refusal in Kannel's words."""
        form = request.query_params
        if (form.get("username", ""), form.get("password", "")) != (self.user, self.password) and self.user:
            return PlainTextResponse("Authorization failed for sendsms", 403)
        if not form.get("to") or not form.get("text"):
            return PlainTextResponse("Missing receiver number or text, rejected", 400)
        order = self.mood.next()
        if order.mode == "slow":
            await asyncio.sleep(order.seconds)
        if order.mode == "temporary":
            return PlainTextResponse("Temporal failure, try again later.", 503)
        if order.mode == "permanent":
            return PlainTextResponse("Not routable. Do not try again.", 403)
        row = self._take(request, order.mode)
        if order.mode == "lost":
            return PlainTextResponse("Temporal failure, try again later.", 503)
        return PlainTextResponse(f"0: Accepted for delivery: {row['id']}", 202)

    async def close(self) -> None:
        """Gives up the reports that are under way."""
        for task in self._reports:
            task.cancel()
        await asyncio.gather(*self._reports, return_exceptions=True)
        await self._client.aclose()

    def _take(self, request: Request, mode: str) -> Row:
        form, headers = request.query_params, request.headers
        key = (mode != "forgetful" and headers.get("idempotency-key")) or str(uuid.uuid4())
        row = {
            "key": key, "id": str(uuid.uuid4()), "to": form["to"], "text": form["text"], "from": form.get("from", ""),
            "coding": form.get("coding", ""), "charset": form.get("charset", ""), "state": "accepted",
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "traceparent": headers.get("traceparent", ""), "mode": mode,
            "dlr_url": form.get("dlr-url", ""), "dlr_mask": int(form.get("dlr-mask") or 0),
        }  # fmt: skip
        if not self.box.put(row):
            return self.box.find(key) or row
        self._promise(row)
        return row

    def resume(self) -> None:
        """Makes the reports that were still owed when it was stopped."""
        for row in self.box.rows:
            if "reported" not in row or row["state"] == "submitted":
                self._promise(row)

    def _promise(self, row: Row) -> None:
        if row.get("dlr_url") and row["mode"] != "silent":
            self._start(self._report(row["key"], row["dlr_url"], row["dlr_mask"], row["mode"]))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def _report(self, key: str, url: str, mask: int, mode: str) -> None:
        last = (UNDELIVERED, "undelivered") if mode == "undelivered" else (DELIVERED, "delivered")
        for kind, state in ((SUBMITTED, "submitted"), last):
            await asyncio.sleep(self.report_pause_seconds)
            told = not mask & kind or await self._tell(filled(url, kind, key))
            self.box.mark(key, state=state, reported=told)

    async def _tell(self, url: str) -> bool:
        """Asks until the address answers 2xx, a few times, each pause twice as long."""
        for attempt in range(_TRIES):
            try:
                if (await self._client.get(url)).is_success:
                    return True
            except httpx.HTTPError:
                pass
            await asyncio.sleep(self.retry_pause_seconds * 2**attempt)
        return False


def filled(url: str, kind: int, id: str) -> str:
    """The dlr-url with Kannel's escapes for the kind of report (`%d`) and the message's id (`%F`) filled in."""
    return url.replace("%d", str(kind)).replace("%F", id)
