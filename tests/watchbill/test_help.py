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


@pytest.mark.parametrize("words", commands(), ids=lambda words: " ".join(words) or "watchbill")
def test_no_line_of_help_is_english_only(words: list[str]) -> None:
    told = run(*words, "--help", COLUMNS="400", TERMINAL_WIDTH="400").output
    assert [line for line in told.splitlines() if re.search("[A-Za-z]", line) and not HAN.search(line)] == []


WRONG_CALLS = [
    (["nonsense"], "没有命令 nonsense", "No such command"),
    (["clock", "explian"], "没有命令 explian，是否 explain？", "Did you mean"),
    (["clock", "explain", "--nope"], "没有选项 --nope", "No such option"),
    (["clock", "explain", "--evnts"], "没有选项 --evnts，是否 --events", "Possible options"),
    (["up", "--contacts"], "选项 --contacts 后缺少值", "requires an argument"),
    (["up", "--single=1"], "选项 --single 不带值", "does not take a value"),
    (["token"], "缺少参数 person", "Missing argument"),
    (["doctor", "extra"], "多余的参数：extra", "unexpected extra argument"),
    (["agreement", "check", "/nope"], "folder：/nope 不存在", "does not exist"),
    (["agreement", "check", "Makefile"], "folder：Makefile 是文件，应为文件夹", "is a file"),
    (["demo", "--seed", "abc"], "--seed 的值有误，应为整数", "a valid integer"),
    (["demo", "--days", "31"], "--days 的值有误，应为不大于 30", "less than or equal to 30"),
    (["simulate", "--speed", "x"], "--speed 的值有误，应为数字", "a valid number"),
    (["clock", "explain", "--at", "noon"], "--at 的值有误，应为时刻，如 2026-01-31T08:00", "a valid datetime"),
]


@pytest.mark.parametrize(("words", "chinese", "english"), WRONG_CALLS, ids=lambda part: str(part)[:24])
def test_wrong_call_is_told_in_both(words: list[str], chinese: str, english: str) -> None:
    told = run(*words)
    assert told.exit_code == 2 and told.stdout == ""
    first, second, *more = told.stderr.splitlines()
    assert chinese in first and english in second
    assert [line.partition(":")[0] for line in more] in ([], ["用法 / Usage", "帮助 / help"])


def test_group_alone_shows_its_help() -> None:
    told = run("clock")
    assert told.exit_code == 2 and "explain" in told.stdout and told.stderr == ""


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
