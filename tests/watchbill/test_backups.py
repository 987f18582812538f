"""How a backup lies in its folder, and what is refused. The drill itself is in tests/journeys/test_month.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from bson import decode
from typer.testing import CliRunner

from watchbill.backups.shelf import Shelf, Unfit
from watchbill.cli import app

DOCUMENTS = [{"_id": "a", "n": 1, "raw": b"\x00\xff"}, {"_id": "b", "n": None, "words": "中文"}]


def test_documents_come_back_as_written(tmp_path: Path) -> None:
    shelf = Shelf.new(tmp_path / "kept")
    assert shelf.write("databases", "assets", "readings", DOCUMENTS) == 2
    assert shelf.write("streams", "", "incidents", []) == 0
    assert [decode(one.raw) for one in shelf.read("databases", "assets", "readings")] == DOCUMENTS
    assert list(shelf.names("databases")) == [("assets", "readings")]
    assert list(shelf.names("streams")) == [(".", "incidents")]


def test_secrets_come_back_for_their_owner_only(tmp_path: Path) -> None:
    (tmp_path / "old" / "owner").mkdir(parents=True)
    (tmp_path / "old" / "owner" / "keys.json").write_text("{}")
    (tmp_path / "old" / "owner" / "keys.json").chmod(0o600)
    shelf = Shelf.new(tmp_path / "kept")
    shelf.keep_secrets(tmp_path / "old")
    shelf.give_secrets(tmp_path / "new")
    given = tmp_path / "new" / "owner"
    assert (given.stat().st_mode & 0o777, (given / "keys.json").stat().st_mode & 0o777) == (0o700, 0o600)
    assert shelf.folder.stat().st_mode & 0o777 == 0o700


def test_existing_folder_is_not_written_into(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="a backup makes its folder"):
        Shelf.new(tmp_path)


def test_unfinished_or_foreign_folder_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="is no backup"):
        Shelf(tmp_path).manifest()
    (tmp_path / "manifest.json").write_text('{"form": 99}')
    with pytest.raises(Unfit, match="99"):
        Shelf(tmp_path).manifest()


def test_backup_without_installation_is_away(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["backup", str(tmp_path / "kept")], env={"WATCHBILL_DATA": str(tmp_path)})
    assert told.exit_code == 3 and "watchbill up" in told.stderr and not (tmp_path / "kept").exists()
