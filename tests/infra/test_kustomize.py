"""The files that `kubectl apply -k` reads: known fields, files that are there, patches that meet something.

None of our packages has kustomize's schema: the fields of its types that we use are written down here, no others pass.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import ValidationError, validate

from infra.deploy.kubernetes.__main__ import BASE, KUSTOMIZATION
from tests.infra.test_kubernetes import NEWEST, OVERLAY, PARTS

TEXT = {"type": "string", "minLength": 1}


def record(*needed: str, **fields: Any) -> dict[str, Any]:
    """An object that has no other fields than these, and those of them that are needed."""
    return {"type": "object", "properties": fields, "required": list(needed), "additionalProperties": False}


def rows(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": of}


IMAGE = record("name", name=TEXT, newName=TEXT, newTag=TEXT, digest=TEXT)
GENERATOR = record(
    "name", "literals",
    name=TEXT, behavior={"enum": ["create", "replace", "merge"]}, literals=rows({**TEXT, "pattern": r"^\w+="}),
)  # fmt: skip
PATCH = record("target", "patch", target=record("kind", "name", kind=TEXT, name=TEXT), patch=TEXT)
CHANGES = rows(
    record("op", "path", "value", op={"const": "replace"}, path={"type": "string", "pattern": "^/"}, value={})
)
SCHEMA = record(
    "apiVersion", "kind", "resources",
    apiVersion={"const": "kustomize.config.k8s.io/v1beta1"}, kind={"const": "Kustomization"}, namespace=TEXT,
    resources=rows(TEXT), images=rows(IMAGE), configMapGenerator=rows(GENERATOR), patches=rows(PATCH),
)  # fmt: skip
each_folder = pytest.mark.parametrize("folder", [BASE, OVERLAY], ids=lambda folder: folder.name)


def read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / KUSTOMIZATION).read_text(encoding="utf-8"))
    return found


def changed(part: dict[str, Any], changes: list[dict[str, Any]]) -> dict[str, Any]:
    """The part after a JSON patch of replacements. Raises LookupError where one meets no field."""
    made = deepcopy(part)
    for change in changes:
        place: Any = made
        *steps, last = [int(step) if step.isdigit() else step for step in change["path"].split("/")[1:]]
        for step in steps:
            place = place[step]
        place[last], _ = change["value"], place[last]
    return made


@each_folder
def test_kustomize_knows_every_field(folder: Path) -> None:
    validate(read(folder), SCHEMA)
    for field, value in {"imagined": 1, "resources": [], "images": [{"nam": "watchbill"}]}.items():
        with pytest.raises(ValidationError):
            validate({**read(folder), field: value}, SCHEMA)


@each_folder
def test_every_file_that_is_named_exists(folder: Path) -> None:
    """A folder is named for its own kustomization."""
    named = [folder / resource for resource in read(folder)["resources"]]
    assert [path for path in named if not (path / KUSTOMIZATION if path.suffix == "" else path).is_file()] == []


def test_example_stands_on_the_base() -> None:
    assert BASE in [(OVERLAY / resource).resolve() for resource in read(OVERLAY)["resources"]]


def test_patch_changes_a_field_that_is_there() -> None:
    """And what it makes of the base is still a manifest."""
    patches = read(OVERLAY)["patches"]
    assert patches
    for patch in patches:
        kind, name = patch["target"]["kind"], patch["target"]["name"]
        (part,) = [one for one in PARTS if (one["kind"], one["metadata"]["name"]) == (kind, name)]
        changes = yaml.safe_load(patch["patch"])
        validate(changes, CHANGES)
        made = changed(part, changes)
        assert made != part
        kubernetes_validate.validate(made, NEWEST, strict=True)


def test_image_that_is_named_is_run() -> None:
    ran = {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in PARTS if one["kind"] == "StatefulSet"}
    assert {image["name"] for folder in (BASE, OVERLAY) for image in read(folder)["images"]} == ran
