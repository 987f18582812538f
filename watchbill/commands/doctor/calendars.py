"""Whether the agreements' calendars reach far enough: a due time in an unknown year cannot be told."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.agreements.agreement import Agreement
from contracts.agreements.days import local_day
from watchbill.commands.doctor.asking import Asking
from watchbill.commands.doctor.finding import Finding, bad, ok, warn

REMEDY = (
    "国务院公布放假安排后，写入协议的 calendar.years，提高版本号并发布",
    "when the State Council's notice is out: put it under calendar.years, raise the version, publish",
)


def check_calendars(asking: Asking) -> Iterator[Finding]:
    """Every agreement knows the days of this year and of the next."""
    ids = sorted({row["agreement"] for row in asking.get("assets", "/v1/agreements")})
    for id in ids:
        agreement = Agreement.model_validate(asking.get("assets", f"/v1/agreements/{id}"))
        yield calendar_of(agreement, local_day(agreement.calendar, asking.now("assets")).year)


def calendar_of(agreement: Agreement, year: int) -> Finding:
    """How far the calendar of an agreement reaches, seen from this year. Pure."""
    years, name = agreement.calendar.years, agreement.id
    data = {"agreement": name, "years": sorted(years)}
    if year not in years:
        return bad("calendar", (f"{name}：日历没有 {year} 年", f"{name}: no calendar for {year}"), REMEDY, **data)
    if year + 1 not in years:
        return warn(
            "calendar", (f"{name}：日历没有 {year + 1} 年", f"{name}: no calendar for {year + 1}"), REMEDY, **data
        )
    if years[year + 1].provisional:
        found = (f"{name}：{year + 1} 年日历为暂定", f"{name}: the calendar for {year + 1} is provisional")
        return warn("calendar", found, REMEDY, **data)
    return ok("calendar", f"{name}：日历到 {year + 1} 年", f"{name}: the calendar knows {year + 1}", **data)
