"""Files that `watchbill events export` made, and agreements from a folder or a file: evidence without any service."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from contracts.agreements.agreement import Agreement
from contracts.agreements.folder import read_agreement
from contracts.agreements.mistakes.mistake import WrongAgreement
from contracts.events.assets import AgreementPublishedV1, ReadingReceivedV1
from contracts.events.catalog import owner_of
from services.scoring.domain import Recorded, read_recorded
from watchbill.addresses import fail

Line = dict[str, Any]
Published = dict[tuple[str, int], AgreementPublishedV1]
READING = ReadingReceivedV1.type()


def read_events(file: Path, wanted: Callable[[Mapping[str, Any]], bool]) -> Iterator[Recorded]:
    """The events of the wanted lines; only those are checked whole. Exits: 1 at a wrong line, 2 without a file."""
    if not file.is_file():
        raise _missing(file)
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                kept = json.loads(line) if line.strip() else None
                if kept is not None and wanted(kept):
                    yield from read_recorded([line])
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise fail(
                    f"{file} 第 {number} 行不是导出的事件：{_first(error)}",
                    f"{file}, line {number} is no exported event: {_first(error)}",
                ) from error


def line_of(recorded: Recorded, time: str) -> Line:
    """An event as a line of an export: CloudEvents attributes and `data`; `time` is when it was said."""
    event = recorded.event
    return {
        "id": recorded.id,
        "type": event.type(),
        "source": f"/watchbill/{owner_of(type(event))}",
        "subject": event.key,
        "time": time,
        "data": json.loads(event.model_dump_json()),
    }


def read_terms(path: Path) -> Agreement:
    """The agreement of a folder, or of its JSON (`watchbill agreement show ID --json`). Exits (1) at mistakes."""
    if not path.exists():
        raise _missing(path)
    try:
        return read_agreement(path) if path.is_dir() else Agreement.model_validate_json(path.read_bytes())
    except WrongAgreement as wrong:
        count = len(wrong.mistakes)
        raise fail(
            f"协议有 {count} 处错误，请执行 watchbill agreement check {path}",
            f"The agreement has {count} mistakes: see `watchbill agreement check {path}`",
        ) from wrong
    except ValidationError as error:
        raise fail(f"{path} 不是协议：{_first(error)}", f"{path} is no agreement: {_first(error)}") from error


def published_in(events: Iterable[Recorded]) -> Published:
    """The agreements that were published among the events, by id and version."""
    found = (known.event for known in events if isinstance(known.event, AgreementPublishedV1))
    return {(event.agreement, event.version): event for event in found}


def _missing(path: Path) -> typer.Exit:
    return fail(f"没有文件 {path}", f"There is no file {path}", 2)


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        flaw = error.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(map(str, flaw['loc'])) or 'JSON'}: {flaw['msg']}"
    return f"{type(error).__name__}: {error}"
