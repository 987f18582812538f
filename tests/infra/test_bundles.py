"""What a page says is kept in few rows of the outbox, whole and in order, and none of them larger than a document."""

from __future__ import annotations

import bson
from hypothesis import given
from hypothesis import strategies as st

from infra.runtime.bundles import Bundle, bundled
from infra.runtime.letters import EVENT_BYTES_MAX, Outgoing

DOCUMENT_MAX = 16 * 1024 * 1024
sizes = st.lists(st.sampled_from([0, 300, EVENT_BYTES_MAX // 3, EVENT_BYTES_MAX]), max_size=12)


def letters(of: list[int]) -> list[Outgoing]:
    headers = (("ce_id", b"1"), ("traceparent", b"00-1-2-01"))
    return [Outgoing(str(number), "scores", b"key", bytes(size), headers) for number, size in enumerate(of)]


@given(sizes)
def test_rows_hold_all_letters_in_order(of: list[int]) -> None:
    rows = [bundle.row("scoring-0", seq) for seq, bundle in enumerate(bundled(letters(of)))]
    assert all(len(bson.encode(row)) < DOCUMENT_MAX for row in rows)
    kept = [Bundle.of(bson.decode(bson.encode(row))) for row in rows]
    assert [letter for bundle in kept for letter in bundle.letters] == letters(of)
    assert len({bundle.id for bundle in kept}) == len(rows) <= max(0, sum(of) // EVENT_BYTES_MAX) + 1


def test_row_of_an_older_build_is_one_letter() -> None:
    (letter,) = letters([300])
    row = {"_id": letter.id, "owner": "scoring-0", "seq": 1, "topic": "scores", "key": b"key", "value": letter.value}
    assert Bundle.of({**row, "headers": [list(header) for header in letter.headers]}).letters == (letter,)


def test_small_letters_share_a_row() -> None:
    assert len(bundled(letters([300] * 500))) == 1 and bundled([]) == []
