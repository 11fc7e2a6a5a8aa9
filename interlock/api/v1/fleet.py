"""Environments, groups, credentials, hosts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import Page, PageQuery, Strict, page_of
from interlock.api.schemas import Id, Ids, Line, Short, Text
from interlock.fleet import checks, queries, services

router = Router(tags=["fleet"])
Batches = Annotated[list[Annotated[str, Field(max_length=8)]], Field(max_length=100)]


class NewEnvironment(Strict):
    name: Short
    position: int = Field(default=0, ge=0, le=10_000)
    description: Line = ""
    approvals_required: int = Field(default=0, ge=0, le=20)
    default_batches: Batches = []


class EnvironmentChange(Strict):
    position: int | None = Field(default=None, ge=0, le=10_000)
    description: Line | None = None
    approvals_required: int | None = Field(default=None, ge=0, le=20)
    default_batches: Batches | None = None


def _environment(row: Any) -> dict[str, Any]:
    names = ("id", "name", "position", "description", "approvals_required", "default_batches")
    projects = sorted(grant.project_id for grant in row.grants.all())
    return {**{name: getattr(row, name) for name in names}, "project_ids": projects}


@router.get("/environments", response=Page)
def list_environments(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    return page_of(queries.environments(by=caller(request)).order_by("id"), query, _environment)


@router.post("/environments", response={201: dict[str, Any]})
@idempotent
def create_environment(request: HttpRequest, body: NewEnvironment) -> tuple[int, dict[str, Any]]:
    return 201, _environment(services.create_environment(by=caller(request), **body.dict()))


@router.patch("/environments/{int:environment_id}", response=dict[str, Any])
def change_environment(request: HttpRequest, environment_id: Id, body: EnvironmentChange) -> dict[str, Any]:
    changes = body.dict(exclude_none=True)
    return _environment(
        services.update_environment(by=caller(request), environment_id=environment_id, changes=changes)
    )


class Grants(Strict):
    project_ids: Ids


@router.put("/environments/{int:environment_id}/grants", response=dict[str, Any])
def set_grants(request: HttpRequest, environment_id: Id, body: Grants) -> dict[str, Any]:
    services.set_grants(by=caller(request), environment_id=environment_id, project_ids=body.project_ids)
    return {"id": environment_id, "project_ids": sorted(set(body.project_ids))}


class NewGroup(Strict):
    name: Short
    description: Line = ""


def _group(row: Any) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "description": row.description}


@router.get("/groups", response=Page)
def list_groups(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    return page_of(queries.groups(by=caller(request)), query, _group)


@router.post("/groups", response={201: dict[str, Any]})
@idempotent
def create_group(request: HttpRequest, body: NewGroup) -> tuple[int, dict[str, Any]]:
    return 201, _group(services.create_group(by=caller(request), **body.dict()))


class NewCredential(Strict):
    name: Short
    kind: Short
    value: Text


def _credential(row: Any) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "kind": row.kind, "created_at": row.created_at}


@router.get("/credentials", response=Page)
def list_credentials(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    return page_of(queries.credentials(by=caller(request)), query, _credential)


@router.post("/credentials", response={201: dict[str, Any]})
def create_credential(request: HttpRequest, body: NewCredential) -> tuple[int, dict[str, Any]]:
    return 201, _credential(services.create_credential(by=caller(request), **body.dict()))


class _HostFields(Strict):
    port: int = Field(default=22, ge=1, le=65535)
    user: Short = "root"
    credential_id: Id | None = None
    bastion_id: Id | None = None
    root: Line = "/srv/interlock"
    state_dir: Line = ""
    labels: dict[Short, Line] = Field(default_factory=dict, max_length=50)
    group_ids: Ids = []
    description: Line = ""


class NewHost(_HostFields):
    name: Short
    address: Short
    environment_id: Id
    host_keys: Annotated[list[Text], Field(max_length=10)] = []


class HostChange(_HostFields):
    name: Short = ""
    address: Short = ""
    environment_id: Id | None = None


def _host(row: Any) -> dict[str, Any]:
    names = ("id", "name", "address", "port", "user", "environment_id", "credential_id", "bastion_id", "root",
             "state_dir", "labels", "description", "machine_id", "facts", "checked_at", "created_at",
             "updated_at")  # fmt: skip
    return {
        **{name: getattr(row, name) for name in names},
        "environment": row.environment.name,
        "groups": [group.name for group in row.groups.all()],
        "keys": [{"line": key.line, "fingerprint": key.fingerprint} for key in row.keys.all()],
    }


@router.get("/hosts", response=Page)
def list_hosts(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    return page_of(queries.hosts(by=caller(request)), query, _host)


@router.post("/hosts", response={201: dict[str, Any]})
@idempotent
def create_host(request: HttpRequest, body: NewHost) -> tuple[int, dict[str, Any]]:
    return 201, _host(services.create_host(by=caller(request), **body.dict()))


class HostsToCheck(Strict):
    host_ids: Annotated[list[Id], Field(min_length=1, max_length=500)]


@router.post("/hosts/check", response=dict[str, Any])
def check_hosts(request: HttpRequest, body: HostsToCheck) -> dict[str, Any]:
    """Sign in at each host and learn what it is."""
    return {"items": [asdict(c) for c in checks.check_hosts(by=caller(request), host_ids=body.host_ids)]}


@router.get("/hosts/{int:host_id}", response=dict[str, Any])
def get_host(request: HttpRequest, host_id: Id) -> dict[str, Any]:
    return _host(queries.host(by=caller(request), host_id=host_id))


@router.patch("/hosts/{int:host_id}", response=dict[str, Any])
def change_host(request: HttpRequest, host_id: Id, body: HostChange) -> dict[str, Any]:
    changes = body.dict(exclude_unset=True)
    return _host(services.update_host(by=caller(request), host_id=host_id, changes=changes))


@router.delete("/hosts/{int:host_id}", response=dict[str, Any])
def delete_host(request: HttpRequest, host_id: Id) -> dict[str, Any]:
    services.delete_host(by=caller(request), host_id=host_id)
    return {}


@router.post("/hosts/{int:host_id}/scan-keys", response=dict[str, Any])
def scan_keys(request: HttpRequest, host_id: Id) -> dict[str, Any]:
    return {"keys": [asdict(key) for key in checks.scan_keys(by=caller(request), host_id=host_id)]}


class KeyLine(Strict):
    line: Text


@router.post("/hosts/{int:host_id}/keys", response={201: dict[str, Any]})
def accept_key(request: HttpRequest, host_id: Id, body: KeyLine) -> tuple[int, dict[str, Any]]:
    row = services.accept_key(by=caller(request), host_id=host_id, line=body.line)
    return 201, {"line": row.line, "fingerprint": row.fingerprint}
