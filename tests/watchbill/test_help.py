"""Every command explains itself in Chinese and in English, and says what its exit codes mean."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest
from rich.cells import cell_len
from typer.main import get_command

from tests.watchbill.evidence import run
from watchbill.cli import app
from watchbill.installation import ROOT

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


@pytest.mark.parametrize("width", ["80", "100", "120", "150"])
def test_no_help_text_is_cut(width: str) -> None:
    """Where Chinese fills a line to its last cell, rich crops the line (it counts characters): choose other words."""
    cut = [
        line for words in commands() for line in run(*words, "--help", COLUMNS=width).output.splitlines() if "…" in line
    ]
    assert cut == []


def test_help_in_a_pipe_is_wide() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "TERMINAL_WIDTH")}
    command = [sys.executable, "-c", "from watchbill.cli import app; app()", "--help"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, timeout=90, check=True)
    assert max(map(cell_len, told.stdout.splitlines())) == 150


def test_version_is_that_of_package() -> None:
    told = run("--version")
    assert (told.exit_code, told.output) == (0, f"watchbill {version('watchbill')}\n")


def test_every_query_speaks_json() -> None:
    for words in (["clock", "explain"], ["score", "explain"], ["events", "export"], ["simulate"], ["doctor"]):
        assert "--json" in run(*words, "--help", COLUMNS="200").output
