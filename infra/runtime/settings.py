"""What every service reads from its environment (`WATCHBILL_…`) and from secret files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class RuntimeSettings(BaseSettings):
    """Settings of a service. Units stand in the names; secrets are paths to files, never values."""

    model_config = SettingsConfigDict(env_prefix="WATCHBILL_", env_ignore_empty=True, extra="ignore", frozen=True)

    kafka_servers: str = "127.0.0.1:9092"
    """Brokers to begin with, between commas."""
    kafka_ca: Path | None = None
    """PEM of the authority that the broker's certificate is from: TLS. None: plain text."""
    kafka_user: str = ""
    """Who this service is to the broker (SASL SCRAM-SHA-512). Empty: nobody asks."""
    kafka_password_file: Path | None = None
    kafka_partitions: int = 4
    kafka_replicas: int = 1
    mongo_url: str = "mongodb://127.0.0.1:27017/?replicaSet=rs0"
    """Where the database is; user and password stand in the settings below, not here."""
    mongo_ca: Path | None = None
    """PEM of the authority that the database's certificate is from: TLS. None: plain text."""
    mongo_user: str = ""
    mongo_password_file: Path | None = None
    mongo_auth_source: str = "admin"
    database_prefix: str = "watchbill"
    http_host: str = "127.0.0.1"
    http_port: int = 0
    instance: str = "0"
    """Names this process among those of its service; stable over restarts."""
    clock: Literal["system", "movable"] = "system"
    clock_file: Path | None = None
    """Where the conductor writes the time, for a service that is started again."""
    secrets: Path = Path("secrets")
    """Folder of secret files: `token-public.pem` and `keys.json`."""
    batch_max_records: int = 500
    max_poll_seconds: float = 300.0
    """How long a batch may take before the group takes this member for dead, and another hears the batch again."""
    retry_pause_seconds: float = 0.2
    retry_pause_max_seconds: float = 5.0
    patience_seconds: float = 30.0
    """How long an event may wait for something that it needs and that is not there yet, before it is parked."""
    bad_in_a_row_max: int = 20
    stuck_after_seconds: float = 60.0
    stop_seconds: float = Field(default=9.0, gt=0)
    """By then a service that was told to stop has ended; supervisors kill after 10."""
    relay_poll_seconds: float = 1.0
    timer_poll_seconds: float = 1.0
    inbox_keep_days: int = 30
    log_level: str = "INFO"

    @model_validator(mode="after")
    def _passwords_are_known(self) -> Self:
        for user, file in ((self.kafka_user, self.kafka_password_file), (self.mongo_user, self.mongo_password_file)):
            if user and file is None:
                raise ValueError(f"the user {user!r} is set, but no file with its password")
        return self

    @property
    def brokers(self) -> list[str]:
        """The brokers to begin with."""
        return [broker.strip() for broker in self.kafka_servers.split(",")]

    @property
    def streams(self) -> str:
        """What the names of this installation's topics begin with: several installations may share one broker."""
        return "" if self.database_prefix == "watchbill" else f"{self.database_prefix}."

    @property
    def movable(self) -> bool:
        """Whether a conductor moves this service's clock (the demo and the tests)."""
        return self.clock == "movable"
