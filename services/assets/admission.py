"""Admission: what a piece of the stream becomes, whether its sender is believed, and whether it is answered."""

from __future__ import annotations

import hashlib
from collections import deque
from datetime import datetime, timedelta
from typing import NamedTuple, get_args

from contracts.events.assets import RejectionReason
from services.assets.hj212 import Frame, Packet, Reason, Rejected, packet_of, sender_of
from services.assets.intake import take
from services.assets.register import Known, Passwords, Register
from services.assets.said import Taken, refusal
from services.assets.sent import sent_of
from services.assets.uploads import Times

_REASONS: dict[Reason, RejectionReason] = {
    reason: next((known for known in get_args(RejectionReason) if known == reason.value), "unsupported")
    for reason in Reason
}
_UNREADABLE_KEPT = 64


class Heard(NamedTuple):
    """What a piece becomes. `answer`: what may be answered once that is kept. `trusted`: a logger of the register says
    it, with its CRC and its password."""

    taken: Taken
    answer: Packet | None
    trusted: bool


class Admission:
    """Checks frames against the register."""

    def __init__(self, register: Register, passwords: Passwords, tolerance: timedelta) -> None:
        self._register, self._passwords, self._tolerance = register, passwords, tolerance
        self._unreadable: dict[str, deque[bytes]] = {}

    async def hear(self, piece: Frame | Rejected, times: Times, now: datetime) -> Heard:
        """What a piece of a connection that came `now` becomes; `times` are that connection's."""
        if isinstance(piece, Rejected):
            return Heard(
                refusal(_REASONS[piece.reason], piece.detail, piece.piece, now, offset=piece.offset), None, False
            )
        packet = packet_of(piece)
        if isinstance(packet, Rejected):
            return await self._unread(piece, packet, now)
        known = await self._register.by_mn(packet.mn)
        if known is None:
            detail = f"MN {packet.mn} is not in the register"
            return Heard(refusal("unknown_mn", detail, piece.raw, now, packet.mn, offset=piece.offset), packet, False)
        if doubt := self._doubt(piece, packet, known):
            answer = None if doubt[0] == "crc" else packet
            return Heard(refusal(*doubt, piece.raw, now, packet.mn, offset=piece.offset), answer, False)
        sent = sent_of(times.timed(packet), piece.raw)
        if isinstance(sent, str):
            return _without_reading(sent, packet, piece, now)
        return Heard(take(sent, known, now, self._tolerance), packet, True)

    def _doubt(self, frame: Frame, packet: Packet, known: Known) -> tuple[RejectionReason, str] | None:
        """Why this is not believed to be the logger."""
        if frame.dialect != known.crc and not frame.fits(known.crc):
            return "crc", f"CRC fits {frame.dialect}, {known.site} is registered for {known.crc}"
        if not self._passwords.fits(packet.mn, packet.pw):
            return "wrong_password", f"password of {known.site}"
        return None

    async def _unread(self, frame: Frame, flaw: Rejected, now: datetime) -> Heard:
        """A frame whose content cannot be read. Damage does not come twice: what a trusted logger says again in the
        same words is answered, or it would say so for ever."""
        sender = sender_of(frame)
        known = await self._register.by_mn(sender.mn) if sender else None
        reason = _REASONS[flaw.reason]
        if sender is None or known is None or self._doubt(frame, sender, known):
            return Heard(refusal(reason, flaw.detail, flaw.piece, now, offset=flaw.offset), None, False)
        answer = sender if self._said_before(sender.mn, frame) else None
        return Heard(refusal(reason, flaw.detail, flaw.piece, now, sender.mn, once=True), answer, True)

    def _said_before(self, mn: str, frame: Frame) -> bool:
        content = hashlib.sha256(frame.segment.partition(b"CP")[2]).digest()
        said = self._unreadable.setdefault(mn, deque(maxlen=_UNREADABLE_KEPT))
        if content in said:
            return True
        said.append(content)
        return False


def _without_reading(reason: RejectionReason, packet: Packet, frame: Frame, now: datetime) -> Heard:
    """A later part whose first part came over another connection has no time: not answered, it is sent again whole."""
    untimed = reason == "syntax" and (packet.pno or 1) > 1
    detail = f"part {packet.pno} of {packet.pnum} without DataTime" if untimed else f"CN {packet.cn} carries no reading"
    taken = refusal(reason, detail, frame.raw, now, packet.mn, untimed, frame.offset)
    return Heard(taken, None if untimed else packet, True)
