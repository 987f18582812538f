"""The register's views: a list is short, one site is whole."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from contracts.values import Words
from services.assets.api.readings import unknown_code
from services.assets.api.sites import router
from services.assets.register import measures_of
from tests.assets.stations import AGREEMENT


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


@pytest.mark.parametrize(
    ("written", "told"),
    [("O3", "O3: did you mean a05024?"), ("A05024", "A05024: did you mean a05024?"), ("?", "?: one of: VIS, a01001, ")],
)
def test_unknown_code_names_the_likely_one(written: str, told: str) -> None:
    site = next(site for lot in AGREEMENT.lots for site in lot.sites if site.id == "jiangxia-xin-river")
    problem = unknown_code(written, measures_of(site))
    assert problem.status == 404 and isinstance(problem.detail, Words) and problem.detail.en.startswith(told)
