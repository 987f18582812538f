"""A simulated station: all the bytes that its logger sends, in any span of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from contracts.agreements.sites import Site
from infra.local.simulator.air import DAY, HOUR, minute_of
from infra.local.simulator.instrument import moment_of
from infra.local.simulator.instruments import Instruments, is_midnight
from infra.local.simulator.passage import LATEST, Leaving, Passage, Sent, Upload
from infra.local.simulator.troubles import AnyTrouble
from infra.local.simulator.wire import Page, Pen
from infra.local.trouble import Trouble

__all__ = ["Sent", "Station"]

MINUTES, HOURS, DAYS = "2051", "2061", "2031"


class Station:
    """A site of an agreement with its logger; `troubles` of other sites are read over. Trouble: no logger, or a
    parameter that has no course.

    What is due at a moment leaves in the order minute, hour, day; the milliseconds of the QN tell them apart.
    """

    def __init__(self, site: Site, password: str, seed: int, troubles: Iterable[AnyTrouble] = ()) -> None:
        logger = site.logger
        if logger is None:
            raise Trouble(f"站点 {site.id} 没有数采仪", f"site {site.id} has no logger")
        here = tuple(trouble for trouble in troubles if trouble.site == site.id)
        self.site = site
        self.instruments = Instruments(site, logger, seed, here)
        self._pen = Pen(logger.mn, password, logger.edition, logger.crc)
        self._passage = Passage(site.id, seed, here)
        self._items: dict[str, Callable[[int], list[str]]] = {
            MINUTES: self.instruments.minute_items,
            HOURS: self.instruments.hour_items,
            DAYS: self.instruments.day_items,
        }

    def frames(self, start: datetime, end: datetime) -> list[Sent]:
        """All that leaves the logger in (start, end], in its order.

        Two spans that meet give together what the whole gives.
        """
        uploads = self._uploads(self._passage.earliest(start, end), end)
        sent: list[Sent] = []
        for leaving in self._passage.leaving(uploads):
            if start - LATEST < leaving.at <= end:
                sent += self._passage.pieces(leaving, self._pages(leaving))
        return sorted((piece for piece in sent if start < piece.at <= end), key=lambda piece: piece.at)

    def _uploads(self, after: datetime, until: datetime) -> Iterator[Upload]:
        """What falls due in (after, until], but for what a logger without power neither measures nor sends."""
        step = self.instruments.step
        first_end = minute_of(after) // step * step + step
        for minute in range(first_end, minute_of(until) + 1, step):
            due = moment_of(minute)
            if self.instruments.is_measured(minute - step):
                yield Upload(due, 0, MINUTES, minute - step)
            if minute % HOUR == 0 and self.instruments.is_awake(minute):
                yield Upload(due, 1, HOURS, minute - HOUR)
                if is_midnight(minute):
                    yield Upload(due, 2, DAYS, minute - DAY)

    def _pages(self, leaving: Leaving) -> list[Page]:
        upload = leaving.upload
        return self._pen.upload(upload.cn, leaving.qn_at, moment_of(upload.first), self._items[upload.cn](upload.first))
