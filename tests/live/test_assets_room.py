"""The assets room on the real broker and database: real frames over real TCP, good and bad."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.agreements.agreement import Agreement
from contracts.agreements.folder import read_agreement
from contracts.agreements.sites import Site
from infra.runtime.clock import MovableClock
from infra.runtime.room import Room
from services.assets import store
from services.assets.app import room_for
from services.assets.gateway import Gateway
from services.assets.hj212 import Upload, framed, upload_frames
from services.assets.settings import AssetsSettings
from tests.live.rooms import free_port, opened
from watchbill.secrets import Secrets

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 4, 8, 2, 0, tzinfo=UTC)
AGREEMENT = read_agreement(ROOT / "contracts" / "agreements" / "wuhan-air")


@dataclass
class Centre:
    room: Room
    client: httpx.AsyncClient
    secrets: Secrets
    port: int

    def headers(self, **more: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.secrets.token('installer', 'administrator', 'owner')}", **more}

    async def send(self, data: bytes, answers: int) -> bytes:
        """Sends bytes on one connection; returns once so many answers came (or none came for a second)."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        answered = b""
        try:
            async with asyncio.timeout(20 if answers else 1):
                while answered.count(b"\r\n") < answers or not answers:
                    answered += await reader.read(4096)
        except TimeoutError:
            pass
        writer.close()
        return answered

    async def settle(self) -> None:
        """Until what is to be said was said and heard."""
        async with asyncio.timeout(20):
            while not (self.room.relay.idle and self.room.has_heard(self.room.relay.said)):
                await asyncio.sleep(0.02)

    async def stored(self, reading: str) -> dict[str, Any] | None:
        await self.settle()
        return await store.reading(self.room.ledger.db, reading)

    async def rejections(self, reason: str) -> list[dict[str, Any]]:
        await self.settle()
        rows: list[dict[str, Any]] = (
            await self.client.get(f"/v1/rejections?reason={reason}", headers=self.headers())
        ).json()
        return rows

    async def release(self, rejection: str) -> httpx.Response:
        path = f"/v1/rejections/{rejection}/release"
        return await self.client.post(path, headers=self.headers(**{"accept-language": "en"}))

    async def publish(self, agreement: Agreement) -> None:
        body = agreement.model_dump(mode="json")
        answer = await self.client.post("/v1/agreements", json=body, headers=self.headers())
        assert answer.status_code == 201, answer.text

    async def refused(self) -> list[str]:
        await self.settle()
        rows = (await self.client.get("/v1/rejections", headers=self.headers())).json()
        return sorted(row["reason"] for row in rows)


def site(name: str = "caidian-suo-river") -> Site:
    return next(one for one in AGREEMENT.lots[0].sites if one.id == name)


@pytest.fixture
async def centre(platform: Any, tmp_path: Path) -> AsyncIterator[Centre]:
    secrets = Secrets(tmp_path)
    secrets.make()
    name = f"a{uuid.uuid4().hex[:8]}"
    settings = AssetsSettings(
        kafka_servers=platform.kafka,
        mongo_url=platform.mongo,
        database_prefix=name,
        instance=name,
        clock="movable",
        secrets=secrets.shared,
        gateway_port=free_port(),
    )
    room = room_for(settings)
    assert isinstance(room.clock, MovableClock)
    room.clock.move(NOW, NOW)
    async with opened(room) as client:
        made = Centre(room, client, secrets, settings.gateway_port)
        await made.publish(AGREEMENT)
        async with asyncio.timeout(30):
            while not (await client.get("/v1/sites", headers=made.headers())).json():
                await asyncio.sleep(0.05)
        yield made


def frames(centre: Centre, values: dict[str, dict[str, str]], minutes_ago: int = 5, **change: Any) -> bytes:
    logger = site().logger
    assert logger
    password = centre.secrets.logger_passwords([logger.mn])[logger.mn]
    upload = Upload(logger.mn, password, "2051", NOW - timedelta(minutes=minutes_ago), values)
    return b"".join(upload_frames(replace(upload, **change), NOW))


