"""The JSON Schemas for editors: current, and true of the data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from ruamel.yaml import YAML

from contracts.agreements import schema
from contracts.agreements.calendar import Span
from contracts.agreements.placed import parse, plain
from contracts.agreements.schema import FOLDER, schemas, write_schemas

WUHAN = sorted((Path(schema.__file__).parent / "wuhan-air").rglob("*.yaml"))


def validator(path: Path) -> Draft202012Validator:
    name = "agreement.schema.json" if path.name == "agreement.yaml" else "lot.schema.json"
    return Draft202012Validator(json.loads(schemas()[name]))


def as_an_editor_reads(text: str) -> object:
    """Numbers and booleans typed, dates as text."""
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text), default=str))


def test_committed_schemas_are_current() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == schemas()


def test_schemas_are_written_anew(tmp_path: Path) -> None:
    write_schemas(tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(schemas())


@pytest.mark.parametrize("path", WUHAN, ids=lambda path: path.name)
def test_editors_see_no_mistake(path: Path) -> None:
    errors = list(validator(path).iter_errors(as_an_editor_reads(path.read_text(encoding="utf-8"))))
    assert [error.message for error in errors] == []


@pytest.mark.parametrize("path", WUHAN, ids=lambda path: path.name)
def test_each_file_names_its_schema(path: Path) -> None:
    named = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() in set(FOLDER.resolve().iterdir())


def test_editors_see_a_misspelt_field() -> None:
    lot = next(path for path in WUHAN if path.name == "sla.yaml")
    wrong = lot.read_text(encoding="utf-8").replace("covers:", "cover:", 1)
    assert [error.validator for error in validator(lot).iter_errors(as_an_editor_reads(wrong))] == [
        "additionalProperties"
    ]


def test_scalars_arrive_as_written() -> None:
    placed, _ = parse('fee: 860000.00\nmodel: 5030\nat: 06:00\nnone: null\nempty:\nword: "null"\n', "a.yaml")
    assert placed is not None
    assert plain(placed) == {
        "fee": "860000.00",
        "model": "5030",
        "at": "06:00",
        "none": None,
        "empty": None,
        "word": "null",
    }


def test_time_of_day_with_a_zone_is_refused() -> None:
    source = {"document": "d", "clause": "1"}
    with pytest.raises(ValidationError, match="names no zone"):
        Span.model_validate({"starts": "06:00", "ends": "20:00Z", "source": source})
