"""What handing a message over can come to. A reason shows no number, no address and no password of ours."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus

from contracts.values import Frozen

_ADDRESS = re.compile(r"<?[^\s<>@]+(?:@|%40)[^\s<>@]+>?", re.IGNORECASE)
_NUMBER = re.compile(r"\+?\d[\d -]{5,}\d")


class Handed(Frozen):
    """The provider took it; `provider_id` is its own name for it."""

    provider: str
    provider_id: str


class Refused(Frozen):
    """The provider did not take it; `permanent`: it never will.

    `account`: it was not the message that was refused but we (a wrong password, a closed account): that passes once
    somebody mends it. `unsure`: it was given out, and no answer came: the provider may have taken it all the same.
    """

    permanent: bool
    reason: str
    account: bool = False
    unsure: bool = False


def scrubbed(text: str, *secrets: str | None) -> str:
    """What a provider said, on one line of at most 120 characters, without numbers, addresses and these secrets."""
    for secret in filter(None, secrets):
        for form in (secret, quote(secret, safe=""), quote_plus(secret)):
            text = text.replace(form, "[secret]")
    line = " ".join(text.split())
    return _NUMBER.sub("[number]", _ADDRESS.sub("[address]", line))[:120]


def refused(text: str, *secrets: str | None, permanent: bool) -> Refused:
    """A refusal of the message in the provider's words, scrubbed."""
    return Refused(permanent=permanent, reason=scrubbed(text, *secrets))


def unanswered(text: str, *, unsure: bool) -> Refused:
    """No answer, and why; `unsure` where the provider may have taken the message."""
    return Refused(permanent=False, reason=scrubbed(text), unsure=unsure)


def account_refused(text: str, *secrets: str | None) -> Refused:
    """A refusal of our account in the provider's words, scrubbed: the message waits until it is mended."""
    return Refused(permanent=False, reason=scrubbed(text, *secrets), account=True)
