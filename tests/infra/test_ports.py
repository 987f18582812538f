"""The port book, with real sockets on the loopback address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from itertools import combinations, islice
from pathlib import Path

import pytest

from infra.local.ports import LOOPBACK, RANGE, Ports, is_free, walk
from infra.local.trouble import Trouble


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "ports.json"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_second_start_uses_the_same_ports(book: Path) -> None:
    first = {name: Ports(book).pick(name) for name in ("kafka", "mongo")}
    assert {name: Ports(book).pick(name) for name in first} == first
    assert Ports(book).known() == first


def test_no_two_names_share_a_port(book: Path) -> None:
    picked = [Ports(book).pick(f"name-{n}") for n in range(40)]
    assert len(set(picked)) == 40 and set(picked) <= set(RANGE)


def test_two_books_share_no_port_that_nothing_listens_on_yet(tmp_path: Path) -> None:
    books = [Ports(tmp_path / name) for name in ("one", "other")]
    picked = [book.pick(f"name-{n}") for n in range(20) for book in books]
    assert len(set(picked)) == 40


def test_processes_that_start_together_look_at_different_ports() -> None:
    looked = [set(islice(walk(RANGE, process), 150)) for process in range(4_000, 4_020)]
    assert all(one.isdisjoint(other) for one, other in combinations(looked, 2))
    assert sorted(islice(walk(RANGE, 4_000), len(RANGE))) == list(RANGE)


def test_remembered_but_taken_port_is_replaced(book: Path) -> None:
    before = Ports(book).pick("kafka")
    with socket.create_server((LOOPBACK, before)):
        after = Ports(book).pick("kafka")
    assert after != before and Ports(book).known() == {"kafka": after}


def test_wanted_port_is_given_and_remembered(book: Path) -> None:
    free = Ports(book).pick("spare")
    assert Ports(book).pick("console", wanted=free) == free
    assert Ports(book).known()["console"] == free


def test_wanted_but_taken_port_is_refused(book: Path, taken: int) -> None:
    with pytest.raises(Trouble) as caught:
        Ports(book).pick("console", wanted=taken)
    assert f"端口 {taken}" in caught.value.zh and f"Port {taken}" in caught.value.en
    assert "pid" in caught.value.en  # this very process holds it, and may see itself
    assert Ports(book).known() == {}


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"kafka": "x"}', '{"kafka": null}'])
def test_broken_book_is_written_anew(book: Path, text: str) -> None:
    book.write_text(text)
    port = Ports(book).pick("kafka")
    assert Ports(book).known() == {"kafka": port}


def test_listening_port_is_not_free(taken: int) -> None:
    assert not is_free(taken)
    assert not is_free(70_000)
