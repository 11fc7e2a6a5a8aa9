"""The scripts of the demo's service, in the shells that hosts have."""

import os
import shutil
import socket
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from demo.api import until
from demo.repository import EDITIONS, make_repository
from demo.truth import Answer, acts, ask

ADDRESS = "127.0.0.1"
SHELLS = [shell for shell in ("dash", "bash", "busybox sh") if shutil.which(shell.split()[0])]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository") / "hello"
    make_repository(folder)
    return folder


class Host:
    """Enough of a host for the scripts: the tree of the service, and our tool on its path."""

    def __init__(self, folder: Path, repository: Path, shell: str) -> None:
        self.folder, self.repository, self.shell = folder, repository, shell.split()
        tool = folder / "bin" / "interlock-spawn"
        tool.parent.mkdir()
        tool.write_text(files("interlock.remote").joinpath("far", "spawn.sh").read_text())
        tool.chmod(0o700)
        with socket.socket() as free:
            free.bind((ADDRESS, 0))
            self.port: int = free.getsockname()[1]

    def run(self, script: str, tag: str) -> int:
        version = self.folder / "hello" / "versions" / tag
        if not version.exists():
            clone = ["git", "clone", "--quiet", "--branch", tag, self.repository.as_uri(), str(version)]
            subprocess.run(clone, check=True, capture_output=True)
        facts = {"SERVICE": "hello", "VERSION": tag, "HOST": "h", "PORT": str(self.port), "RELEASE": "7"}
        environment = {f"INTERLOCK_{name}": value for name, value in facts.items()}
        environment["PATH"] = f"{self.folder}/bin:{os.environ['PATH']}"
        environment["SSH_CONNECTION"] = f"192.0.2.1 1 {ADDRESS} 22"
        command = [*self.shell, f"interlock/{script}"]
        return subprocess.run(
            command, cwd=version, env=environment, capture_output=True, check=False
        ).returncode

    def answer(self) -> Answer:
        return until("hello answers", lambda: ask(ADDRESS, self.port), 20)


@pytest.fixture(params=SHELLS)
def host(request: pytest.FixtureRequest, tmp_path: Path, repository: Path) -> Host:
    return Host(tmp_path, repository, request.param)


def test_a_version_has_a_tag(repository: Path) -> None:
    tags = subprocess.run(["git", "-C", str(repository), "tag"], check=True, capture_output=True, text=True)
    assert tags.stdout.split() == sorted(edition.tag for edition in EDITIONS)


def test_it_starts_answers_and_stops(host: Host) -> None:
    assert host.run("start", "v1.0") == 0
    try:
        said = host.answer()
        assert host.run("health", "v1.0") == 0
        assert (said.version, said.release, said.host) == ("v1.0", "7", "h")
    finally:
        assert host.run("stop", "v1.0") == 0
    assert ask(ADDRESS, host.port) is None
    assert host.run("health", "v1.0") != 0
    noted = acts(host.folder / "hello" / "shared" / "acts.log")
    assert [act.script for act in noted] == ["start", "started", "stop"]
    assert {(act.version, act.release) for act in noted} == {("v1.0", "7")}


def test_the_bad_version_answers_but_is_not_healthy(host: Host) -> None:
    assert host.run("start", "v1.3") == 0
    try:
        assert host.answer().version == "v1.3"
        assert host.run("health", "v1.3") != 0
    finally:
        host.run("stop", "v1.3")
