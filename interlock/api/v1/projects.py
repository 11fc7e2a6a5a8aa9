"""Projects, and who may do what in them."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Query, Router, Status

from interlock.accounts import queries, services
from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import page_of
from interlock.api.schemas.pieces import Page, PageQuery, PathId
from interlock.api.schemas.projects import NewProject, NewRoles, Project, Roles

router = Router(tags=["projects"])


@router.get("/projects", response=Page[Project])
def list_projects(request: HttpRequest, query: Query[PageQuery]) -> Page[Project]:
    """Those that one may see."""
    return page_of(queries.projects(by=caller(request)), query, Project.model_validate, of="projects")


@router.post("/projects", response={201: Project})
@idempotent
def create_project(request: HttpRequest, body: NewProject) -> Status[Project]:
    row = services.create_project(by=caller(request), **dict(body))
    return Status(201, Project.model_validate(row))


@router.put("/projects/{int:project_id}/roles/{int:person_id}", response=Roles)
def set_roles(request: HttpRequest, project_id: PathId, person_id: PathId, body: NewRoles) -> Roles:
    """Give a person exactly these roles in the project."""
    services.set_roles(by=caller(request), person_id=person_id, project_id=project_id, roles=body.roles)
    return Roles(project_id=project_id, person_id=person_id, roles=sorted(set(body.roles)))
