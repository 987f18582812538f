"""`watchbill hj212 decode`: frames on standard input become JSON lines."""

from __future__ import annotations

import json
import os
import sys

import typer

from services.assets.hj212 import decode_stream

app = typer.Typer(no_args_is_help=True, help="HJ 212 报文 / HJ 212 frames")
_CHUNK = 65_536


@app.callback()
def frames() -> None:
    """HJ 212 报文 / HJ 212 frames."""


@app.command("decode")
def decode() -> None:
    """解析标准输入中的报文，每个报文或被拒绝的片段一行 JSON / decode standard input, one JSON object a line."""
    for piece in decode_stream(iter(lambda: os.read(0, _CHUNK), b"")):
        sys.stdout.write(json.dumps(piece, ensure_ascii=False) + "\n")
