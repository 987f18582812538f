"""`watchbill doctor` where nothing runs, and its decisions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo import IndexModel

from contracts.agreements.agreement import Agreement
from contracts.agreements.calendar import Year
from contracts.agreements.folder import read_agreement
from contracts.events.assets import ReadingRejectedV1
from infra.local.place import Place
from infra.runtime.settings import RuntimeSettings
from tests.watchbill.evidence import run
from tests.watchbill.stand_in import NAMES, StandIn
from watchbill.commands.doctor import exit_code, lines_of, traffic
from watchbill.commands.doctor.asking import ahead
from watchbill.commands.doctor.brokers import Stream, judged
from watchbill.commands.doctor.calendars import calendar_of
from watchbill.commands.doctor.databases import check_mongo, compared
from watchbill.commands.doctor.finding import Finding, bad, guarded, ok, warn
from watchbill.commands.doctor.machine import GIB, check_disk, check_extra, check_folder, check_secrets, room_in
from watchbill.commands.doctor.processes import check_clocks, check_hosts, clocks_of
from watchbill.commands.doctor.traffic import LOOKS, REASONS, check_lag
from watchbill.commands.doctor.versions import check_libraries
from watchbill.installation import ROOT
from watchbill.secrets import Secrets
from watchbill.service_clock import ServiceClock

SAID = ("中文", "English")


def test_empty_folder_runs_nothing(tmp_path: Path) -> None:
    told = run("doctor", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 3
    assert f"{tmp_path} 中没有运行中的系统" in told.output and f"nothing runs in {tmp_path}" in told.output
    assert "→ 执行 watchbill up" in told.output


Seen = tuple[int, int]
"""What was heard of a partition, and the lag."""


class Looks:
    """A service of which each look sees these partitions, in the end the last; None where it does not answer."""

    def __init__(self, *seen: Sequence[Seen] | None) -> None:
        self._seen, self.looks = seen, -1

    def states_now(self) -> dict[str, Any]:
        self.looks += 1
        seen = self._seen[min(self.looks, len(self._seen) - 1)]
        if seen is None:
            return {}
        streams = [{"topic": "scores", "partition": n, "heard": at, "lag": lag} for n, (at, lag) in enumerate(seen)]
        return {"notify": {"streams": streams}, "assets": {"streams": None}}

    @property
    def states(self) -> dict[str, Any]:
        return self.states_now()


@pytest.mark.usefixtures("looks_at_once")
@pytest.mark.parametrize(
    ("seen", "state", "looks", "said"),
    [
        ([[(5, 0)]], "ok", 0, "0"),
        ([[(5, 9)], [(14, 0)]], "ok", 1, "0"),
        ([[(5, 9)], [(5, 9)], [(5, 9)], [(6, 8)]], "ok", 3, "notify scores 8"),
        ([[(5, 1)], [(6, 1)]], "ok", 1, "notify scores 1"),
        ([[(5, 9_000)], [(6, 8_999)]], "warn", 1, "notify scores 8999"),
        ([[(5, 9)]], "bad", LOOKS, "notify scores 9"),
        ([[(5, 9)], None], "bad", LOOKS, "notify scores 9"),
        ([[(5, 30), (5, 3)], [(5, 30), (9, 5)], [(5, 30), (14, 1)]], "bad", LOOKS, "notify scores 30"),
    ],
    ids=["well", "heard", "after a start", "steady", "behind", "stuck", "silent", "one partition"],
)
def test_who_is_behind_has_time_to_get_on(
    seen: Sequence[Sequence[Seen] | None], state: str, looks: int, said: str
) -> None:
    """After a start the group needs some seconds before anybody hears."""
    asking: Any = Looks(*seen)
    (finding,) = check_lag(asking)
    assert (finding.state, asking.looks) == (state, looks) and finding.found.en.endswith(said)


@pytest.fixture
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "LOOK_SECONDS", 0)


def test_json_says_the_same(tmp_path: Path) -> None:
    told = run("doctor", "--json", WATCHBILL_DATA=str(tmp_path))
    found = json.loads(told.output)
    states = {one["check"]: one["state"] for one in found["findings"]}
    assert (told.exit_code, found["exit_code"], found["running"]) == (3, 3, False)
    assert states["running"] == "bad" and states["folder"] == "ok" and states["extra"] == "ok"
    assert {"secrets", "disk", "versions", "jars", "mongod"} <= states.keys()


def test_addresses_nobody_answers_at(tmp_path: Path) -> None:
    """A crash leaves the addresses behind: nothing runs all the same."""
    Secrets(tmp_path).make()
    where = {
        "kafka": "127.0.0.1:1",
        "mongo": "mongodb://127.0.0.1:1",
        "gateway": "127.0.0.1:1",
        "sinks": "http://127.0.0.1:1",
    }
    http = {name: "http://127.0.0.1:1" for name in ("assets", "inspections", "incidents", "scoring", "notify")}
    (tmp_path / "addresses.json").write_text(json.dumps({**where, "http": http}))
    assert run("doctor", WATCHBILL_DATA=str(tmp_path)).exit_code == 3


def test_unreadable_secret_is_bad(tmp_path: Path) -> None:
    (tmp_path / "addresses.json").write_text("{}")
    told = run("doctor", "--json", WATCHBILL_DATA=str(tmp_path))
    found = json.loads(told.output)
    assert told.exit_code == 1 and found["findings"][-1]["check"] == "asking"


def test_open_secret_is_bad(tmp_path: Path) -> None:
    Secrets(tmp_path).make()
    place = Place.of(tmp_path)
    assert [one.state for one in check_secrets(place)] == ["ok"]
    (tmp_path / "owner" / "token-private.pem").chmod(0o640)
    (finding,) = check_secrets(place)
    assert finding.state == "bad" and "owner/token-private.pem" in finding.found.zh
    assert finding.todo and "chmod -R go-rwx" in finding.todo.zh and "chmod -R go-rwx" in finding.todo.en


def test_open_folder_is_bad(tmp_path: Path) -> None:
    Secrets(tmp_path).make()
    (tmp_path / "secrets").chmod(0o750)
    assert [one.state for one in check_secrets(Place.of(tmp_path))] == ["bad"]


def test_missing_folder_is_a_warning(tmp_path: Path) -> None:
    assert [one.state for one in check_folder(Place.of(tmp_path / "none"))] == ["warn"]


def test_missing_package_is_named() -> None:
    (finding,) = check_extra(["json", "no_such_package"])
    assert finding.state == "bad" and "no_such_package" in finding.found.zh and "no_such_package" in finding.found.en


@pytest.mark.parametrize(
    ("names", "code"),
    [(["ok", "ok"], 0), (["ok", "warn"], 0), (["warn", "bad"], 1), (["ok", "away"], 3), (["bad", "away"], 3)],
)
def test_exit_code_says_how_bad(names: list[str], code: int) -> None:
    made = {"ok": ok("x", *SAID), "warn": warn("x", SAID, SAID), "bad": bad("x", SAID, SAID)}
    made["away"] = bad("running", SAID, SAID)
    assert exit_code([made[name] for name in names]) == code


def test_check_that_fails_is_a_finding() -> None:
    def falls_ill() -> list[Finding]:
        raise ConnectionError("no route")

    (finding,) = guarded("mongo", falls_ill)
    assert (finding.check, finding.state) == ("mongo", "bad") and "no route" in finding.found.en


def test_advice_stands_below_the_finding() -> None:
    lines = list(lines_of([bad("x", ("坏", "broken"), ("修", "mend")), ok("y", "好", "well")]))
    assert lines == ["[故障 bad]  坏", "    broken", "    → 修", "    → mend", "[正常 ok]   好", "    well"]


@pytest.mark.usefixtures("looks_at_once")
def test_services_without_platform_are_told(tmp_path: Path, agreement: Agreement) -> None:
    """Each finding names its own trouble; what cannot be asked is not made up."""
    town = StandIn([agreement])
    town.faults = {"relay": "cannot say what is committed"}
    now = datetime.now(UTC)
    sites = {"mulan-lake": now, "mobile": now - timedelta(hours=3)}
    town.answers = {
        "/runtime/state": state(lag=3, parked=1, waited=90.0, overdue=61.0),
        "/v1/rejections/counts": {"wrong_password": 3},
        "/v1/sites": [{"id": id, "mn": "1"} for id in sites],
        **{f"/v1/sites/{id}/latest?kind=minute": {"received_at": at.isoformat()} for id, at in sites.items()},
    }
    with town.running(tmp_path):
        told = run("doctor", "--json", WATCHBILL_DATA=str(tmp_path))
    findings = json.loads(told.output)["findings"]
    said = {one["check"]: one for one in findings}
    assert told.exit_code == 1
    wrong = {name for name, one in said.items() if one["state"] == "bad"}
    assert wrong == {"service", "kafka", "mongo", "parked", "lag", "outbox", "timers"}
    assert "assets readings 3" in said["lag"]["found"]["en"] and said["code"]["state"] == "warn"
    assert "cannot say what is committed" in said["service"]["found"]["zh"]
    assert said["stations"]["state"] == "warn" and list(said["stations"]["data"]["silent"]) == ["mobile"]
    assert said["rejections"]["todo"]["zh"] == "wrong_password：核对数采仪密码"
    assert said["clocks"]["state"] == "ok" and "系统时钟" in said["clocks"]["found"]["zh"]
    assert not {"indexes", "hosts"} & said.keys()


def state(*, lag: int = 0, parked: int = 0, waited: float = 0.0, overdue: float = 0.0) -> dict[str, Any]:
    """How a service of an older version says that it stands."""
    return {
        "version": "0.0.1", "streams": [
            {"topic": "readings", "partition": 0, "heard": 9000 - lag, "lag": lag},
            {"topic": "agreements", "partition": 0, "heard": 1, "lag": 0},
        ],
        "outbox": {"waiting": 1, "oldest_seconds": waited}, "parked": parked,
        "timers": {"overdue": 2, "oldest_overdue_seconds": overdue},
    }  # fmt: skip


@pytest.mark.usefixtures("looks_at_once")
def test_consumer_that_gets_on_is_not_stuck(tmp_path: Path, agreement: Agreement) -> None:
    town = StandIn([agreement])
    town.states = [*[state(lag=5000)] * len(NAMES), *[state(lag=4000)] * len(NAMES)]
    with town.running(tmp_path):
        told = run("doctor", "--json", WATCHBILL_DATA=str(tmp_path))
    (lag,) = (one for one in json.loads(told.output)["findings"] if one["check"] == "lag")
    assert lag["state"] == "warn" and "assets readings 4000" in lag["found"]["en"]


def test_agreement_that_does_not_fit_is_told(tmp_path: Path, agreement: Agreement) -> None:
    town = StandIn([agreement])
    town.answers[f"/v1/agreements/{agreement.id}"] = agreement.model_dump(mode="json") | {"title": None}
    with town.running(tmp_path):
        told = run("doctor", "--json", WATCHBILL_DATA=str(tmp_path))
    (found,) = (one for one in json.loads(told.output)["findings"] if one["check"] == "agreements")
    assert found["state"] == "bad" and "title" in found["found"]["zh"]


WELL_MADE = {"max.message.bytes": "4100000", "cleanup.policy": "delete", "retention.ms": "-1"}


@pytest.mark.parametrize(
    ("parts", "more", "brokers", "states"),
    [
        ({0: (1, 1)}, {}, 1, []),
        ({0: (3, 3), 1: (3, 3)}, {"retention.ms": "604800000"}, 3, []),
        ({0: (3, 3), 1: (3, 2)}, {}, 3, ["bad"]),
        ({0: (1, 1)}, {}, 3, ["warn"]),
        ({0: (1, 1)}, {"max.message.bytes": "1048588"}, 1, ["bad"]),
        ({0: (1, 1)}, {"cleanup.policy": "compact"}, 1, ["bad"]),
        ({0: (1, 1)}, {"retention.ms": "604799999"}, 1, ["warn"]),
    ],
)
def test_stream_is_judged_by_its_making(
    parts: dict[int, tuple[int, int]], more: dict[str, str], brokers: int, states: list[str]
) -> None:
    assert [one.state for one in judged(Stream("readings", parts, WELL_MADE | more), brokers)] == states


@pytest.mark.parametrize(
    ("there", "states"),
    [
        ({"_id_": {"key": [("_id", 1)]}, "a_1": {"key": [("a", 1)], "unique": True}}, []),
        ({"_id_": {"key": [("_id", 1)]}}, ["bad"]),
        ({"a_1": {"key": [("a", 1)]}}, ["bad"]),
        ({"a_1": {"key": [("a", 1)], "unique": True}, "b_-1": {"key": [("b", -1)]}}, ["warn"]),
    ],
)
def test_indexes_are_compared_with_the_declared(there: dict[str, Any], states: list[str]) -> None:
    declared = [IndexModel([("a", 1)], unique=True)]
    assert [one.state for one in compared("scoring.lines", declared, there)] == states


def test_library_of_another_version_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("pydantic==0.1 \\\n    --hash=sha256:ab\nno-such-library==9\n")
    (finding,) = check_libraries(lock)
    assert finding.state == "bad" and "pydantic" in finding.found.en and "(0.1)" in finding.found.en
    assert list(check_libraries(tmp_path / "none")) == []


@pytest.mark.parametrize(("theirs", "seconds"), [(10, 8), (1, 0), (2, 0), (-5, -5)])
def test_clock_is_compared_with_both_of_ours(theirs: int, seconds: int) -> None:
    now = datetime(2026, 11, 28, tzinfo=UTC)
    told = ahead(now + timedelta(seconds=theirs), now, now + timedelta(seconds=2))
    assert told == timedelta(seconds=seconds)


def texts(finding: Finding) -> list[str]:
    """What it found and what to do, in Chinese and in English."""
    assert finding.todo
    return [finding.found.zh, finding.found.en, finding.todo.zh, finding.todo.en]


@pytest.mark.parametrize(
    ("seconds", "state", "said"), [(5, "ok", ""), (-5, "ok", ""), (6, "bad", "+6"), (-6, "bad", "-6")]
)
def test_service_with_another_time_is_named(seconds: int, state: str, said: str) -> None:
    clocks = {"assets": ServiceClock(None, timedelta(0)), "notify": ServiceClock(None, timedelta(seconds=seconds))}
    asking: Any = SimpleNamespace(clocks=clocks)
    (finding,) = check_clocks(asking)
    assert (finding.check, finding.state, exit_code([finding])) == ("clocks", state, int(state == "bad"))
    if state == "bad":
        assert texts(finding) == [
            f"时钟与本机不一致：notify {said} s", f"clocks differ from this machine's: notify {said} s",
            "检查各机器的时间同步（NTP）", "check that the machines' clocks are kept right (NTP)",
        ]  # fmt: skip


def test_moved_clock_of_a_service_with_another_time_is_bad() -> None:
    """A demo's time excuses no machine's clock."""
    asking: Any = SimpleNamespace(clocks={"assets": ServiceClock(datetime(2026, 4, 1, tzinfo=UTC), timedelta(hours=1))})
    assert [(one.check, one.state) for one in check_clocks(asking)] == [("clocks", "bad")]


def test_host_with_another_time_is_named() -> None:
    """Of the two, only the one that is wrong."""
    assert [one.state for one in clocks_of({"MongoDB": 5.0, "Kafka": -5.0})] == ["ok"]
    assert list(clocks_of({})) == []
    (finding,) = clocks_of({"MongoDB": 0.2, "Kafka": -61.0})
    assert (finding.check, finding.state, finding.data, exit_code([finding])) == ("hosts", "bad", {"Kafka": -61.0}, 1)
    assert texts(finding) == [
        "主机时钟与本机不一致：Kafka -61.0 s", "hosts' clocks differ from ours: Kafka -61.0 s",
        "检查各机器的时间同步（NTP）", "check that the machines' clocks are kept right (NTP)",
    ]  # fmt: skip


def test_database_with_another_time_is_named_without_a_broker() -> None:
    """That the broker is away does not hide it."""
    settings = RuntimeSettings(kafka_servers="127.0.0.1:1")
    asking: Any = SimpleNamespace(primary={"ahead": timedelta(minutes=-2)}, settings=settings)
    assert [(one.state, one.data) for one in check_hosts(asking)] == [("bad", {"MongoDB": -120.0})]


@pytest.mark.parametrize(
    ("free", "state", "code"), [(5 * GIB, "ok", 0), (5 * GIB - 1, "warn", 0), (GIB, "warn", 0), (GIB - 1, "bad", 1)]
)
def test_little_room_on_the_disk_is_told(free: int, state: str, code: int) -> None:
    finding = room_in(free)
    assert (finding.check, finding.state, exit_code([finding])) == ("disk", state, code)
    if finding.todo:
        left = f"{free / GIB:.1f} GiB"
        assert texts(finding) == [
            f"磁盘剩余 {left}", f"{left} of disk are free",
            "腾出磁盘空间，或用 WATCHBILL_DATA 换到别的磁盘", "free some disk, or move by WATCHBILL_DATA",
        ]  # fmt: skip


def test_room_is_that_of_the_folders_disk(tmp_path: Path) -> None:
    """Also before the folder is there."""
    (finding,) = check_disk(Place.of(tmp_path / "not" / "yet"))
    assert finding.data["free_bytes"] == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.05)


class Set:
    """A database that is primary of a set of these members, each with its state and the state's name."""

    def __init__(self, *members: tuple[int, str], primary: bool = True) -> None:
        self.members = [
            {"name": f"mongo-{n}:27017", "state": state, "stateStr": name} for n, (state, name) in enumerate(members)
        ]
        hosts = [one["name"] for one in self.members]
        self.primary = {"setName": "rs0", "isWritablePrimary": primary, "hosts": hosts, "version": "8.0"}
        self.addresses = SimpleNamespace(place=Place.of("nowhere"))
        self.mongo = SimpleNamespace(admin=SimpleNamespace(command={"replSetGetStatus": {"members": self.members}}.get))


