"""A second, slow way to a settlement: raw exported JSON in, plain loops over every hour, exact fractions.

It imports nothing of the product, so that what it shares with it is only the agreement's text.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any

Json = dict[str, Any]
LOCAL = timedelta(hours=8)
HOUR = timedelta(hours=1)


def settle_plainly(events: list[Json], agreement: Json, *, lot: str | None = None, month: str | None = None) -> Json:
    """Settles what an export holds.

    `events`: objects with `id`, `type` and `data`, as GET /v1/events gives them; `agreement`: the published document.
    Returns, by `lot/month` (every month of the term in which something happened, or the one asked for), a dict with
    `gross`, `deducted`, `payable` and `sites`: by site `points`, `share`, `payable`, `gated_by`,
    `indicators` [(indicator, code, numerator, denominator, excluded, met)] and
    `lines` [(part, deduction, count or None, points, amount)]; money and points as text with two decimals.
    """
    told = list({event["id"]: event for event in events}.values())
    result = {}
    for one_lot in agreement["lots"]:
        if lot not in (None, one_lot["id"]):
            continue
        for one_month in [month] if month else _months(told, agreement):
            result[f"{one_lot['id']}/{one_month}"] = _settle(told, agreement, one_lot, one_month)
    return result


def _months(events: list[Json], agreement: Json) -> list[str]:
    """Every month of the term in which an hour was read, or anything else happened."""
    found = set()
    for event in events:
        if event["type"] in ("AgreementPublishedV1", "ScorePostedV1", "SettlementComputedV1"):
            continue
        moment = _moment(event["data"].get("time") or event["data"]["at"]) + LOCAL
        if agreement["starts"] <= moment.date().isoformat() <= agreement["ends"]:
            found.add(moment.strftime("%Y-%m"))
    return sorted(found)


def _settle(events: list[Json], agreement: Json, lot: Json, month: str) -> Json:
    number = _place_in_year(agreement, month)
    days = _days_of_month(month)
    fee = Fraction(str(lot["payment"]["annual_fee"]))
    sites, count = {}, len(lot["sites"])
    for n, site in enumerate(lot["sites"]):
        before = number * count + n
        whole = _cents(fee * (before + 1) / (12 * count)) - _cents(fee * before / (12 * count))
        there = [_is_there(agreement, site, day) for day in days]
        share = sum(cents for cents, is_there in zip(_by_day(whole, len(days)), there, strict=True) if is_there)
        sites[site["id"]] = _site(events, agreement, lot, site, month, share)
        if not all(there):
            sites[site["id"]]["lines"].insert(0, ("days", "counted", None, "0.00", "0.00"))
    gross = sum(site["share"] for site in sites.values())
    payable = sum(site["payable"] for site in sites.values())
    for site in sites.values():
        site["share"], site["payable"] = _money(site["share"]), _money(site["payable"])
    return {"gross": _money(gross), "deducted": _money(gross - payable), "payable": _money(payable), "sites": sites}


def _place_in_year(agreement: Json, month: str) -> int:
    """Walks through the natural months from the one in which the term starts; after twelve they begin anew."""
    year, number, place = int(agreement["starts"][:4]), int(agreement["starts"][5:7]), 0
    while f"{year:04d}-{number:02d}" != month:
        year, number, place = (year, number + 1, place + 1) if number < 12 else (year + 1, 1, place + 1)
    return place % 12


def _days_of_month(month: str) -> list[date]:
    day, days = date.fromisoformat(f"{month}-01"), []
    while day.strftime("%Y-%m") == month:
        days.append(day)
        day += timedelta(days=1)
    return days


def _is_there(agreement: Json, site: Json, day: date) -> bool:
    return agreement["starts"] <= day.isoformat() <= agreement["ends"] and day.isoformat() >= site["since"]


def _by_day(cents: int, days: int) -> list[int]:
    """What each day of a month earns, in whole cents that add up: what is due by its end and was not given before."""
    given: list[int] = []
    for n in range(1, days + 1):
        given.append(floor(Fraction(cents * n, days) + Fraction(1, 2)) - sum(given))
    return given


def _site(events: list[Json], agreement: Json, lot: Json, site: Json, month: str, share: int) -> Json:
    opens, closes, known = _bounds(agreement, lot, site, month)
    mine = [e for e in events if e["data"].get("site") == site["id"] and e["data"].get("lot", lot["id"]) == lot["id"]]
    mine = [e for e in mine if e["data"].get("agreement", agreement["id"]) == agreement["id"]]
    mine.sort(key=lambda e: str(e["id"]))
    indicators = [v for i in lot["indicators"] for v in _indicator(i, mine, lot, site, opens, closes, known)]
    lines, earned = [], Fraction(0)
    for part in lot["sheet"]["parts"]:
        left = Fraction(str(part["points"]))
        earned += left
        for deduction in part["deductions"]:
            found = _findings(deduction["counts"], mine, lot, indicators, opens, closes, known)
            if found:
                taken = min(found * Fraction(str(deduction["points"])), left)
                if deduction.get("cap") is not None:
                    taken = min(taken, Fraction(str(deduction["cap"])))
                left -= taken
                lines.append([part["id"], deduction["id"], found, taken])
        earned -= sum(line[3] for line in lines if line[0] == part["id"])
    full = sum((Fraction(str(part["points"])) for part in lot["sheet"]["parts"]), Fraction(0))
    gates = [v[0] for v in indicators if v[0] in lot["sheet"]["gates"] and not v[5]]
    points = min(earned, Fraction(str(lot["sheet"]["gate_points"]))) if gates else earned
    if gates:
        lines.append(["gate", "gate", None, earned - points])
    payable = _price(lot["payment"]["pricing"], share, points, full)
    return {
        "points": _money(points * 100),
        "share": share,
        "payable": payable,
        "gated_by": list(dict.fromkeys(gates)),
        "indicators": indicators,
        "lines": _amounts(lines, share - payable, lot["payment"]["pricing"]["rule"]),
    }


def _bounds(agreement: Json, lot: Json, site: Json, month: str) -> tuple[datetime, datetime, datetime]:
    year, number = int(month[:4]), int(month[5:])
    first = date(year, number, 1)
    following = date(year + number // 12, number % 12 + 1, 1)
    opens = max(_midnight(first), _midnight(agreement["starts"]), _midnight(site["since"]))
    closes = min(_midnight(following), _midnight(agreement["ends"]) + timedelta(days=1))
    return opens, closes, _midnight(following) + _duration(lot["payment"]["closes"])


# ---- hours


def _indicator(
    indicator: Json, mine: list[Json], lot: Json, site: Json, opens: datetime, closes: datetime, known: datetime
) -> list[tuple[str, str | None, int, int, int, bool]]:
    least = Fraction(str(indicator["at_least"]))
    if indicator["measure"] in ("capture", "validity"):
        found: list[tuple[str, str | None, int, int, int, bool]] = []
        for code in _required(site):
            good, due, out = _hours(indicator, code, mine, lot, site, opens, min(closes, known))
            found.append((indicator["id"], code, good, due, out, due == 0 or Fraction(good, due) >= least))
        return found
    if indicator["measure"] == "handling":
        good, due = _handling(mine, opens, closes, known)
    else:
        good, due = _in_time(mine, opens, closes, known)
    return [(indicator["id"], None, good, due, 0, due == 0 or Fraction(good, due) >= least)]


def _required(site: Json) -> list[str]:
    codes: list[str] = []
    for measures in [site.get("room", [])] + [asset.get("measures", []) for asset in site.get("assets", [])]:
        for measure in measures:
            if measure.get("standing", "required") == "required" and measure["code"] not in codes:
                codes.append(measure["code"])
    return codes


def _hours(
    indicator: Json, code: str, mine: list[Json], lot: Json, site: Json, opens: datetime, closes: datetime
) -> tuple[int, int, int]:
    kinds = {kind["id"]: kind for kind in lot["fault_kinds"]}
    readings = _readings(mine, code)
    lives = _lives(mine)
    good = due = out = 0
    hour = opens
    while hour + HOUR <= closes:
        flag = readings.get(hour)
        spoilt, cuts = False, []
        for fault in lives:
            kind = kinds.get(fault["kind"], {})
            start, end = max(fault["since"], hour), min(fault["end"], hour + HOUR)
            if start >= end:
                continue
            if kind.get("pauses") == "power":
                cuts.append((start, end))
            elif kind.get("invalidates") and _concerns(fault, code, site):
                spoilt = True
        valid = flag == "N" and not spoilt
        if indicator.get("excludes_power") and not valid and _covered(cuts) > timedelta(minutes=15):
            out += 1
        else:
            due += 1
            good += valid if indicator["measure"] == "validity" else flag is not None
        hour += HOUR
    return good, due, out


def _readings(mine: list[Json], code: str) -> dict[datetime, str]:
    """The flag of each hour's number: of the last release that speaks of it, else of the first number."""
    hourly = [e for e in mine if e["type"] == "ReadingReceivedV1" and e["data"]["kind"] == "hour"]
    spoken = [(_moment(e["data"]["received_at"]), e["data"]["digest"], e["data"]) for e in hourly]
    spoken = [one for one in spoken if code in one[2]["values"]]
    by_hour: dict[datetime, list[tuple[datetime, str, Json]]] = {}
    for one in sorted(spoken, key=lambda one: one[:2]):
        by_hour.setdefault(_moment(one[2]["time"]), []).append(one)
    found: dict[datetime, str] = {}
    for hour, here in by_hour.items():
        released = [data["values"][code] for _, _, data in here if data["released_from"]]
        numbers = [data["values"][code] for _, _, data in here if "value" in data["values"][code]]
        word = released[-1] if released else numbers[0] if numbers else {}
        if "value" in word:
            found[hour] = word["flag"]
    return found


