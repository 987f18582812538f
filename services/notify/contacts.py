"""The contacts file: people in YAML, taken over into the directory when the file has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import structlog
from ruamel.yaml import YAML

from infra.runtime.ledger import Ledger
from services.notify.domain.directory import Card, Directory, Person

log = structlog.get_logger()


class _File(Card):
    people: tuple[Person, ...]


def read_contacts(path: Path) -> Directory:
    """The directory of a contacts file. Raises ValidationError or YAMLError; the former repeats no value."""
    raw = path.read_bytes()
    people = _File.model_validate(YAML(typ="safe").load(raw) or {}).people
    return Directory(people=people, source=hashlib.sha256(raw).hexdigest())


async def take_contacts(path: Path, ledger: Ledger) -> bool:
    """Replaces the directory by the file, unless this very content was taken before: what was put since stands."""
    read = read_contacts(path)
    async with ledger.lock:
        page = ledger.page()
        entry = page.entry(f"contacts|{read.source}", "take_contacts", f"contacts|{read.source}")
        known = await entry.load(Directory, read.id)
        if known and known.source == read.source:
            return False
        entry.write(read)
        page.accept(entry)
        await ledger.commit(page)
    log.info("contacts taken", people=len(read.people))
    return True
