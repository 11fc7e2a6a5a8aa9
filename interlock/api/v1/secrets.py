"""Secrets: put in, named, never told."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from interlock.api.auth import caller
from interlock.api.paging import page_of
from interlock.api.schemas.pieces import Page, PageQuery, PathId
from interlock.api.schemas.secrets import NewSecret, NewValue, Secret
from interlock.vault import queries
from interlock.vault.services import put

router = Router(tags=["secrets"])


def _secret(row: Any) -> Secret:
    return Secret(id=row.id, name=row.name, project_id=row.project_id, number=row.current)


@router.get("/secrets", response=Page[Secret])
def list_secrets(request: HttpRequest, query: Query[PageQuery]) -> Page[Secret]:
    """Names and numbers; values are never told."""
    return page_of(queries.secrets(by=caller(request)), query, _secret, of="secrets")


@router.post("/secrets", response={201: Secret})
def put_secret(request: HttpRequest, body: NewSecret) -> Status[Secret]:
    """Keep a secret. One of the same name gets a new value."""
    return Status(201, _secret(put(by=caller(request), **dict(body))))


@router.put("/secrets/{int:secret_id}", response=Secret)
def renew_secret(request: HttpRequest, secret_id: PathId, body: NewValue) -> Secret:
    """Give a secret a new value; runs that began before keep the one they began with."""
    by = caller(request)
    row = queries.secret(by=by, secret_id=secret_id)
    return _secret(put(by=by, name=row.name, project_id=row.project_id, value=body.value))
