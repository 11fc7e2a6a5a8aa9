"""Groups of hosts."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Query, Router, Status

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import page_of
from interlock.api.schemas.groups import Group, NewGroup
from interlock.api.schemas.pieces import Page, PageQuery
from interlock.fleet import queries, services

router = Router(tags=["groups"])


@router.get("/groups", response=Page[Group])
def list_groups(request: HttpRequest, query: Query[PageQuery]) -> Page[Group]:
    return page_of(queries.groups(by=caller(request)), query, Group.model_validate, of="groups")


@router.post("/groups", response={201: Group})
@idempotent
def create_group(request: HttpRequest, body: NewGroup) -> Status[Group]:
    return Status(201, Group.model_validate(services.create_group(by=caller(request), **dict(body))))
