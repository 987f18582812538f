"""`watchbill hj212 decode` as a program in a pipe: frames in, JSON lines out."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from services.assets.hj212 import Reason
from tests.watchbill.evidence import run
from watchbill.commands.hj212 import ERRORS
from watchbill.installation import ROOT

LAST = ["values", "dialect", "offset"]
VECTORS = json.loads((ROOT / "tests" / "assets" / "hj212_frames.json").read_text())


def decode(stream: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "from watchbill.cli import app; app()", "hj212", "decode", *options]
    return subprocess.run(command, input=stream, capture_output=True, cwd=ROOT, timeout=90, check=False)


def decoded(stream: bytes) -> list[dict[str, Any]]:
    told = decode(stream)
    told.check_returncode()
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_pipe_decodes_the_known_frames() -> None:
    told = decoded("".join(vector["frame"] for vector in VECTORS).encode())
    good = [vector for vector in VECTORS if vector["expect"] == "ok"]
    assert len([one for one in told if one["ok"]]) == len(good)
    assert [one["dialect"] for one in told if one["error"] == "crc" and one["dialect"]] == ["modbus"]
    air = next(one for one in told if one["mn"] == "JLYP01_AIR01_0001")
    assert air["values"]["a34004"] == {"avg": "14", "flag": "N"} and air["time"] == "2022-05-13T16:26:00+08:00"


def test_empty_pipe_says_nothing() -> None:
    assert decoded(b"") == []


def test_strict_refuses_by_exit_code() -> None:
    good = next(vector["frame"] for vector in VECTORS if vector["expect"] == "ok").encode()
    assert [decode(good, "--strict").returncode, decode(good + b"noise", "--strict").returncode] == [0, 1]
    assert decode(good + b"noise").returncode == 0
    assert decode(good + b"noise", "--strict").stdout == decode(good + b"noise").stdout


def test_refusal_is_explained_in_both_languages() -> None:
    (told,) = decoded(b"noise")
    assert (told["error"], told["detail"]) == ("garbage", "报文以外的字节 / bytes outside a frame")
    assert list(told) == [
        "ok",
        "error",
        "detail",
        "mn",
        "st",
        "cn",
        "qn",
        "flag",
        "time",
        "values",
        "dialect",
        "offset",
    ]


def test_every_reason_has_its_chinese() -> None:
    assert set(ERRORS) == set(Reason)


def test_group_without_command_helps() -> None:
    assert "decode" in run("hj212").output
