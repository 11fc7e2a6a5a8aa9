"""Reaching hosts: keys pinned, wrong ones refused by name, files verified where they arrive."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from demo.hosts import DemoHosts
from interlock.remote import HostFailed, HostSpec, Link, Links, PrivateKeyAuth, Unreachable, scan_host_keys
from tests.remote.conftest import spec_of, with_link


async def nothing(link: Link) -> None:
    return None


def refused(spec: HostSpec) -> Unreachable:
    with pytest.raises(Unreachable) as error:
        with_link(spec, nothing)
    return error.value


@pytest.mark.ssh
def test_a_changed_host_key_refuses_and_says_which(ssh_hosts: DemoHosts) -> None:
    other = ssh_hosts.hosts[1].host_key
    error = refused(replace(spec_of(ssh_hosts), host_keys=(other,)))
    assert error.code == "host_key_changed"
    assert error.offered.split()[:2] == ssh_hosts.hosts[0].host_key.split()[:2]


@pytest.mark.ssh
def test_with_no_pinned_key_nothing_connects(ssh_hosts: DemoHosts) -> None:
    assert refused(replace(spec_of(ssh_hosts), host_keys=())).code == "host_key_unknown"


@pytest.mark.ssh
def test_a_wrong_key_of_ours_is_told(ssh_hosts: DemoHosts) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    assert refused(replace(spec_of(ssh_hosts), auth=PrivateKeyAuth(stranger))).code == "auth_failed"


@pytest.mark.ssh
def test_nobody_listens(ssh_hosts: DemoHosts) -> None:
    assert refused(replace(spec_of(ssh_hosts), port=1)).code == "connect_failed"


@pytest.mark.ssh
def test_the_keys_that_a_host_offers(ssh_hosts: DemoHosts) -> None:
    host = ssh_hosts.hosts[0]
    assert asyncio.run(scan_host_keys(host.address, host.port)) == (host.host_key,)


@pytest.mark.ssh
def test_a_host_behind_another(ssh_hosts: DemoHosts) -> None:
    spec = replace(spec_of(ssh_hosts, 1), bastion=spec_of(ssh_hosts, 0))
    assert with_link(spec, lambda link: link.ask("echo there")).out == b"there\n"


@pytest.mark.ssh
def test_many_askers_share_one_link(ssh_hosts: DemoHosts) -> None:
    async def ask() -> int:
        links = Links()
        found = await asyncio.gather(*(links.get(spec_of(ssh_hosts)) for _ in range(20)))
        answers = await asyncio.gather(*(link.ask("echo $((6 * 7))") for link in found))
        await links.close()
        assert {answer.out for answer in answers} == {b"42\n"}
        return len({id(link) for link in found})

    assert asyncio.run(ask()) == 1


def test_secrets_are_in_no_repr(ssh_hosts: DemoHosts) -> None:
    assert "PRIVATE KEY" not in repr(spec_of(ssh_hosts))


def test_a_file_is_verified_where_it_arrives(spec: HostSpec, tmp_path: Path) -> None:
    source = tmp_path / "package"
    source.write_bytes(b"package" * 50_000)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    target = tmp_path / "far away" / "it's here.tar.gz"

    async def put(link: Link) -> None:
        await link.put(source, str(target), sha256=digest)
        assert target.read_bytes() == source.read_bytes()
        before = target.stat().st_mtime_ns
        await link.put(source, str(target), sha256=digest)
        assert target.stat().st_mtime_ns == before
        with pytest.raises(HostFailed) as failed:
            await link.put(source, str(target), sha256="0" * 64)
        assert failed.value.code == "digest_wrong"

    with_link(spec, put)
    assert target.read_bytes() == source.read_bytes()
    assert [file.name for file in target.parent.iterdir()] == [target.name]
