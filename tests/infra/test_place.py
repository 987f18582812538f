"""The data folder and its lock."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.place import Place
from infra.local.trouble import Trouble, extra

ROOT = Path(__file__).parents[2]


def test_folders_with_data_are_private(tmp_path: Path) -> None:
    place = Place.of(tmp_path / "new" / "town")
    place.prepare()
    modes = {folder.name: stat.S_IMODE(folder.stat().st_mode) for folder in (place.kafka, place.mongo, place.secrets)}
    assert modes == {"kafka": 0o700, "mongo": 0o700, "secrets": 0o700}
    assert place.log("kafka") == tmp_path / "new" / "town" / "logs" / "kafka.log"


def test_second_claim_names_the_first(tmp_path: Path) -> None:
    place = Place.of(tmp_path)
    with place.claim(), pytest.raises(Trouble) as caught, Place.of(tmp_path).claim():
        pass
    assert f"进程 {os.getpid()}" in caught.value.zh and f"process {os.getpid()}" in caught.value.en


def test_claim_ends_with_its_block(tmp_path: Path) -> None:
    place = Place.of(tmp_path)
    for _ in range(2):
        with place.claim():
            assert place.lock.read_text() == str(os.getpid())


def test_claim_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, signal; from infra.local.place import Place\n"
        f"with Place.of({str(tmp_path)!r}).claim(): os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == -9
    with Place.of(tmp_path).claim():
        assert Place.of(tmp_path).lock.read_text() == str(os.getpid())


def test_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Trouble) as caught:
        Place.of(tmp_path / "file").prepare()
    assert str(tmp_path / "file") in caught.value.zh and "WATCHBILL_DATA" in caught.value.en


def test_environment_names_the_default_folder(tmp_path: Path) -> None:
    code = "from infra.local.place import Place; print(Place.of().root)"
    env = os.environ | {"WATCHBILL_DATA": str(tmp_path / "town")}
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(tmp_path / "town")


def test_missing_extra_says_what_to_install() -> None:
    with pytest.raises(Trouble) as caught:
        extra("no_such_module")
    assert "pip install 'watchbill[local]'" in caught.value.zh and "no_such_module" in caught.value.en