READING = "caidian-suo-river/minute/20260408T015500Z"
SPLIT = "caidian-suo-river/minute/20260408T012000Z"


async def test_good_bad_and_repeated_frames(centre: Centre) -> None:
    good = frames(centre, {"a34004": {"avg": "35", "flag": "N"}})
    answered = await centre.send(good + good, 2)
    assert answered.count(b"CN=9014") == 2
    assert (await centre.stored(READING) or {})["values"] == {"a34004": {"v": "35", "f": "N"}}
    assert await centre.room.ledger.db.readings.count_documents({}) == 1

    more = frames(centre, {"a34002": {"avg": "80", "flag": "N"}, "a34004": {"avg": "36", "flag": "N"}})
    await centre.send(more, 1)
    values = (await centre.stored(READING) or {})["values"]
    assert (values["a34004"]["v"], values["a34002"]["v"]) == ("35", "80")

    damaged = good.replace(b"a34004-Avg=35", b"a34004-Avg=45")
    later = frames(centre, {"a34004": {"avg": "37", "flag": "N"}}, minutes_ago=10)
    assert (await centre.send(b"noise" + damaged + good[:60] + later, 1)).count(b"CN=9014") == 1
    stranger = frames(centre, {"a34004": {"avg": "1"}}, mn="FFFFFFFFFFFFFFFFFFFFFFFF")
    await centre.send(stranger, 1)
    await centre.send(frames(centre, {"a34004": {"avg": "1"}}, pw="000000"), 1)
    await centre.send(frames(centre, {"a34004": {"avg": "99999"}, "zz1": {"avg": "1"}}, minutes_ago=15), 1)
    await centre.send(frames(centre, {"a34004": {"avg": "1"}}, minutes_ago=-600), 1)
    refused = await centre.refused()
    for reason in ("conflict", "crc", "unknown_mn", "wrong_password", "out_of_range", "unknown_code", "future"):
        assert reason in refused, (reason, refused)
    assert (await centre.stored(READING) or {})["values"]["a34004"]["v"] == "35"
    assert await centre.stored("caidian-suo-river/minute/20260408T014500Z") is None

    rows = (await centre.client.get("/v1/rejections?reason=out_of_range", headers=centre.headers())).json()
    assert not [row for row in rows if "123456" in row["piece"]]
    released = await centre.release(rows[0]["rejection"])
    assert released.json() == {"taken": 1, "refused": []}
    stored = await centre.stored("caidian-suo-river/minute/20260408T014500Z")
    assert stored and stored["values"]["a34004"]["v"] == "99999" and stored["channel"] == "release"


async def test_released_conflict_stands_and_keeps_what_was(centre: Centre) -> None:
    first = frames(centre, {"a34004": {"avg": "35", "flag": "N"}, "a34002": {"avg": "80", "flag": "N"}})
    await centre.send(first, 1)
    await centre.stored(READING)
    await centre.send(frames(centre, {"a34004": {"avg": "36", "flag": "N"}}), 1)
    await centre.settle()
    (conflict,) = await centre.rejections("conflict")
    assert (await centre.release(conflict["rejection"])).json() == {"taken": 1, "refused": []}
    (marked,) = await centre.rejections("conflict")
    assert marked["released"] == "installer"
    path = "/v1/sites/caidian-suo-river/readings/minute/20260408T015500Z"
    shown = (await centre.client.get(path, headers=centre.headers())).json()
    assert {code: value["v"] for code, value in shown["values"].items()} == {"a34004": "36", "a34002": "80"}
    assert list(shown["replaced"].values()) == [{"a34004": {"v": "35", "f": "N"}}]

    await centre.send(first + frames(centre, {"a34004": {"avg": "36", "flag": "N"}}), 2)
    assert await centre.refused() == ["conflict"]
    assert (await centre.stored(READING) or {})["values"]["a34004"]["v"] == "36"


