"""`watchbill`: one command line, Chinese first."""

from __future__ import annotations

import typer

from watchbill.commands import agreements, clocks, doctor, events, hj212, parked, scores, simulate
from watchbill.commands.demo import demo
from watchbill.commands.tokens import key, token
from watchbill.commands.up import up

app = typer.Typer(
    no_args_is_help=True,
    help="值守单 Watchbill：运维服务监管 / supervises contracted operation and maintenance",
    pretty_exceptions_show_locals=False,
)
app.add_typer(agreements.app, name="agreement")
app.add_typer(clocks.app, name="clock")
app.add_typer(scores.app, name="score")
app.add_typer(events.app, name="events")
app.add_typer(hj212.app, name="hj212")
app.add_typer(parked.app, name="parked")
app.command("up")(up)
app.command("demo")(demo)
app.command("token")(token)
app.command("key")(key)
app.command("simulate", epilog=simulate.EXITS)(simulate.simulate)
app.command("doctor", epilog=doctor.EXITS)(doctor.doctor)
