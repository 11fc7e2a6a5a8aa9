"""Instances: which version runs where."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Query, Router

from interlock.api.auth import caller
from interlock.api.paging import after, cut
from interlock.api.schemas.instances import Instance, InstanceChange, InstanceQuery, Lock
from interlock.api.schemas.pieces import Page, PathId
from interlock.catalog import queries, services
from interlock.catalog.queries import InstanceRow

router = Router(tags=["instances"])
_SAME = ("id", "project_id", "service_id", "language", "host_id", "host_address", "environment_id",
         "version_id", "next_version_id", "previous_version_id", "status", "port", "tag", "weight",
         "description", "maintenance", "locked", "updated_at", "updated_by")  # fmt: skip


def _instance(row: InstanceRow) -> Instance:
    return Instance(
        **{name: getattr(row, name) for name in _SAME},
        service=row.service_name,
        host=row.host_name,
        environment=row.environment_name,
        version=row.version_name or None,
        next_version=row.next_version_name or None,
        previous_version=row.previous_version_name or None,
        lock=Lock.model_validate(row.lock) if row.lock else None,
    )


@router.get("/instances", response=Page[Instance])
def list_instances(request: HttpRequest, query: Query[InstanceQuery]) -> Page[Instance]:
    rows = queries.instances(
        by=caller(request),
        project_id=query.project_id,
        service_id=query.service_id,
        version_id=query.version_id,
        host_id=query.host_id,
        environment=query.environment,
        status=query.status,
        locked=query.locked,
        maintenance=query.maintenance,
        after_id=after(query, int, of="instances"),
        limit=query.limit + 1,
    )
    return cut(rows, query, _instance, lambda row: row.id, of="instances")


@router.get("/instances/{int:instance_id}", response=Instance)
def get_instance(request: HttpRequest, instance_id: PathId) -> Instance:
    return _instance(queries.instance(by=caller(request), instance_id=instance_id))


@router.patch("/instances/{int:instance_id}", response=Instance)
def change_instance(request: HttpRequest, instance_id: PathId, body: InstanceChange) -> Instance:
    """Fields that are not sent stay as they are. What a release has in its plan waits for its end."""
    by = caller(request)
    services.update_instance(by=by, instance_id=instance_id, changes=body.model_dump(exclude_unset=True))
    return _instance(queries.instance(by=by, instance_id=instance_id))
