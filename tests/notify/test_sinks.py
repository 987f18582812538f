"""The sinks themselves: what they keep, show and are told to do, in their own process too."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from infra.local.sinks.both import Sinks
from infra.local.sinks.box import Box
from infra.local.sinks.mood import Mode, Mood, Order
from infra.local.sinks.sms_gateway import filled

ONE = {"username": "u", "password": "p", "to": "19900000001", "text": "【值守单】<b>测试</b>"}


@contextmanager
def running(folder: Path) -> Iterator[dict[str, int]]:
    """The developers' command; gives its ports."""
    command = [sys.executable, "-m", "infra.local.sinks", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert select.select([process.stdout], [], [], 60)[0], "the sinks did not start"
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


async def test_page_shows_messages_as_text(sinks: Sinks) -> None:
    async with httpx.AsyncClient() as client:
        await client.get(sinks.sms_url, params=ONE)
        pages = [(await client.get(url)).text for url in (sinks.web_url, f"http://127.0.0.1:{sinks.sms_port}")]
    assert pages[0] == pages[1]
    assert "【值守单】&lt;b&gt;测试&lt;/b&gt;" in pages[0]
    assert pages[0].index("消息出口") < pages[0].index("Message sinks")


@pytest.mark.parametrize(
    ("mode", "status", "kept"), [("temporary", 503, 0), ("permanent", 403, 0), ("lost", 503, 1), ("ok", 202, 1)]
)
async def test_control_decides_the_next_answer(sinks: Sinks, mode: Mode, status: int, kept: int) -> None:
    async with httpx.AsyncClient(base_url=sinks.web_url) as client:
        await client.post("/control/sms", json={"mode": mode, "times": 1})
        assert (await client.get(sinks.sms_url, params=ONE)).status_code == status
        assert len((await client.get("/messages/sms")).json()["messages"]) == kept
        assert (await client.get(sinks.sms_url, params=ONE)).status_code == 202


async def test_message_without_receiver_is_refused(sinks: Sinks) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(sinks.sms_url, params={**ONE, "to": ""})).status_code == 400


async def test_emptied_box_forgets_its_messages(sinks: Sinks) -> None:
    async with httpx.AsyncClient(base_url=sinks.web_url) as client:
        await client.get(sinks.sms_url, params=ONE)
        await client.delete("/messages/sms")
        assert (await client.get("/messages/sms")).json() == {"messages": [], "repeats": 0}


def test_order_counts_its_messages() -> None:
    mood = Mood()
    mood.take(Order(mode="temporary", times=2))
    assert [mood.next().mode for _ in range(3)] == ["temporary", "temporary", "ok"]


def test_box_remembers_over_a_restart(tmp_path: Path) -> None:
    before = Box(tmp_path / "sms.jsonl")
    before.put({"key": "n-1", "state": "accepted"})
    before.mark("n-1", state="delivered")
    after = Box(tmp_path / "sms.jsonl")
    assert after.rows == [{"key": "n-1", "state": "delivered"}]
    assert not after.put({"key": "n-1", "state": "accepted"})


def test_report_address_is_filled_in() -> None:
    assert filled("http://x/r?notice=n&type=%d&id=%F", 8, "k") == "http://x/r?notice=n&type=8&id=k"


def test_command_serves_until_told_to_stop(tmp_path: Path) -> None:
    with running(tmp_path) as ports:
        sent = httpx.get(f"http://127.0.0.1:{ports['sms']}/cgi-bin/sendsms", params=ONE, trust_env=False)
        shown = httpx.get(f"http://127.0.0.1:{ports['web']}/messages/sms", trust_env=False)
    assert sent.text.startswith("0: Accepted for delivery")
    assert shown.json()["messages"][0]["text"] == ONE["text"]
    assert (tmp_path / "sms.jsonl").read_text("utf-8").count("\n") == 1