async def test_what_is_still_refused_is_not_released(centre: Centre) -> None:
    ahead = frames(centre, {"a34004": {"avg": "35", "flag": "N"}, "zz1": {"avg": "1", "flag": "N"}}, minutes_ago=-60)
    await centre.send(ahead, 1)
    (future,), (unknown,) = [await centre.rejections(reason) for reason in ("future", "unknown_code")]
    said = dict(centre.room.relay.said)
    for one in (future, unknown):
        answer = await centre.release(one["rejection"])
        assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
        assert answer.json()["refused"] and answer.json()["type"] == "urn:watchbill:problem:not-releasable"
    assert centre.room.relay.said == said
    assert [row["released"] for row in await centre.rejections("future")] == [None]

    later = NOW + timedelta(minutes=70)
    assert isinstance(centre.room.clock, MovableClock)
    centre.room.clock.move(later, later)
    assert (await centre.release(future["rejection"])).json() == {"taken": 1, "refused": []}
    stored = await centre.stored("caidian-suo-river/minute/20260408T030000Z")
    assert stored and stored["values"] == {"a34004": {"v": "35", "f": "N"}}
    assert [row["released"] for row in await centre.rejections("future")] == ["installer"]
    assert (await centre.release(unknown["rejection"])).status_code == 409


async def test_newer_version_lets_old_loggers_out(centre: Centre) -> None:
    good = {"a34004": {"avg": "35", "flag": "N"}}
    assert b"CN=9014" in await centre.send(frames(centre, good), 1)
    lot = AGREEMENT.lots[0]
    sites = tuple(one for one in lot.sites if one.id != "caidian-suo-river")
    newer = {"version": AGREEMENT.version + 1, "lots": (lot.model_copy(update={"sites": sites}), *AGREEMENT.lots[1:])}
    await centre.publish(AGREEMENT.model_copy(update=newer))
    async with asyncio.timeout(20):
        while "unknown_mn" not in await centre.refused():
            await centre.send(frames(centre, good, minutes_ago=10), 1)


async def test_connections_are_bounded(centre: Centre) -> None:
    settings, port = centre.room.settings, free_port()
    assert isinstance(settings, AssetsSettings)
    few = settings.model_copy(update={"gateway_connections_max": 2, "gateway_port": port})
    room = centre.room
    gateway = Gateway(few, room.api.state.register, room.clock, room.producer, room.relay)
    server = await gateway.start()
    logger, talk = await asyncio.open_connection("127.0.0.1", port)
    talk.write(frames(centre, {"a34004": {"avg": "35", "flag": "N"}}))
    async with asyncio.timeout(20):
        assert b"CN=9014" in await logger.readuntil(b"\r\n")
        oldest, _ = await asyncio.open_connection("127.0.0.1", port)
        newer, more = await asyncio.open_connection("127.0.0.1", port)
        assert await oldest.read() == b""  # the stranger gave way, not the logger
        more.write(frames(centre, {"a34004": {"avg": "36", "flag": "N"}}))
        assert b"CN=9014" in await newer.readuntil(b"\r\n")
        turned_away, _ = await asyncio.open_connection("127.0.0.1", port)
        assert await turned_away.read() == b""
    talk.write(frames(centre, {"a34004": {"avg": "35", "flag": "N"}}))
    async with asyncio.timeout(20):
        assert b"CN=9014" in await logger.readuntil(b"\r\n")
    server.close()
    await gateway.close()


POSTED = {"kind": "hour", "time": "2026-04-08T00:00:00Z", "values": {"a34004": {"value": "35.5", "flag": "N"}}}


async def post(centre: Centre, *readings: dict[str, Any], to: str = "caidian-suo-river") -> httpx.Response:
    """What a logger posts with the key of caidian-suo-river."""
    key = {"x-api-key": centre.secrets.key_of("caidian-suo-river", "logger")}
    return await centre.client.post(f"/v1/sites/{to}/readings", json={"readings": list(readings)}, headers=key)


