"""Hosts and their keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest
from ninja import Path, Query, Router, Status

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import page_of
from interlock.api.schemas.hosts import (
    Host,
    HostChange,
    HostCheck,
    HostChecks,
    HostKey,
    HostQuery,
    HostsToCheck,
    NewHost,
    NewHostKey,
    OfferedKey,
    OfferedKeys,
)
from interlock.api.schemas.pieces import Name, Nothing, Page, PathId
from interlock.fleet import checks, queries, services
from interlock.words import sentence

router = Router(tags=["hosts"])


def _host(row: Any) -> Host:
    names = ("id", "name", "address", "port", "user", "environment_id", "credential_id", "bastion_id", "root",
             "state_dir", "labels", "description", "machine_id", "facts", "checked_at", "created_at",
             "updated_at")  # fmt: skip
    return Host(
        **{name: getattr(row, name) for name in names},
        environment=row.environment.name,
        groups=sorted(group.name for group in row.groups.all()),
        keys=[HostKey.model_validate(key) for key in row.keys.all()],
    )


@router.get("/hosts", response=Page[Host])
def list_hosts(request: HttpRequest, query: Query[HostQuery]) -> Page[Host]:
    """Those of the environments that one's projects may use."""
    rows = queries.hosts(
        by=caller(request),
        environment_id=query.environment_id,
        group_id=query.group_id,
        search=query.search,
    )
    return page_of(rows, query, _host, of="hosts")


@router.post("/hosts", response={201: Host})
@idempotent
def create_host(request: HttpRequest, body: NewHost) -> Status[Host]:
    """Without an accepted key nothing connects: scan and accept one, or send it in `host_keys`."""
    by = caller(request)
    row = services.create_host(by=by, **dict(body))
    return Status(201, _host(queries.host(by=by, host_id=row.id)))


@router.post("/hosts/check", response=HostChecks)
def check_hosts(request: HttpRequest, body: HostsToCheck) -> HostChecks:
    """Sign in at each host, all at once, and learn what it is."""
    found = checks.check_hosts(by=caller(request), host_ids=body.host_ids)
    return HostChecks(items=[_check(check) for check in found])


def _check(check: checks.HostCheck) -> HostCheck:
    facts = {"host": check.host, "other": check.detail, "why": check.detail, "detail": check.detail}
    return HostCheck(**asdict(check), text=sentence(check.code, facts) if check.code else "")


@router.get("/hosts/{int:host_id}", response=Host)
def get_host(request: HttpRequest, host_id: PathId) -> Host:
    return _host(queries.host(by=caller(request), host_id=host_id))


@router.patch("/hosts/{int:host_id}", response=Host)
def change_host(request: HttpRequest, host_id: PathId, body: HostChange) -> Host:
    """Fields that are not sent stay as they are. Another address has to be checked again."""
    by = caller(request)
    services.update_host(by=by, host_id=host_id, changes=body.model_dump(exclude_unset=True))
    return _host(queries.host(by=by, host_id=host_id))


@router.delete("/hosts/{int:host_id}", response=Nothing)
def delete_host(request: HttpRequest, host_id: PathId) -> Nothing:
    """Refused while the host has instances or a past in runs."""
    services.delete_host(by=caller(request), host_id=host_id)
    return Nothing()


@router.post("/hosts/{int:host_id}/scan-keys", response=OfferedKeys)
def scan_keys(request: HttpRequest, host_id: PathId) -> OfferedKeys:
    """The keys that the host offers now, to be compared and accepted by a person."""
    found = checks.scan_keys(by=caller(request), host_id=host_id)
    return OfferedKeys(keys=[OfferedKey.model_validate(key) for key in found])


@router.post("/hosts/{int:host_id}/keys", response={201: HostKey})
def accept_key(request: HttpRequest, host_id: PathId, body: NewHostKey) -> Status[HostKey]:
    """Trust this key of the host from now on."""
    row = services.accept_key(by=caller(request), host_id=host_id, line=body.line)
    return Status(201, HostKey.model_validate(row))


@router.delete("/hosts/{int:host_id}/keys/{path:fingerprint}", response=Nothing)
def remove_key(request: HttpRequest, host_id: PathId, fingerprint: Path[Name]) -> Nothing:
    """Trust this key no more."""
    services.remove_key(by=caller(request), host_id=host_id, fingerprint=fingerprint)
    return Nothing()