def _lives(mine: list[Json]) -> list[Json]:
    never = datetime.max.replace(tzinfo=UTC)
    found: dict[str, Json] = {}
    for event in mine:
        data = event["data"]
        if event["type"] == "FaultOpenedV1" and data["fault"] not in found:
            moments = {"since": _moment(data["since"]), "opened": _moment(data["at"]), "end": never}
            found[data["fault"]] = {**data, **moments}
    for event in mine:
        if event["type"] == "FaultResolvedV1" and event["data"]["fault"] in found:
            fault, end = found[event["data"]["fault"]], _moment(event["data"]["at"])
            if not any(then >= end for then in _reopenings(mine, fault["fault"])):
                fault["end"] = min(fault["end"], end)
    return list(found.values())


def _reopenings(mine: list[Json], fault: str) -> list[datetime]:
    return [_moment(e["data"]["at"]) for e in mine if e["type"] == "FaultReopenedV1" and e["data"]["fault"] == fault]


def _concerns(fault: Json, code: str, site: Json) -> bool:
    if fault.get("code") not in (None, code):
        return False
    if fault["asset"] == site["id"]:
        return True
    for asset in site.get("assets", []):
        if asset["id"] == fault["asset"]:
            return any(measure["code"] == code for measure in asset.get("measures", []))
    return False


