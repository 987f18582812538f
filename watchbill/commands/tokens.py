"""`watchbill token`: a token for trying out."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from infra.local.place import Place
from infra.runtime.security import PEOPLE, Role
from watchbill.addresses import fail
from watchbill.secrets import Secrets

Person = Annotated[str, typer.Argument(help="人员编号 / the person's id")]
RoleOf = Annotated[str, typer.Option(help="角色 / role: buyer, supplier, administrator, auditor")]
Organisation = Annotated[str, typer.Option(help="所属单位 / organisation (a party of the agreement)")]


Site = Annotated[str, typer.Argument(help="站点编号 / the site's id, such as mulan-lake")]


def key(site: Site) -> None:
    """取得数采仪的接口密钥（HTTP 上传）/ the API key of a station's logger, for posting readings over HTTP."""
    secrets = Secrets(Place.of().root)
    secrets.make()
    typer.echo(secrets.key_of(site, "logger"))


def token(person: Person, role: RoleOf = "supplier", org: Organisation = "supplier-a", hours: int = 12) -> None:
    """签发一个试用令牌 / issue a token for trying out."""
    known: dict[str, Role] = {name: name for name in PEOPLE}
    if role not in known:
        raise fail(f"没有角色 {role}，可选：{'、'.join(PEOPLE)}", f"No role {role}: one of {', '.join(PEOPLE)}", 2)
    secrets = Secrets(Place.of().root)
    secrets.make()
    typer.echo(secrets.token(person, known[role], org, timedelta(hours=hours)))
