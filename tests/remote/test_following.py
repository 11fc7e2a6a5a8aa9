"""A log is followed to its end, at once and whole: with any tail, many at a time, cut by its own body."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import shutil
import time
from pathlib import Path

import pytest

from demo.hosts import DemoHosts
from interlock.remote import Body, BodyState, BodyStatus, HostSpec, Link, Links
from interlock.remote.follow import SHRANK
from tests.remote.conftest import Log, name, spec_of, with_link


@pytest.fixture(params=["sh", "bash", "busybox sh"])
def no_inotify(request: pytest.FixtureRequest, tmp_path: Path) -> HostSpec:
    """A host whose tail polls."""
    programs = tmp_path / "programs"
    programs.mkdir()
    busybox = shutil.which("busybox")
    assert busybox is not None
    (programs / "tail").symlink_to(busybox)
    shell = f"env PATH={programs}:/usr/bin:/bin {request.param}"
    return HostSpec(id=0, name="here", address="", local=True, state_dir=str(tmp_path / "state"), shell=shell)


@pytest.fixture
def here(tmp_path: Path) -> HostSpec:
    return HostSpec(id=0, name="here", address="", local=True, state_dir=str(tmp_path / "state"))


async def until_said(log: Log, text: bytes) -> None:
    async with asyncio.timeout(20):
        while text not in log.data:
            await asyncio.sleep(0.005)


def test_a_short_end_is_seen_at_once_without_inotify(no_inotify: HostSpec) -> None:
    async def times(link: Link) -> list[float]:
        found = []
        for _ in range(5):
            body, log = Body(name(), b"echo one; sleep 0.05; echo two"), Log()
            began = time.monotonic()
            await link.launch(body)
            state = await link.follow(body.id, 0, log.take)
            found.append(time.monotonic() - began)
            assert (state.exit_code, bytes(log.data)) == (0, b"one\ntwo\n")
        return found

    # The pauses between two looks are a second; a busy machine may make one of the five late.
    assert sorted(with_link(no_inotify, times))[2] < 0.7


def test_following_begins_and_leaves_anywhere_without_inotify(no_inotify: HostSpec) -> None:
    script = b"i=0; while [ $i -lt 60 ]; do i=$((i + 1)); echo line $i of the log; sleep 0.01; done"
    body, got = Body(name(), script), bytearray()

    async def in_pieces(link: Link) -> BodyState:
        await link.launch(body)
        while True:
            log = Log(len(got))
            follower = asyncio.create_task(link.follow(body.id, len(got), log.take))
            await asyncio.wait({follower}, timeout=0.25)
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)
            got.extend(log.data)
            if not follower.cancelled():
                return follower.result()

    assert with_link(no_inotify, in_pieces).exit_code == 0
    assert got == b"".join(b"line %d of the log\n" % i for i in range(1, 61))


@pytest.mark.slow
def test_a_silent_log_is_left_alone_until_it_speaks_without_inotify(
    no_inotify: HostSpec, tmp_path: Path
) -> None:
    looks = tmp_path / "looks"
    cat = tmp_path / "programs" / "cat"
    cat.write_text(f"#!/bin/sh\necho x >>{looks}\nexec /bin/cat\n")
    cat.chmod(0o755)
    script = b'while [ ! -e "$GATE" ]; do sleep 0.1; done; echo awake; sleep 60'
    body, log = Body(name(), script, env={"GATE": str(tmp_path / "gate")}), Log()

    async def wake(link: Link) -> None:
        await link.launch(body)
        follower = asyncio.create_task(link.follow(body.id, 0, log.take))
        await asyncio.sleep(5.5)
        # The first second, and one that began within the tick of the clock of the last.
        assert len(looks.read_text().split()) <= 3
        (tmp_path / "gate").touch()
        async with asyncio.timeout(5):
            await until_said(log, b"awake\n")
        assert (await link.stop(body.id, grace=1)).proven
        await follower

    with_link(no_inotify, wake)


@pytest.mark.parametrize("more", [b"short\n", b"much longer than before\n" * 100])
def test_a_body_that_cuts_its_own_log_is_followed_to_its_end(
    here: HostSpec, tmp_path: Path, more: bytes
) -> None:
    script = b"""
    i=0; while [ $i -lt 30 ]; do i=$((i + 1)); echo before; done; echo up
    while [ ! -e "$GATE" ]; do sleep 0.02; done
    echo error >/dev/stderr
    sleep 0.1
    cat "$INTERLOCK_FILES/more"; exit 3"""
    body = Body(name(), script, env={"GATE": str(tmp_path / "gate")}, files={"more": more})

    async def follow(link: Link) -> None:
        await link.launch(body)
        log = Log()
        follower = asyncio.create_task(link.follow(body.id, 0, log.take))
        await until_said(log, b"up\n")
        (tmp_path / "gate").touch()
        async with asyncio.timeout(10):
            state = await follower
        assert (state.status, state.exit_code) == (BodyStatus.ended, 3)
        assert log.data.startswith(b"before\n" * 30 + b"up\nerror\n")
        assert more in log.data
        if len(log.data) > state.log_size:
            assert SHRANK in log.data
        again = Log(100_000)
        async with asyncio.timeout(10):
            assert (await link.follow(body.id, 100_000, again.take)).exit_code == 3
        assert again.data == SHRANK + b"error\n" + more

    with_link(here, follow)


@pytest.mark.ssh
def test_more_bodies_than_shells_are_all_followed(ssh_hosts: DemoHosts, tmp_path: Path) -> None:
    """Six may be followed at once over one link; the silent ones must not keep the others out."""
    gate = tmp_path / "gate"
    script = b'echo up; while [ ! -e "$GATE" ]; do sleep 0.1; done; echo down'
    bodies = [Body(name(), script, env={"GATE": str(gate)}) for _ in range(14)]

    async def follow(link: Link) -> None:
        logs = [Log() for _ in bodies]
        await asyncio.gather(*(link.launch(body) for body in bodies))
        followers = [
            asyncio.create_task(link.follow(body.id, 0, log.take))
            for body, log in zip(bodies, logs, strict=True)
        ]
        await asyncio.gather(*(until_said(log, b"up\n") for log in logs))
        # A question does not wait for any of them.
        assert (await link.ask("echo here", timeout=5)).out == b"here\n"
        gate.touch()
        states = await asyncio.gather(*followers)
        assert {state.exit_code for state in states} == {0}
        assert {bytes(log.data) for log in logs} == {b"up\ndown\n"}

    with_link(spec_of(ssh_hosts), follow)


@pytest.mark.ssh
def test_much_output_arrives_whole_and_is_never_held_in_memory(ssh_hosts: DemoHosts, tmp_path: Path) -> None:
    script = b"""
    cd "$PLACE"
    { head -c 5000000 /dev/zero | tr '\\0' x
      echo; head -c 20000000 /dev/urandom; printf '\\377\\376\\000end'; } >all
    cat all"""
    body = Body(name(), script, env={"PLACE": str(tmp_path)})
    found, size, most = hashlib.sha256(), 0, 0

    async def take(offset: int, data: bytes) -> None:
        nonlocal size, most
        assert offset == size
        found.update(data)
        size, most = size + len(data), max(most, len(data))
        await asyncio.sleep(0)

    async def follow(link: Link) -> BodyState:
        await link.launch(body)
        return await link.follow(body.id, 0, take)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert with_link(spec_of(ssh_hosts), follow).log_size == size == 25_000_007
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # KB
    assert most <= 64 * 1024 and grown < 20 * 1024
    assert found.hexdigest() == hashlib.sha256((tmp_path / "all").read_bytes()).hexdigest()


@pytest.mark.ssh
def test_a_cut_connection_costs_no_byte_and_no_second_start(ssh_hosts: DemoHosts, tmp_path: Path) -> None:
    script = b'echo ran >>"$RAN"; i=0; while [ $i -lt 150 ]; do i=$((i+1)); echo line $i; sleep 0.01; done'
    body = Body(name(), script, env={"RAN": str(tmp_path / "ran")})
    got = bytearray()

    async def cut_again_and_again() -> int:
        links, cuts = Links(), 0
        try:
            while True:
                link = await links.get(spec_of(ssh_hosts))
                await link.launch(body)
                server = int((await link.ask("echo $PPID")).out)
                log = Log(len(got))
                follower = asyncio.create_task(link.follow(body.id, len(got), log.take))
                await asyncio.wait({follower}, timeout=0.4)
                if not follower.done():
                    os.kill(server, 9)
                    cuts += 1
                await asyncio.wait({follower}, timeout=10)
                got.extend(log.data)
                if follower.exception() is None:
                    assert follower.result().exit_code == 0
                    return cuts
        finally:
            await links.close()

    assert asyncio.run(cut_again_and_again()) >= 2
    assert got == b"".join(b"line %d\n" % i for i in range(1, 151))
    assert (tmp_path / "ran").read_text() == "ran\n"
