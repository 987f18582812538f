"""`watchbill token`: a token for trying out. `watchbill key`: the key of a station's logger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
import typer

from contracts.agreements.days import zone_of
from contracts.agreements.mistakes.mistake import nearest
from infra.local.place import Place
from infra.runtime.security import PEOPLE, Role
from watchbill.addresses import Addresses, fail
from watchbill.secrets import Secrets

HOURS_MAX = 8760
"""A token lasts a year at most."""
BEIJING = zone_of("Asia/Shanghai")
Person = Annotated[str, typer.Argument(help="人员编号 / the person's id")]
RoleOf = Annotated[str, typer.Option(help="角色 / role: buyer, supplier, administrator, auditor")]
Organisation = Annotated[str, typer.Option(help="所属单位 / organisation (a party of the agreement)")]
Lasts = Annotated[int, typer.Option(help=f"有效小时数 / hours it is valid, 1 to {HOURS_MAX}")]
Site = Annotated[str, typer.Argument(help="站点编号 / the site's id, such as mulan-lake")]


def key(site: Site) -> None:
    """取得数采仪的接口密钥（HTTP 上传）/ the API key of a station's logger, for posting readings over HTTP."""
    if not site.strip():
        raise fail("站点编号不能为空", "The site's id is empty", 2)
    place = Place.of()
    secrets = Secrets(place.root)
    secrets.make()
    _refuse_unknown(site, _known_sites(place))
    typer.echo(secrets.key_of(site, "logger"))


def _known_sites(place: Place) -> frozenset[str] | None:
    """The sites of the running installation; None where nothing runs or assets does not tell."""
    sites = _asked(place, "/v1/sites")
    return None if sites is None else frozenset(site["id"] for site in sites)


def _known_parties(place: Place) -> frozenset[str] | None:
    """The parties of the agreements in force; None where nothing runs or assets does not tell."""
    ids = {row["agreement"] for row in _asked(place, "/v1/agreements") or ()}
    agreements = [_asked(place, f"/v1/agreements/{id}") for id in sorted(ids)]
    return frozenset(party["id"] for one in agreements if one for party in one["parties"]) or None


def _asked(place: Place, path: str) -> Any:
    """What assets answers; None where it does not."""
    if not (place.root / "addresses.json").exists():
        return None
    try:
        with Addresses.read().client("assets") as client:
            answer = client.get(path)
    except httpx.TransportError:
        return None
    return None if answer.is_error else answer.json()


def _refuse_unknown(site: str, known: frozenset[str] | None) -> None:
    """A key may be made before anything runs (Docker Compose reads the same secrets): then only a warning."""
    if known is None:
        zh = f"警告：系统未运行或没有应答，无法核对是否有站点 {site}"
        typer.echo(f"{zh}\nWarning: nothing runs or answers here: whether there is a site {site} is unknown", err=True)
    elif not known:
        raise fail("尚无站点，请先执行 watchbill agreement load", "No sites yet: `watchbill agreement load` first", 2)
    elif site not in known:
        near = nearest(site, known) or ", ".join(sorted(known))
        raise fail(f"没有站点 {site}；是否 {near}？", f"No site {site}; did you mean {near}?", 2)


def token(person: Person, role: RoleOf = "supplier", org: Organisation = "supplier-a", hours: Lasts = 12) -> None:
    """签发一个试用令牌 / issue a token for trying out."""
    known: dict[str, Role] = {name: name for name in PEOPLE}
    if role not in known:
        raise fail(f"没有角色 {role}，可选：{'、'.join(PEOPLE)}", f"No role {role}: one of {', '.join(PEOPLE)}", 2)
    if not person.strip() or not org.strip():
        raise fail("人员和所属单位不能为空", "The person and the organisation must not be empty", 2)
    if not 1 <= hours <= HOURS_MAX:
        raise fail(f"有效小时数应为 1 至 {HOURS_MAX}，不是 {hours}", f"Hours: 1 to {HOURS_MAX}, not {hours}", 2)
    place = Place.of()
    secrets = Secrets(place.root)
    secrets.make()
    if role in ("buyer", "supplier"):
        _warn_of_stranger(org, _known_parties(place))
    until = datetime.now(UTC) + timedelta(hours=hours)
    typer.echo(secrets.token(person, known[role], org, timedelta(hours=hours)))
    _tell_end(until, f"{person}, {role}, {org}")


def _warn_of_stranger(org: str, known: frozenset[str] | None) -> None:
    """A token for nobody's organisation sees nothing; it is made, as the agreement may come later."""
    if known is not None and org not in known:
        near = nearest(org, known) or ", ".join(sorted(known))
        zh = f"警告：生效的协议中没有单位 {org}；是否 {near}？"
        typer.echo(f"{zh}\nWarning: no agreement in force names {org}; did you mean {near}?", err=True)


def _tell_end(until: datetime, who: str) -> None:
    end = f"{until.astimezone(BEIJING):%Y-%m-%d %H:%M}"
    typer.echo(f"有效至 {end}（北京时间）：{who}\nValid until {end}, Beijing time: {who}", err=True)
