"""Releases: looked at, asked for, changed before they begin."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import page_of
from interlock.api.schemas.pieces import Json, Page, PathId
from interlock.api.schemas.releases import (
    NewRelease,
    Release,
    ReleaseChange,
    ReleaseHost,
    ReleaseLine,
    ReleasePlan,
    ReleaseQuery,
)
from interlock.releases import queries, services
from interlock.releases.request import ReleaseRequest

router = Router(tags=["releases"])
_SAME = ("id", "project_id", "service_id", "action", "version_id", "plan_hash", "round", "run_id", "note",
         "created_at")  # fmt: skip


def _hosts(intent: Json) -> list[ReleaseHost]:
    batches = [batch for batch, size in enumerate(intent["batches"]) for _ in range(size)]
    return [
        ReleaseHost(
            host_id=host["id"],
            host=host["name"],
            from_=host["from"]["name"] if host["from"] else None,
            to=host["to"]["name"] if host["to"] else None,
            batch=batch,
        )
        for host, batch in zip(intent["hosts"], batches, strict=True)
    ]


def _line(row: Any) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in _SAME},
        "service": row.service.name,
        "version": row.version.name if row.version else None,
        "run_status": row.run.status if row.run else None,
        "created_by": row.created_by.username if row.created_by else None,
    }


def _release(row: Any) -> Release:
    return Release(
        **_line(row),
        request=row.request,
        hosts=_hosts(row.intent),
        batches=row.intent["batches"],
        intent=row.intent,
        obstacles=row.obstacles,
        changes=row.changes,
    )


@router.post("/releases/preview", response=ReleasePlan, by_alias=True)
def preview_release(request: HttpRequest, body: ReleaseRequest) -> ReleasePlan:
    """What would be done, host by host, and what stands in the way. Nothing is kept."""
    intended = services.preview(by=caller(request), request=body)
    return ReleasePlan(
        plan_hash=intended.plan_hash,
        hosts=_hosts(intended.intent),
        batches=intended.intent["batches"],
        intent=intended.intent,
        obstacles=intended.obstacles,
    )


@router.post("/releases", response={201: Release}, by_alias=True)
@idempotent
def request_release(request: HttpRequest, body: NewRelease) -> Status[Release]:
    """Make the release and start its run: to its approvals and times first, then to the hosts."""
    by = caller(request)
    wanted = body.model_dump(exclude={"plan_hash"}, exclude_unset=True)
    row = services.request_release(by=by, request=wanted, plan_hash=body.plan_hash)
    return Status(201, _release(queries.release(by=by, release_id=row.id)))


@router.get("/releases", response=Page[ReleaseLine])
def list_releases(request: HttpRequest, query: Query[ReleaseQuery]) -> Page[ReleaseLine]:
    """Newest first."""
    rows = queries.releases(by=caller(request), service_id=query.service_id, project_id=query.project_id)
    return page_of(
        queries.light(rows), query, lambda row: ReleaseLine(**_line(row)), of="releases", newest_first=True
    )


@router.get("/releases/{int:release_id}", response=Release, by_alias=True)
def get_release(request: HttpRequest, release_id: PathId) -> Release:
    return _release(queries.release(by=caller(request), release_id=release_id))


@router.patch("/releases/{int:release_id}", response=Release, by_alias=True)
def change_release(request: HttpRequest, release_id: PathId, body: ReleaseChange) -> Release:
    """Ask for something else before work begins. Another plan has to be approved again."""
    by = caller(request)
    changes = body.model_dump(mode="json", exclude_unset=True)
    services.change_release(by=by, release_id=release_id, changes=changes)
    return _release(queries.release(by=by, release_id=release_id))
