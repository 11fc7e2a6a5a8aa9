"""Environments, and which projects may use their hosts."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import page_of
from interlock.api.schemas.environments import (
    Environment,
    EnvironmentChange,
    Grants,
    NewEnvironment,
    NewGrants,
)
from interlock.api.schemas.pieces import Page, PageQuery, PathId
from interlock.fleet import queries, services

router = Router(tags=["environments"])


def _environment(row: Any) -> Environment:
    names = ("id", "name", "position", "description", "approvals_required", "default_batches")
    projects = sorted(grant.project_id for grant in row.grants.all())
    return Environment(**{name: getattr(row, name) for name in names}, project_ids=projects)


@router.get("/environments", response=Page[Environment])
def list_environments(request: HttpRequest, query: Query[PageQuery]) -> Page[Environment]:
    """Those whose hosts one's projects may use."""
    return page_of(queries.environments(by=caller(request)), query, _environment, of="environments")


@router.post("/environments", response={201: Environment})
@idempotent
def create_environment(request: HttpRequest, body: NewEnvironment) -> Status[Environment]:
    return Status(201, _environment(services.create_environment(by=caller(request), **dict(body))))


@router.patch("/environments/{int:environment_id}", response=Environment)
def change_environment(request: HttpRequest, environment_id: PathId, body: EnvironmentChange) -> Environment:
    """Fields that are not sent stay as they are."""
    changes = body.model_dump(exclude_none=True)
    return _environment(
        services.update_environment(by=caller(request), environment_id=environment_id, changes=changes)
    )


@router.put("/environments/{int:environment_id}/grants", response=Grants)
def set_grants(request: HttpRequest, environment_id: PathId, body: NewGrants) -> Grants:
    """Let exactly these projects use the environment's hosts."""
    services.set_grants(by=caller(request), environment_id=environment_id, project_ids=body.project_ids)
    return Grants(id=environment_id, project_ids=sorted(set(body.project_ids)))
