"""The month's score against the plain second way, and what may not change it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.agreements.agreement import Agreement
from services.scoring.month import MonthScore, score_month
from services.scoring.recorded import Recorded
from tests.scoring import papers
from tests.scoring.papers import HOUR, at
from tests.scoring.plain import settle_plainly

SITES = ("s1", "s2")
OPENS, DAYS = at(1), 3
PRICINGS = (
    {"rule": "proportional"},
    {"rule": "full_above", "full_from": "85", "plus": "15"},
    {"rule": "per_point", "full_from": "98", "amount": "200.00"},
)


def three_days(**terms: Any) -> Agreement:
    """A term of three days in April: 72 hours, so that a plain loop is quick."""
    sites = [papers.site("s1"), papers.site("s2", since="2026-04-02")]
    return papers.agreement(sites=sites, **{"starts": "2026-04-01", "ends": "2026-04-03", **terms})


class Story(list[Recorded]):
    """Events with a short repr: thousands of readings are no help to read."""

    def __repr__(self) -> str:
        return f"{len(self)} events: {', '.join(event.id for event in self if not event.id.startswith('reading'))}"


moments = st.integers(-120, (DAYS + 1) * 24 * 12).map(lambda n: OPENS + n * timedelta(minutes=5))
values = st.sampled_from([None, "35", "35", "35", "35 D", "0"])


@st.composite
def readings(draw: st.DrawFn) -> Story:
    start, found = OPENS - HOUR, Story()
    for site in SITES:
        holes = draw(st.sets(st.integers(0, 75), max_size=25))
        odd = draw(st.dictionaries(st.integers(0, 75), st.tuples(values, values, values), max_size=12))
        for n in sorted(set(range(76)) - holes):
            a, b, c = odd.get(n, ("1", "2", "3"))
            found.append(papers.reading(site, start + n * HOUR, a34004=a, a34002=b, a05024=c))
        more = draw(st.lists(st.tuples(st.integers(0, 75), values, st.booleans()), max_size=6))
        for number, (n, a, released) in enumerate(more):
            found.append(papers.reading_again(site, start + n * HOUR, number, released, a34004=a))
    return found


@st.composite
def endings(draw: st.DrawFn, site: str, fault: str, kind: str, opened: datetime, asset: str) -> list[Recorded]:
    """Resolutions, and reopenings that take some of them back, at any times, often at one."""
    times = st.integers(0, 10).map(lambda n: opened + n * 4 * HOUR) | st.integers(0, 500).map(
        lambda n: opened + n * timedelta(minutes=5)
    )
    ends, again = (draw(st.lists(times, max_size=most)) for most in (2, draw(st.integers(0, 2))))
    return [
        *(papers.resolved(site, fault, kind, when, asset, n) for n, when in enumerate(ends, 1)),
        *(papers.reopened(site, fault, kind, when, asset, n) for n, when in enumerate(again, 1)),
    ]


@st.composite
def faults(draw: st.DrawFn) -> Story:
    found = Story()
    for n in range(draw(st.integers(0, 5))):
        site, kind, since = (
            draw(st.sampled_from(SITES)),
            draw(st.sampled_from(["broken", "power-lost", "line-lost"])),
            draw(moments),
        )
        asset = draw(st.sampled_from([site, f"{site}.pm", f"{site}.o3"])) if kind == "broken" else site
        code = draw(st.sampled_from([None, "a34004"])) if kind == "broken" else None
        later = since + draw(st.integers(0, 30)) * timedelta(minutes=10)
        found.append(papers.opened(site, f"f{n}", kind, later, asset, code, since=since))
        found += draw(endings(site, f"f{n}", kind, later, asset))
        for clause in draw(st.sets(st.sampled_from(["on-site", "solved", "free"]))):
            due = later + draw(st.integers(0, 40)) * HOUR
            found += [papers.breached(site, f"f{n}", clause, due, k) for k in range(draw(st.integers(1, 2)))]
            found += [papers.withdrawn(site, f"f{n}", clause, due, k) for k in range(draw(st.integers(0, 2)))]
    return found


@st.composite
def tasks(draw: st.DrawFn) -> Story:
    found = Story()
    for site in SITES:
        for day in range(-1, DAYS + 1):
            opens, closes, task = OPENS + day * 24 * HOUR, OPENS + (day + 1) * 24 * HOUR, f"{site} {day}"
            told = draw(st.sets(st.sampled_from(["due", "missed", "done", "again"])))
            when = opens + draw(st.integers(-2, 30)) * HOUR
            failed = draw(st.sets(st.sampled_from(["inlet", "door"])))
            found += [papers.due(site, task, opens, closes)] if "due" in told else []
            found += [papers.missed(site, task, opens, closes)] if "missed" in told else []
            found += [papers.done(site, task, opens, closes, when, failed)] if "done" in told else []
            found += [papers.done(site, task, opens, closes, when + HOUR, failed, n=2)] if "again" in told else []
    return found


months = st.tuples(readings(), faults(), tasks()).map(lambda parts: Story(event for part in parts for event in part))


def score(
    agreement: Agreement, events: list[Recorded], month: str = "2026-04", until: datetime | None = None
) -> MonthScore:
    return score_month(agreement, "lot-1", month, events, until=until, revision=1, provisional=until is not None)


def shown(scored: MonthScore) -> dict[str, Any]:
    """A score in the terms of the plain way."""
    sites = {}
    for posted, paid in zip(scored.scores, scored.settlement.sites, strict=True):
        counts = {(line.part, line.deduction): line.count for line in posted.lines}
        sites[posted.site] = {
            "points": str(posted.points),
            "share": str(paid.share),
            "payable": str(paid.payable),
            "gated_by": list(posted.gated_by),
            "indicators": [
                (v.indicator, v.code, v.numerator, v.denominator, v.excluded, v.met) for v in posted.indicators
            ],
            "lines": [
                (line.part, line.deduction, counts.get((line.part, line.deduction)), str(line.points), str(line.amount))
                for line in paid.lines
            ],
        }
    total = scored.settlement
    return {"gross": str(total.gross), "deducted": str(total.deducted), "payable": str(total.payable), "sites": sites}


SLOW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@SLOW
@given(
    events=months, pricing=st.sampled_from(PRICINGS), gate=st.sampled_from([[], ["capture"], ["capture", "validity"]])
)
def test_score_equals_the_plain_way(events: list[Recorded], pricing: dict[str, Any], gate: list[str]) -> None:
    agreement = three_days(pricing=pricing, sheet={**papers.SHEET, "gates": gate, "gate_points": "7.5"})
    plain = settle_plainly(papers.exported(events), papers.document_of(agreement), lot="lot-1", month="2026-04")
    assert shown(score(agreement, events)) == plain["lot-1/2026-04"]


@SLOW
@given(events=months, chance=st.randoms(use_true_random=False))
def test_order_and_repeats_change_nothing(events: list[Recorded], chance: Any) -> None:
    mixed = events + [event for event in events if chance.random() < 0.3]
    chance.shuffle(mixed)
    assert score(three_days(), mixed) == score(three_days(), events)


@SLOW
@given(events=months)
def test_sums_are_exact_to_the_cent(events: list[Recorded]) -> None:
    settlement = score(three_days(), events).settlement
    for paid in settlement.sites:
        assert paid.share - sum(line.amount for line in paid.lines) == paid.payable
        assert all(line.amount >= 0 and line.points >= 0 for line in paid.lines)
    assert (
        settlement.gross - settlement.deducted == settlement.payable == sum(paid.payable for paid in settlement.sites)
    )


@SLOW
@given(events=months, n=st.integers(0, 5))
def test_withdrawal_never_costs_points(events: list[Recorded], n: int) -> None:
    due = at(2, 10)
    breached = [
        *events,
        papers.opened("s1", f"g{n}", "line-lost", at(2)),
        papers.breached("s1", f"g{n}", "solved", due),
    ]
    restored = [*breached, papers.withdrawn("s1", f"g{n}", "solved", due)]
    never = [event for event in breached if not event.id.startswith(f"breached g{n}")]
    assert score(three_days(), restored).settlement == score(three_days(), never).settlement


@SLOW
@given(events=months, hours=st.integers(0, 80))
def test_provisional_sees_only_the_past(events: list[Recorded], hours: int) -> None:
    until = OPENS + hours * HOUR + timedelta(minutes=30)
    scored = score(three_days(), events, until=until)
    for posted in scored.scores:
        opens = OPENS if posted.site == "s1" else OPENS + 24 * HOUR
        ended = max(0, min((until - opens) // HOUR, (at(4) - opens) // HOUR))
        for value in posted.indicators:
            if value.code is not None:
                assert value.denominator + value.excluded == ended
        assert posted.at == until and posted.provisional
