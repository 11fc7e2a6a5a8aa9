"""A service on hosts of two environments, asked for through the services of each context."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import pytest

from interlock.accounts.caller import SYSTEM_CALLER
from interlock.catalog.models import Instance
from interlock.catalog.services import (
    InstanceMove,
    create_service,
    create_version,
    ensure_instances,
    move_instances,
    version_news,
)
from interlock.fleet.models import Host
from interlock.fleet.services import create_environment, create_host, set_grants
from interlock.journal.actor import SYSTEM
from interlock.lifecycle.instance import InstanceStatus
from interlock.lifecycle.version import VersionStatus
from interlock.releases import services
from interlock.releases.intent import Intended
from interlock.releases.models import Release
from tests.cast import Cast, make_cast

UNGRANTED = "vault-1"


@dataclass
class Shop:
    cast: Cast
    service_id: int
    environments: dict[str, int]
    hosts: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def add_host(self, name: str, environment: str = "qa") -> int:
        host = create_host(
            by=self.cast.root,
            name=name,
            address=f"{name}.example.com",
            environment_id=self.environments[environment],
        )
        self.hosts[name] = host.id
        return host.id

    def add_version(
        self, name: str, status: VersionStatus = VersionStatus.SUCCESS, service_id: int = 0
    ) -> int:
        version = create_version(by=SYSTEM_CALLER, service_id=service_id or self.service_id, ref="main")
        made: dict[str, Any] = {}
        if status is VersionStatus.SUCCESS:
            sha256 = hashlib.sha256(name.encode()).hexdigest()
            made = {"name": name, "package": f"checkout/{version.id}/p.tar.gz", "digest": sha256, "size": 9}
        assert version_news(version_id=version.id, status=status, by=SYSTEM, **made)
        self.versions[name] = version.id
        return version.id

    def install(self, version: str, *hosts: str, status: InstanceStatus = InstanceStatus.RUNNING) -> None:
        """The service on these hosts, through the statuses that lead there."""
        ids = ensure_instances(
            service_id=self.service_id, hosts=[self.hosts[name] for name in hosts], by=SYSTEM
        )
        _move(ids, InstanceStatus.ABSENT, InstanceStatus.INSTALLING)
        _move(ids, InstanceStatus.INSTALLING, InstanceStatus.RUNNING, version_id=self.versions[version])
        if status is InstanceStatus.UPGRADE_FAILED:
            _move(ids, InstanceStatus.RUNNING, InstanceStatus.UPGRADING)
            _move(ids, InstanceStatus.UPGRADING, status)

    def install_over(self, version: str, host: str) -> None:
        """Another version, with the one before it remembered."""
        row = self.instance(host)
        ids = {row.host_id: row.id}
        _move(ids, InstanceStatus.RUNNING, InstanceStatus.UPGRADING)
        before = {} if row.version_id is None else {"previous_version_id": row.version_id}
        new = {"version_id": self.versions[version], **before}
        _move(ids, InstanceStatus.UPGRADING, InstanceStatus.RUNNING, **new)

    def instance(self, host: str) -> Instance:
        return Instance.objects.get(service_id=self.service_id, host_id=self.hosts[host])

    def statuses(self) -> dict[str, str]:
        names = {id: name for name, id in self.hosts.items()}
        rows = Instance.objects.filter(service_id=self.service_id)
        return {names[row.host_id]: row.status for row in rows}

    def request(self, action: str = "upgrade", version: str | None = "v2", **more: Any) -> dict[str, Any]:
        values = {"service": self.service_id, "action": action, **more}
        return values if version is None else {**values, "version": self.versions[version]}

    def preview(self, *given: Any, **more: Any) -> Intended:
        return services.preview(by=self.cast.ann, request=self.request(*given, **more))

    def ask(self, *given: Any, **more: Any) -> Release:
        return services.request_release(by=self.cast.ann, request=self.request(*given, **more))


def _move(ids: dict[int, int], old: InstanceStatus, new: InstanceStatus, **versions: int) -> None:
    moved = move_instances([InstanceMove(id, old, new, **versions) for id in ids.values()], SYSTEM)
    assert len(moved) == len(ids)


@pytest.fixture
def shop(db: None) -> Shop:
    """v1 runs on qa-1, qa-2 and live-1; v0 is older, v2 newer; qa-3 has nothing; vault-1 is not granted."""
    cast = make_cast()
    environments = {
        name: create_environment(by=cast.root, name=name, position=position).id
        for name, position in (("qa", 1), ("live", 2), ("vault", 3))
    }
    for name in ("qa", "live"):
        set_grants(by=cast.root, environment_id=environments[name], project_ids=[cast.project_id])
    service = create_service(
        by=cast.dee,
        project_id=cast.project_id,
        name="checkout",
        language="python",
        build_source="upload",
        settings={"port": 8000, "start": "echo start"},
    )
    made = Shop(cast, service.id, environments)
    # Not in the order of a release: that order must come from the environments and the names.
    for name, environment in (("live-1", "live"), ("qa-2", "qa"), ("qa-1", "qa"), ("qa-3", "qa")):
        made.add_host(name, environment)
    made.add_host(UNGRANTED, "vault")
    for name in ("v0", "v1", "v2"):
        made.add_version(name)
    made.install("v1", "live-1", "qa-1", "qa-2")
    assert Host.objects.count() == 5
    return made
