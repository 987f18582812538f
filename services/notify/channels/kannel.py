"""SMS over HTTP in the form of Kannel's `sendsms` (its user guide): GET; 202 with `0: …` is accepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType

import httpx
from opentelemetry import propagate

from services.notify.channels.ports import Sms
from services.notify.domain.outcomes import Handed, Refused, account_refused, refused, unanswered

PROVIDER = "kannel"
_REPORTS = "31"
"""dlr-mask: every kind of report (1 + 2 + 4 + 8 + 16)."""
_ACCEPTED = ("0:", "3:")
"""Accepted for delivery; queued for later delivery."""
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL)
_UNROUTABLE = "Not routable"
"""Kannel refuses both a number it has no route for and a wrong account with 403; its words tell them apart."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user at the gateway, and the number or name the phone shows."""

    url: str
    user: str
    password: str = field(repr=False)
    sender: str = ""
    timeout_seconds: float = 10.0
    keeps_keys: bool = False
    """Whether what answers there heeds `Idempotency-Key`. Kannel itself does not."""


class KannelGateway:
    """Hands short messages to Kannel. Used as a context, it closes its connections."""

    def __init__(self, account: Account) -> None:
        self._account = account
        # The bare transport: httpx's client would log every address, with the phone and the password in it.
        self._transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=8))

    @property
    def keeps_keys(self) -> bool:
        return self._account.keeps_keys

    async def __aenter__(self) -> KannelGateway:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.aclose()

    async def send(self, message: Sms) -> Handed | Refused:
        """401, 403 and 407 are our account's trouble; other 4xx are for good, except 408 and 429; all else may pass."""
        try:
            status, body = await self._ask(message)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return unanswered(f"no answer: {type(error).__name__}", unsure=not isinstance(error, _NEVER_SENT))
        if status == 202 and body.startswith(_ACCEPTED):
            return Handed(provider=PROVIDER, provider_id=_own_id(body) or message.notice)
        return _refusal(status, body, self._account.password)

    async def _ask(self, message: Sms) -> tuple[int, str]:
        headers = {"Idempotency-Key": message.notice}
        propagate.inject(headers)
        request = httpx.Request(
            "GET", self._account.url, params=self._form(message), headers=headers,
            extensions={"timeout": httpx.Timeout(self._account.timeout_seconds).as_dict()},
        )  # fmt: skip
        response = await self._transport.handle_async_request(request)
        try:
            return response.status_code, (await response.aread()).decode(errors="replace")
        finally:
            await response.aclose()

    def _form(self, message: Sms) -> dict[str, str]:
        account = self._account
        form = {
            "username": account.user, "password": account.password, "to": message.to, "text": message.text,
            "coding": "2", "charset": "UTF-8",
        }  # fmt: skip
        if account.sender:
            form["from"] = account.sender
        return form | ({"dlr-mask": _REPORTS, "dlr-url": message.receipts} if message.receipts else {})


def _refusal(status: int, body: str, password: str) -> Refused:
    """A gateway may repeat what it was asked, with the password in it."""
    if status in (401, 403, 407) and not body.startswith(_UNROUTABLE):
        return account_refused(f"{status} {body}", password)
    return refused(f"{status} {body}", password, permanent=400 <= status < 500 and status not in (408, 429))


def _own_id(body: str) -> str:
    """The gateway's id, which newer Kannels give after a second colon."""
    parts = body.strip().split(":", 2)
    return parts[2].strip() if len(parts) == 3 else ""
