"""python -m infra.local.sinks --sms-port 13013 --smtp-port 1025 --web-port 8025 --dir DIR"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

from infra.local.sinks.both import Sinks


def main() -> None:
    """Runs until SIGTERM or Ctrl-C; prints one JSON line with the ports when both listen."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.sinks", description=__doc__)
    parser.add_argument("--sms-port", type=int, default=0)
    parser.add_argument("--smtp-port", type=int, default=0)
    parser.add_argument("--web-port", type=int, default=0)
    parser.add_argument("--dir", type=Path, required=True)
    asyncio.run(_run(parser.parse_args()))


async def _run(wanted: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stopped.set)
    async with Sinks(wanted.dir, wanted.sms_port, wanted.smtp_port, wanted.web_port) as sinks:
        ports = {"sms": sinks.sms_port, "smtp": sinks.smtp_port, "web": sinks.web_port}
        print(json.dumps(ports), flush=True)
        await stopped.wait()


if __name__ == "__main__":
    main()
