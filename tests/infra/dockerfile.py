"""The Dockerfile, read: its two stages, and what the image holds and sets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from infra.deploy.compose import ROOT

TEXT = (ROOT / "infra" / "deploy" / "Dockerfile").read_text(encoding="utf-8")
LIBRARIES, IMAGE = re.split(r"^FROM ", TEXT, flags=re.MULTILINE)[1:]


def said(word: str, stage: str = IMAGE) -> list[str]:
    """What a stage says with an instruction such as `USER`."""
    return re.findall(rf"^{word} (.+)$", stage, re.MULTILINE)


def environment() -> dict[str, str]:
    """The image's environment."""
    pairs = (pair.partition("=") for line in said("ENV") for pair in line.split())
    return {name: value.replace("$PATH", os.defpath) for name, _, value in pairs}


def copies() -> Iterator[tuple[Path, str]]:
    """What the image copies from the repository, and as what below its working directory."""
    for words in said(r"COPY(?! --)"):
        *sources, to = words.split()
        yield from ((ROOT / source, f"{to}{Path(source).name}" if to.endswith("/") else to) for source in sources)