async def test_logger_posts_over_http(centre: Centre) -> None:
    answer = await post(centre, POSTED, POSTED | {"values": {"nonsense": {"value": "1"}}})
    assert (answer.status_code, answer.json()["taken"], len(answer.json()["refused"])) == (202, 1, 1)
    assert await centre.stored("caidian-suo-river/hour/20260408T000000Z")
    assert (await post(centre, POSTED, to="mulan-lake")).status_code == 403
    for time, expected in (("2026-04-08T01:30:00Z", "2026-04-08T09:00:00+08:00"), ("20260408010000", "08:00:00+08:00")):
        answer = await post(centre, POSTED | {"time": "2026-04-08T01:00:00Z"}, POSTED | {"time": time})
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["field"]) == (422, "body.readings.1.time") and expected in error["expected"]
    assert await centre.stored("caidian-suo-river/hour/20260408T010000Z") is None


async def test_what_was_posted_is_shown(centre: Centre) -> None:
    assert (await post(centre, POSTED)).status_code == 202
    assert await centre.stored("caidian-suo-river/hour/20260408T000000Z")
    wanted = (
        ("a34004", 200, "35.5"), ("a34OO4", 404, "did you mean a34004?"), ("x", 404, "one of: "), ("a21026", 200, "[]")
    )  # fmt: skip
    for code, status, told in wanted:
        answer = await centre.client.get(
            f"/v1/sites/caidian-suo-river/series/{code}",
            params={"start": "2026-04-08T00:00:00Z", "end": "2026-04-09T00:00:00Z"},
            headers=centre.headers() | {"accept-language": "en"},
        )
        assert answer.status_code == status and told in str(answer.json()), answer.text
        assert status != 200 or [row["v"] for row in answer.json()] == ["35.5"] * (code == "a34004")
    days = await centre.client.get(
        "/v1/sites/caidian-suo-river/availability",
        params={"first": "2026-04-08", "last": "2026-04-08"},
        headers=centre.headers(),
    )
    assert days.json()[0]["valid"] == {"a34004": 1}


async def test_site_is_shown_to_who_may_see_it(centre: Centre) -> None:
    listed = (await centre.client.get("/v1/sites", headers=centre.headers())).json()
    shown = (await centre.client.get("/v1/sites/caidian-suo-river", headers=centre.headers())).json()
    assert {name: shown[name] for name in listed[0]} in listed and "instruments" not in listed[0]
    assert [one["id"] for one in shown["instruments"]] == [asset.id for asset in site().assets]
    stranger = centre.secrets.token("x", "supplier", "another-supplier")
    hidden = await centre.client.get("/v1/sites/caidian-suo-river", headers={"authorization": f"Bearer {stranger}"})
    assert hidden.status_code == 404


async def test_split_upload_becomes_one_reading(centre: Centre) -> None:
    codes = ("a34004", "a34002", "a21026", "a21004", "a05024")
    values = {code: {"avg": "35.000", "min": "30.000", "max": "40.000", "flag": "N"} for code in codes}
    parts = list(split(centre, values))
    assert len(parts) == 2
    assert (await centre.send(parts[0], 1)).count(b"CN=9014") == 1
    assert await centre.stored(SPLIT) is None
    await centre.send(parts[1] + parts[0] + parts[1], 3)
    stored = await until_stored(centre)
    assert sorted(stored["values"]) == sorted(codes)
    assert await centre.room.ledger.db.uploads.count_documents({"_id": {"$regex": f"^{SPLIT}"}}) == 0


def split(centre: Centre, values: dict[str, dict[str, str]]) -> list[bytes]:
    """The frames of an upload, each with half of its values."""
    half = len(values) // 2
    halves = (dict(list(values.items())[:half]), dict(list(values.items())[half:]))
    whole = [frames(centre, part, minutes_ago=40) for part in halves]
    return [renumbered(frame, number) for number, frame in enumerate(whole, 1)]


def renumbered(frame: bytes, number: int) -> bytes:
    """The same frame as part `number` of two."""
    segment = frame[6 : frame.rindex(b"&&") + 2]
    return framed(segment.replace(b"Flag=5;", b"Flag=7;PNUM=2;PNO=%d;" % number))


async def until_stored(centre: Centre) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while not (stored := await centre.stored(SPLIT)):
            await asyncio.sleep(0.05)
    return stored
