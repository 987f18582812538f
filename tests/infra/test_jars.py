"""The lock of the broker's jars, without a network; and mongod's missing libraries."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.jars import ENDPOINT, Jar, locked, ready_jars
from infra.local.mongo import missing_library
from infra.local.ports import LOOPBACK
from infra.local.trouble import Trouble

ROOT = Path(__file__).parents[2]
EMPTY = Jar("org.example", "empty", "1.0", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


def test_lock_covers_what_is_asked() -> None:
    names = {f"{jar.group}:{jar.artifact}:{jar.version}" for jar in locked()}
    assert set(ENDPOINT.split("+")) <= names
    assert all(len(jar.sha256) == 64 for jar in locked())
    assert len({jar.file for jar in locked()}) == len(locked())


def test_filled_cache_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / EMPTY.file).write_bytes(b"")
    assert ready_jars(tmp_path, [EMPTY]) == [tmp_path / "jars" / "empty-1.0.jar"]


def test_changed_jar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / EMPTY.file).write_bytes(b"another")
    with pytest.raises(Trouble) as caught:
        ready_jars(tmp_path, [EMPTY])
    assert "empty-1.0.jar" in caught.value.zh and "Delete it" in caught.value.en


def test_unreachable_registry_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as deaf:  # bound, not listening: every connection is refused
        deaf.bind((LOOPBACK, 0))
        mirror = f"http://{LOOPBACK}:{deaf.getsockname()[1]}/maven2"
        env = os.environ | {"WATCHBILL_CACHE": str(tmp_path / "cache"), "WATCHBILL_MAVEN": mirror, "NO_PROXY": "*"}
        command = [sys.executable, "-m", "infra.local.embedded", "--data", str(tmp_path / "data")]
        said = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert said.returncode == 1 and said.stdout == ""
    assert "WATCHBILL_MAVEN 指定 Maven 镜像" in said.stderr and "jgo, the Maven client" in said.stderr
    assert str(tmp_path / "cache" / "jars") in said.stderr and "Traceback" not in said.stderr


def test_missing_library_names_its_package() -> None:
    tail = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file: No such file"
    trouble = missing_library(tail)
    assert trouble is not None
    assert "apt-get install libcurl4" in trouble.zh and "libcurl.so.4" in trouble.en


def test_other_ends_have_no_library() -> None:
    assert missing_library('{"msg":"Address already in use"}') is None
