"""Releases: looked at, asked for, changed before they begin."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import Page, PageQuery, Strict, page_of
from interlock.api.schemas import Id, Line, Short
from interlock.releases import queries, services
from interlock.releases.request import ApprovalRule, Name, ReleaseRequest, Selector

router = Router(tags=["releases"])


class NewRelease(ReleaseRequest):
    plan_hash: Short | None = None


def _hosts(intent: dict[str, Any]) -> list[dict[str, Any]]:
    batches = [batch for batch, size in enumerate(intent["batches"]) for _ in range(size)]
    return [
        {
            "host_id": host["id"],
            "host": host["name"],
            "from": host["from"]["name"] if host["from"] else None,
            "to": host["to"]["name"] if host["to"] else None,
            "batch": batch,
        }
        for host, batch in zip(intent["hosts"], batches, strict=True)
    ]


def _summary(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "project_id": row.project_id,
        "service_id": row.service_id,
        "service": row.service.name,
        "action": row.action,
        "version_id": row.version_id,
        "version": row.version.name if row.version else None,
        "plan_hash": row.plan_hash,
        "round": row.round,
        "run_id": row.run_id,
        "run_status": row.run.status if row.run else None,
        "note": row.note,
        "created_at": row.created_at,
        "created_by": row.created_by.username if row.created_by else None,
    }


def _whole(row: Any) -> dict[str, Any]:
    return {
        **_summary(row),
        "request": row.request,
        "hosts": _hosts(row.intent),
        "batches": row.intent["batches"],
        "intent": row.intent,
        "obstacles": row.obstacles,
        "changes": row.changes,
    }


@router.post("/releases/preview", response=dict[str, Any])
def preview(request: HttpRequest, body: ReleaseRequest) -> dict[str, Any]:
    """What would be done, host by host, and what stands in the way. Nothing is kept."""
    intended = services.preview(by=caller(request), request=body)
    return {
        "plan_hash": intended.plan_hash,
        "hosts": _hosts(intended.intent),
        "batches": intended.intent["batches"],
        "intent": intended.intent,
        "obstacles": intended.obstacles,
    }


@router.post("/releases", response={201: dict[str, Any]})
@idempotent
def request_release(request: HttpRequest, body: NewRelease) -> tuple[int, dict[str, Any]]:
    by = caller(request)
    wanted = body.model_dump(exclude={"plan_hash"}, exclude_unset=True)
    row = services.request_release(by=by, request=wanted, plan_hash=body.plan_hash)
    return 201, _whole(queries.release(by=by, release_id=row.id))


class ReleaseQuery(PageQuery):
    service_id: Id | None = None
    project_id: Id | None = None


@router.get("/releases", response=Page)
def list_releases(request: HttpRequest, query: Query[ReleaseQuery]) -> dict[str, Any]:
    rows = queries.releases(
        by=caller(request), service_id=query.service_id, project_id=query.project_id
    ).defer("intent", "run__plan")
    return page_of(rows, query, _summary, newest_first=True)


@router.get("/releases/{int:release_id}", response=dict[str, Any])
def get_release(request: HttpRequest, release_id: Id) -> dict[str, Any]:
    return _whole(queries.release(by=caller(request), release_id=release_id))


class Changes(Strict):
    """Any field of the request but service, action and versions."""

    hosts: Literal["all"] | list[Id | Name] | Selector = "all"
    batches: list[Line] | None = None
    threshold: int = 0
    put_back: bool = True
    skip: bool = False
    skip_locked: bool = False
    approval: ApprovalRule | None = None
    start: Literal["auto", "manual", "at"] = "auto"
    start_at: datetime | None = None
    bake: int = 0
    confirm: list[int] = []
    port: int | None = None
    tag: Line | None = None
    weight: int | None = None
    note: Line = ""


@router.patch("/releases/{int:release_id}", response=dict[str, Any])
def change_release(request: HttpRequest, release_id: Id, body: Changes) -> dict[str, Any]:
    by = caller(request)
    services.change_release(
        by=by, release_id=release_id, changes=body.model_dump(mode="json", exclude_unset=True)
    )
    return _whole(queries.release(by=by, release_id=release_id))
