"""A sink that was killed: what it had kept is there, half a line costs nothing else, owed reports are made."""

import asyncio
import json
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.local.sinks.both import Sinks
from infra.local.sinks.box import Box


def test_half_a_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "sms.jsonl"
    path.write_text('{"key": "a", "text": "1"}\n{"key": "b", "te', encoding="utf-8")
    box = Box(path)
    box.put({"key": "c", "text": "3"})
    assert [row["key"] for row in Box(path).rows] == ["a", "c"]


async def test_owed_report_is_made_after_the_start(tmp_path: Path) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def hear(request: Request) -> Response:
        heard.put_nowait(request.url.query)
        return Response()

    async with Sinks(tmp_path / "hears") as town:
        port = await town._serve([Route("/dlr", hear)], 0)
        row = {"key": "k", "id": "i", "to": "1", "text": "t", "state": "accepted", "mode": "ok"}
        row |= {"dlr_url": f"http://127.0.0.1:{port}/dlr?kind=%d", "dlr_mask": 1}
        (tmp_path / "sms.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
        async with Sinks(tmp_path) as sinks:
            async with asyncio.timeout(10):
                assert await heard.get() == "kind=1"
                while sinks.sms.box.rows[0]["state"] != "delivered":
                    await asyncio.sleep(0.01)
