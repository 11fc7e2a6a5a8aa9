"""Instances and locks."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from interlock.accounts.caller import Caller
from interlock.accounts.rights import visible_projects
from interlock.catalog.models import Instance, Lock
from interlock.lifecycle.instance import InstanceStatus
from interlock.lifecycle.refused import invalid, missing

FEW = 1000  # ids in one statement


@dataclass(frozen=True)
class LockRow:
    """``instance_id`` None: the whole service is locked."""

    id: int
    service_id: int
    service_name: str
    instance_id: int | None
    host_id: int | None
    host_name: str
    run_id: int
    token: int
    status: str
    holder: str
    reason: str
    since: datetime


@dataclass(frozen=True)
class InstanceRow:
    """``lock`` is the instance's own, or else the one on its whole service."""

    id: int
    service_id: int
    service_name: str
    project_id: int
    language: str
    host_id: int
    host_name: str
    host_address: str
    environment_id: int
    environment_name: str
    environment_position: int
    version_id: int | None
    version_name: str
    next_version_id: int | None
    next_version_name: str
    previous_version_id: int | None
    previous_version_name: str
    status: str
    port: int | None
    tag: str
    weight: int
    description: str
    maintenance: bool
    updated_at: datetime
    updated_by: str
    lock: LockRow | None

    @property
    def locked(self) -> bool:
        return self.lock is not None


def visible_instance(by: Caller, instance_id: int, *, lock: bool = False) -> Instance:
    """The row itself, for the services of this context; ``lock`` needs a transaction."""
    rows = _visible(by)
    if lock:
        rows = rows.select_for_update(no_key=True, of=("self",))
    row = rows.filter(pk=instance_id).first()
    if row is None:
        raise missing("instance_not_known", instance=instance_id)
    return row


def instance(*, by: Caller, instance_id: int) -> InstanceRow:
    return _rows([visible_instance(by, instance_id)])[0]


def instances(
    *,
    by: Caller,
    project_id: int | None = None,
    service_id: int | None = None,
    version_id: int | None = None,
    host_id: int | None = None,
    host_ids: Collection[int] | None = None,
    instance_ids: Collection[int] | None = None,
    environment: str = "",
    status: str | Collection[str] | None = None,
    locked: bool | None = None,
    maintenance: bool | None = None,
    search: str = "",
    absent: bool = False,
    after_id: int | None = None,
    limit: int | None = 200,
) -> list[InstanceRow]:
    """In the order of their ids. Deleted ones are left out, unless ``absent`` or a status asks for them."""
    rows = _visible(by)
    equal = {
        "service__project": project_id,
        "service": service_id,
        "version": version_id,
        "host": host_id,
        "host__environment__name": environment or None,
        "maintenance": maintenance,
        "host__in": host_ids,
        "pk__in": instance_ids,
        "host__name__contains": search or None,
        "pk__gt": after_id,
    }
    rows = rows.filter(**{name: value for name, value in equal.items() if value is not None})
    if status:
        rows = rows.filter(status__in=_read_statuses(status))
    elif not absent:
        rows = rows.exclude(status=InstanceStatus.ABSENT)
    if locked is not None:
        rows = rows.filter(_is_locked() if locked else ~_is_locked())
    return _rows(list(rows.order_by("pk")[:limit]))


def counts_by_host(*, by: Caller, host_ids: Collection[int]) -> dict[int, int]:
    """How many instances each host has, of those that one may see."""
    rows = _visible(by).select_related(None).filter(host__in=host_ids).exclude(status=InstanceStatus.ABSENT)
    return dict(rows.order_by().values_list("host").annotate(Count("pk")))


def _is_locked() -> Q:
    """By a lock of its own, or by one on its whole service."""
    service_lock = Lock.objects.filter(service=OuterRef("service"), instance__isnull=True)
    return Q(Exists(Lock.objects.filter(instance=OuterRef("pk")))) | Q(Exists(service_lock))


def _read_statuses(given: str | Collection[str]) -> list[str]:
    statuses = [given] if isinstance(given, str) else list(given)
    known = {status.value for status in InstanceStatus}
    for status in statuses:
        if status not in known:
            raise invalid(
                "choice_not_known", field="status", value=str(status)[:64], allowed=", ".join(InstanceStatus)
            )
    return statuses


def locks(
    *,
    by: Caller,
    service_id: int | None = None,
    run_id: int | None = None,
    status: str = "",
    after_id: int | None = None,
    limit: int | None = None,
) -> list[LockRow]:
    """In the order of their ids; ``after_id`` is the last one of the page before."""
    rows = _visible_locks(by)
    equal = {"service": service_id, "run": run_id, "status": status or None, "pk__gt": after_id}
    rows = rows.filter(**{name: value for name, value in equal.items() if value is not None})
    return [_lock(row) for row in rows.order_by("pk")[:limit]]


def _visible(by: Caller) -> QuerySet[Instance]:
    rows = Instance.objects.select_related(
        "service", "host__environment", "version", "next_version", "previous_version", "updated_by"
    )
    projects = visible_projects(by)
    return rows if projects is None else rows.filter(service__project__in=projects)


def _visible_locks(by: Caller) -> QuerySet[Lock]:
    projects = visible_projects(by)
    return _lock_rows() if projects is None else _lock_rows().filter(service__project__in=projects)


def _lock_rows() -> QuerySet[Lock]:
    return Lock.objects.select_related("service", "instance__host")


def _rows(rows: list[Instance]) -> list[InstanceRow]:
    ids, service_ids = [row.pk for row in rows], {row.service_id for row in rows}
    mine: dict[int, LockRow] = {}
    whole: dict[int, LockRow] = {}
    near = Q(service__in=service_ids)
    if len(ids) <= FEW:
        near &= Q(instance__in=ids) | Q(instance__isnull=True)
    for lock in _lock_rows().filter(near):
        if lock.instance_id is None:
            whole[lock.service_id] = _lock(lock)
        else:
            mine[lock.instance_id] = _lock(lock)
    return [_row(row, mine.get(row.pk) or whole.get(row.service_id)) for row in rows]


def _row(row: Instance, lock: LockRow | None) -> InstanceRow:
    environment = row.host.environment
    return InstanceRow(
        id=row.pk,
        service_id=row.service_id,
        service_name=row.service.name,
        project_id=row.service.project_id,
        language=row.service.language,
        host_id=row.host_id,
        host_name=row.host.name,
        host_address=row.host.address,
        environment_id=environment.pk,
        environment_name=environment.name,
        environment_position=environment.position,
        version_id=row.version_id,
        version_name=row.version.name if row.version else "",
        next_version_id=row.next_version_id,
        next_version_name=row.next_version.name if row.next_version else "",
        previous_version_id=row.previous_version_id,
        previous_version_name=row.previous_version.name if row.previous_version else "",
        status=row.status,
        port=row.port,
        tag=row.tag,
        weight=row.weight,
        description=row.description,
        maintenance=row.maintenance,
        updated_at=row.updated_at,
        updated_by=row.updated_by.username if row.updated_by else "",
        lock=lock,
    )


def _lock(row: Lock) -> LockRow:
    host = row.instance.host if row.instance else None
    return LockRow(
        id=row.pk,
        service_id=row.service_id,
        service_name=row.service.name,
        instance_id=row.instance_id,
        host_id=host.pk if host else None,
        host_name=host.name if host else "",
        run_id=row.run_id,
        token=row.token,
        status=row.status,
        holder=row.holder,
        reason=row.reason,
        since=row.taken_at,
    )
