"""People."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from interlock.accounts import queries, services
from interlock.api.auth import caller
from interlock.api.paging import page_of
from interlock.api.schemas.people import NewPerson, Person, PersonChange
from interlock.api.schemas.pieces import Page, PageQuery, PathId

router = Router(tags=["people"])


def _person(row: Any, roles: dict[int, list[str]]) -> Person:
    names = ("id", "username", "name", "email", "is_active", "is_admin", "created_at")
    told = {str(project): sorted(held) for project, held in roles.items()}
    return Person(**{name: getattr(row, name) for name in names}, roles=told)


def _listed(row: Any) -> Person:
    roles: dict[int, list[str]] = {}
    for membership in row.memberships.all():
        roles.setdefault(membership.project_id, []).append(membership.role)
    return _person(row, roles)


@router.get("/people", response=Page[Person])
def list_people(request: HttpRequest, query: Query[PageQuery]) -> Page[Person]:
    return page_of(queries.people(by=caller(request)), query, _listed, of="people")


@router.post("/people", response={201: Person})
def create_person(request: HttpRequest, body: NewPerson) -> Status[Person]:
    return Status(201, _person(services.create_person(by=caller(request), **dict(body)), {}))


@router.patch("/people/{int:person_id}", response=Person)
def change_person(request: HttpRequest, person_id: PathId, body: PersonChange) -> Person:
    """Fields that are not sent stay as they are. Whoever is not active can neither sign in nor use tokens."""
    by = caller(request)
    changes = body.model_dump(exclude={"password"}, exclude_none=True)
    if body.password is not None:
        services.set_password(by=by, person_id=person_id, password=body.password)
    if changes:
        services.update_person(by=by, person_id=person_id, **changes)
    return _person(queries.person(by=by, person_id=person_id), queries.roles_of(person_id))
