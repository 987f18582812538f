"""`watchbill parked`: letters that could not be handled: see them, see why, hear them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote

import typer

from infra.processes import PROCESSES
from infra.runtime.ops import PARKED_LISTED_MAX
from watchbill.addresses import Addresses, fail
from watchbill.shown import AsJson, show_json, show_table
from watchbill.spoken import Spoken

app = Spoken(help="搁置的消息 / parked letters")
Id = Annotated[str, typer.Argument(help="编号（见 list）/ its id (see list)")]
Service = Annotated[str | None, typer.Option(help="搁置它的服务 / the service that has parked it")]


def _all(addresses: Addresses) -> tuple[list[dict[str, Any]], typer.Exit | None]:
    """What the services say, and the exit if one of them says nothing."""
    rows: list[dict[str, Any]] = []
    away: typer.Exit | None = None
    for name in (process.name for process in PROCESSES):
        try:
            some = addresses.get(name, "/runtime/parked")
        except typer.Exit as told:
            away = told
            continue
        rows += [{"service": name, **row} for row in some]
        if len(some) == PARKED_LISTED_MAX:
            zh, en = f"{name}：只列出最早的 {len(some)} 条", f"{name}: only the oldest {len(some)} are listed"
            typer.echo(f"{zh}\n{en}", err=True)
    return rows, away


def _find(addresses: Addresses, id: str, service: str | None) -> tuple[str, dict[str, Any]]:
    """The service that has parked it, and the letter; of several services, the one that was named."""
    names = [process.name for process in PROCESSES]
    if service not in (None, *names):
        raise fail(f"没有服务 {service}，只有 {', '.join(names)}", f"No service {service}: {', '.join(names)}", 2)
    found: list[tuple[str, dict[str, Any]]] = []
    away: typer.Exit | None = None
    for name in [service] if service else names:
        try:
            letter = addresses.find(name, f"/runtime/parked/{quote(id, safe='')}")
            found += [(name, letter)] if letter else []
        except typer.Exit as told:  # another may have it
            away = told
    if not found:
        raise away or fail(f"没有搁置的消息 {id}", f"No parked letter {id}")
    if len(found) > 1:
        some = ", ".join(name for name, _ in found)
        raise fail(f"多个服务搁置了它（{some}），请用 --service 指明", f"Parked by {some}: choose by --service")
    return found[0]


@app.command("list")
def list_parked(as_json: AsJson = False) -> None:
    """列出所有服务搁置的消息 / list the parked letters of all services."""
    rows, away = _all(Addresses.read())
    if as_json:
        show_json(rows)
    else:
        _show(rows)
    if away:
        raise away


def _show(rows: Sequence[dict[str, Any]]) -> None:
    show_table(
        "搁置的消息 / parked letters",
        ("服务 service", "编号 id", "类型 type", "时间 at", "原因 reason"),
        [(r["service"], r["id"], r["type"], r["at"], r["reason"].strip().splitlines()[-1][:160]) for r in rows],
    )


@app.command("show")
def show(id: Id, service: Service = None) -> None:
    """显示一条：原因、消息头、原文 / show one: reason, headers, body."""
    _, letter = _find(Addresses.read(), id, service)
    show_json(letter)


@app.command("redrive")
def redrive(id: Id, service: Service = None) -> None:
    """重新处理一条 / hear one again, as if for the first time."""
    addresses = Addresses.read()
    name, _ = _find(addresses, id, service)
    done = addresses.post(name, f"/runtime/redrive/{quote(id, safe='')}")
    if not done["ok"]:
        raise fail(f"仍无法处理：{done['still']}", f"Still wrong: {done['still']}")
    typer.echo("已处理 / handled")
