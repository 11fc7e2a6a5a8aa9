"""A small shop: one project with a service on three hosts, and a stranger's project beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone

from interlock.accounts.caller import Caller
from interlock.accounts.models import Project
from interlock.catalog.models import Instance, Service, Version
from interlock.catalog.services import create_service, ensure_instances, version_news
from interlock.fleet.models import Environment, Host
from interlock.journal.actor import SYSTEM
from interlock.lifecycle.instance import InstanceStatus
from interlock.lifecycle.version import VersionStatus
from interlock.runs.models import Run

DIGEST = "d" * 64


def person(name: str, roles: dict[int, set[str]]) -> Caller:
    return Caller("person", name, name, roles={project: frozenset(held) for project, held in roles.items()})


@dataclass
class Shop:
    project: Project
    other_project: Project
    service: Service
    hosts: list[Host]

    @property
    def admin(self) -> Caller:
        return person("ada", {self.project.pk: {"admin"}})

    @property
    def operator(self) -> Caller:
        return person("olaf", {self.project.pk: {"operator"}})

    @property
    def viewer(self) -> Caller:
        return person("vera", {self.project.pk: {"viewer"}})

    @property
    def stranger(self) -> Caller:
        return person("sam", {self.other_project.pk: {"admin"}})

    def another_service(self, name: str, **values: Any) -> Service:
        given: dict[str, Any] = {"language": "go", "build_source": "upload", **values}
        return create_service(by=self.admin, project_id=self.project.pk, name=name, **given)

    def version(self, name: str, service: Service | None = None, commit: str = "") -> Version:
        row = Version.objects.create(service=service or self.service, ref="main")
        assert version_news(
            version_id=row.pk,
            status=VersionStatus.SUCCESS,
            by=SYSTEM,
            name=name,
            commit=commit,
            package=f"shop/{row.pk}/{name}.tar.gz",
            digest=DIGEST,
            size=10,
        )
        row.refresh_from_db()
        return row

    def instances(
        self, service: Service | None = None, hosts: Sequence[Host] | None = None
    ) -> list[Instance]:
        service = service or self.service
        ids = ensure_instances(
            service_id=service.pk, hosts=[host.pk for host in hosts or self.hosts], by=SYSTEM
        )
        return list(Instance.objects.filter(pk__in=ids.values()).order_by("pk"))

    def installed(
        self, version: Version, service: Service | None = None, hosts: Sequence[Host] | None = None
    ) -> list[Instance]:
        rows = self.instances(service, hosts)
        Instance.objects.filter(pk__in=[row.pk for row in rows]).update(
            version=version, status=InstanceStatus.RUNNING
        )
        return list(Instance.objects.filter(pk__in=[row.pk for row in rows]).order_by("pk"))

    def run(self) -> Run:
        return Run.objects.create(
            project=self.project, origin="release", plan={}, plan_hash="", created_at=timezone.now()
        )


@pytest.fixture
def shop(db: None) -> Shop:
    return make_shop()


@pytest.fixture
def committed_shop(transactional_db: None) -> Shop:
    """For tests with several connections."""
    return make_shop()


def make_shop() -> Shop:
    project, other = Project.objects.create(name="shop"), Project.objects.create(name="other")
    environment = Environment.objects.create(name="qa")
    hosts = [
        Host.objects.create(name=f"web-{n}", address=f"10.0.0.{n}", environment=environment)
        for n in (1, 2, 3)
    ]
    service = create_service(
        by=person("ada", {project.pk: {"admin"}}),
        project_id=project.pk,
        name="checkout",
        language="python",
        build_source="git",
        build_url="https://git.example.com/shop/checkout.git",
        settings={"port": 8000},
    )
    return Shop(project, other, service, hosts)
