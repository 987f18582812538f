"""The files of an agreement's folder, joined into one document.

`agreement.yaml` (and any file beside it) is the agreement; each folder beside it is a lot of the same name. The files
of a folder, for a lot at any depth, are read in the order of their paths as one mapping: lists of the same name are
joined, anything else may be given once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from contracts.agreements.mistakes.mistake import Mistake
from contracts.agreements.placed import Placed, Spot, given_once, parse
from contracts.values import Words

ROOT = "agreement.yaml"
BESIDE = frozenset({"README.md"})
"""What may stand in the folder without being part of it; so may names that begin with `.` or `_`."""
A_FILE = Words(
    zh="agreement.yaml 文件：没有它，这不是协议文件夹",
    en="the file agreement.yaml: without it this is no agreement's folder",
)
A_PART = Words(zh="扩展名 .yaml（其他文件不会被读取）", en="a name that ends in .yaml (other files are not read)")
A_MAPPING = Words(zh="字段的集合", en="a mapping of fields")
UTF8 = Words(zh="UTF-8 编码的文字", en="text in UTF-8")
UNCHECKED = Words(
    zh="改正之前，各文件的必填字段、引用和取值是否合理均未检查",
    en="until it is mended, required fields, references and sense are not checked in any file",
)


def no_agreement(folder: Path) -> Mistake | None:
    """The one mistake of a folder that is no agreement's; `nearest` is the one below it that is, or the right name."""
    if (folder / ROOT).is_file():
        return None
    below = [f"{known.name}/{ROOT}" for known in _folders(folder) if (known / ROOT).is_file()]
    if len(below) == 1:
        return Mistake(file=ROOT, line=1, field="", wrong="", expected=A_FILE, nearest=below[0])
    misnamed = next((path.name for path in sorted(folder.glob("agreement.*")) if path.is_file()), "")
    likely = ROOT if misnamed else None
    return Mistake(file=misnamed or ROOT, line=1, field="", wrong=misnamed, expected=A_FILE, nearest=likely)


class Pieces:
    """The files of one folder; `joined` reads them and fills `mistakes`. `unread`: something could not be parsed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mistakes: list[Mistake] = []
        self.unread = False

    def joined(self) -> Placed:
        """The whole agreement as one placed mapping."""
        root = self._joined(_yaml(self.folder.glob("*")), ROOT)
        lots = [*_lots(root), *(self._lot(below) for below in _folders(self.folder))]
        self._check_names()
        if not lots:
            return root
        fields = {**root.fields, "lots": Placed(lots[0].spot, lots)}
        return Placed(root.spot, fields, {"lots": lots[0].spot, **root.keys})

    def _lot(self, below: Path) -> Placed:
        lot = self._joined(_yaml(below.rglob("*")), f"{below.name}/lot.yaml")
        given = lot.fields.get("id")
        if given is not None and given.text != below.name:
            words = Words(zh=f"文件夹的名称 {below.name}", en=f"the folder's name, {below.name}")
            self._add(given.spot, "id", given.text or "", words, below.name)
        return lot

    def _joined(self, files: Iterable[Path], home: str) -> Placed:
        values: dict[str, Placed] = {}
        keys: dict[str, Spot] = {}
        for part in self._parts(files):
            for name, value in part.fields.items():
                if name not in values:
                    values[name], keys[name] = value, part.keys[name]
                elif isinstance(values[name].value, list) and isinstance(value.value, list):
                    values[name] = Placed(values[name].spot, values[name].items + value.items)
                else:
                    self._add(part.keys[name], name, name, given_once(keys[name]))
        return Placed(Spot(home, 1), values, keys)

    def _parts(self, files: Iterable[Path]) -> Iterator[Placed]:
        for path in files:
            part = self._part(path, path.relative_to(self.folder).as_posix())
            if part is None:
                self.unread = True
            elif isinstance(part.value, dict):
                yield part
            else:
                self._add(part.spot, "", part.text or "[…]", A_MAPPING)

    def _part(self, path: Path, name: str) -> Placed | None:
        try:
            part, mistakes = parse(path.read_text(encoding="utf-8"), name)
        except UnicodeDecodeError:
            part, mistakes = None, (Mistake(file=name, line=1, field="", wrong="", expected=UTF8),)
        self.mistakes.extend(mistakes if part is not None else map(_hiding, mistakes))
        return part

    def _check_names(self) -> None:
        """A file that would silently not be read is a mistake."""
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder)
            if path.is_file() and path.suffix != ".yaml" and path.name not in BESIDE and not _hidden(name):
                self._add(Spot(name.as_posix(), 1), "", path.name, A_PART, f"{path.stem}.yaml")

    def _add(self, spot: Spot, field: str, wrong: str, expected: Words, likely: str | None = None) -> None:
        found = Mistake(file=spot.file, line=spot.line, field=field, wrong=wrong, expected=expected, nearest=likely)
        self.mistakes.append(found)


def _hiding(mistake: Mistake) -> Mistake:
    """The mistake of a file that cannot be read: what else is wrong in the folder is not known before."""
    zh, en = f"{mistake.expected.zh}；{UNCHECKED.zh}", f"{mistake.expected.en}; {UNCHECKED.en}"
    return mistake.model_copy(update={"expected": Words(zh=zh, en=en)})


def _lots(root: Placed) -> list[Placed]:
    inline = root.fields.get("lots")
    return inline.items if inline is not None else []


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not _hidden(Path(path.name)))


def _yaml(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.is_file() and path.suffix == ".yaml" and path.name[0] not in "._")


def _hidden(name: Path) -> bool:
    return any(part[0] in "._" for part in name.parts)
