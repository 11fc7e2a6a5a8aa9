"""Services, versions, builds, instances, locks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, BinaryIO, Literal, cast

from django.http import HttpRequest
from ninja import File, Form, Query, Router
from ninja.files import UploadedFile
from pydantic import Field, StringConstraints

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import Page, PageQuery, Strict, cut, read_cursor
from interlock.api.schemas import Id, Line, Note, Short
from interlock.builds import queries as builds
from interlock.builds import services as building
from interlock.catalog import queries, services
from interlock.catalog.queries import InstanceRow, LockRow, ServiceRow, VersionRow
from interlock.lifecycle.refused import invalid

router = Router(tags=["catalog"])


def _service(row: ServiceRow) -> dict[str, Any]:
    return {**asdict(row), "settings": row.settings.model_dump(), "instance_count": row.instance_count}


class NewService(Strict):
    project_id: Id
    name: Short
    language: Short
    build_source: Short
    build_url: Line = ""
    description: Line = ""
    settings: dict[Short, Any] = Field(default_factory=dict, max_length=50)
    lock_scope: Short = "service"


class ServiceChange(Strict):
    language: Short | None = None
    build_source: Short | None = None
    build_url: Line | None = None
    description: Line | None = None
    settings: dict[Short, Any] | None = Field(default=None, max_length=50)
    lock_scope: Short | None = None


class ServiceQuery(PageQuery):
    project_id: Id | None = None
    language: Line = ""
    search: Line = ""


@router.get("/services", response=Page)
def list_services(request: HttpRequest, query: Query[ServiceQuery]) -> dict[str, Any]:
    """By name."""
    rows = queries.services(
        by=caller(request),
        after=_text(read_cursor(query)),
        limit=query.limit + 1,
        **query.dict(include={"project_id", "language", "search"}),
    )
    return cut(rows, query, _service, lambda row: row.name)


def _text(mark: Any) -> str:
    if mark is not None and not isinstance(mark, str):
        raise invalid("cursor_unfit")
    return mark or ""


def _number(mark: Any) -> int | None:
    if mark is not None and not isinstance(mark, int):
        raise invalid("cursor_unfit")
    return mark


@router.post("/services", response={201: dict[str, Any]})
@idempotent
def create_service(request: HttpRequest, body: NewService) -> tuple[int, dict[str, Any]]:
    by = caller(request)
    row = services.create_service(by=by, **body.dict())
    return 201, _service(queries.service(by=by, service_id=row.id))


@router.get("/services/{int:service_id}", response=dict[str, Any])
def get_service(request: HttpRequest, service_id: Id) -> dict[str, Any]:
    return _service(queries.service(by=caller(request), service_id=service_id))


@router.patch("/services/{int:service_id}", response=dict[str, Any])
def change_service(request: HttpRequest, service_id: Id, body: ServiceChange) -> dict[str, Any]:
    by = caller(request)
    services.update_service(by=by, service_id=service_id, changes=body.dict(exclude_none=True))
    return _service(queries.service(by=by, service_id=service_id))


def _version(row: VersionRow, run_id: int | None = None) -> dict[str, Any]:
    return {**asdict(row), "run_id": run_id}


class VersionQuery(PageQuery):
    status: Line = ""
    search: Line = ""


@router.get("/services/{int:service_id}/versions", response=Page)
def list_versions(request: HttpRequest, service_id: Id, query: Query[VersionQuery]) -> dict[str, Any]:
    """Youngest first."""
    rows = queries.versions(
        by=caller(request),
        service_id=service_id,
        status=query.status,
        search=query.search,
        before_id=_number(read_cursor(query)),
        limit=query.limit + 1,
    )
    return cut(rows, query, _version, lambda row: row.id)


@router.get("/versions/{int:version_id}", response=dict[str, Any])
def get_version(request: HttpRequest, version_id: Id) -> dict[str, Any]:
    by = caller(request)
    row = queries.version(by=by, version_id=version_id)
    made = builds.builds_of(by=by, version_id=version_id)
    return _version(row, made[0].run_id if made else None)


class ForQuery(PageQuery):
    action: Literal["deploy", "upgrade", "revert"]
    from_version_id: Id | None = None


@router.get("/services/{int:service_id}/versions-for", response=Page)
def versions_for(request: HttpRequest, service_id: Id, query: Query[ForQuery]) -> dict[str, Any]:
    """Every successful version, with whether the action can go there and why not."""
    rows = queries.versions_for(
        by=caller(request),
        service_id=service_id,
        action=query.action,
        from_version_id=query.from_version_id,
        before_id=_number(read_cursor(query)),
        limit=query.limit + 1,
    )
    return cut(rows, query, asdict, lambda row: row.id)


class NewBuild(Strict):
    ref: Short
    description: Line = ""
    rebuild: bool = False


@router.post("/services/{int:service_id}/builds", response={201: dict[str, Any]})
@idempotent
def start_build(request: HttpRequest, service_id: Id, body: NewBuild) -> tuple[int, dict[str, Any]]:
    by = caller(request)
    row = building.start_build(by=by, service_id=service_id, **body.dict())
    return 201, asdict(builds.build(by=by, build_id=row.id))


@router.get("/builds/{int:build_id}", response=dict[str, Any])
def get_build(request: HttpRequest, build_id: Id) -> dict[str, Any]:
    return asdict(builds.build(by=caller(request), build_id=build_id))


class UploadForm(Strict):
    name: Line = ""
    ref: Line = ""
    commit: Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9a-fA-F]*$")] = ""
    digest: Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9a-fA-F]*$")] = ""
    description: Line = ""


@router.post("/services/{int:service_id}/uploads", response={201: dict[str, Any]})
def upload(
    request: HttpRequest, service_id: Id, file: File[UploadedFile], form: Form[UploadForm]
) -> tuple[int, dict[str, Any]]:
    """A package that was made elsewhere."""
    if file.file is None:
        raise invalid("file_missing")
    given = form.dict()
    row = building.receive_upload(
        by=caller(request),
        service_id=service_id,
        stream=cast(BinaryIO, file.file),
        filename=file.name or "",
        **{**given, "digest": given["digest"] or None},
    )
    return 201, _version(row)


def _lock(row: LockRow) -> dict[str, Any]:
    return asdict(row)


def _instance(row: InstanceRow) -> dict[str, Any]:
    names = ("id", "service_id", "host_id", "version_id", "status", "port", "tag", "weight", "description",
             "maintenance", "updated_at", "updated_by", "project_id", "language", "host_address",
             "environment_id")  # fmt: skip
    return {
        **{name: getattr(row, name) for name in names},
        "service": row.service_name,
        "host": row.host_name,
        "environment": row.environment_name,
        "version": row.version_name or None,
        "next_version": row.next_version_name or None,
        "previous_version": row.previous_version_name or None,
        "locked": row.locked,
        "lock": _lock(row.lock) if row.lock else None,
    }


class InstanceQuery(PageQuery):
    project_id: Id | None = None
    service_id: Id | None = None
    version_id: Id | None = None
    host_id: Id | None = None
    environment: Line = ""
    status: Line | None = None
    locked: bool | None = None
    maintenance: bool | None = None


@router.get("/instances", response=Page)
def list_instances(request: HttpRequest, query: Query[InstanceQuery]) -> dict[str, Any]:
    rows = queries.instances(
        by=caller(request),
        after_id=_number(read_cursor(query)),
        limit=query.limit + 1,
        **query.dict(exclude={"limit", "cursor"}),
    )
    return cut(rows, query, _instance, lambda row: row.id)


@router.get("/instances/{int:instance_id}", response=dict[str, Any])
def get_instance(request: HttpRequest, instance_id: Id) -> dict[str, Any]:
    return _instance(queries.instance(by=caller(request), instance_id=instance_id))


class InstanceChange(Strict):
    port: int | None = Field(default=None, ge=1, le=65535)
    tag: Annotated[str, StringConstraints(max_length=64)] = ""
    weight: int = Field(default=100, ge=0, le=65535)
    description: Line = ""
    maintenance: bool = False


@router.patch("/instances/{int:instance_id}", response=dict[str, Any])
def change_instance(request: HttpRequest, instance_id: Id, body: InstanceChange) -> dict[str, Any]:
    by = caller(request)
    services.update_instance(by=by, instance_id=instance_id, changes=body.dict(exclude_unset=True))
    return _instance(queries.instance(by=by, instance_id=instance_id))


@router.get("/locks", response=dict[str, Any])
def list_locks(request: HttpRequest) -> dict[str, Any]:
    return {"items": [_lock(row) for row in queries.locks(by=caller(request))], "next": None}


class FreeLock(Strict):
    note: Note


@router.post("/locks/{int:lock_id}/free", response=dict[str, Any])
def free_lock(request: HttpRequest, lock_id: Id, body: FreeLock) -> dict[str, Any]:
    """A person answers for it that nothing of the ended run lives there."""
    return {"freed": services.free_unproven(by=caller(request), lock_ids=[lock_id], note=body.note)}
