"""What the platform signs in at hosts with."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Query, Router, Status

from interlock.api.auth import caller
from interlock.api.paging import page_of
from interlock.api.schemas.credentials import Credential, NewCredential
from interlock.api.schemas.pieces import Page, PageQuery
from interlock.fleet import queries, services

router = Router(tags=["credentials"])


@router.get("/credentials", response=Page[Credential])
def list_credentials(request: HttpRequest, query: Query[PageQuery]) -> Page[Credential]:
    """Names and kinds; values are never told."""
    rows = queries.credentials(by=caller(request))
    return page_of(rows, query, Credential.model_validate, of="credentials")


@router.post("/credentials", response={201: Credential})
def create_credential(request: HttpRequest, body: NewCredential) -> Status[Credential]:
    row = services.create_credential(by=caller(request), **dict(body))
    return Status(201, Credential.model_validate(row))
