"""Runs: looked at, steered, read."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router
from pydantic import Field

from interlock.accounts.rights import require
from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import Page, PageQuery, Strict, page_of
from interlock.api.schemas import Id, Ids, Line, Note, Short
from interlock.api.v1.adhoc import AdhocRun, start_adhoc
from interlock.runs import approvals, queries, services
from interlock.runs.queries import RunView, StepView, VerbView, body_of, step_body
from interlock.words import sentence

router = Router(tags=["runs"])


def _summary(row: Any) -> dict[str, Any]:
    names = ("id", "project_id", "title", "origin", "origin_id", "status", "outcome", "hold", "version",
             "plan_hash", "round", "stage", "requested_by", "created_at", "started_at",
             "ended_at")  # fmt: skip
    return {name: getattr(row, name) for name in names}


def _step(view: StepView) -> dict[str, Any]:
    row = view.row
    names = ("key", "kind", "name", "status", "phase", "batch", "started_at", "ended_at", "error", "result",
             "wake_at")  # fmt: skip
    body = "" if row.kind in ("rollout", "approval", "wait") else step_body(row)
    return {
        **{name: getattr(row, name) for name in names},
        "try": row.try_number,
        "body": body or None,
        "inner": view.inner,
        "hosts": view.hosts,
        "tally": view.tally,
    }


def _approval(row: Any) -> dict[str, Any]:
    names = ("round", "status", "quorum", "people", "not_requester", "plan_hash", "deadline_at", "opened_at",
             "closed_at")  # fmt: skip
    votes = [
        {"name": vote.name, "decision": vote.decision, "note": vote.note, "at": vote.at}
        for vote in row.votes.all()
    ]
    return {**{n: getattr(row, n) for n in names}, "key": row.step.key, "run_id": row.run_id, "votes": votes}


def _verb(view: VerbView) -> dict[str, Any]:
    text = sentence(view.reason, {}) if view.reason else ""
    return {"verb": view.verb, "key": view.key, "allowed": view.allowed, "reason": view.reason, "text": text}


def _whole(view: RunView) -> dict[str, Any]:
    code, facts = view.why
    return {
        **_summary(view.row),
        "why": {"code": code, "facts": facts, "text": sentence(code, facts)},
        "steps": [_step(step) for step in view.steps],
        "approvals": [_approval(row) for row in view.approvals],
        "verbs": [_verb(verb) for verb in view.verbs],
    }


def _show(request: HttpRequest, run_id: int) -> dict[str, Any]:
    return _whole(queries.run_view(by=caller(request), run_id=run_id))


class RunQuery(PageQuery):
    project_id: Id | None = None
    status: Line | None = None
    origin: Line | None = None
    origin_id: Id | None = None


@router.get("/runs", response=Page)
def list_runs(request: HttpRequest, query: Query[RunQuery]) -> dict[str, Any]:
    rows = queries.list_runs(by=caller(request), **query.dict(exclude={"limit", "cursor"}))
    return page_of(rows, query, _summary, newest_first=True)


@router.post("/runs", response={201: dict[str, Any]})
@idempotent
def create_run(request: HttpRequest, body: AdhocRun) -> tuple[int, dict[str, Any]]:
    """Steps on hosts without a template; started at once."""
    by = caller(request)
    require(by, "operate", body.project_id)
    return 201, _show(request, start_adhoc(by, body))


@router.get("/runs/{int:run_id}", response=dict[str, Any])
def get_run(request: HttpRequest, run_id: Id) -> dict[str, Any]:
    return _show(request, run_id)


class LaneQuery(PageQuery):
    key: Line | None = None
    batch: int | None = Field(default=None, ge=0, le=100_000)
    status: Line | None = None


def _lane(row: Any) -> dict[str, Any]:
    names = ("host_id", "batch", "status", "position", "seq", "touched", "error", "started_at", "ended_at")
    targets = sorted(row.targets.all(), key=lambda target: target.step.position)
    return {
        **{name: getattr(row, name) for name in names},
        "key": row.step.key,
        "host": row.host_name,
        "targets": [_target(target) for target in targets],
    }


def _target(row: Any) -> dict[str, Any]:
    names = ("status", "exit_code", "error", "started_at", "ended_at", "history")
    return {
        **{name: getattr(row, name) for name in names},
        "step": row.step.name,
        "try": row.try_number,
        "body": body_of(row),
    }


@router.get("/runs/{int:run_id}/lanes", response=Page)
def list_lanes(request: HttpRequest, run_id: Id, query: Query[LaneQuery]) -> dict[str, Any]:
    rows = queries.lanes(
        by=caller(request), run_id=run_id, key=query.key, batch=query.batch, status=query.status
    )
    return page_of(rows, query, _lane)


class Why(Strict):
    reason: Note = ""


class Vote(Strict):
    plan_hash: Short
    note: Note = ""


class HostsWhy(Strict):
    reason: Note = ""
    host_ids: Ids | None = None


class Resolution(HostsWhy):
    answer: Literal["done", "retry", "fail"]


class Nothing(Strict):
    pass


@router.post("/runs/{int:run_id}/start", response=dict[str, Any])
@idempotent
def start(request: HttpRequest, run_id: Id) -> dict[str, Any]:
    services.start(run_id=run_id, by=caller(request))
    return _show(request, run_id)


@router.post("/runs/{int:run_id}/stop", response=dict[str, Any])
@idempotent
def stop(request: HttpRequest, run_id: Id, body: Why) -> dict[str, Any]:
    services.stop(run_id=run_id, by=caller(request), reason=body.reason)
    return _show(request, run_id)


@router.post("/runs/{int:run_id}/give-up", response=dict[str, Any])
@idempotent
def give_up(request: HttpRequest, run_id: Id, body: Why) -> dict[str, Any]:
    services.give_up(run_id=run_id, by=caller(request), reason=body.reason)
    return _show(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/approve", response=dict[str, Any])
@idempotent
def approve(request: HttpRequest, run_id: Id, key: Path[Short], body: Vote) -> dict[str, Any]:
    approvals.approve(run_id=run_id, key=key, by=caller(request), **body.dict())
    return _show(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/reject", response=dict[str, Any])
@idempotent
def reject(request: HttpRequest, run_id: Id, key: Path[Short], body: Vote) -> dict[str, Any]:
    approvals.reject(run_id=run_id, key=key, by=caller(request), **body.dict())
    return _show(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/retry", response=dict[str, Any])
@idempotent
def retry(request: HttpRequest, run_id: Id, key: Path[Short], body: HostsWhy) -> dict[str, Any]:
    services.retry(run_id=run_id, key=key, by=caller(request), **body.dict())
    return _show(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/skip", response=dict[str, Any])
@idempotent
def skip(request: HttpRequest, run_id: Id, key: Path[Short], body: Why) -> dict[str, Any]:
    services.skip(run_id=run_id, key=key, by=caller(request), reason=body.reason)
    return _show(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/exclude", response=dict[str, Any])
@idempotent
def exclude(request: HttpRequest, run_id: Id, key: Path[Short], body: HostsWhy) -> dict[str, Any]:
    services.exclude(
        run_id=run_id, key=key, by=caller(request), reason=body.reason, host_ids=body.host_ids or []
    )
    return _show(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/resolve", response=dict[str, Any])
@idempotent
def resolve(request: HttpRequest, run_id: Id, key: Path[Short], body: Resolution) -> dict[str, Any]:
    services.resolve(run_id=run_id, key=key, by=caller(request), **body.dict())
    return _show(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/go-on", response=dict[str, Any])
@idempotent
def go_on(request: HttpRequest, run_id: Id, key: Path[Short], body: Nothing) -> dict[str, Any]:
    services.go_on(run_id=run_id, key=key, by=caller(request))
    return _show(request, run_id)


@router.get("/approvals", response=Page)
def list_approvals(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    """The open ones that somebody with the caller's rights may decide."""

    def shape(row: Any) -> dict[str, Any]:
        return {**_approval(row), "run": {"id": row.run_id, "title": row.run.title}}

    return page_of(queries.open_approvals(by=caller(request)).order_by("id"), query, shape)


class LogQuery(Strict):
    offset: int = Field(default=0, ge=0, le=2**53)
    limit: int = Field(default=65536, ge=1, le=1024 * 1024)


@router.get("/runs/{int:run_id}/logs/{body}")
def get_log(request: HttpRequest, run_id: Id, body: Path[Short], query: Query[LogQuery]) -> HttpResponse:
    """Bytes of a body's log from an offset on; where they are is in the headers."""
    part = queries.log_bytes(
        by=caller(request), run_id=run_id, body=body, offset=query.offset, limit=query.limit
    )
    answer = HttpResponse(part.data, content_type="text/plain; charset=utf-8")
    answer["X-Log-Start"], answer["X-Log-End"] = str(part.start), str(part.end)
    answer["X-Log-Ended"], answer["X-Log-Cut"] = str(part.ended).lower(), str(part.cut).lower()
    return answer
