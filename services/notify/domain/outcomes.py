"""What handing a message over can come to. A reason shows no number and no address."""

from __future__ import annotations

import re

from contracts.values import Frozen

_ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?")
_NUMBER = re.compile(r"\+?\d[\d -]{5,}\d")


class Handed(Frozen):
    """The provider took it; `provider_id` is its own name for it."""

    provider: str
    provider_id: str


class Refused(Frozen):
    """The provider did not take it; `permanent`: it never will.

    `account`: it was not the message that was refused but we (a wrong password, a closed account): that passes once
    somebody mends it.
    """

    permanent: bool
    reason: str
    account: bool = False


def scrubbed(text: str) -> str:
    """What a provider said, on one line of at most 120 characters, without numbers and addresses."""
    line = " ".join(text.split())
    return _NUMBER.sub("[number]", _ADDRESS.sub("[address]", line))[:120]


def refused(text: str, *, permanent: bool) -> Refused:
    """A refusal of the message in the provider's words, scrubbed."""
    return Refused(permanent=permanent, reason=scrubbed(text))


def account_refused(text: str) -> Refused:
    """A refusal of our account in the provider's words, scrubbed: the message waits until it is mended."""
    return Refused(permanent=False, reason=scrubbed(text), account=True)
