"""`watchbill agreement`: what is wrong is told to people and to programs, and what is published once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from contracts.agreements.folder import read_agreement
from tests.watchbill.evidence import run
from tests.watchbill.stand_in import StandIn
from watchbill.demo.play import AGREEMENT


def wrong(folder: Path) -> Path:
    """The agreement with two mistakes in two files."""
    shutil.copytree(AGREEMENT, folder)
    for name, right, other in (
        ("agreement.yaml", "buyer: wuhan-emc", "buyer: wuhan-emcc"),
        ("lot-1/sla.yaml", "covers: six-to-twenty", "covers: six-to-twnety"),
    ):
        (folder / name).write_text((folder / name).read_text().replace(right, other, 1))
    return folder


def test_mistakes_are_told_to_programs(tmp_path: Path) -> None:
    folder = wrong(tmp_path / "wrong")
    for words in (["agreement", "check"], ["agreement", "load"]):
        told = run(*words, folder, "--json", WATCHBILL_DATA=str(tmp_path))
        found = json.loads(told.stdout)
        assert told.exit_code == 1 and not found["ok"]
        assert [(one["file"], one["field"], one["nearest"]) for one in found["mistakes"]] == [
            ("agreement.yaml", "buyer", "wuhan-emc"),
            ("lot-1/sla.yaml", "lots.lot-1.sla.solve-4h.covers", "six-to-twenty"),
        ]


def test_same_version_again_says_so(tmp_path: Path) -> None:
    with StandIn([read_agreement(AGREEMENT)]).running(tmp_path):
        told = run("agreement", "load", AGREEMENT, WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 0 and told.stdout.startswith("此前已发布，内容相同 / was published before")
