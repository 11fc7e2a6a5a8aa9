"""The moment in which a body is placed and claimed, held open: `mv` on the host waits until it is let go."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from interlock.remote import Body, BodyState, BodyStatus, HostFailed, HostSpec, Link, LinkLost, Links
from tests.remote.conftest import SHELLS, Log, name, with_link

SLOW_MV = """#!/bin/sh
case $2 in */bodies/*) echo $PPID >>"{gate}/waiting"; read -r go <"{gate}/go" ;; esac
exec {mv} "$@"
"""


class Gate:
    """Every `mv` into the bodies of the host waits here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "waiting").write_text("")
        os.mkfifo(folder / "go")
        self._both = os.open(folder / "go", os.O_RDWR)

    async def waiting(self, count: int) -> list[int]:
        """The runners whose `mv` waits."""
        async with asyncio.timeout(10):
            while len(lines := (self.folder / "waiting").read_text().split()) < count:
                await asyncio.sleep(0.01)
        return [int(line) for line in lines]

    def let_go(self, count: int = 1) -> None:
        os.write(self._both, b"go\n" * count)

    def close(self) -> None:
        os.close(self._both)


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    programs = tmp_path / "programs"
    programs.mkdir()
    real = next(path for path in (Path("/usr/bin/mv"), Path("/bin/mv")) if path.exists())
    (programs / "mv").write_text(SLOW_MV.format(gate=tmp_path, mv=real))
    (programs / "mv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    gate = Gate(tmp_path)
    yield gate
    gate.close()


@pytest.fixture(params=SHELLS)
def here(request: pytest.FixtureRequest, tmp_path: Path) -> HostSpec:
    return HostSpec(
        id=0, name="here", address="", local=True, state_dir=str(tmp_path / "state"), shell=request.param
    )


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def marking(tmp_path: Path) -> Body:
    return Body(name(), b'echo ran >>"$MARKS"; echo said', env={"MARKS": str(tmp_path / "marks")})


async def elsewhere(spec: HostSpec, use: Callable[[Link], Awaitable[BodyState]]) -> BodyState:
    links = Links()
    try:
        return await use(await links.get(spec))
    finally:
        await links.close()


async def followed(spec: HostSpec, body: Body) -> BodyState:
    log = Log()
    state = await elsewhere(spec, lambda link: link.follow(body.id, 0, log.take))
    assert bytes(log.data) in (b"said\n", b"")
    return state


def test_a_launcher_that_leaves_takes_nothing_along(here: HostSpec, gate: Gate, tmp_path: Path) -> None:
    body = marking(tmp_path)

    async def leave() -> None:
        async def half(link: Link) -> BodyState:
            launching = asyncio.create_task(link.launch(body))
            await gate.waiting(1)
            launching.cancel()
            await asyncio.gather(launching, return_exceptions=True)
            return BodyState(BodyStatus.absent)

        await elsewhere(here, half)
        gate.let_go()
        async with asyncio.timeout(10):
            while (await elsewhere(here, lambda link: link.look(body.id))).status is BodyStatus.absent:
                pass
        assert (await followed(here, body)).exit_code == 0

    asyncio.run(leave())
    assert (tmp_path / "marks").read_text() == "ran\n"


def test_of_two_that_place_at_once_one_claims(here: HostSpec, gate: Gate, tmp_path: Path) -> None:
    body = marking(tmp_path)

    async def twins(link: Link) -> None:
        launched = [asyncio.create_task(link.launch(body)) for _ in range(3)]
        await gate.waiting(3)
        gate.let_go(3)
        for state in await asyncio.gather(*launched):
            assert state.status in (BodyStatus.running, BodyStatus.ended)
        assert (await followed(here, body)).exit_code == 0
        folder = Path(link.facts.state_dir) / "bodies" / body.id
        async with asyncio.timeout(10):
            while [path for path in folder.iterdir() if path.is_dir()]:
                await asyncio.sleep(0.01)

    with_link(here, twins)
    assert (tmp_path / "marks").read_text() == "ran\n"


def test_a_seal_that_comes_first_holds(here: HostSpec, gate: Gate, tmp_path: Path) -> None:
    body = marking(tmp_path)

    async def race(link: Link) -> None:
        launching = asyncio.create_task(link.launch(body))
        (runner,) = await gate.waiting(1)
        (its_mv,) = children(runner)
        os.kill(its_mv, signal.SIGSTOP)
        sealing = asyncio.create_task(link.seal(body.id))
        await gate.waiting(2)
        gate.let_go(2)
        assert (await sealing).status is BodyStatus.sealed
        os.kill(its_mv, signal.SIGCONT)
        assert (await launching).status is BodyStatus.sealed

    with_link(here, race)
    assert not (tmp_path / "marks").exists()


def test_a_runner_killed_between_claim_and_start_never_starts(
    here: HostSpec, gate: Gate, tmp_path: Path
) -> None:
    body = marking(tmp_path)

    async def kill(link: Link) -> None:
        launching = asyncio.create_task(link.launch(body))
        (runner,) = await gate.waiting(1)
        os.kill(runner, signal.SIGKILL)
        gate.let_go()
        async with asyncio.timeout(10):
            while (await elsewhere(here, lambda other: other.look(body.id))).status is BodyStatus.absent:
                pass
        assert (await elsewhere(here, lambda other: other.launch(body))).status is BodyStatus.lost
        assert (await elsewhere(here, _stopped(body))).status is BodyStatus.lost
        launching.cancel()
        await asyncio.gather(launching, return_exceptions=True)

    with_link(here, kill)
    assert not (tmp_path / "marks").exists()


def _stopped(body: Body) -> Callable[[Link], Awaitable[BodyState]]:
    async def stop(link: Link) -> BodyState:
        stopped = await link.stop(body.id, grace=0.2)
        assert stopped.proven
        return stopped.state

    return stop


def test_a_question_that_hangs_does_not_cost_a_runner_its_life(spec: HostSpec) -> None:
    """The shell that is put down is the one that has started the body."""
    body = Body(name(), b"sleep 20")

    async def ask(link: Link) -> None:
        await link.launch(body)
        with pytest.raises(HostFailed):
            await link.ask("sleep 60", timeout=0.3)
        assert (await link.ask("true")).code == 0
        assert (await link.look(body.id)).status is BodyStatus.running
        assert (await link.stop(body.id, grace=0.2)).proven

    with_link(spec, ask)


def test_runners_that_have_ended_leave_no_zombies(spec: HostSpec) -> None:
    async def many(link: Link) -> None:
        for _ in range(12):
            body = Body(name(), b"true")
            await link.launch(body)
            assert (await link.follow(body.id, 0, Log().take)).exit_code == 0
        shell = int((await link.ask("echo $$")).out)
        (nursery,) = children(shell)
        states = [Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] for pid in children(nursery)]
        assert len(states) <= 2

    with_link(spec, many)


def test_a_dead_nursery_is_known_at_once(spec: HostSpec) -> None:
    async def orphan(link: Link) -> None:
        first, second = Body(name(), b"sleep 0.5; echo one"), Body(name(), b"echo two")
        await link.launch(first)
        shell = int((await link.ask("echo $$")).out)
        (nursery,) = children(shell)
        os.kill(nursery, signal.SIGKILL)
        log = Log()
        assert (await link.follow(first.id, 0, log.take)).exit_code == 0
        assert log.data == b"one\n"
        async with asyncio.timeout(10):
            while (await _tried(link, second)) is None:
                pass
        assert (await link.follow(second.id, 0, Log().take)).exit_code == 0

    with_link(spec, orphan)


async def _tried(link: Link, body: Body) -> BodyState | None:
    try:
        return await link.launch(body)
    except LinkLost:
        return None


def runners(spec: HostSpec) -> list[str]:
    """Processes of this machine that carry out bodies under the host's state directory."""
    mark = f"{spec.state_dir}/bin/runner".encode()
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if any(word.startswith(mark) for word in cmdline.read_bytes().split(b"\0")):
                found.append(cmdline.parent.name)
    return found


def test_a_runner_whose_directory_was_cleared_away_leaves(here: HostSpec, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    body = Body(name(), b'while [ ! -e "$GATE" ]; do sleep 0.05; done', env={"GATE": str(gate)})

    async def clear(link: Link) -> None:
        await link.launch(body)
        assert runners(here)
        shutil.rmtree(here.state_dir)

    with_link(here, clear)
    gate.touch()
    deadline = time.monotonic() + 10
    while runners(here):
        assert time.monotonic() < deadline, "it goes on for ever"
        time.sleep(0.05)
