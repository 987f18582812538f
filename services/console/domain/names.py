"""Names: what people call what events name by ids."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from contracts.agreements.agreement import Agreement
from contracts.agreements.days import zone_of
from contracts.agreements.faults import PauseReason
from contracts.values import Words

ZONE = zone_of("Asia/Shanghai")
PAUSES: Mapping[PauseReason, Words] = {
    "power": Words(zh="停电", en="power cut"),
    "communication": Words(zh="通信中断", en="line cut"),
    "weather": Words(zh="恶劣天气", en="weather"),
    "access": Words(zh="无法进入现场", en="no access to the site"),
    "buyer": Words(zh="采购方原因", en="the buyer's side"),
}


@dataclass(frozen=True, slots=True)
class Group:
    """Recipients of notices, and whose people they are."""

    title: Words
    party: str


@dataclass(frozen=True, slots=True)
class Names:
    """By id; what has no name is called by its id."""

    things: Mapping[str, Words] = field(default_factory=dict)
    """Sites, assets, plans, parties, agreements."""
    sites: tuple[str, ...] = ()
    groups: Mapping[str, Group] = field(default_factory=dict)

    def of(self, id: str | None) -> Words:
        """What this is called."""
        return self.things.get(id or "") or Words(zh=id or "—", en=id or "—")

    def group(self, id: str) -> Words:
        """What these recipients are called."""
        return self.groups[id].title if id in self.groups else self.of(id)

    def asset(self, asset: str, site: str) -> Words:
        """An asset with its site; the site alone where it is meant as a whole."""
        where, what = self.of(site), self.of(asset)
        return where if asset == site else Words(zh=f"{where.zh} {what.zh}", en=f"{where.en}, {what.en}")


def names_of(agreements: Iterable[Agreement], lots: Collection[str] | None = None) -> Names:
    """The names that these agreements give; where two name the same, the later counts. `sites` are those of these lots
    (`agreement/lot`), of all where none are given."""
    things: dict[str, Words] = {}
    sites: dict[str, None] = {}
    groups: dict[str, Group] = {}
    for agreement in agreements:
        things[agreement.id] = agreement.title
        things |= {party.id: party.title for party in agreement.parties}
        for lot in agreement.lots:
            things |= {f"{agreement.id}/{lot.id}": lot.title} | {plan.id: plan.title for plan in lot.plans}
            groups |= {group.id: Group(group.title, group.party) for group in lot.notices.groups}
            for site in lot.sites:
                if lots is None or f"{agreement.id}/{lot.id}" in lots:
                    sites[site.id] = None
                things |= {site.id: site.title} | {asset.id: asset.title for asset in site.assets}
    return Names(things, tuple(sites), groups)


def half(text: str, english: bool) -> str:
    """One half of a text that people wrote as `中文 / English`; the whole of any other."""
    chinese, bar, rest = text.partition(" / ")
    return (rest if english else chinese) if bar else text


def local(at: datetime) -> str:
    """A moment as people read it: Beijing time, to the second where there are any."""
    there = at.astimezone(ZONE)
    return f"{there:%m-%d %H:%M}" if there.second == 0 else f"{there:%m-%d %H:%M:%S}"
