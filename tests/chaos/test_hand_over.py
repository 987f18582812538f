"""A crash between the hand-over of an SMS and its mark, at a gateway that knows no keys, on the real parts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from contracts.agreements.folder import read_agreement
from infra.local.place import Place
from infra.processes import Process
from tests.chaos.doom import Kill
from tests.chaos.town import Town
from tests.chaos.weeks import FEED, call
from tests.journeys.plays import received_by
from watchbill.demo.cast import Script, local
from watchbill.demo.play import AGREEMENT, Play, as_played
from watchbill.demo.report import Asking

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


class Keyless(Town):
    """Its gateway is as Kannel is, and notify is told so."""

    def environment(self, process: Process) -> Mapping[str, str]:
        return {**super().environment(process), "WATCHBILL_SMS_KEEPS_KEYS": "false"}


async def test_what_may_have_gone_out_twice_says_so(tmp_path: Path) -> None:
    """What the gateway was given twice says that this may be."""
    day = Script(starts=local(30, 6), ends=local(30, 9), troubles=(), calls=(call(30, 8),))
    async with Keyless(Place.of(tmp_path)) as town:
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"http://127.0.0.1:{town.ports['sink-web']}/control/sms", json={"mode": "forgetful"}
            )
            assert answer.is_success, answer.text
        town.dooms([kill := Kill("1", "notify", "after sms hand-over")])
        play = Play(town, day, FEED, as_played(read_agreement(AGREEMENT), minutes=10))
        await play.run(lambda _: None)
        await play.close()
        told = await asyncio.to_thread(lambda: list(Asking(town).pages("notify", "/v1/messages")))
        messages = [one for one in told if one["channel"] == "sms"]
        received = Counter(received_by(town, "sms"))
        assert town.deaths() == [kill]
    assert messages and all(one["state"] in ("handed", "delivered") for one in messages)
    assert len(received) == len(messages) and set(received.values()) in ({1, 2}, {2})
    doubted = sum(one["maybe_twice"] for one in messages)
    assert 1 <= received.total() - len(received) <= doubted, "those beside it may have gone out twice, too"
