"""`watchbill hj212 decode`: frames on standard input become JSON lines."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Any

import typer

from services.assets.hj212 import decode_stream
from watchbill.spoken import Spoken

app = Spoken(help="HJ 212 报文 / HJ 212 frames")
_CHUNK = 65_536
EXITS = (
    "退出码 / exit codes: 0 已读完，不论有无拒绝 all was read, refused or not; "
    "1 有片段被拒绝（仅 --strict）a piece was refused (--strict only); 2 用法错误 wrong use"
)
ERRORS = {
    "garbage": "报文以外的字节",
    "length": "长度与实际不符",
    "crc": "CRC 校验不符",
    "truncated": "报文不完整",
    "too_long": "报文过长",
    "syntax": "数据段格式有误",
    "encrypted": "加密报文，不支持",
}
"""The Chinese of each `error`; it stands before the detail."""
Strict = Annotated[bool, typer.Option("--strict", help="有片段被拒绝时退出码为 1 / exit 1 if a piece was refused")]


@app.callback()
def frames() -> None:
    """HJ 212 报文 / HJ 212 frames."""


@app.command("decode", epilog=EXITS)
def decode(strict: Strict = False) -> None:
    """解析标准输入中的报文，每个报文或被拒绝的片段一行 JSON / decode standard input, one JSON object a line."""
    refused = False
    for piece in decode_stream(iter(lambda: os.read(0, _CHUNK), b"")):
        sys.stdout.write(json.dumps(_told(piece), ensure_ascii=False) + "\n")
        refused = refused or not piece["ok"]
    if strict and refused:
        raise typer.Exit(1)


def _told(piece: dict[str, Any]) -> dict[str, Any]:
    if piece["ok"]:
        return piece
    return {**piece, "detail": f"{ERRORS[piece['error']]} / {piece['detail']}"}
