"""`watchbill hj212 decode` as a program in a pipe: frames in, JSON lines out."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.watchbill.evidence import run
from watchbill.installation import ROOT

VECTORS = json.loads((ROOT / "tests" / "assets" / "hj212_frames.json").read_text())


def decoded(stream: bytes) -> list[dict[str, Any]]:
    command = [sys.executable, "-c", "from watchbill.cli import app; app()", "hj212", "decode"]
    told = subprocess.run(command, input=stream, capture_output=True, cwd=ROOT, timeout=90, check=True)
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


def test_group_without_command_helps() -> None:
    assert "decode" in run("hj212").output
