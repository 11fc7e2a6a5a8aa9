"""Services, with a summary of each."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, QuerySet

from interlock.accounts.caller import Caller
from interlock.accounts.rights import visible_projects
from interlock.catalog.models import Instance, Lock, Service, Version
from interlock.catalog.queries.matrix import in_trouble
from interlock.catalog.settings import ServiceSettings, read_settings
from interlock.lifecycle.instance import InstanceStatus
from interlock.lifecycle.refused import missing


@dataclass(frozen=True)
class ServiceRow:
    """``instances`` counts by status; ``newest`` is the youngest successful version."""

    id: int
    project_id: int
    name: str
    language: str
    build_source: str
    build_url: str
    description: str
    lock_scope: str
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    settings: ServiceSettings
    newest_id: int | None = None
    newest: str = ""
    newest_at: datetime | None = None
    instances: Mapping[str, int] = field(default_factory=dict)
    locked: int = 0  # instances under a lock of their own
    lock_holder: str = ""  # of the whole service

    @property
    def instance_count(self) -> int:
        return sum(self.instances.values()) - self.instances.get(InstanceStatus.ABSENT, 0)


def visible_service(by: Caller, service_id: int, *, lock: bool = False) -> Service:
    """The row itself, for the services of this context; ``lock`` needs a transaction."""
    rows = _visible(by)
    if lock:
        rows = rows.select_for_update(no_key=True, of=("self",))
    row = rows.filter(pk=service_id).first()
    if row is None:
        raise missing("service_not_known", service=service_id)
    return row


def service(*, by: Caller, service_id: int) -> ServiceRow:
    return _rows([visible_service(by, service_id)])[0]


def service_named(*, by: Caller, name: str) -> ServiceRow:
    row = _visible(by).filter(name=name).first()
    if row is None:
        raise missing("service_not_known", service=name[:64])
    return _rows([row])[0]


def names_of(
    *, by: Caller, service_ids: Collection[int] = (), version_ids: Collection[int] = ()
) -> dict[int, str]:
    """Names of those of either kind that the caller may see."""
    if service_ids:
        return dict(_visible(by).filter(pk__in=service_ids).values_list("pk", "name"))
    rows = Version.objects.filter(pk__in=version_ids, service__in=_visible(by).values("pk"))
    return {pk: f"{service} {name}" for pk, service, name in rows.values_list("pk", "service__name", "name")}


def services(
    *,
    by: Caller,
    project_id: int | None = None,
    language: str = "",
    search: str = "",
    troubled: bool = False,
    after: str = "",
    limit: int | None = 100,
) -> list[ServiceRow]:
    """In the order of their names; ``after`` is the last name of the page before.

    ``troubled``: only those where something failed or a lock waits for proof.
    """
    rows = _visible(by)
    if project_id is not None:
        rows = rows.filter(project=project_id)
    if language:
        rows = rows.filter(language=language)
    if search:
        rows = rows.filter(name__contains=search.lower())
    if troubled:
        rows = rows.filter(in_trouble())
    return _rows(list(rows.filter(name__gt=after).order_by("name")[:limit]))


def _visible(by: Caller) -> QuerySet[Service]:
    rows = Service.objects.select_related("created_by", "updated_by")
    projects = visible_projects(by)
    return rows if projects is None else rows.filter(project__in=projects)


def _rows(rows: list[Service]) -> list[ServiceRow]:
    """Four queries, whatever the number of services."""
    ids = [row.pk for row in rows]
    counts: dict[int, dict[str, int]] = {}
    tally = Instance.objects.filter(service__in=ids).values("service", "status").annotate(number=Count("pk"))
    for line in tally.order_by():
        counts.setdefault(line["service"], {})[line["status"]] = line["number"]
    youngest = Version.objects.filter(service__in=ids, status="success").values("service")
    newest = {
        version.service_id: version
        for version in Version.objects.filter(
            pk__in=youngest.order_by().annotate(newest=Max("pk")).values("newest")
        )
    }
    locked: dict[int, int] = {}
    holders: dict[int, str] = {}
    for lock in Lock.objects.filter(service__in=ids):
        if lock.instance_id is None:
            holders[lock.service_id] = lock.holder
        else:
            locked[lock.service_id] = locked.get(lock.service_id, 0) + 1
    return [
        _row(row, newest.get(row.pk), counts.get(row.pk, {}), locked.get(row.pk, 0), holders.get(row.pk, ""))
        for row in rows
    ]


def _row(
    row: Service, newest: Version | None, counts: dict[str, int], locked: int, holder: str
) -> ServiceRow:
    facts: dict[str, Any] = {}
    if newest:
        facts = {"newest_id": newest.pk, "newest": newest.name, "newest_at": newest.ended_at}
    return ServiceRow(
        id=row.pk,
        project_id=row.project_id,
        name=row.name,
        language=row.language,
        build_source=row.build_source,
        build_url=row.build_url,
        description=row.description,
        lock_scope=row.lock_scope,
        created_at=row.created_at,
        created_by=row.created_by.username if row.created_by else "",
        updated_at=row.updated_at,
        updated_by=row.updated_by.username if row.updated_by else "",
        settings=read_settings(row.settings),
        instances=counts,
        locked=locked,
        lock_holder=holder,
        **facts,
    )
