"""Every command explains itself in Chinese and in English, and says what its exit codes mean."""

from __future__ import annotations

import re

import pytest
from typer.main import get_command

from tests.watchbill.evidence import run
from watchbill.cli import app

HAN, LATIN = re.compile(r"[\u4e00-\u9fff]"), re.compile(r"/ [A-Za-z]")


def commands() -> list[list[str]]:
    """The words of every command and group."""
    found: list[list[str]] = []
    waiting: list[tuple[list[str], object]] = [([], get_command(app))]
    while waiting:
        words, command = waiting.pop()
        found.append(words)
        below = getattr(command, "commands", {})
        waiting += [([*words, name], one) for name, one in below.items()]
    return found


@pytest.mark.parametrize("words", commands(), ids=lambda words: " ".join(words) or "watchbill")
def test_help_is_said_in_both_languages(words: list[str]) -> None:
    told = run(*words, "--help", COLUMNS="200", TERMINAL_WIDTH="200")
    said = told.output.split("╭")[0]
    assert told.exit_code == 0 and HAN.search(said) and LATIN.search(said), told.output


@pytest.mark.parametrize(
    "words",
    [["clock", "explain"], ["score", "explain"], ["events", "export"], ["simulate"], ["doctor"]],
    ids=" ".join,
)
def test_help_names_the_exit_codes(words: list[str]) -> None:
    told = run(*words, "--help", COLUMNS="400", TERMINAL_WIDTH="400")
    assert "退出码 / exit codes: 0 " in told.output and "3 系统未运行 nothing runs" in told.output


def test_every_query_speaks_json() -> None:
    for words in (["clock", "explain"], ["score", "explain"], ["events", "export"], ["simulate"], ["doctor"]):
        assert "--json" in run(*words, "--help", COLUMNS="200").output