def _covered(pieces: list[tuple[datetime, datetime]]) -> timedelta:
    """The time that lies in at least one piece: cut at every edge, look at each cut."""
    edges = sorted({edge for piece in pieces for edge in piece})
    total = timedelta(0)
    for start, end in zip(edges, edges[1:], strict=False):
        if any(low <= start and end <= high for low, high in pieces):
            total += end - start
    return total


# ---- faults and tasks


def _handling(mine: list[Json], opens: datetime, closes: datetime, known: datetime) -> tuple[int, int]:
    """A fault is judged where its first missed deadline fell, or where it ended if it missed none before that. It is
    good if it was over when the month's books were closed. One that was judged before is counted again, as bad, as
    long as it is not over."""
    good = due = 0
    for fault in _lives(mine) if opens < closes else []:
        missed = [_moment(b["due"]) for b in _breaches(mine) if b["fault"] == fault["fault"]]
        judged, over = min([fault["end"], *missed]), fault["end"] <= known
        if judged <= known and opens < judged <= closes:
            good, due = good + over, due + 1
        elif judged <= known and judged <= opens and not over:
            due += 1
    return good, due


def _breaches(mine: list[Json]) -> list[Json]:
    """Each breach takes the place of a withdrawal of the same fault, clause and due time, as long as there are any."""
    withdrawn = [_clock(e["data"]) for e in mine if e["type"] == "SlaBreachWithdrawnV1"]
    standing: dict[tuple[str, str, datetime], Json] = {}
    for event in mine:
        if event["type"] == "SlaBreachedV1":
            key = _clock(event["data"])
            if key in withdrawn:
                withdrawn.remove(key)
            else:
                standing[key] = event["data"]
    return list(standing.values())


def _clock(data: Json) -> tuple[str, str, datetime]:
    return data["fault"], data["clause"], _moment(data["due"])


