"""Hosts to be reached: real sshd on loopback addresses, and this machine itself, under each shell."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from demo.hosts import DemoHosts
from demo.servers import free_port
from interlock.remote import HostSpec, Link, Links, PrivateKeyAuth

T = TypeVar("T")
SHELLS = ("sh", "bash", "busybox sh")
numbers = itertools.count(1)


@pytest.fixture(scope="session")
def ssh_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoHosts]:
    # Tests in parallel have hosts of their own; so has another run of the tests on this machine.
    base = "127.78.1"
    port = free_port(f"{base}.1", f"{base}.2")
    hosts = DemoHosts(tmp_path_factory.mktemp("hosts"), count=2, base=base, port=port)
    hosts.start()
    yield hosts
    hosts.stop()


def spec_of(hosts: DemoHosts, number: int = 0, shell: str = "sh") -> HostSpec:
    host = hosts.hosts[number]
    return HostSpec(
        id=number + 1,
        name=host.name,
        address=host.address,
        port=host.port,
        user=host.user,
        auth=PrivateKeyAuth(hosts.client_key.read_text()),
        host_keys=(host.host_key,),
        state_dir=str(host.state_dir),
        shell=shell,
    )


@pytest.fixture(params=[f"local {shell}" for shell in SHELLS] + [pytest.param("ssh", marks=pytest.mark.ssh)])
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> HostSpec:
    if request.param == "ssh":
        return spec_of(request.getfixturevalue("ssh_hosts"))
    shell = request.param.removeprefix("local ")
    return HostSpec(id=0, name="here", address="", local=True, state_dir=str(tmp_path / "state"), shell=shell)


def with_link(spec: HostSpec, use: Callable[[Link], Awaitable[T]]) -> T:
    """Use a fresh link, as another process would have one."""

    async def whole() -> T:
        links = Links()
        try:
            return await use(await links.get(spec))
        finally:
            await links.close()

    return asyncio.run(whole())


def name() -> str:
    """Of this run of the tests alone: a stop looks for its body's name on the whole machine."""
    return f"body-{os.getpid()}-{next(numbers)}"


class Log:
    """What came, each byte at its place."""

    def __init__(self, start: int = 0) -> None:
        self.start = start
        self.data = bytearray()

    async def take(self, offset: int, data: bytes) -> None:
        assert offset == self.start + len(self.data), "a byte twice, or one lost"
        self.data += data
