from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.hosts import DemoHosts
from interlock.fleet.services import create_credential, create_environment, create_host, set_grants
from tests.cast import make_cast
from tests.runs.over_ssh.field import Field


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[DemoHosts]:
    place = 1 + int(worker_id.removeprefix("gw") or 0) if worker_id.startswith("gw") else 1
    hosts = DemoHosts(tmp_path_factory.mktemp("hosts"), count=3, base=f"127.79.{place}", port=2422)
    hosts.start()
    yield hosts
    hosts.stop()


@pytest.fixture
def field(machines: DemoHosts, tmp_path: Path) -> Field:
    cast = make_cast()
    environment = create_environment(by=cast.root, name="staging", position=1)
    set_grants(by=cast.root, environment_id=environment.id, project_ids=[cast.project_id])
    key = machines.client_key.read_text()
    credential = create_credential(by=cast.root, name="key", kind="private_key", value=key)
    ids = [
        create_host(
            by=cast.root,
            name=host.name,
            address=host.address,
            port=host.port,
            user=host.user,
            environment_id=environment.id,
            credential_id=credential.id,
            state_dir=str(tmp_path / f"state-{host.name}"),
            host_keys=[host.host_key],
        ).id
        for host in machines.hosts
    ]
    return Field(cast, machines, tmp_path, ids)
