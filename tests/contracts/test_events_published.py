"""What is published of the events: current schemas, and examples that tell a true story."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from contracts.agreements.folder import digest_of, find_mistakes
from contracts.events.assets import AgreementPublishedV1, ReadingReceivedV1
from contracts.events.catalog import EVENTS, OWNERS, TOPICS
from contracts.events.event import Event
from contracts.events.incidents import FaultOpenedV1, SlaBreachedV1, SlaBreachWithdrawnV1
from contracts.events.published import EXAMPLES, SCHEMAS, example_of, schema_of, schema_texts, write_schemas
from contracts.events.scoring import ScorePostedV1, SettlementComputedV1
from contracts.events.titles import EVENT_TITLES, SERVICE_TITLES, TOPIC_TITLES
from infra.runtime.letters import open_record
from tests.contracts.compat import breaks

ROOT = Path(__file__).parents[2]
NAMES = sorted(EVENTS)


@dataclass(frozen=True)
class Record:
    """A record as Kafka hands it over."""

    topic: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    key: bytes = b""
    partition: int = 0
    offset: int = 0
    timestamp: int = 0


def told(event: type[Event]) -> Any:
    """The example as the event it stands for."""
    return event.model_validate(example_of(event))


def git(*words: str) -> str | None:
    """What git answers; None where there is no repository, no such branch or no such file."""
    said = subprocess.run(("git", *words), cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stdout if said.returncode == 0 else None


def base_of(name: str) -> dict[str, Any]:
    """The schema as the newest commit of main has it; the one of the tree where there is no such commit."""
    path = (SCHEMAS / name).relative_to(ROOT).as_posix()
    newest = (git("rev-list", "-1", "--diff-filter=d", "main", "--", path) or "").strip()
    text = git("show", f"{newest}:{path}") if newest else None
    return dict(json.loads(text or (ROOT / path).read_text(encoding="utf-8")))


def test_committed_schemas_are_current() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.iterdir()} == schema_texts()


def test_schemas_are_written_anew(tmp_path: Path) -> None:
    write_schemas(tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(schema_texts())


def test_no_schema_and_no_example_is_unused() -> None:
    expected = {f"{name}.json" for name in EVENTS}
    assert {path.name for path in SCHEMAS.iterdir()} == expected
    assert {path.name for path in EXAMPLES.iterdir()} == expected


def test_everything_has_a_chinese_title() -> None:
    assert EVENT_TITLES.keys() == EVENTS.keys()
    assert TOPIC_TITLES.keys() == set(TOPICS)
    assert SERVICE_TITLES.keys() == OWNERS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_schema_follows_the_one_of_main(name: str) -> None:
    assert breaks(base_of(f"{name}.json"), schema_of(EVENTS[name])) == []


@pytest.mark.parametrize("name", NAMES)
def test_example_fits_its_schema(name: str) -> None:
    schema = schema_of(EVENTS[name])
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [error.message for error in validator.iter_errors(example_of(EVENTS[name]))] == []


@pytest.mark.parametrize("name", NAMES)
def test_example_comes_back_unchanged(name: str) -> None:
    example = example_of(EVENTS[name])
    assert EVENTS[name].model_validate(example).model_dump(mode="json") == example


@pytest.mark.parametrize("name", NAMES)
def test_schema_and_model_require_the_same(name: str) -> None:
    example, event = example_of(EVENTS[name]), EVENTS[name]
    for field in schema_of(event)["properties"]:
        without = {key: value for key, value in example.items() if key != field}
        if field in schema_of(event)["required"]:
            with pytest.raises(ValidationError):
                event.model_validate(without)
        else:
            event.model_validate(without)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_field_is_read_over(name: str) -> None:
    event = EVENTS[name]
    body = json.dumps({**example_of(event), "of_a_later_version": 1}).encode()
    letter = open_record(Record(event.TOPIC, body, (("ce_type", name.encode()),)))
    assert (letter.flaw, letter.event) == (None, told(event))


def test_unknown_term_of_agreement_is_read_over() -> None:
    example = example_of(AgreementPublishedV1)
    example["document"]["of_a_later_version"] = 1
    body = json.dumps(example).encode()
    letter = open_record(Record("agreements", body, (("ce_type", b"AgreementPublishedV1"),)))
    assert (letter.flaw, letter.event) == (None, told(AgreementPublishedV1))


def test_example_agreement_has_no_mistake(tmp_path: Path) -> None:
    example = example_of(AgreementPublishedV1)
    (tmp_path / "agreement.yaml").write_text(json.dumps(example["document"], ensure_ascii=False), encoding="utf-8")
    assert find_mistakes(tmp_path) == ()
    assert example["digest"] == digest_of(told(AgreementPublishedV1).document)


def test_example_breach_counts_the_pause() -> None:
    opened, breached = told(FaultOpenedV1), told(SlaBreachedV1)
    paused, resumed = (told(EVENTS[name]).at for name in ("FaultPausedV1", "FaultResumedV1"))
    clause = told(AgreementPublishedV1).document.lot("lot-1").sla[0]
    assert breached.at == breached.due == opened.at + clause.limits[0].time + (resumed - paused)
    withdrawn, resolved = told(SlaBreachWithdrawnV1), told(EVENTS["FaultResolvedV1"])
    assert resolved.at < withdrawn.due < resolved.posted_at == withdrawn.at


def test_example_money_sums_up() -> None:
    settled = told(SettlementComputedV1)
    for site in settled.sites:
        assert site.share - sum((line.amount for line in site.lines), Decimal(0)) == site.payable
    assert sum(site.share for site in settled.sites) == settled.gross
    assert settled.gross - settled.deducted == settled.payable == sum(site.payable for site in settled.sites)


def test_example_score_sums_up() -> None:
    posted = told(ScorePostedV1)
    assert posted.full - sum(line.points for line in posted.lines) == posted.points
    for value in posted.indicators:
        assert value.met == (value.ratio >= value.required)
        assert value.ratio == (Decimal(value.numerator) / value.denominator).quantize(Decimal("0.0001"))


def test_example_reading_is_named_by_its_key() -> None:
    reading = told(ReadingReceivedV1)
    assert reading.reading == f"{reading.site}/{reading.kind}/{reading.time:%Y%m%dT%H%M%SZ}"
    assert told(FaultOpenedV1).evidence[0] == reading.reading


@pytest.mark.parametrize("name", NAMES)
def test_example_happens_in_the_term(name: str) -> None:
    event = told(EVENTS[name])
    assert isinstance(event.at, datetime)
    assert event.at.year == 2026 or isinstance(event, AgreementPublishedV1)
