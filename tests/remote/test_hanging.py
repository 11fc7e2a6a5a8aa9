"""Hosts that hang, have little to give, or are full: everything comes to an end, and says which."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from demo.hosts import DemoHosts, find_sshd
from interlock.remote import (
    Body,
    BodyStatus,
    HostFailed,
    HostSpec,
    Link,
    LinkLost,
    Links,
    PasswordAuth,
    Unreachable,
)
from interlock.remote import link as links_of_a_host
from tests.remote.conftest import Log, name, spec_of, with_link


@pytest.fixture
def here(tmp_path: Path) -> HostSpec:
    return HostSpec(id=0, name="here", address="", local=True, state_dir=str(tmp_path / "state"))


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while lives(pid):
            await asyncio.sleep(0.01)


def test_a_question_is_over_by_its_deadline(spec: HostSpec, tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    async def ask(link: Link) -> None:
        began = time.monotonic()
        with pytest.raises(HostFailed) as failed:
            await link.ask('sh -c "echo \\$\\$ >$PID; exec sleep 60"', {"PID": str(pid)}, timeout=0.5)
        assert failed.value.code == "ask_timeout"
        assert time.monotonic() - began < 3
        # Nothing is left of it, neither there nor on the link.
        await until_gone(int(pid.read_text()))
        assert (await link.ask("echo on")).out == b"on\n"

    with_link(spec, ask)


@pytest.mark.ssh
def test_a_host_that_stops_answering_is_given_up_and_reached_again(
    ssh_hosts: DemoHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links_of_a_host, "LAUNCH_TIMEOUT", 0.5)
    body = Body(name(), b"echo once")

    async def freeze() -> None:
        links = Links()
        spec = replace(spec_of(ssh_hosts), connect_timeout=2.0)
        link = await links.get(spec)
        server = int((await link.ask("echo $PPID")).out)
        os.kill(server, signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(HostFailed):
                await link.ask("true", timeout=0.3)
            with pytest.raises(LinkLost):
                await link.launch(body)
            assert time.monotonic() - began < 8 and not link.alive
            again = await links.get(spec)
            assert again is not link
            await again.launch(body)
            log = Log()
            assert (await again.follow(body.id, 0, log.take)).exit_code == 0
            assert log.data == b"once\n"
            await links.close()
        finally:
            os.kill(server, signal.SIGKILL)

    asyncio.run(freeze())


def test_a_host_that_takes_the_call_and_says_nothing() -> None:
    async def call(port: int) -> None:
        links = Links()
        spec = HostSpec(1, "silent", "127.0.0.1", port, auth=PasswordAuth("x"), connect_timeout=0.3)
        began = time.monotonic()
        with pytest.raises(Unreachable) as error:
            await links.get(spec)
        assert error.value.code == "connect_timeout"
        assert time.monotonic() - began < 3
        await links.close()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        asyncio.run(call(silent.getsockname()[1]))


@pytest.mark.ssh
def test_links_that_nobody_uses_are_closed_and_those_in_use_are_not(ssh_hosts: DemoHosts) -> None:
    async def use() -> None:
        links = Links(idle_seconds=0.3)
        idle = await links.get(replace(spec_of(ssh_hosts, 1), bastion=spec_of(ssh_hosts, 0)))
        busy = await links.get(replace(spec_of(ssh_hosts), id=77))
        body = Body(name(), b"sleep 1.2; echo done")
        await busy.launch(body)
        log = Log()
        follower = asyncio.create_task(busy.follow(body.id, 0, log.take))
        async with asyncio.timeout(5):
            while idle.alive or links._bastions:
                await asyncio.sleep(0.02)
        assert (await follower).exit_code == 0 and log.data == b"done\n"
        again = await links.get(replace(spec_of(ssh_hosts, 1), bastion=spec_of(ssh_hosts, 0)))
        assert again is not idle and (await again.ask("echo back")).out == b"back\n"
        await links.close()

    asyncio.run(use())


@pytest.fixture
def one_session(ssh_hosts: DemoHosts, tmp_path: Path) -> Iterator[HostSpec]:
    """A host that grants one session a connection."""
    host = ssh_hosts.hosts[0]
    config = tmp_path / "sshd_config"
    text = (host.folder / "sshd_config").read_text()
    text = text.replace(f":{host.port}\n", f":{host.port + 7}\n").replace("MaxSessions 100", "MaxSessions 1")
    config.write_text(text.replace(f"PidFile {host.folder}", f"PidFile {tmp_path}"))
    sshd = find_sshd()
    assert sshd is not None
    server = subprocess.Popen([sshd, "-D", "-f", str(config)], start_new_session=True)
    spec = replace(spec_of(ssh_hosts), id=88, port=host.port + 7)
    try:
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(Unreachable):
                with_link(spec, lambda link: link.ask("true"))
                break
            assert time.monotonic() < deadline
        yield spec
    finally:
        server.terminate()
        server.wait(5)


@pytest.mark.ssh
def test_one_session_is_shared_by_followers_and_a_stop(one_session: HostSpec) -> None:
    bodies = [Body(name(), b"echo up; sleep 60") for _ in range(3)]

    async def share(link: Link) -> None:
        logs = [Log() for _ in bodies]
        for body in bodies:
            await link.launch(body)
        followers = [
            asyncio.create_task(link.follow(body.id, 0, log.take))
            for body, log in zip(bodies, logs, strict=True)
        ]
        async with asyncio.timeout(20):
            while any(not log.data for log in logs):
                await asyncio.sleep(0.02)
            for body in bodies:
                assert (await link.stop(body.id, grace=1)).proven
            states = await asyncio.gather(*followers)
        assert {state.status for state in states} == {BodyStatus.ended}
        assert {bytes(log.data) for log in logs} == {b"up\n"}

    with_link(one_session, share)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("may not mount a small disk here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.ssh
def test_a_file_that_does_not_fit_says_so_and_leaves_nothing(
    ssh_hosts: DemoHosts, small_disk: Path, tmp_path: Path
) -> None:
    package = tmp_path / "package"
    package.write_bytes(os.urandom(600 * 1024))
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    large = tmp_path / "large"
    large.write_bytes(os.urandom(3 * 1024 * 1024))

    async def put(link: Link) -> None:
        with pytest.raises(HostFailed) as before:
            await link.put(large, str(small_disk / "large"), sha256="0" * 64)
        assert before.value.code == "disk_full"
        # Two that fit each, but not both: at least one finds the disk full on its way.
        both = await asyncio.gather(
            *(link.put(package, str(small_disk / f"{n}"), sha256=digest) for n in range(2)),
            return_exceptions=True,
        )
        failed = [error for error in both if error is not None]
        assert failed and all(isinstance(error, HostFailed) for error in failed)
        assert {error.code for error in failed if isinstance(error, HostFailed)} == {"disk_full"}
        assert not [file for file in small_disk.iterdir() if file.name.startswith(".")]
        await link.put(package, str(small_disk / "0"), sha256=digest)
        assert (small_disk / "0").read_bytes() == package.read_bytes()

    with_link(spec_of(ssh_hosts), put)


def test_a_body_that_fills_the_disk_is_seen_to_end(here: HostSpec, small_disk: Path) -> None:
    spec = replace(here, state_dir=str(small_disk / "state"))
    body = Body(
        name(),
        b'echo begin; head -c 3000000 /dev/zero >>"${INTERLOCK_FILES%/*}/more"; exit 5',
        files={"f": b""},
    )

    async def fill(link: Link) -> None:
        await link.launch(body)
        log = Log()
        async with asyncio.timeout(10):
            state = await link.follow(body.id, 0, log.take)
        assert (state.status, state.exit_code) == (BodyStatus.ended, 5)
        assert log.data.startswith(b"begin\n")
        with pytest.raises(HostFailed) as failed:
            await link.launch(Body(name(), b"echo no"))
        assert failed.value.code == "disk_full"

    with_link(spec, fill)


def test_only_old_and_ended_bodies_leave(spec: HostSpec, tmp_path: Path) -> None:
    async def sweep(link: Link) -> None:
        folder = Path(link.facts.state_dir) / "bodies"
        ended = [Body(name(), b"true") for _ in range(6)]
        busy, sealed = Body(name(), b"sleep 30"), name()
        for body in ended:
            await link.launch(body)
            await link.follow(body.id, 0, Log().take)
        await link.launch(busy)
        await link.seal(sealed)
        now = time.time()
        # Minutes ago: one is young, the others are older from one to the next.
        for body, minutes in zip(ended, (5, 90, 120, 150, 60 * 24 * 8, 60 * 24 * 9), strict=True):
            os.utime(folder / body.id, (0, now - minutes * 60))
        for left in (busy.id, sealed):
            os.utime(folder / left, (0, now - 60 * 24 * 30 * 60))

        async def there() -> list[bool]:
            return [(folder / body.id).exists() for body in ended]

        assert await link.sweep(older_than_days=7, keep=10_000) == 3  # two of those, and the seal
        assert await there() == [True, True, True, True, False, False]
        assert await link.sweep(older_than_days=7, keep=2) == 2
        assert await there() == [True, True, False, False, False, False]
        assert await link.sweep(older_than_days=0, keep=0) == 1
        assert await there() == [True, False, False, False, False, False]
        assert (await link.look(busy.id)).status is BodyStatus.running
        assert not list(Path(link.facts.state_dir).glob("trash*"))
        assert (await link.stop(busy.id, grace=0.5)).proven

    with_link(replace(spec, state_dir=str(tmp_path / "swept")), sweep)
