"""The register's views: a list is short, one site is whole."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from services.assets.api.sites import router


def answered(path: str) -> dict[str, Any]:
    """The schema of what a GET of this path answers."""
    api = FastAPI()
    api.include_router(router)
    document = api.openapi()
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    name = schema.get("items", schema)["$ref"].rpartition("/")[2]
    return dict(document["components"]["schemas"][name]["properties"])


def test_list_of_sites_hides_instruments() -> None:
    """Neither as an empty list, which would say that a site has none."""
    short, whole = answered("/v1/sites"), answered("/v1/sites/{site}")
    assert set(short) == {"id", "title", "kind", "agreement", "lot", "mn"}
    assert set(whole) == {*short, "instruments"}
