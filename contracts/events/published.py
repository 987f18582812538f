"""What we publish of the events: a JSON Schema and an example of each; `python -m contracts.events.published` writes
the schemas anew.

A schema says what a reader must take. Decimals are written as strings, times in ISO 8601 with a zone. Unknown fields
are read over, so that optional additions stay compatible.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from contracts.agreements.forms import FORMS
from contracts.events.catalog import EVENTS
from contracts.events.event import Event

SCHEMAS = Path(__file__).parent / "schemas"
EXAMPLES = Path(__file__).parent / "examples"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of an event's body."""
    return {"$schema": DIALECT, **_plain(event.model_json_schema())}


def schemas_of(events: Iterable[type[Event]], where: str) -> dict[str, Any]:
    """The schemas of several events and of all their parts, by name; `where` is what references begin with."""
    wanted = [(event, "validation") for event in events]
    _, document = models_json_schema(wanted, ref_template=where + "{model}")  # type: ignore[arg-type]
    return dict(_plain(document.get("$defs", {})))


def example_of(event: type[Event]) -> dict[str, Any]:
    """The committed example of an event's body."""
    return dict(json.loads((EXAMPLES / f"{event.type()}.json").read_text(encoding="utf-8")))


def schema_texts() -> dict[str, str]:
    """The text of each schema by its file's name."""
    return {f"{name}.json": text_of(schema_of(event)) for name, event in EVENTS.items()}


def write_schemas(folder: Path = SCHEMAS) -> None:
    """Writes the schemas into the folder."""
    folder.mkdir(exist_ok=True)
    for name, text in schema_texts().items():
        (folder / name).write_text(text, encoding="utf-8")


def text_of(document: dict[str, Any]) -> str:
    """A document as it is committed: Chinese as it is, names in order."""
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _plain(schema: Any) -> Any:
    """Without what is OpenAPI's and not JSON Schema's, and open: readers of events read over what they do not know."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _plain(part) for name, part in schema.items() if not _is_foreign(name, part)}
    if kept.get("additionalProperties") is False:
        del kept["additionalProperties"]
    if kept.get("format") == "time":  # JSON Schema's has an offset (RFC 3339); ours are local
        kept["pattern"] = FORMS[kept.pop("format")]
    return kept


def _is_foreign(name: str, part: Any) -> bool:
    return name == "discriminator" and isinstance(part, dict) and "propertyName" in part


if __name__ == "__main__":
    write_schemas()
