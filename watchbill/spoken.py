"""A command line that is Chinese first in what typer says by itself too: usage, panels, `--help`, and complaints."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from pydantic import ValidationError
from typer.core import TyperCommand, TyperGroup

from contracts.expectations import expectation

F = TypeVar("F", bound=Callable[..., Any])
ARGUMENTS = "参数（required：必填）/ Arguments"
OPTIONS = "选项（default：缺省值）/ Options"
COMMANDS = "命令 / Commands"
HELPS = {
    "Show this message and exit.": "显示本帮助 / show this help",
    "Install completion for the current shell.": "安装命令行补全 / install completion for this shell",
    "Show completion for the current shell, to copy it or customize the installation.": (
        "显示补全脚本 / show the completion script of this shell"
    ),
}
COMPLAINTS = (
    (r"No such command '(.+)'\. Did you mean (.+)\?", "没有命令 {0}，是否 {1}？"),
    (r"No such command '(.+)'\.", "没有命令 {0}"),
    (r"Missing command\.", "缺少命令"),
    (r"No such option: (\S+) \(Possible options: (.+)\)", "没有选项 {0}，是否 {1}？"),
    (r"No such option: (.+)", "没有选项 {0}"),
    (r"Option '(.+)' requires an argument\.", "选项 {0} 后缺少值"),
    (r"Option '(.+)' does not take a value\.", "选项 {0} 不带值"),
    (r"Missing argument '(.+)'\.", "缺少参数 {0}"),
    (r"Missing option '(.+)'\.", "缺少选项 {0}"),
    (r"Got unexpected extra argument\(s\) \((.+)\)", "多余的参数：{0}"),
    (r"Invalid value for '(.+?)': \w+ '(.+)' does not exist\.", "{0}：{1} 不存在"),
    (r"Invalid value for '(.+?)': \w+ '(.+)' is a file\.", "{0}：{1} 是文件，应为文件夹"),
    (r"Invalid value for '(.+?)': \w+ '(.+)' is a directory\.", "{0}：{1} 是文件夹，应为文件"),
    (r"Invalid value for '(.+?)': \w+ '(.+)' is not readable\.", "{0}：{1} 不可读"),
    (r"Invalid value for '(.+?)': (.+)", "{0} 的值有误：{1}"),
)
"""What typer complains of, and the Chinese of it."""


class SpokenCommand(TyperCommand):
    """A command."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        _write_usage(self, ctx, formatter)

    def get_params(self, ctx: Any) -> list[Any]:
        return _spoken(super().get_params(ctx))


class SpokenGroup(TyperGroup):
    """A group of commands; as the root it tells what is wrong with a call in both languages, and exits with 2."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        _write_usage(self, ctx, formatter)

    def get_params(self, ctx: Any) -> list[Any]:
        return _spoken(super().get_params(ctx))

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            code = super().main(*args, **{**kwargs, "standalone_mode": False})
        except typer.TyperException as wrong:
            _complain(wrong)
            sys.exit(wrong.exit_code)
        sys.exit(code if isinstance(code, int) else 0)


class Spoken(typer.Typer):
    """A `typer.Typer` whose commands speak both languages."""

    def __init__(self, *, cls: type[TyperGroup] = SpokenGroup, **kwargs: Any) -> None:
        super().__init__(cls=cls, no_args_is_help=True, **kwargs)

    def command(self, name: str | None = None, **kwargs: Any) -> Callable[[F], F]:
        return super().command(name, cls=SpokenCommand, rich_help_panel=COMMANDS, **kwargs)

    def add_typer(self, typer_instance: typer.Typer, **kwargs: Any) -> None:
        super().add_typer(typer_instance, rich_help_panel=COMMANDS, **kwargs)


def _write_usage(command: Any, ctx: Any, formatter: Any) -> None:
    formatter.write_usage(ctx.command_path, " ".join(command.collect_usage_pieces(ctx)), "用法 / Usage: ")


def _spoken(params: list[Any]) -> list[Any]:
    for param in params:
        param.rich_help_panel = ARGUMENTS if param.param_type_name == "argument" else OPTIONS
        param.help = HELPS.get(param.help, param.help)
    return params


def _complain(wrong: typer.TyperException) -> None:
    if not (english := wrong.format_message()):
        return  # a group without a command: its help was shown
    typer.echo(f"{chinese_of(wrong)}\n{english}", err=True)
    if (ctx := getattr(wrong, "ctx", None)) is not None:
        typer.echo(f"{ctx.get_usage()}\n帮助 / help: {ctx.command_path} --help", err=True)


def chinese_of(wrong: typer.TyperException) -> str:
    """The Chinese of a complaint of typer's."""
    english = wrong.format_message()
    for form, chinese in COMPLAINTS:
        if found := re.fullmatch(form, english, re.DOTALL):
            said = chinese.format(*(part.replace("'", "") for part in found.groups()))
            break
    else:
        said = "用法有误"
    if isinstance(wrong.__cause__, ValidationError):
        said = f"{said.partition('：')[0]}，应为{expectation(wrong.__cause__.errors()[0]).zh}"
    return said
