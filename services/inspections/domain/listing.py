"""Which tasks the plans of an agreement give in a stretch of time: one for each window and site (W4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from contracts.agreements.agreement import Agreement, Lot
from contracts.agreements.plans import InspectionPlan
from contracts.agreements.sites import Site
from services.inspections.domain.task import Task
from services.inspections.domain.windows import Window, midnight, windows


def tasks_for(agreement: Agreement, start: datetime, end: datetime) -> Iterator[Task]:
    """The tasks whose windows have a part in [start, end). A window opens with its site at the earliest."""
    for lot in agreement.lots:
        for plan in lot.plans:
            dated = windows(plan, agreement, start, end)
            for site in _sites(lot, plan):
                for window in _with_site(dated, site_since(agreement, site), end):
                    yield _task(agreement, lot, plan, site, window)


def site_since(agreement: Agreement, site: Site) -> datetime:
    """The first instant of a site, UTC."""
    return midnight(site.since, agreement)


def _sites(lot: Lot, plan: InspectionPlan) -> Iterator[Site]:
    return (site for site in lot.sites if not plan.sites or site.id in plan.sites)


def _with_site(dated: Iterable[Window], since: datetime, end: datetime) -> Iterator[Window]:
    for opens, closes in dated:
        if since < closes and since < end:
            yield Window(max(opens, since), closes)


def _task(agreement: Agreement, lot: Lot, plan: InspectionPlan, site: Site, window: Window) -> Task:
    return Task(
        id=f"{agreement.id}/{lot.id}/{plan.id}/{site.id}/{window.opens:%Y%m%dT%H%MZ}",
        agreement=agreement.id,
        version=agreement.version,
        lot=lot.id,
        supplier=lot.supplier,
        site=site.id,
        plan=plan.id,
        opens=window.opens,
        closes=window.closes,
        locks=window.closes + plan.late_post,
    )
