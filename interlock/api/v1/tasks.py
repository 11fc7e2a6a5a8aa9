"""Tasks: made, changed, looked at before they are run, and run."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import page_of
from interlock.api.schemas.pieces import Json, Nothing, NothingAsked, Page, PathId
from interlock.api.schemas.runs import Run
from interlock.api.schemas.tasks import (
    Hosts,
    LastRun,
    NewTask,
    RerunAsked,
    Task,
    TaskAsked,
    TaskChange,
    TaskDisable,
    TaskHost,
    TaskLine,
    TaskPlan,
    TaskQuery,
    TaskRunAsked,
)
from interlock.api.v1 import telling
from interlock.api.v1.templates import parameters
from interlock.lifecycle.run.plan import to_json
from interlock.runs import task_edits, task_runs
from interlock.runs import template_queries as queries

router = Router(tags=["tasks"])
_LINE = ("id", "project_id", "name", "description", "template_id", "disabled", "version", "created_at",
         "created_by", "updated_at", "updated_by")  # fmt: skip


def selector(hosts: Hosts | None) -> Json | None:
    if hosts is None:
        return None
    return {"all": True} if hosts == "all" else hosts.model_dump(exclude_none=True)


def _line(row: Any) -> dict[str, Any]:
    same = {name: getattr(row, name) for name in _LINE}
    last = None
    if row.last_run_id is not None:
        last = LastRun(id=row.last_run_id, status=row.last_run_status, created_at=row.last_run_at)
    return {**same, "template": row.template.name, "number": row.template.current, "last_run": last}


def _task(request: HttpRequest, task_id: int) -> Task:
    row = queries.task(by=caller(request), task_id=task_id)
    template = queries.newest_of(row)
    return Task(
        **_line(row),
        values=row.values,
        hosts=row.hosts,
        parameters=parameters(template),
        needs_hosts=template.needs_hosts if template else False,
    )


@router.get("/tasks", response=Page[TaskLine])
def list_tasks(request: HttpRequest, query: Query[TaskQuery]) -> Page[TaskLine]:
    """Newest first."""
    rows = queries.tasks(
        by=caller(request), project_id=query.project_id, template_id=query.template_id, search=query.search
    )
    return page_of(rows, query, lambda row: TaskLine(**_line(row)), of="tasks", newest_first=True)


@router.post("/tasks", response={201: Task})
@idempotent
def create_task(request: HttpRequest, body: NewTask) -> Status[Task]:
    """Values that are still missing can come with each run; hosts are found anew by each."""
    asked = {**dict(body), "hosts": selector(body.hosts)}
    row = task_edits.create_task(by=caller(request), **asked)
    return Status(201, _task(request, row.pk))


@router.get("/tasks/{int:task_id}", response=Task)
def get_task(request: HttpRequest, task_id: PathId) -> Task:
    return _task(request, task_id)


@router.patch("/tasks/{int:task_id}", response=Task)
def change_task(request: HttpRequest, task_id: PathId, body: TaskChange) -> Task:
    """Fields that are not sent stay as they are; `values` and `hosts` are replaced as a whole."""
    changes = body.model_dump(exclude_unset=True, exclude={"version", "hosts"})
    if "hosts" in body.model_fields_set:
        changes["hosts"] = selector(body.hosts)
    kept = {name: value for name, value in changes.items() if value is not None or name == "hosts"}
    task_edits.change_task(by=caller(request), task_id=task_id, changes=kept, version=body.version)
    return _task(request, task_id)


@router.delete("/tasks/{int:task_id}", response=Nothing)
def delete_task(request: HttpRequest, task_id: PathId) -> Nothing:
    """Its runs stay, with what they were made from. Its schedules go with it."""
    task_edits.delete_task(by=caller(request), task_id=task_id)
    return Nothing()


@router.post("/tasks/{int:task_id}/disable", response=Task)
@idempotent
def disable_task(request: HttpRequest, task_id: PathId, body: TaskDisable) -> Task:
    """Nobody runs it until it is enabled; runs under way go on."""
    task_edits.disable_task(by=caller(request), task_id=task_id, reason=body.reason)
    return _task(request, task_id)


@router.post("/tasks/{int:task_id}/enable", response=Task)
@idempotent
def enable_task(request: HttpRequest, task_id: PathId, body: NothingAsked | None = None) -> Task:
    task_edits.enable_task(by=caller(request), task_id=task_id)
    return _task(request, task_id)


@router.post("/tasks/{int:task_id}/preview", response=TaskPlan)
def preview_task(request: HttpRequest, task_id: PathId, body: TaskAsked) -> TaskPlan:
    """What would be done with these values, and what stands in the way. Nothing is kept."""
    prepared = task_runs.preview_task(
        by=caller(request), task_id=task_id, values=body.values, hosts=selector(body.hosts)
    )
    return TaskPlan(
        plan_hash=prepared.plan_hash,
        number=prepared.number,
        values=dict(prepared.values),
        hosts=[TaskHost(host_id=host.id, host=host.name) for host in prepared.hosts],
        plan=to_json(prepared.plan),
        obstacles=[dict(obstacle) for obstacle in prepared.obstacles],
    )


@router.post("/tasks/{int:task_id}/run", response={201: Run}, by_alias=True)
@idempotent
def run_task(request: HttpRequest, task_id: PathId, body: TaskRunAsked) -> Status[Run]:
    """Start it. Parameters that are missing, unknown or unfit refuse it, all of them at once."""
    asked = {**dict(body), "hosts": selector(body.hosts)}
    run = task_runs.run_task(by=caller(request), task_id=task_id, **asked)
    return Status(201, telling.run(request, run.id))


@router.post("/runs/{int:run_id}/rerun", response={201: Run}, by_alias=True)
@idempotent
def rerun(request: HttpRequest, run_id: PathId, body: RerunAsked | None = None) -> Status[Run]:
    """A run's task once more: the newest template, the same values, the hosts that there are now."""
    again = task_runs.rerun(by=caller(request), run_id=run_id, note=body.note if body else "")
    return Status(201, telling.run(request, again.id))