@pytest.mark.parametrize(
    ("members", "ill"),
    [
        ([(1, "PRIMARY"), (2, "SECONDARY"), (7, "ARBITER")], ""),
        ([(1, "PRIMARY"), (2, "SECONDARY"), (8, "(not reachable/healthy)")], "mongo-2:27017 (not reachable/healthy)"),
        ([(1, "PRIMARY"), (3, "RECOVERING"), (9, "ROLLBACK")], "mongo-1:27017 RECOVERING, mongo-2:27017 ROLLBACK"),
    ],
    ids=["well", "away", "two"],
)
def test_sick_member_of_the_set_is_named(members: list[tuple[int, str]], ill: str) -> None:
    asking: Any = Set(*members)
    (finding,) = check_mongo(asking)
    assert (finding.check, finding.state, exit_code([finding])) == ("mongo", "bad" if ill else "ok", int(bool(ill)))
    if ill:
        assert texts(finding) == [
            f"副本集成员异常：{ill}", f"members of the replica set are not well: {ill}",
            "检查这些节点", "look at these machines",
        ]  # fmt: skip


def test_database_that_is_no_primary_is_bad() -> None:
    asking: Any = Set((2, "SECONDARY"), primary=False)
    (finding,) = check_mongo(asking)
    assert (finding.state, exit_code([finding])) == ("bad", 1)
    assert "MongoDB 不是副本集主节点" in finding.found.zh and "no primary of a replica set" in finding.found.en


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    return read_agreement(ROOT / "contracts" / "agreements" / "wuhan-air")


def test_calendar_must_reach_next_year(agreement: Agreement) -> None:
    assert [calendar_of(agreement, year).state for year in (2024, 2025, 2026, 2027)] == ["bad", "ok", "warn", "bad"]
    years = {**agreement.calendar.years, 2027: Year(holidays=(), provisional=True)}
    longer = agreement.model_copy(update={"calendar": agreement.calendar.model_copy(update={"years": years})})
    finding = calendar_of(longer, 2026)
    assert finding.state == "warn" and "暂定" in finding.found.zh and "provisional" in finding.found.en


def test_every_reason_has_advice() -> None:
    reasons = ReadingRejectedV1.model_json_schema()["properties"]["reason"]["enum"]
    assert set(REASONS) == set(reasons)
