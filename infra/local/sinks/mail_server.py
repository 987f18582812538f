"""A mail server that keeps what it gets, each Message-ID once; 451 and 550 on order."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from infra.local.sinks.box import Box
from infra.local.sinks.mood import Mood


@dataclass
class MailSink:
    """The server; `handle_…` are what aiosmtpd calls."""

    box: Box
    mood: Mood = field(default_factory=Mood)

    @classmethod
    def at(cls, folder: Path) -> MailSink:
        """A server that keeps its mails in this folder."""
        return cls(Box(folder / "mail.jsonl"))

    async def listen(self, port: int) -> asyncio.Server:
        """Listens on 127.0.0.1; port 0 picks a free one."""
        loop = asyncio.get_running_loop()

        def speak() -> SMTP:
            return SMTP(self, hostname="localhost", enable_SMTPUTF8=True)

        return await loop.create_server(speak, "127.0.0.1", port)

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[Any]) -> str:
        """Refuses a recipient on order, else takes it."""
        order = self.mood.next()
        if order.mode == "slow":
            await asyncio.sleep(order.seconds)
        if order.mode == "temporary":
            return f"451 4.3.0 <{address}> try again later"
        if order.mode == "permanent":
            return f"550 5.1.1 <{address}> no such mailbox"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:
        """Keeps the mail."""
        content = envelope.content or b""
        mail = message_from_bytes(content.encode() if isinstance(content, str) else content, policy=policy.default)
        self.box.put(_row(mail, list(envelope.rcpt_tos)))
        return "250 OK"


def _row(mail: EmailMessage, recipients: list[str]) -> dict[str, Any]:
    body = mail.get_body(("plain", "html"))
    return {
        "key": str(mail["Message-ID"] or uuid.uuid4()), "to": ", ".join(recipients), "from": str(mail["From"]),
        "title": str(mail["Subject"]), "text": body.get_content() if body else "", "state": "accepted",
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"), "trace": str(mail["X-Trace-Id"] or ""),
    }  # fmt: skip
