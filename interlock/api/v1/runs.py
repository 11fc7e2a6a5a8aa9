"""Runs: looked at, read, and made without a template."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Status

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import page_of
from interlock.api.schemas.adhoc import AdhocBranch, AdhocRun, AdhocStep
from interlock.api.schemas.pieces import Name, Page, PageQuery, PathId
from interlock.api.schemas.runs import (
    Lane,
    LaneQuery,
    LogQuery,
    OpenApproval,
    Run,
    RunLine,
    RunName,
    RunQuery,
)
from interlock.api.v1 import telling
from interlock.lifecycle.refused import invalid
from interlock.lifecycle.run.plan import StepPlan
from interlock.runs import adhoc, queries

router = Router(tags=["runs"])


@router.get("/runs", response=Page[RunLine])
def list_runs(request: HttpRequest, query: Query[RunQuery]) -> Page[RunLine]:
    """Newest first."""
    rows = queries.list_runs(
        by=caller(request),
        project_id=query.project_id,
        status=query.status,
        origin=query.origin,
        origin_id=query.origin_id,
    )
    return page_of(rows, query, telling.line, of="runs", newest_first=True)


@router.post("/runs", response={201: Run}, by_alias=True)
@idempotent
def create_run(request: HttpRequest, body: AdhocRun) -> Status[Run]:
    """Steps on hosts without a template, started at once."""
    run = adhoc.start_adhoc(
        by=caller(request),
        project_id=body.project_id,
        title=body.title,
        stages=[[_branch(branch) for branch in stage] for stage in body.stages],
        parameters=body.parameters,
        secrets=body.secrets,
    )
    return Status(201, telling.run(request, run.id))


def _branch(branch: AdhocBranch) -> StepPlan | adhoc.RolloutAsked:
    if branch.step is not None and branch.rollout is None:
        return _step(branch.step)
    if branch.rollout is None or branch.step is not None:
        raise invalid("step_or_rollout")
    asked = branch.rollout
    return adhoc.RolloutAsked(
        name=asked.name,
        hosts=asked.hosts.model_dump(exclude_none=True),
        steps=tuple(_step(step) for step in asked.steps),
        gate=tuple(_step(step) for step in asked.gate),
        put_back=tuple(_step(step) for step in asked.put_back),
        batches=tuple(asked.batches),
        threshold=asked.threshold,
        bake=asked.bake,
        confirm=tuple(asked.confirm),
    )


def _step(step: AdhocStep) -> StepPlan:
    return StepPlan(**dict(step))


@router.get("/runs/{int:run_id}", response=Run, by_alias=True)
def get_run(request: HttpRequest, run_id: PathId) -> Run:
    """The whole run, with why it is where it is and what could be done now."""
    return telling.run(request, run_id)


@router.get("/runs/{int:run_id}/lanes", response=Page[Lane], by_alias=True)
def list_lanes(request: HttpRequest, run_id: PathId, query: Query[LaneQuery]) -> Page[Lane]:
    """The hosts of the run's rollouts, each with its steps."""
    rows = queries.lanes(
        by=caller(request), run_id=run_id, key=query.key, batch=query.batch, status=query.status
    )
    return page_of(rows, query, telling.lane, of="lanes")


@router.get("/approvals", response=Page[OpenApproval])
def list_approvals(request: HttpRequest, query: Query[PageQuery]) -> Page[OpenApproval]:
    """The open ones that wait for somebody with the caller's rights."""
    rows = queries.open_approvals(by=caller(request))
    return page_of(
        rows,
        query,
        lambda row: OpenApproval(**telling.approval(row), run=RunName.model_validate(row.run)),
        of="approvals",
    )


@router.get("/runs/{int:run_id}/logs/{body}", openapi_extra={"answers": "text/plain"})
def get_log(request: HttpRequest, run_id: PathId, body: Path[Name], query: Query[LogQuery]) -> HttpResponse:
    """Bytes of a log from an offset on. The headers `X-Log-Start`, `X-Log-End`, `X-Log-Ended` and `X-Log-Cut`
    say where they begin, how much there is, whether it is all, and whether the end was cut off."""
    part = queries.log_bytes(
        by=caller(request), run_id=run_id, body=body, offset=query.offset, limit=query.limit
    )
    answer = HttpResponse(part.data, content_type="text/plain; charset=utf-8")
    answer["X-Log-Start"], answer["X-Log-End"] = str(part.start), str(part.end)
    answer["X-Log-Ended"], answer["X-Log-Cut"] = str(part.ended).lower(), str(part.cut).lower()
    return answer
