"""What is maintained: sites, their assets and instruments, and the loggers that speak for them (W1, W2)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import Field

from contracts.agreements.entry import Entry, Lasting, Term
from contracts.values import Slug

CrcDialect = Literal["hj212", "modbus", "byteswapped"]
Standing = Literal["required", "informative"]


class Measure(Term):
    """A parameter that an asset measures."""

    code: str = Field(min_length=1, examples=["a34004"])
    unit: str = Field(min_length=1, examples=["ug/m3"])
    low: Decimal
    high: Decimal
    """The instrument's range: a value outside is quarantined."""
    standing: Standing = "required"
    """Only required parameters count for the indicators."""
    aliases: tuple[str, ...] = ()
    """Codes that this logger sends in its place, such as `O3` for `a05024`."""


class Asset(Entry):
    """An instrument, a piece of equipment, or a part of a building. Maker and model as table 1 gives them."""

    kind: Slug
    maker: str = ""
    model: str = ""
    serial: str | None = None
    measures: tuple[Measure, ...] = ()


class Logger(Term):
    """How a station's data logger speaks. Whatever goes beyond HJ 212-2017 is an option, off by default, and shown."""

    mn: str = Field(min_length=1, max_length=24)
    edition: Literal["2005", "2017", "2025"] = "2017"
    crc: CrcDialect = "hj212"
    minute_interval: Lasting = timedelta(minutes=5)
    """Length of a "minute" period (CN 2051): HJ 212-2017 allows 1 to 30 minutes."""
    factors: dict[str, Decimal] = {}
    """By code: what a sent value is multiplied by to reach the register's unit (a logger that sends mg/m³: 1000)."""


class Site(Entry):
    """A station, room, building or system. Its own id is also the asset of what concerns it as a whole."""

    kind: Slug
    since: date
    """Nothing can have been measured here before."""
    logger: Logger | None = None
    room: tuple[Measure, ...] = ()
    """What the site itself measures: room temperature, humidity, mains voltage."""
    assets: tuple[Asset, ...] = ()
