"""An agreement that a later version of the program wrote down is read without what this one does not know."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from contracts.agreements.folder import read_agreement
from infra.runtime.agreements import AgreementKept, Loads, agreement_of
from watchbill.demo.play import AGREEMENT


async def test_field_of_a_later_version_is_passed_over() -> None:
    """As after a roll-back: no service could take a letter, nor the gateway open, if it were refused."""
    agreement = read_agreement(AGREEMENT)
    terms: dict[str, Any] = agreement.model_dump(mode="json") | {"of_a_later_version": 1}
    terms["lots"][0]["sites"][0]["of_a_later_version"] = {"deep": True}
    kept = AgreementKept(id="a@1", agreement=agreement.id, version=agreement.version, terms=terms)

    async def load(model: object, id: str) -> AgreementKept:
        return kept

    loads = cast(Loads, SimpleNamespace(db=SimpleNamespace(name="a database of its own"), load=load))
    assert await agreement_of(loads, agreement.id, agreement.version) == agreement
