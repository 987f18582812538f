"""The secrets of an installation: made once, read from files, shown to nobody.

`secrets/` holds what services may read; `owner/` what only the installer holds: the token key and the keys in clear.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc.jwk import OKPKey

from infra.runtime.security import Role, hash_of_key, issue_token
from infra.runtime.telemetry import TRACE_KEY
from services.console.people import PEOPLE, hash_of_password
from services.console.settings import CONSOLE_KEY

ADMINISTRATOR = "admin"
ADMINISTRATOR_PASSWORD = "console-password"
"""Who may sign in to the console of a new installation, and the file in `owner/` with the password."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True)
class Secrets:
    """The secrets of the data folder `root`."""

    root: Path

    @property
    def shared(self) -> Path:
        """What services read."""
        return self.root / "secrets"

    @property
    def owner(self) -> Path:
        """What only the installer reads."""
        return self.root / "owner"

    def make(self) -> None:
        """Makes what is not there yet; nothing that is there is changed."""
        for folder in (self.shared, self.owner):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (self.owner / "token-private.pem").exists():
            key = OKPKey.generate_key("Ed25519")
            _write(self.shared / "token-public.pem", key.as_pem(private=False))
            _write(self.owner / "token-private.pem", key.as_pem(private=True))
        for name in ("keys.secret", "sms-password"):
            if not (self.shared / name).exists():
                _write(self.shared / name, secrets.token_hex(32).encode())
        self.key_of("conductor", "service")
        self._share(TRACE_KEY, self.key_of("trace", "tracer"))
        self._share(CONSOLE_KEY, self.key_of("console", "service"))
        if not (self.shared / PEOPLE).exists():
            _write(
                self.owner / ADMINISTRATOR_PASSWORD,
                f"{self.person(ADMINISTRATOR, 'administrator', 'owner')}\n".encode(),
            )

    def forget(self, name: str) -> bool:
        """Takes a person away; returns whether there was one."""
        known = self._read(self.shared / PEOPLE)
        if known.pop(name, None) is None:
            return False
        _write(self.shared / PEOPLE, json.dumps(known, indent=1, ensure_ascii=False).encode())
        return True

    def _share(self, name: str, key: str) -> None:
        if not (self.shared / name).exists():
            _write(self.shared / name, key.encode())

    def person(self, name: str, role: Role, organisation: str, password: str = "") -> str:
        """Lets a person sign in to the console; who is there already gets this role and password. Returns the password,
        a new one where none is given: only its hash is kept."""
        password = password or secrets.token_urlsafe(12)
        known = self._read(self.shared / PEOPLE)
        known[name] = {"hash": hash_of_password(password), "role": role, "organisation": organisation}
        _write(self.shared / PEOPLE, json.dumps(known, indent=1, ensure_ascii=False).encode())
        return password

    def key_of(self, name: str, role: Role) -> str:
        """The API key of a machine, made when it is asked for first."""
        known = self._read(self.owner / "keys.json")
        if name not in known:
            known[name] = secrets.token_urlsafe(32)
            hashed = self._read(self.shared / "keys.json")
            entry = {"hash": hash_of_key(known[name], self._pepper()), "role": role, "name": name}
            hashed[known[name][:8]] = entry
            _write(self.shared / "keys.json", json.dumps(hashed, indent=1).encode())
            _write(self.owner / "keys.json", json.dumps(known, indent=1).encode())
        return str(known[name])

    def logger_passwords(self, mns: Iterable[str]) -> dict[str, str]:
        """The HJ 212 passwords (6 characters) of these loggers, made when they are asked for first."""
        mns = list(mns)
        known = self._read(self.owner / "loggers.json")
        for mn in mns:
            known.setdefault(mn, "".join(secrets.choice(_LETTERS) for _ in range(6)))
        hashed = {mn: hash_of_key(password, self._pepper()) for mn, password in known.items()}
        _write(self.owner / "loggers.json", json.dumps(known, indent=1).encode())
        _write(self.shared / "loggers.json", json.dumps(hashed, indent=1).encode())
        return {mn: str(known[mn]) for mn in mns}

    def token(self, person: str, role: Role, organisation: str, lasts: timedelta = timedelta(hours=12)) -> str:
        """A token for a person."""
        private = (self.owner / "token-private.pem").read_bytes()
        return issue_token(private, person, role, organisation, datetime.now(UTC), lasts)

    def _pepper(self) -> bytes:
        return (self.shared / "keys.secret").read_bytes()

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        return dict(json.loads(path.read_text())) if path.exists() else {}


def _write(path: Path, content: bytes) -> None:
    """In one step: services read these files while they run."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_bytes(content)
    new.replace(path)
