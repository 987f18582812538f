"""The way from the logger to the centre: lines that are cut, uploads that come late, twice, or broken first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from infra.local.simulator.chance import fraction, number, salt
from infra.local.simulator.troubles import AnyTrouble, Damage, LineCut, Reorder, Repeat
from infra.local.simulator.wire import Page

LINE_END = b"\r\n"
NO_ANSWER = timedelta(seconds=10)
"""How long a logger waits for an answer before it sends again (HJ 212-2017 table 1)."""
HELD_BACK = (timedelta(minutes=5, seconds=20), timedelta(minutes=10, seconds=40))
REPEATED = (timedelta(seconds=12), timedelta(minutes=6, seconds=40))
LATEST = timedelta(minutes=20)
"""An upload is through with all its troubles so long after it leaves at the latest."""
QN_STEP = timedelta(milliseconds=100)
BACKLOG_STEP = timedelta(milliseconds=10)


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes that leave the logger at `at`. `awaited`: a whole frame, whose answer names `qn` (empty: it names none)."""

    at: datetime
    data: bytes
    qn: str = ""
    awaited: bool = True


class Upload(NamedTuple):
    """What is due to be sent at the end of a period. `first`: the minute since 1970 at which the period starts.

    `rank` orders what is due at one moment: minute, hour, day.
    """

    due: datetime
    rank: int
    cn: str
    first: int


class Leaving(NamedTuple):
    """An upload that leaves at `at`; `qn_at` is the time that its QN names."""

    upload: Upload
    at: datetime
    qn_at: datetime


class Passage:
    """What becomes of one station's uploads on their way."""

    def __init__(self, site: str, seed: int, troubles: Iterable[AnyTrouble]) -> None:
        here = [trouble for trouble in troubles if trouble.site == site]
        self._cuts = sorted((one for one in here if isinstance(one, LineCut)), key=lambda cut: cut.starts)
        self._reorders = [one for one in here if isinstance(one, Reorder)]
        self._repeats = [one for one in here if isinstance(one, Repeat)]
        self._damages = [one for one in here if isinstance(one, Damage)]
        self._seed = seed
        self._site = site

    def earliest(self, start: datetime, end: datetime) -> datetime:
        """What is due after this time may still leave in (start, end]."""
        back = start - LATEST if self._reorders or self._repeats or self._damages else start
        for cut in reversed(self._cuts):
            if back < cut.ends <= end:
                back = min(back, cut.starts)
        return back

    def leaving(self, uploads: Iterable[Upload]) -> Iterator[Leaving]:
        """When each leaves. What waited at a cut leaves at its end, numbered through by its QN in the order given."""
        waited: dict[datetime, int] = {}
        for upload in uploads:
            freed = self._freed(upload.due)
            if freed is None:
                yield Leaving(upload, self._delayed(upload), upload.due + QN_STEP * upload.rank)
            else:
                place = waited[freed] = waited.get(freed, -1) + 1
                yield Leaving(upload, freed, freed + BACKLOG_STEP * place)

    def pieces(self, leaving: Leaving, pages: Sequence[Page]) -> Iterator[Sent]:
        """All the bytes that leave for an upload, broken and repeated ones too."""
        at = leaving.at
        if self._damages and self._happens(self._damages, leaving):
            yield Sent(at, self._broken(leaving, pages[0].data), awaited=False)
            at += NO_ANSWER
        for page in pages:
            yield Sent(at, page.data, page.qn)
        if self._repeats and self._happens(self._repeats, leaving):
            again = at + REPEATED[self._number("again", leaving.upload) % len(REPEATED)]
            for page in pages:
                yield Sent(again, page.data, page.qn)

    def _freed(self, due: datetime) -> datetime | None:
        """The end of the cut, or of the row of cuts, that this time falls into."""
        freed = None
        for cut in self._cuts:
            if cut.starts < (freed or due) <= cut.ends:
                freed = cut.ends.astimezone(UTC)
        return freed

    def _delayed(self, upload: Upload) -> datetime:
        if not self._reorders or not any(one.covers(upload.due) for one in self._reorders):
            return upload.due
        picked = self._number("order", upload) % (3 * len(HELD_BACK))
        return upload.due + HELD_BACK[picked] if picked < len(HELD_BACK) else upload.due

    def _happens(self, troubles: Sequence[Repeat] | Sequence[Damage], leaving: Leaving) -> bool:
        return any(
            one.covers(leaving.at) and fraction(self._salt(type(one).__name__), _place(leaving.upload)) < one.share
            for one in troubles
        )

    def _broken(self, leaving: Leaving, frame: bytes) -> bytes:
        chance = self._number("broken", leaving.upload)
        way = (_flipped, _cut_short, _run_together, _garbage)[chance % 4]
        return way(frame, chance >> 2)

    def _number(self, of: str, upload: Upload) -> int:
        return number(self._salt(of), _place(upload))

    def _salt(self, of: str) -> int:
        return salt(self._seed, self._site, "passage", of)


def _place(upload: Upload) -> int:
    return upload.first * 3 + upload.rank


def _flipped(frame: bytes, chance: int) -> bytes:
    """Bits of one byte of the segment are turned: the CRC always finds that."""
    place = 6 + chance % (len(frame) - 12)
    turned = frame[place] ^ (1 + (chance >> 20) % 255)
    return frame[:place] + bytes((turned,)) + frame[place + 1 :]


def _cut_short(frame: bytes, chance: int) -> bytes:
    return _run_together(frame, chance) + LINE_END


def _run_together(frame: bytes, chance: int) -> bytes:
    """The end is lost with its line end, so the next frame stands right behind the rest."""
    return frame[: 8 + chance % (len(frame) - 20)]


def _garbage(_: bytes, chance: int) -> bytes:
    noise = b"".join(number(chance, index).to_bytes(8, "big") for index in range(2 + chance % 7))
    return noise.replace(b"#", b"") + LINE_END
