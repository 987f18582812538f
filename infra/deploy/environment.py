"""The environment of a service in a container, from infra/processes.py: compose and Kubernetes say the same."""

from __future__ import annotations

import json
from collections.abc import Mapping

from infra.processes import Process, addresses

SECRETS = "/run/watchbill/secrets"
EVERYWHERE = "0.0.0.0"
USER = 10001
"""Owns nothing in the image: the services write no file."""
STOP_SECONDS = 30
"""How long a service may take to stop before it is killed; it takes less than ten."""
OUTSIDE: Mapping[str, Mapping[str, str]] = {
    "notify": {
        "sms_url": "",
        "sms_user": "watchbill",
        "sms_sender": "",
        "receipts_url": "",
        "smtp_host": "",
        "smtp_port": "587",
        "smtp_user": "",
        "smtp_starttls": "true",
        "mail_sender": "watchbill@example.com",
    },
    "console": {"https": "false"},
}
"""What only the installer knows, by service, with what it is where nothing is said."""


def own(process: Process) -> dict[str, str]:
    """Ports as the process has them, each heard on every address of the container; then its settings."""
    named = {"http_port": str(process.http_port)}
    for name, port in process.ports.items():
        named |= {name: str(port), f"{name.removesuffix('_port')}_host": EVERYWHERE}
    if process.name == "console":
        named["services"] = json.dumps(addresses())
    return variables(named | dict(process.settings))


def asked(process: Process) -> dict[str, str]:
    """What the installer may set, with its defaults."""
    return variables(OUTSIDE.get(process.name, {}))


def variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings as the variables that name them."""
    return {f"WATCHBILL_{name.upper()}": value for name, value in settings.items()}
