"""Sign-in, people, projects, roles, tokens, secrets, the journal."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from django.middleware.csrf import get_token, rotate_token
from ninja import Query, Router
from pydantic import AwareDatetime, Field, StringConstraints

from interlock.accounts import queries, services
from interlock.accounts.rights import RIGHTS, may, visible_projects
from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import Page, PageQuery, Strict, page_of
from interlock.api.schemas import Id, Line, Short, Text
from interlock.journal import queries as journal
from interlock.vault import queries as vault
from interlock.vault.services import put

router = Router(tags=["people"])
Password = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Words = Annotated[list[Short], Field(max_length=50)]


class Login(Strict):
    username: Short
    password: Password


@router.post("/session", auth=None, response=dict[str, Any])
def sign_in(request: HttpRequest, body: Login) -> dict[str, Any]:
    """Begin a session; the CSRF token comes as a cookie."""
    by = services.authenticate_password(body.username, body.password)
    request.session.cycle_key()
    request.session["person"] = by.person_id
    rotate_token(request)
    get_token(request)
    return {"username": by.name}


@router.delete("/session", response=dict[str, Any])
def sign_out(request: HttpRequest) -> dict[str, Any]:
    request.session.flush()
    return {}


@router.get("/me", response=dict[str, Any])
def me(request: HttpRequest) -> dict[str, Any]:
    by = caller(request)
    return {
        "id": by.person_id,
        "username": by.name,
        "is_admin": by.is_admin,
        "roles": {str(project): sorted(roles) for project, roles in by.roles.items()},
        "rights": sorted(right for right in RIGHTS if may(by, right)),
        "scopes": sorted(by.scopes) if by.scopes is not None else None,
    }


class NewPerson(Strict):
    username: Short
    password: Password
    name: Line = ""
    email: Line = ""
    is_admin: bool = False


def _person(row: Any) -> dict[str, Any]:
    names = ("id", "username", "name", "email", "is_active", "is_admin", "created_at")
    return {name: getattr(row, name) for name in names}


@router.get("/people", response=Page)
def list_people(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    def shape(row: Any) -> dict[str, Any]:
        roles: dict[str, list[str]] = {}
        for membership in row.memberships.all():
            roles.setdefault(str(membership.project_id), []).append(membership.role)
        return {**_person(row), "roles": roles}

    return page_of(queries.people(by=caller(request)), query, shape)


@router.post("/people", response={201: dict[str, Any]})
@idempotent
def create_person(request: HttpRequest, body: NewPerson) -> tuple[int, dict[str, Any]]:
    return 201, _person(services.create_person(by=caller(request), **body.dict()))


class PersonChange(Strict):
    name: Line | None = None
    email: Line | None = None
    is_active: bool | None = None
    is_admin: bool | None = None
    password: Password | None = None


@router.patch("/people/{int:person_id}", response=dict[str, Any])
def change_person(request: HttpRequest, person_id: Id, body: PersonChange) -> dict[str, Any]:
    by = caller(request)
    if body.password is not None:
        services.set_password(by=by, person_id=person_id, password=body.password)
    changes = body.dict(exclude={"password"}, exclude_none=True)
    if not changes and body.password is not None:
        return {"id": person_id}
    return _person(services.update_person(by=by, person_id=person_id, **changes))


class NewProject(Strict):
    name: Short
    description: Line = ""


def _project(row: Any) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "description": row.description, "created_at": row.created_at}


@router.get("/projects", response=Page)
def list_projects(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    return page_of(queries.projects(by=caller(request)), query, _project)


@router.post("/projects", response={201: dict[str, Any]})
@idempotent
def create_project(request: HttpRequest, body: NewProject) -> tuple[int, dict[str, Any]]:
    return 201, _project(services.create_project(by=caller(request), **body.dict()))


class Roles(Strict):
    roles: Words


@router.put("/projects/{int:project_id}/roles/{int:person_id}", response=dict[str, Any])
def set_roles(request: HttpRequest, project_id: Id, person_id: Id, body: Roles) -> dict[str, Any]:
    services.set_roles(by=caller(request), person_id=person_id, project_id=project_id, roles=body.roles)
    return {"person_id": person_id, "project_id": project_id, "roles": sorted(set(body.roles))}


class NewToken(Strict):
    name: Short
    person_id: Id | None = None
    scopes: Words = []
    expires_at: AwareDatetime | None = None


def _token(row: Any) -> dict[str, Any]:
    names = ("id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    return {**{name: getattr(row, name) for name in names}, "person": row.person.username}


@router.get("/tokens", response=Page)
def list_tokens(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    return page_of(queries.tokens(by=caller(request)), query, _token)


@router.post("/tokens", response={201: dict[str, Any]})
def create_token(request: HttpRequest, body: NewToken) -> tuple[int, dict[str, Any]]:
    """The text of the token is in this answer and nowhere else."""
    row, text = services.create_token(by=caller(request), **body.dict())
    return 201, {**_token(row), "token": text}


@router.delete("/tokens/{int:token_id}", response=dict[str, Any])
def revoke_token(request: HttpRequest, token_id: Id) -> dict[str, Any]:
    services.revoke_token(by=caller(request), token_id=token_id)
    return {}


class NewSecret(Strict):
    name: Short
    value: Text
    project_id: Id | None = None


def _secret(row: Any) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "project_id": row.project_id, "number": row.current}


@router.get("/secrets", response=Page)
def list_secrets(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    return page_of(vault.secrets(by=caller(request)), query, _secret)


@router.post("/secrets", response={201: dict[str, Any]})
def put_secret(request: HttpRequest, body: NewSecret) -> tuple[int, dict[str, Any]]:
    """Keep a secret; one of the same name gets a new version. Its value is never shown."""
    return 201, _secret(put(by=caller(request), **body.dict()))


class JournalQuery(PageQuery):
    subject: Short | None = None
    subject_id: Id | None = None
    project_id: Id | None = None
    act: Short | None = None


@router.get("/journal", response=Page)
def list_journal(request: HttpRequest, query: Query[JournalQuery]) -> dict[str, Any]:
    rows = journal.entries(
        project_ids=visible_projects(caller(request)),
        **query.dict(include={"subject", "subject_id", "project_id", "act"}),
    )
    names = ("id", "at", "project_id", "subject", "subject_id", "act", "from_status", "to_status", "reason",
             "facts")  # fmt: skip
    return page_of(
        rows,
        query,
        lambda row: {
            **{name: getattr(row, name) for name in names},
            "actor": {"kind": row.actor_kind, "id": row.actor_id, "name": row.actor_name},
        },
        newest_first=True,
    )
