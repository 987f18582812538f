"""The shelf: how a backup lies in its folder. Documents as BSON, one after the other, as `mongodump` writes them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bson import decode_file_iter, encode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from contracts.values import Words

FORM = 1
PRIVATE = ("secrets", "owner")
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


class Unfit(Exception):
    """It cannot be done, and why. Nothing was changed."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.words = Words(zh=zh, en=en)


@dataclass(frozen=True)
class Shelf:
    """`manifest.json`, `databases/<service>/<collection>.bson`, `streams/<topic>.bson`, `secrets/`, `owner/`."""

    folder: Path

    @classmethod
    def new(cls, folder: Path) -> Shelf:
        """An empty one, for its owner only. `Unfit` where there is something already."""
        try:
            folder.mkdir(parents=True, mode=0o700)
        except FileExistsError:
            raise Unfit(f"{folder} 已存在，备份只写入新文件夹", f"{folder} exists: a backup makes its folder") from None
        return cls(folder)

    def manifest(self) -> dict[str, Any]:
        """What it says of itself. `Unfit` where it is no backup, or of a form that is not known here."""
        path = self.folder / "manifest.json"
        if not path.is_file():
            zh, en = f"{self.folder} 不是备份（没有 manifest.json）", f"{self.folder} is no backup: no manifest.json"
            raise Unfit(zh, en)
        known: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if known.get("form") != FORM:
            raise Unfit(
                f"备份格式 {known.get('form')} 未知", f"Form {known.get('form')} of this backup is not known here"
            )
        return known

    def write_manifest(self, **said: Any) -> None:
        """Written last: a folder without it is no backup."""
        text = json.dumps({"form": FORM, **said}, ensure_ascii=False, indent=1)
        (self.folder / "manifest.json").write_text(text, "utf-8")

    def write(self, kind: str, group: str, name: str, documents: Iterable[Any]) -> int:
        """Writes documents; returns how many."""
        path = self.folder / kind / group / f"{name}.bson"
        path.parent.mkdir(parents=True, exist_ok=True)
        count = 0
        with path.open("wb") as file:
            for document in documents:
                file.write(document.raw if isinstance(document, RawBSONDocument) else encode(document))
                count += 1
        return count

    def names(self, kind: str) -> Iterator[tuple[str, str]]:
        """(group, name) of all that is kept of this kind."""
        for path in sorted((self.folder / kind).glob("**/*.bson")):
            yield path.parent.relative_to(self.folder / kind).as_posix(), path.stem

    def read(self, kind: str, group: str, name: str) -> Iterator[RawBSONDocument]:
        """The documents, as they were written."""
        with (self.folder / kind / group / f"{name}.bson").open("rb") as file:
            yield from decode_file_iter(file, _RAW)

    def keep_secrets(self, root: Path) -> None:
        """Copies the secrets of a data folder."""
        for name in PRIVATE:
            if (root / name).is_dir():
                shutil.copytree(root / name, self.folder / name)

    def give_secrets(self, root: Path) -> None:
        """Puts them into a data folder that has none."""
        for name in PRIVATE:
            if (self.folder / name).is_dir():
                shutil.copytree(self.folder / name, root / name, dirs_exist_ok=True)
                os.chmod(root / name, 0o700)
