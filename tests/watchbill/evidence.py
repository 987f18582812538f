"""Files of exported events, as `watchbill events export` writes them; and how the commands are called."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from contracts.agreements.agreement import Agreement
from contracts.events.assets import AgreementPublishedV1, ReadingReceivedV1
from contracts.events.measured import Measured
from services.scoring.domain import Recorded
from tests.scoring.papers import at
from watchbill.cli import app
from watchbill.exported import line_of

DIGEST = "ab" * 32


def run(*arguments: str | Path, **environment: str) -> Result:
    """A command's exit code, what it said and what it complained of."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)


def written(path: Path, events: Iterable[Recorded]) -> Path:
    """A file with one event a line."""
    lines = [json.dumps(line_of(one, one.event.at.isoformat()), ensure_ascii=False) for one in events]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def document(path: Path, agreement: Agreement) -> Path:
    """The agreement as a JSON file."""
    path.write_text(agreement.model_dump_json(), encoding="utf-8")
    return path


def published(agreement: Agreement) -> Recorded:
    """The publication of an agreement."""
    name, version = agreement.id, agreement.version
    event = AgreementPublishedV1(at=at(1), agreement=name, version=version, digest="", document=agreement)
    return Recorded(f"published {version}", event)


def minute(site: str, day: int, hour: float, value: str, flag: str = "N") -> Recorded:
    """A minute reading of PM2.5 whose frame is known by its digest."""
    start = at(day, hour)
    key = f"{site}/minute/{start:%Y%m%dT%H%M%SZ}"
    event = ReadingReceivedV1(
        at=start + timedelta(minutes=5), reading=key, site=site, kind="minute", time=start,
        values={"a34004": Measured(value=Decimal(value), flag=flag)}, received_at=start + timedelta(minutes=5),
        digest=DIGEST,
    )  # fmt: skip
    return Recorded(f"event of {key}", event)


def walk(branch: dict[str, Any]) -> list[tuple[str, str]]:
    """Kind and id of a tree as JSON, depth first."""
    return [(branch["kind"], branch["id"]), *(found for below in branch["branches"] for found in walk(below))]
