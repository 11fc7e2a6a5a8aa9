"""Services."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import after, cut
from interlock.api.schemas.pieces import Page, PathId
from interlock.api.schemas.services import NewService, Service, ServiceChange, ServiceQuery
from interlock.catalog import queries, services
from interlock.catalog.queries import ServiceRow

router = Router(tags=["services"])
_NAMES = [field.name for field in fields(ServiceRow)]


def _service(row: ServiceRow) -> Service:
    facts: dict[str, Any] = {name: getattr(row, name) for name in _NAMES}
    return Service(**facts, instance_count=row.instance_count)


@router.get("/services", response=Page[Service])
def list_services(request: HttpRequest, query: Query[ServiceQuery]) -> Page[Service]:
    """In the order of their names."""
    rows = queries.services(
        by=caller(request),
        project_id=query.project_id,
        language=query.language,
        search=query.search,
        after=after(query, str, of="services") or "",
        limit=query.limit + 1,
    )
    return cut(rows, query, _service, lambda row: row.name, of="services")


@router.post("/services", response={201: Service})
@idempotent
def create_service(request: HttpRequest, body: NewService) -> Status[Service]:
    """The name becomes directories on hosts: it cannot change later."""
    by = caller(request)
    row = services.create_service(by=by, **dict(body))
    return Status(201, _service(queries.service(by=by, service_id=row.id)))


@router.get("/services/{int:service_id}", response=Service)
def get_service(request: HttpRequest, service_id: PathId) -> Service:
    return _service(queries.service(by=caller(request), service_id=service_id))


@router.patch("/services/{int:service_id}", response=Service)
def change_service(request: HttpRequest, service_id: PathId, body: ServiceChange) -> Service:
    """Fields that are not sent stay as they are; `settings` are replaced as a whole."""
    by = caller(request)
    services.update_service(by=by, service_id=service_id, changes=body.model_dump(exclude_none=True))
    return _service(queries.service(by=by, service_id=service_id))
