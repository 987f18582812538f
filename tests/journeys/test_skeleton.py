"""The walking skeleton: one frame over TCP, through five processes, to the score, the SMS and the mail; one trace."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from contracts.agreements.agreement import Agreement
from infra.runtime.letters import Letter
from services.assets.hj212 import Upload, upload_frames
from tests.journeys.conftest import Town

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
ZONE = ZoneInfo("Asia/Shanghai")
MORNING = datetime(2026, 4, 8, 7, 0, tzinfo=ZONE).astimezone(UTC)
SITE, MN_SITE = "caidian-suo-river", "caidian-suo-river"


def at_once(agreement: Agreement) -> Agreement:
    """The agreement with the flag rule firing on the first flagged value, and no rule for the silence after it."""
    lot = agreement.lots[0]
    rules = tuple(
        rule.model_copy(update={"lasts": timedelta(0)}) if rule.id == "marked-faulty" else rule
        for rule in lot.fault_rules
        if rule.when.test != "silence"
    )
    return agreement.model_copy(update={"lots": (lot.model_copy(update={"fault_rules": rules}),)})


def traces(letters: Iterable[Letter], *types: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {kind: set() for kind in types}
    for letter in letters:
        if letter.type in found and letter.traceparent:
            found[letter.type].add(letter.traceparent.split("-")[1])
    return found


async def test_frame_becomes_breach_score_and_sms(town: Town, agreement: Agreement) -> None:
    await town.at(MORNING)
    await town.publish(at_once(agreement))
    logger = next(site.logger for site in agreement.lots[0].sites if site.id == SITE)
    assert logger
    password = town.installation.secrets.logger_passwords([logger.mn])[logger.mn]
    values = {"a21004": {"avg": "31", "flag": "D"}}
    upload = Upload(logger.mn, password, "2051", MORNING - timedelta(minutes=5), values)
    answered = await town.send(upload_frames(upload, MORNING))
    assert b"CN=9014" in answered

    due = MORNING + timedelta(hours=4)
    await town.at(due - timedelta(seconds=1))
    assert not [letter for letter in await town.letters() if letter.type == "SlaBreachedV1"]
    await town.at(due)
    letters = await town.letters()
    said = {letter.type: letter.event for letter in letters}
    breached = said["SlaBreachedV1"]
    await town.at(due + timedelta(seconds=3))  # findings of one moment are scored together
    letters = await town.letters()
    assert breached is not None and (breached.at, breached.due) == (due, due)  # type: ignore[attr-defined]
    chain = (
        "ReadingReceivedV1",
        "FaultOpenedV1",
        "SlaBreachedV1",
        "ScorePostedV1",
        "NoticeRequestedV1",
        "NoticeSentV1",
    )
    found = traces(letters, *chain)
    (trace,) = found["ReadingReceivedV1"]
    assert all(trace in found[kind] for kind in chain), found
    assert any(trace in (row.get("traceparent") or "") for row in town.sink("sms"))
    assert [row for row in town.sink("mail")]


async def test_phone_post_becomes_sms(town: Town, agreement: Agreement) -> None:
    await town.at(MORNING)
    await town.publish(agreement)
    trace = "0af7651916cd43dd8448eb211c80319c"
    async with town.client("inspections", "engineer-wang", "supplier", "supplier-a") as phone:
        tasks = (await phone.get("/v1/tasks", params={"site": SITE, "plan": "remote-check", "state": "due"})).json()
        task = min(tasks, key=lambda one: one["opens"])
        plan = next(plan for plan in agreement.lots[0].plans if plan.id == "remote-check")
        items = [{"item": item.id, "ok": item.opens is None, "answer": "x"} for item in plan.items]
        body = {"items": items, "done_at": MORNING.isoformat()}
        headers = {"idempotency-key": task["task"], "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        answer = await phone.post(f"/v1/tasks/{task['task']}/result", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
    await town.conductor.settle()
    found = traces(await town.letters(), "InspectionDoneV1", "FaultOpenedV1", "NoticeSentV1")
    assert all(trace in one for one in found.values()), found
    assert any(trace in (row.get("traceparent") or "") for row in town.sink("sms"))
