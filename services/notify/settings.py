"""What notify reads from its environment. Passwords are files in the secrets folder, never values."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from infra.runtime.settings import RuntimeSettings
from services.notify.domain.patience import Patience

SMS_PASSWORD = "sms-password"
SMTP_PASSWORD = "smtp-password"
RECEIPT_SECRET = "keys.secret"


class NotifySettings(RuntimeSettings):
    """Settings of notify. Without `sms_url` or `smtp_host` the channel is closed: its messages fail, visibly."""

    contacts: Path | None = None
    """YAML file of people; it replaces the directory at start when the file has changed since it was last taken."""
    sms_url: str = ""
    """Kannel's `sendsms`, such as `http://gateway:13013/cgi-bin/sendsms`."""
    sms_user: str = "watchbill"
    sms_sender: str = ""
    sms_timeout_seconds: float = 10.0
    sms_keeps_keys: bool = False
    """Whether the gateway heeds `Idempotency-Key`. Kannel does not: what it may have been given twice is marked."""
    receipts_url: str = ""
    """Where the gateway reaches this service; empty: no delivery reports are asked for."""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_starttls: bool = True
    smtp_timeout_seconds: float = 20.0
    smtp_keeps_ids: bool = False
    """Whether the server passes over a Message-ID that it has seen. Few do: what it may have got twice is marked."""
    mail_sender: str = "watchbill@example.com"
    send_retry_seconds: float = 30.0
    """Pause after the first refusal that may pass; each later one is twice as long."""
    send_retry_max_seconds: float = 1_800.0
    """No pause is longer."""
    send_age_max_seconds: float = 86_400.0
    """A message is given up when it could not be handed over for so long since it was due."""
    join_seconds: float = 1.0
    """So long a notice that is not critical waits for others of the same cause; 0 where a conductor moves the clock,
    whose horizon waits until all is heard."""

    @property
    def patience(self) -> Patience:
        """How long a provider that is away is waited for."""
        return Patience(
            first_seconds=self.send_retry_seconds, longest_seconds=self.send_retry_max_seconds,
            age_seconds=self.send_age_max_seconds,
        )  # fmt: skip

    @property
    def join(self) -> timedelta:
        """How long a notice waits for others of its cause."""
        return timedelta(0) if self.movable else timedelta(seconds=self.join_seconds)

    def secret(self, name: str) -> bytes:
        """A secret file without the space around it; empty where there is none."""
        path = self.secrets / name
        return path.read_bytes().strip() if path.exists() else b""
