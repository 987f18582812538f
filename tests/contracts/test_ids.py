"""An id made of a name is that of RFC 9562, as the standard library makes it."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import id_of


@given(st.uuids(), st.text())
def test_id_of_a_name_is_its_uuid5(space: uuid.UUID, name: str) -> None:
    assert id_of(space, name) == str(uuid.uuid5(space, name))
