"""Reads an agreement from its folder. Every mistake of every file is found in one go; with one, nothing is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from contracts.agreements.agreement import Agreement
from contracts.agreements.mistakes.mistake import Mistake, WrongAgreement
from contracts.agreements.mistakes.references import reference_mistakes
from contracts.agreements.mistakes.sense import sense_mistakes
from contracts.agreements.mistakes.shape import REQUIRED, shape_mistakes
from contracts.agreements.pieces import Pieces, no_agreement


def read_agreement(folder: Path) -> Agreement:
    """The agreement of this folder; WrongAgreement, with every mistake, where it has any."""
    agreement, mistakes = _read(folder)
    if agreement is None or mistakes:
        raise WrongAgreement(mistakes)
    return agreement


def find_mistakes(folder: Path) -> tuple[Mistake, ...]:
    """Every mistake of the folder's files, by file and line; empty when the agreement can be loaded."""
    return _read(folder)[1]


def digest_of(agreement: Agreement) -> str:
    """SHA-256, in hex, of the agreement as canonical JSON.

    What equals its default is left out, so that a field added to the schema later leaves old digests as they are.
    """
    document = agreement.model_dump(mode="json", exclude_defaults=True)
    canonical = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _read(folder: Path) -> tuple[Agreement | None, tuple[Mistake, ...]]:
    if (missing := no_agreement(folder)) is not None:
        return None, (missing,)
    pieces = Pieces(folder)
    root = pieces.joined()
    agreement, shape = shape_mistakes(root)
    if pieces.unread:
        # What stands in a file that could not be read is not missing, and a name in it would lead somewhere.
        return None, _once_each([*pieces.mistakes, *(mistake for mistake in shape if mistake.expected != REQUIRED)])
    return agreement, _once_each([*pieces.mistakes, *shape, *reference_mistakes(root), *sense_mistakes(root)])


def _once_each(mistakes: Iterable[Mistake]) -> tuple[Mistake, ...]:
    """By file and line; what an anchor gives to many places is one mistake."""
    found: dict[tuple[str, int, str, str, str], Mistake] = {}
    for mistake in sorted(mistakes, key=lambda mistake: (mistake.file, mistake.line, mistake.field)):
        last = mistake.field.rpartition(".")[2]
        found.setdefault((mistake.file, mistake.line, last, mistake.wrong, mistake.expected.en), mistake)
    return tuple(found.values())