def _tasks(mine: list[Json]) -> list[Json]:
    tasks: dict[str, Json] = {}
    for event in mine:
        if event["type"] in ("InspectionDueV1", "InspectionDoneV1", "InspectionMissedV1"):
            data = event["data"]
            fresh = {
                "plan": data["plan"],
                "closes": _moment(data["closes"]),
                "good": False,
                "missed": False,
                "items": [],
            }
            task = tasks.setdefault(data["task"], fresh)
            task["missed"] = task["missed"] or event["type"] == "InspectionMissedV1"
            if event["type"] == "InspectionDoneV1":
                at = _moment(data["at"])
                task["good"] = task["good"] or _moment(data["opens"]) <= at <= _moment(data["closes"])
                task["items"] += [(at, data["task"], data["plan"], result) for result in data.get("items", [])]
    return list(tasks.values())


def _closed(mine: list[Json], opens: datetime, closes: datetime, known: datetime) -> list[Json]:
    return [t for t in _tasks(mine) if opens < t["closes"] <= closes and t["closes"] <= known]


def _in_time(mine: list[Json], opens: datetime, closes: datetime, known: datetime) -> tuple[int, int]:
    closed = _closed(mine, opens, closes, known)
    return sum(task["good"] for task in closed), len(closed)


def _findings(
    counts: Json, mine: list[Json], lot: Json, indicators: list[Any], opens: datetime, closes: datetime, known: datetime
) -> int:
    if counts["of"] == "breaches":
        ends = [_moment(b["at"]) for b in _breaches(mine) if b["clause"] in counts["clauses"]]
        return sum(opens < at <= closes and at <= known for at in ends)
    if counts["of"] == "missed":
        closed = _closed(mine, opens, closes, known)
        return sum(t["plan"] in counts["plans"] and t["missed"] and not t["good"] for t in closed)
    if counts["of"] == "faults":
        mine_too = [f for f in _lives(mine) if f["kind"] in counts["kinds"]]
        return sum(opens <= f["opened"] < closes and f["opened"] <= known for f in mine_too)
    if counts["of"] == "unmet":
        return len({v[0] for v in indicators if v[0] in counts["indicators"] and not v[5]})
    groups = {(p["id"], i["id"]): i["group"] for p in lot["plans"] for i in p["items"]}
    failed = set()
    for task in _tasks(mine):
        for at, name, plan, result in task["items"]:
            listed = groups.get((plan, result["item"])) in counts["groups"]
            if listed and not result["ok"] and opens <= at < closes and at <= known:
                failed.add((name, result["item"], result.get("asset")))
    return len(failed)


# ---- money, in whole cents


def _price(pricing: Json, share: int, points: Fraction, full: Fraction) -> int:
    if pricing["rule"] == "proportional":
        paid = share * points / full if full else Fraction(share)
    elif pricing["rule"] == "full_above":
        whole = points >= Fraction(str(pricing["full_from"]))
        paid = Fraction(share) if whole else share * (Fraction(str(pricing["plus"])) + points) / 100
    else:
        short = max(0, ceil(Fraction(str(pricing["full_from"])) - points))
        paid = share - short * Fraction(str(pricing["amount"])) * 100
    return min(share, max(0, floor(paid + Fraction(1, 2))))


def _amounts(lines: list[list[Any]], taken: int, rule: str) -> list[tuple[str, str, int | None, str, str]]:
    total = sum(line[3] for line in lines)
    if taken and not total:
        lines = [*lines, ["pricing", rule.replace("_", "-"), None, Fraction(0)]]
        cents = [0] * (len(lines) - 1) + [taken]
    else:
        exact = [taken * line[3] / total if total else Fraction(0) for line in lines]
        cents = [floor(part) for part in exact]
        while sum(cents) < taken:
            gaps = [part - cent for part, cent in zip(exact, cents, strict=True)]
            cents[gaps.index(max(gaps))] += 1
    return [(*line[:3], _money(line[3] * 100), _money(cent)) for line, cent in zip(lines, cents, strict=True)]


def _cents(yuan: Fraction) -> int:
    return floor(yuan * 100 + Fraction(1, 2))


def _money(cents: Any) -> str:
    whole = int(cents)
    return f"{whole // 100}.{whole % 100:02d}"


# ---- time


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def _midnight(day: date | str) -> datetime:
    day = date.fromisoformat(day) if isinstance(day, str) else day
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - LOCAL


def _duration(text: str) -> timedelta:
    """ISO 8601 with days, hours, minutes and seconds."""
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", text)
    if not found:
        raise ValueError(text)
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
