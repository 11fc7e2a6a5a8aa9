"""Locks: what runs have reserved."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Query, Router

from interlock.api.auth import caller
from interlock.api.paging import after, cut
from interlock.api.schemas.instances import Freed, FreeLock, Lock, LockQuery
from interlock.api.schemas.pieces import Page, PathId
from interlock.catalog import queries, services

router = Router(tags=["locks"])


@router.get("/locks", response=Page[Lock])
def list_locks(request: HttpRequest, query: Query[LockQuery]) -> Page[Lock]:
    rows = queries.locks(
        by=caller(request),
        service_id=query.service_id,
        run_id=query.run_id,
        status=query.status,
        after_id=after(query, int, of="locks"),
        limit=query.limit + 1,
    )
    return cut(rows, query, Lock.model_validate, lambda row: row.id, of="locks")


@router.post("/locks/{int:lock_id}/free", response=Freed)
def free_lock(request: HttpRequest, lock_id: PathId, body: FreeLock) -> Freed:
    """Answer for it that nothing of the ended run lives on the host any more."""
    return Freed(freed=services.free_unproven(by=caller(request), lock_ids=[lock_id], note=body.note))
