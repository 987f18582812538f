"""The JSON Schemas with which an editor checks and completes agreement files; `python -m contracts.agreements.schema`
writes them anew.

`agreement.schema.json` is for `agreement.yaml`, `lot.schema.json` for every file of a lot's folder. Both leave open
what other files may give; the reader checks the whole.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from contracts.agreements.agreement import Agreement, Lot
from contracts.agreements.forms import FORMS

FOLDER = Path(__file__).parent / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, str]:
    """The text of each schema by its file's name."""
    return {
        "agreement.schema.json": _text(_schema(Agreement, elsewhere={"lots"})),
        "lot.schema.json": _text(_schema(Lot, elsewhere=set(Lot.model_fields))),
    }


def write_schemas(folder: Path = FOLDER) -> None:
    """Writes the schemas into the folder."""
    folder.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


def _schema(model: type[BaseModel], elsewhere: set[str]) -> dict[str, Any]:
    schema = _editable(model.model_json_schema())
    required = [name for name in schema.get("required", ()) if name not in elsewhere]
    return {"$schema": DIALECT, **schema, "required": required}


def _editable(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_editable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _editable(part) for name, part in schema.items()}
    if schema.get("type") == "string" and schema.get("format") in FORMS:
        # Editors would ask a time of day for its zone, and not look at durations at all.
        return {**{name: part for name, part in kept.items() if name != "format"}, "pattern": FORMS[schema["format"]]}
    return kept


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    write_schemas()
