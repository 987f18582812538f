"""The supervisor, with small Python programs as children."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from infra.local.children import BackOff, Child, Probe, Supervisor, Trouble
from infra.local.leash import leashed

SLEEPS = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({flag!r}, 'w'); time.sleep(600)"
AT_ONCE = BackOff(first_seconds=0.0, longest_seconds=0.01)


async def always() -> bool:
    return True


async def never() -> bool:
    return False


def exists(path: Path) -> Probe:
    async def probe() -> bool:
        return path.exists()

    return probe


def child(tmp: Path, name: str = "one", code: str = SLEEPS, ready: Probe = always, **more: object) -> Child:
    command = [sys.executable, "-c", code]
    return Child(name=name, command=command, log=tmp / f"{name}.log", ready=ready, **more)  # type: ignore[arg-type]


def notes(tmp: Path, name: str) -> Probe:
    """Ready at once, but leaves its name in `order`, so that the order of the starts can be read."""

    async def probe() -> bool:
        with (tmp / "order").open("a") as order:
            order.write(name + " ")
        return True

    return probe


def pid_of(family: Supervisor, name: str = "one") -> int:
    pid = family.state(name).pid
    assert pid is not None
    return pid


async def until(true: Callable[[], bool]) -> None:
    """Wait until it is true; the suite's own time limit ends a wait in vain."""
    while not true():
        await asyncio.sleep(0.01)


async def test_children_start_after_what_they_need(tmp_path: Path) -> None:
    second = child(tmp_path, "second", ready=notes(tmp_path, "second"), after=("first",))
    first = child(tmp_path, "first", ready=notes(tmp_path, "first"))
    async with Supervisor([second, first]) as family:
        assert [seen.state for seen in family.states()] == ["ready", "ready"]
    assert (tmp_path / "order").read_text().split() == ["first", "second"]


async def test_killed_child_comes_back_counted(tmp_path: Path) -> None:
    async with Supervisor([child(tmp_path)], back_off=AT_ONCE) as family:
        before = pid_of(family)
        family.kill("one")
        await family.until_ready("one")
        seen = family.state("one")
        assert pid_of(family) != before
        assert (seen.restart_count, seen.last_exit, family.restart_count) == (1, -signal.SIGKILL, 1)


async def test_child_that_ends_itself_comes_back(tmp_path: Path) -> None:
    ends = child(tmp_path, code="import time; time.sleep(0.1)")
    async with Supervisor([ends], back_off=AT_ONCE) as family:
        await until(lambda: family.restart_count >= 2)
        assert family.state("one").last_exit == 0


async def test_stop_leaves_no_process(tmp_path: Path) -> None:
    async with Supervisor([child(tmp_path, "a"), child(tmp_path, "b", after=("a",))]) as family:
        pids = [pid_of(family, "a"), pid_of(family, "b")]
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert [(seen.state, seen.pid) for seen in family.states()] == [("stopped", None)] * 2


async def test_children_stop_in_reverse_order(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\n"
        f"def end(*_): open({str(tmp_path / 'ends')!r}, 'a').write(sys.argv[1] + ' '); sys.exit(0)\n"
        f"signal.signal(signal.SIGTERM, end); open({str(tmp_path)!r} + '/up-' + sys.argv[1], 'w'); time.sleep(600)"
    )
    family = []
    for name, after in (("database", ()), ("service", ("database",))):
        command = [sys.executable, "-c", code, name]
        ready = exists(tmp_path / f"up-{name}")
        family.append(Child(name=name, command=command, log=tmp_path / f"{name}.log", ready=ready, after=after))
    async with Supervisor(family):
        pass
    assert (tmp_path / "ends").read_text().split() == ["service", "database"]


