"""`watchbill agreement`: check a folder, publish it, show what is in force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from contracts.agreements.folder import find_mistakes, read_agreement
from contracts.agreements.mistakes import Mistake
from watchbill.addresses import Addresses
from watchbill.shown import AsJson, show_json, show_table
from watchbill.spoken import Spoken

app = Spoken(help="合同（服务协议）/ service agreements")
Folder = Annotated[Path, typer.Argument(help="协议文件夹 / the agreement's folder", exists=True, file_okay=False)]


def _refuse(mistakes: tuple[Mistake, ...], as_json: bool) -> None:
    rows = [
        {
            "file": str(mistake.file),
            "line": mistake.line,
            "field": mistake.field,
            "wrong": mistake.wrong,
            "expected": mistake.expected.model_dump(),
            "nearest": mistake.nearest,
        }
        for mistake in mistakes
    ]
    if as_json:
        show_json({"ok": not rows, "mistakes": rows})
    elif rows:
        columns = ("文件 file", "行 line", "字段 field", "现值 found", "应为 expected", "最接近 nearest")
        show_table(
            f"{len(rows)} 处错误，未载入任何内容 / {len(rows)} mistakes, nothing is loaded",
            columns,
            [tuple(row.values()) for row in rows],
        )
    if rows:
        raise typer.Exit(1)


@app.command("check")
def check(folder: Folder, as_json: AsJson = False) -> None:
    """检查协议文件，一次列出所有错误 / check a folder: every mistake at once."""
    _refuse(find_mistakes(folder), as_json)
    if not as_json:
        typer.echo("没有错误 / no mistakes")


@app.command("load")
def load(folder: Folder, as_json: AsJson = False) -> None:
    """发布协议版本 / publish a version: it is in force at once."""
    if mistakes := find_mistakes(folder):
        _refuse(mistakes, as_json)
    agreement, addresses = read_agreement(folder), Addresses.read()
    before = addresses.get("assets", "/v1/agreements")
    published = addresses.post("assets", "/v1/agreements", agreement.model_dump(mode="json"))
    if as_json:
        return show_json(published)
    said = "此前已发布，内容相同 / was published before, the same" if published in before else "已发布 / published"
    return typer.echo(f"{said}: {published['agreement']} v{published['version']} ({published['digest'][:12]})")


@app.command("show")
def show(
    agreement: Annotated[str | None, typer.Argument(help="协议编号 / its id")] = None, as_json: AsJson = False
) -> None:
    """显示生效的协议 / show what is in force."""
    addresses = Addresses.read()
    if agreement is None:
        rows = addresses.get("assets", "/v1/agreements")
        if as_json:
            return show_json(rows)
        return show_table(
            "协议 / agreements", ("编号 id", "版本 version", "摘要 digest"), [tuple(r.values()) for r in rows]
        )
    whole = addresses.get("assets", f"/v1/agreements/{agreement}")
    if as_json:
        return show_json(whole)
    for lot in whole["lots"]:
        title = (
            f"{whole['title']['zh']} / {lot['title']['zh']}  v{whole['version']}  {whole['starts']} – {whole['ends']}"
        )
        show_table(
            title,
            ("SLA", "条款 clause", "名称 title", "假定 assumed"),
            [
                (c["id"], c["source"]["clause"], c["title"], "是 yes" if c["source"]["assumed"] else "")
                for c in lot["sla"]
            ],
        )
        show_table(
            "站点 / sites",
            ("编号 id", "名称 title", "仪器 instruments"),
            [(s["id"], s["title"], len(s["assets"])) for s in lot["sites"]],
        )
    return None
