"""`watchbill`: one command line, Chinese first."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer import rich_utils

from watchbill.commands import agreements, clocks, doctor, events, hj212, parked, people, scores, simulate
from watchbill.commands.backups import EXITS as BACKUP_EXITS
from watchbill.commands.backups import backup_command, restore_command
from watchbill.commands.demo import demo
from watchbill.commands.tokens import key, token
from watchbill.commands.up import up
from watchbill.shown import WIDTH
from watchbill.spoken import Spoken, SpokenGroup


class Wide(SpokenGroup):
    """Help that goes to no terminal is as wide as tables are, unless the environment says how wide."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        told, free = os.environ.get("TERMINAL_WIDTH", ""), sys.stdout.isatty() or "COLUMNS" in os.environ
        rich_utils.MAX_WIDTH = int(told) if told.isdecimal() else None if free else WIDTH
        return super().main(*args, **kwargs)


app = Spoken(cls=Wide, pretty_exceptions_show_locals=False)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"watchbill {version('watchbill')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="显示版本 / show the version")
]


@app.callback()
def watchbill(version: Version = False) -> None:
    """值守单 Watchbill：运维服务监管 / supervises contracted operation and maintenance"""


app.add_typer(agreements.app, name="agreement")
app.add_typer(clocks.app, name="clock")
app.add_typer(scores.app, name="score")
app.add_typer(events.app, name="events")
app.add_typer(hj212.app, name="hj212")
app.add_typer(parked.app, name="parked")
app.add_typer(people.app, name="person")
app.command("up")(up)
app.command("backup", epilog=BACKUP_EXITS)(backup_command)
app.command("restore", epilog=BACKUP_EXITS)(restore_command)
app.command("demo")(demo)
app.command("token")(token)
app.command("key")(key)
app.command("simulate", epilog=simulate.EXITS)(simulate.simulate)
app.command("doctor", epilog=doctor.EXITS)(doctor.doctor)
