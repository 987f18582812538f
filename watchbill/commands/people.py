"""`watchbill person`: who may sign in to the console, with which role."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from infra.local.place import Place
from infra.runtime.security import PEOPLE, Role
from services.console.people import PEOPLE as FILE
from watchbill.addresses import fail
from watchbill.secrets import Secrets
from watchbill.shown import AsJson, show_json, show_table
from watchbill.spoken import Spoken

LENGTH_MIN = 10
app = Spoken(help="可登录控制台的人员 / people who may sign in to the console")
Name = Annotated[str, typer.Argument(help="登录名 / the name to sign in with")]
RoleOf = Annotated[str, typer.Option(help="角色 / role: buyer, supplier, administrator, auditor")]
Organisation = Annotated[str, typer.Option(help="所属单位 / organisation (a party of the agreement)")]
Ask = Annotated[bool, typer.Option("--ask", help="自行输入密码 / type a password")]


@app.command("add")
def add(name: Name, role: RoleOf, org: Organisation, ask: Ask = False) -> None:
    """添加或修改一人；密码只显示这一次 / add or change somebody; the password is shown this once."""
    known: dict[str, Role] = {one: one for one in PEOPLE}
    if role not in known:
        raise fail(f"没有角色 {role}，可选：{'、'.join(PEOPLE)}", f"No role {role}: one of {', '.join(PEOPLE)}", 2)
    if not name.strip() or not org.strip():
        raise fail("登录名和所属单位不能为空", "The name and the organisation must not be empty", 2)
    typed = typer.prompt("密码 / password", hide_input=True, confirmation_prompt=True) if ask else ""
    if ask and len(typed) < LENGTH_MIN:
        raise fail(f"密码至少 {LENGTH_MIN} 个字符", f"A password has {LENGTH_MIN} characters at least", 2)
    secrets = Secrets(Place.of().root)
    secrets.make()
    password = secrets.person(name.strip(), known[role], org.strip(), typed)
    if not ask:
        typer.echo(password)
    typer.echo(f"{name} 可以登录控制台：{role}, {org}\n{name} may sign in to the console: {role}, {org}", err=True)


@app.command("remove")
def remove(name: Name) -> None:
    """移除一人，会话随即结束 / take somebody away; sessions end too."""
    if not Secrets(Place.of().root).forget(name):
        raise fail(f"没有 {name}", f"There is no {name}")
    typer.echo(f"{name} 不能再登录 / {name} may no longer sign in")


@app.command("list")
def list_people(as_json: AsJson = False) -> None:
    """列出可登录的人员 / list who may sign in."""
    path = Secrets(Place.of().root).shared / FILE
    known = json.loads(path.read_text()) if path.exists() else {}
    rows = [{"name": name, "role": one["role"], "organisation": one["organisation"]} for name, one in known.items()]
    if as_json:
        return show_json(rows)
    columns = ("登录名 name", "角色 role", "单位 organisation")
    return show_table("可登录控制台的人员 / people", columns, [tuple(row.values()) for row in rows])
