"""Packages on a host: kept as they were packed, and nothing of one comes to lie outside of it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.hosts import DemoHosts
from demo.servers import free_port
from interlock.lifecycle.run.states import StepStatus
from interlock.releases.kinds import Transfer
from interlock.remote import HostSpec, PrivateKeyAuth
from interlock.store import open_store
from tests.releases.host import Machine

Member = tuple[tarfile.TarInfo, bytes]
TO = {"id": 1, "name": "v1", "digest": "", "package": ""}
FACTS: dict[str, Any] = {"port": 8000, "tag": "", "weight": 1, "from": None, "to": TO}


def member(name: str, content: bytes = b"", mode: int = 0o644, kind: bytes = tarfile.REGTYPE) -> Member:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.type = len(content), mode, kind
    return entry, content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Member:
    entry, content = member(name, kind=kind)
    entry.linkname = target
    return entry, content


@dataclass
class Ground:
    """A host, and beside its tree what no package may touch."""

    machine: Machine
    folder: Path

    def unpack(self, *members: Member) -> tuple[StepStatus, str]:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for entry, content in members:
                tar.addfile(entry, io.BytesIO(content))
        package, digest = "checkout/1/p.tar.gz", hashlib.sha256(packed.getvalue()).hexdigest()
        open_store(f"file://{self.folder}/store").put(package, io.BytesIO(packed.getvalue()), limit=None)

        async def whole() -> tuple[StepStatus, str]:
            try:
                outcome, said = await self.machine.do(Transfer(), FACTS, package=package, digest=digest)
                return outcome.status, said
            finally:
                await self.machine.close()

        return asyncio.run(whole())

    @property
    def version(self) -> Path:
        return self.machine.tree / "versions" / "v1"

    def touched(self) -> list[str]:
        outside = [path for path in (self.folder / "outside").iterdir() if path.name != "precious"]
        assert (self.folder / "outside" / "precious").read_text() == "mine"
        return [*map(str, outside), *map(str, Path("/tmp").glob("interlock-evil*"))]


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoHosts]:
    port = free_port("127.76.1.1")
    hosts = DemoHosts(tmp_path_factory.mktemp("hosts"), count=1, base="127.76.1", port=port)
    hosts.start()
    yield hosts
    hosts.stop()


@pytest.fixture(params=["dash", "busybox", pytest.param("ssh", marks=pytest.mark.ssh)])
def ground(
    request: pytest.FixtureRequest, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Ground:
    """busybox: its shell and its tar."""
    settings.STORE_URL = f"file://{tmp_path}/store"
    machine = Machine(tmp_path / "root", tmp_path / "state")
    for folder in ("root", "outside"):
        (tmp_path / folder).mkdir()
    (tmp_path / "outside" / "precious").write_text("mine")
    if request.param == "busybox":
        if not shutil.which("busybox"):
            pytest.skip("no busybox here")
        machine.shell = "busybox sh"
        programs = tmp_path / "programs"
        programs.mkdir()
        for program in ("tar", "find", "chmod", "rm", "mv", "head"):
            (programs / program).symlink_to(shutil.which("busybox") or "")
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    if request.param == "ssh":
        hosts = request.getfixturevalue("machines")
        host = hosts.hosts[0]
        auth = PrivateKeyAuth(hosts.client_key.read_text())
        machine.spec = HostSpec(
            1, host.name, host.address, host.port, host.user, auth, (host.host_key,), str(tmp_path / "state")
        )
    return Ground(machine, tmp_path)


def test_a_package_is_there_as_it_was_packed(ground: Ground) -> None:
    program, text = member("bin/run", b"#!/bin/sh\n", 0o755), member("etc/a b\u00e9.conf", b"x=1\n", 0o640)
    folder = member("empty", mode=0o755, kind=tarfile.DIRTYPE)
    members = (program, text, folder, link("run", "bin/run"), link("twin", "bin/run", tarfile.LNKTYPE))
    assert ground.unpack(*members)[0] is StepStatus.SUCCEEDED
    there = ground.version
    assert (there / "bin/run").stat().st_mode & 0o777 == 0o755
    assert (there / "etc/a b\u00e9.conf").stat().st_mode & 0o777 == 0o640
    assert (there / "run").readlink() == Path("bin/run")
    assert (there / "twin").samefile(there / "bin/run")
    assert (there / "empty").is_dir()


def test_files_belong_to_who_unpacks_and_run_as_nobody_else(ground: Ground) -> None:
    members = [
        member(name, b"#!/bin/sh\n", mode) for name, mode in (("u", 0o4755), ("g", 0o2755), ("x", 0o755))
    ]
    for entry, _ in members:
        entry.uid, entry.gid, entry.uname = 12345, 12345, "somebody"
    assert ground.unpack(*members)[0] is StepStatus.SUCCEEDED
    for entry, _ in members:
        facts = (ground.version / entry.name).stat()
        assert (facts.st_uid, facts.st_gid) == (os.getuid(), os.getgid())
        assert facts.st_mode & 0o7777 == 0o755


Hostile = Callable[[Path], list[Member]]
HOSTILE: dict[str, Hostile] = {
    "a way up": lambda out: [member("../../../outside/evil", b"x")],
    "a way up in the middle": lambda out: [member("a/../../../../outside/evil", b"x")],
    "an absolute name": lambda out: [member(f"{out}/evil", b"x"), member("/tmp/interlock-evil", b"x")],
    "through a link out": lambda out: [link("a", str(out)), member("a/evil", b"x")],
    "through a relative link out": lambda out: [link("a", "../../../outside"), member("a/evil", b"x")],
    "over a link to a file": lambda out: [link("a", f"{out}/precious"), member("a", b"x")],
    "a hard link out, written to": lambda out: [
        link("a", f"{out}/precious", tarfile.LNKTYPE),
        member("a", b"x"),
    ],
    "a hard link up": lambda out: [
        link("a", "../../../outside/precious", tarfile.LNKTYPE),
        member("a", b"x"),
    ],
    "our mark as a link": lambda out: [link(".interlock-digest", f"{out}/evil"), member("f", b"x")],
}


@pytest.mark.parametrize("how", HOSTILE)
def test_nothing_comes_to_lie_outside(ground: Ground, how: str) -> None:
    status, _ = ground.unpack(member("first", b"1"), *HOSTILE[how](ground.folder / "outside"))
    assert ground.touched() == []
    assert ground.version.exists() == (status is StepStatus.SUCCEEDED)
    if status is StepStatus.SUCCEEDED:
        assert not (ground.version / ".interlock-digest").is_symlink()


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_no_file_is_refused(ground: Ground, kind: bytes) -> None:
    odd, nothing = member("odd", kind=kind)
    odd.devmajor, odd.devminor = 1, 3
    status, said = ground.unpack(member("first", b"1"), (odd, nothing))
    assert status is StepStatus.FAILED
    assert not ground.version.exists()
    if os.getuid() == 0 or kind == tarfile.FIFOTYPE:
        assert said == "odd is no file, folder or link\n"