async def test_stubborn_child_is_killed(tmp_path: Path) -> None:
    flag = tmp_path / "up"
    stubborn = child(tmp_path, code=STUBBORN.format(flag=str(flag)), ready=exists(flag), stop_seconds=0.2)
    async with Supervisor([stubborn]) as family:
        pid = pid_of(family)
    assert not psutil.pid_exists(pid)


async def test_failed_start_shows_the_log(tmp_path: Path) -> None:
    broken = child(tmp_path, "broken", code="raise SystemExit('no such town')", ready=never)
    fine = child(tmp_path, "fine")
    family = Supervisor([fine, broken])
    with pytest.raises(Trouble) as caught:
        await family.start()
    assert "no such town" in caught.value.tail
    assert "退出码 1" in caught.value.zh and "exit code 1" in caught.value.en
    assert family.state("fine").pid is None


async def test_failed_start_shows_no_old_log(tmp_path: Path) -> None:
    (tmp_path / "one.log").write_text("yesterday's sorrow\n")
    with pytest.raises(Trouble) as caught:
        await Supervisor([child(tmp_path, code="raise SystemExit('today')", ready=never)]).start()
    assert "today" in caught.value.tail and "yesterday" not in caught.value.tail


async def test_slow_start_names_its_limit(tmp_path: Path) -> None:
    with pytest.raises(Trouble) as caught:
        await Supervisor([child(tmp_path, ready=never, ready_seconds=0.2)]).start()
    assert "0.2 秒" in caught.value.zh and "within 0.2 s" in caught.value.en


async def test_unknown_command_is_explained(tmp_path: Path) -> None:
    missing = Child(name="one", command=["no-such-program"], log=tmp_path / "one.log", ready=never)
    with pytest.raises(Trouble) as caught:
        await Supervisor([missing]).start()
    assert "cannot run no-such-program" in caught.value.tail


async def test_child_may_explain_its_own_end(tmp_path: Path) -> None:
    own = Trouble("没有墨水", "out of ink")
    printer = child(
        tmp_path,
        code="raise SystemExit('E7')",
        ready=never,
        explain=lambda tail: own if "E7" in tail else None,
    )
    with pytest.raises(Trouble) as caught:
        await Supervisor([printer]).start()
    assert caught.value is own


async def test_added_child_that_fails_goes_alone(tmp_path: Path) -> None:
    async with Supervisor([child(tmp_path)]) as family:
        with pytest.raises(Trouble):
            await family.add(child(tmp_path, "late", code="raise SystemExit(3)", ready=never))
        assert [(seen.name, seen.state) for seen in family.states()] == [("one", "ready")]


async def test_added_child_waits_for_another(tmp_path: Path) -> None:
    async with Supervisor([child(tmp_path)]) as family:
        await family.add(child(tmp_path, "late", after=("one",)))
        assert family.state("late").state == "ready"


def test_children_that_wait_in_a_ring(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wait for each other"):
        Supervisor([child(tmp_path, "a", after=("b",)), child(tmp_path, "b", after=("a",))])


def test_pauses_grow_to_their_limit() -> None:
    back_off = BackOff(first_seconds=0.5, longest_seconds=3.0)
    assert [back_off.pause(n) for n in (1, 2, 3, 4, 5000)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_child_dies_with_its_parent(tmp_path: Path) -> None:
    grandchild = leashed_code(SLEEPS)
    parent = subprocess.Popen([sys.executable, "-c", grandchild], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    orphan = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    orphan.wait(timeout=30)  # raises if it lives on


def leashed_code(code: str) -> str:
    return (
        "import subprocess, sys, time; from infra.local.leash import leashed\n"
        f"print(subprocess.Popen(leashed([sys.executable, '-c', {code!r}])).pid, flush=True); time.sleep(600)"
    )


def test_leash_refuses_a_dead_parent() -> None:
    command = leashed(["true"])
    command[command.index("-S") + 2] = "1"  # as if the parent had died and init had taken over
    assert subprocess.run(command).returncode == 1


ROOT = Path(__file__).parents[2]
