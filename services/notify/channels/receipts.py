"""Delivery reports: the address the gateway is given for each notice, and what its numbers mean.

The key in the address is made of the notice: whoever reads one in a log can report on that notice only.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlencode

from services.notify.domain.messages import Report

PATH = "/v1/receipts/sms"
_REPORTS: dict[int, Report] = {1: "delivered", 2: "undelivered", 4: "underway", 8: "underway", 16: "undelivered"}
"""Kannel's dlr-mask: 1 delivered to phone, 2 not, 4 queued at the SMSC, 8 taken by it, 16 refused by it."""


class ReceiptKeys:
    """Makes and checks the keys of one installation. Without a secret no report is asked for, and none is taken."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def key(self, notice: str) -> str:
        """The key of this notice's reports."""
        return hmac.new(self._secret, f"sms-receipt|{notice}".encode(), hashlib.sha256).hexdigest()[:32]

    def fits(self, notice: str, key: str) -> bool:
        """Whether the key is this notice's, compared in constant time."""
        return bool(self._secret) and hmac.compare_digest(self.key(notice).encode(), key.encode())

    def address(self, public_url: str, notice: str) -> str:
        """The dlr-url; the gateway puts the kind of report in the place of `%d`. Empty without a public address."""
        if not (public_url and self._secret):
            return ""
        query = urlencode({"notice": notice, "key": self.key(notice)})
        return f"{public_url.rstrip('/')}{PATH}?{query}&type=%d"


def report_of(kind: int) -> Report | None:
    """What a report number says; None for a number Kannel does not have."""
    return _REPORTS.get(kind)
