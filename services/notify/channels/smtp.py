"""E-mail by SMTP (RFC 5321, RFC 4954): 4xx may pass; 5xx is for good where it is the message that is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, localtime

import aiosmtplib
from opentelemetry import trace

from services.notify.channels.ports import Mail
from services.notify.domain.outcomes import Handed, Refused, account_refused, refused, unanswered

PROVIDER = "smtp"
_OUR_ACCOUNT = (530, 534, 535, 538)
"""Authentication needed, too weak, wrong, or only over TLS (RFC 4954, section 6)."""
_OURS = (
    aiosmtplib.SMTPAuthenticationError, aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPHeloError,
    aiosmtplib.SMTPConnectResponseError,
)  # fmt: skip
"""What a server refuses before it has heard of any recipient."""
_LATE = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPReadTimeoutError)
"""A connection that broke off or fell silent: the server may have taken the mail."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The server that takes our mails, and the address they come from."""

    host: str
    port: int
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    starttls: bool = True
    timeout_seconds: float = 20.0
    keeps_ids: bool = False


class SmtpServer:
    """Hands mails over, one connection each."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    @property
    def keeps_keys(self) -> bool:
        """As it is set: no server tells."""
        return self._mailbox.keeps_ids

    async def send(self, message: Mail) -> Handed | Refused:
        """The Message-ID is the provider's id: the server has none that it tells."""
        try:
            mail = composed(message, self._mailbox.sender)
            await self._hand_over(mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return self._answer(error.recipients[0].code, error.recipients[0].message)
        except _OURS as error:
            return self._answer(error.code, error.message, ours=True)
        except aiosmtplib.SMTPResponseException as error:
            return self._answer(error.code, error.message)
        except (aiosmtplib.SMTPException, OSError) as error:
            return unanswered(f"no answer: {type(error).__name__}", unsure=isinstance(error, _LATE))
        except (ValueError, AttributeError) as error:  # AttributeError: the standard library, on `x@[1`
            return refused(f"no mail can be written to this address: {type(error).__name__}", permanent=True)
        return Handed(provider=PROVIDER, provider_id=mail["Message-ID"])

    def _answer(self, code: int, text: str, *, ours: bool = False) -> Refused:
        if code in _OUR_ACCOUNT or (ours and code >= 500):
            return account_refused(f"{code} {text}", self._mailbox.password)
        return refused(f"{code} {text}", self._mailbox.password, permanent=500 <= code < 600)

    async def _hand_over(self, mail: EmailMessage) -> None:
        box = self._mailbox
        await aiosmtplib.send(
            mail, sender=box.sender, hostname=box.host, port=box.port, username=box.user, password=box.password,
            start_tls=box.starttls, timeout=box.timeout_seconds,
        )  # fmt: skip


def composed(message: Mail, sender: str) -> EmailMessage:
    """The mail as it goes over the wire. The trace goes along, so that a mail leads back to its cause."""
    mail = EmailMessage(policy=WIRE)
    mail["From"], mail["To"], mail["Subject"] = sender, message.to, message.subject
    mail["Message-ID"] = f"<{message.notice}@{sender.rpartition('@')[2]}>"
    mail["Date"] = format_datetime(localtime())
    mail["Auto-Submitted"] = "auto-generated"
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        mail["X-Trace-Id"] = f"{context.trace_id:032x}"
    mail.set_content(message.text, cte="base64")
    return mail
