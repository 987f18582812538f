"""python -m tests.chaos: weeks under a seeded chance, until so many kill points were passed; a table at the end."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from contracts.agreements.folder import read_agreement
from infra.local.place import Place
from infra.processes import PROCESSES
from tests.chaos.audit import Difference, differences
from tests.chaos.chance import Chance
from tests.chaos.points import POINTS
from tests.chaos.weeks import FEW_DAYS_EVERY, Week, last_days, last_week, play_week
from watchbill.demo.play import AGREEMENT

_SHOWN = 40


@dataclass(frozen=True)
class Run:
    """A week under a seed, and in what it was not as in peace."""

    seed: int
    week: Week
    found: Sequence[Difference]
    seconds: float

    def line(self) -> str:
        kinds = Counter(difference.kind for difference in self.found)
        misfortunes = ", ".join(f"{name} {count}" for name, count in sorted(self.week.misfortunes.items()))
        return (
            f"seed {self.seed}: {len(self.week.deaths)} kill points, {kinds['lost']} lost, {kinds['doubled']} doubled, "
            f"{kinds['different']} different, {self.seconds:.0f} s ({misfortunes})"
        )


def main() -> int:
    """Exit code 1 where a run differed, or came to no end: its seed and every difference were printed."""
    wanted = _wanted()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.KeyValueRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(wanted.out.open("a")),
    )
    peace = _play(wanted, None)
    print(f"in peace: {len(peace.passed)} pairs of service and point, {_size(peace)} rows", flush=True)
    runs: list[Run] = []
    seeds = [wanted.seed] if wanted.seed is not None else range(wanted.first, wanted.first + 1000)
    for seed in seeds:
        started = time.monotonic()
        try:
            week = _play(wanted, Chance(seed, sorted(peace.passed), FEW_DAYS_EVERY if wanted.short else 1))
        except Exception:
            traceback.print_exc()
            print(f"seed {seed} did not come to its end; again: {_again(wanted, seed)}", flush=True)
            _sum_up(wanted, runs)
            return 1
        runs.append(Run(seed, week, differences(peace.account, week.account), time.monotonic() - started))
        _tell(runs[-1])
        if sum(len(run.week.deaths) for run in runs) >= wanted.kills:
            break
    return _sum_up(wanted, runs)


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="how many kill points in all")
    parser.add_argument("--seed", type=int, help="replay this run only")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--short", action="store_true", help="the last days instead of the week")
    parser.add_argument("--keep", type=Path, help="where the data of the runs stay")
    parser.add_argument("--out", type=Path, default=Path("/dev/null"), help="the harness's own log")
    return parser.parse_args()


def _play(wanted: argparse.Namespace, chance: Chance | None) -> Week:
    script = last_days() if wanted.short else last_week()
    agreement = read_agreement(AGREEMENT)
    if wanted.keep:
        place = Place.of(wanted.keep / (f"seed-{chance.seed}" if chance else "peace"))
        return asyncio.run(play_week(place, script, agreement, chance))
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(play_week(Place.of(folder), script, agreement, chance))


def _size(week: Week) -> int:
    return sum(map(len, week.account.values()))


def _tell(run: Run) -> None:
    print(run.line(), flush=True)
    for difference in run.found[:_SHOWN]:
        print(
            f"  {difference.kind} {difference.subject}: {difference.key}\n    was  {difference.was}\n"
            f"    came {difference.came}",
            flush=True,
        )


def _again(wanted: argparse.Namespace, seed: int) -> str:
    return f"make chaos SEED={seed}{' SHORT=1' if wanted.short else ''}"


def _sum_up(wanted: argparse.Namespace, runs: Sequence[Run]) -> int:
    names = [process.name for process in PROCESSES]
    counts = Counter((kill.point, kill.service) for run in runs for kill in run.week.deaths)
    print(f"\n{'kill point':<24}" + "".join(f"{name:>13}" for name in names))
    for point in POINTS:
        print(f"{point:<24}" + "".join(f"{counts[point, name] or '':>13}" for name in names))
    kinds = Counter(difference.kind for run in runs for difference in run.found)
    print(
        f"\n{counts.total()} kill points in {len(runs)} weeks: {kinds['lost']} lost, {kinds['doubled']} doubled, "
        f"{kinds['different']} different"
    )
    if failing := [run.seed for run in runs if run.found]:
        print(f"failing seeds: {failing}; again: {_again(wanted, failing[0])}")
    return bool(runs and failing)


if __name__ == "__main__":
    sys.exit(main())
