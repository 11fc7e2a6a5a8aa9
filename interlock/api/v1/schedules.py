"""Schedules of tasks: made, changed, paused and resumed, with their past and coming ticks."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.paging import page_of
from interlock.api.problems import told
from interlock.api.schemas.pieces import Nothing, NothingAsked, Page, PathId
from interlock.api.schemas.problems import Fault
from interlock.api.schemas.schedules import (
    LastTick,
    NewSchedule,
    NextTime,
    Schedule,
    ScheduleChange,
    ScheduleFilter,
    ScheduleLine,
    SchedulePause,
    ScheduleQuery,
    Tick,
    TickQuery,
    Times,
    TimingAsked,
    Told,
)
from interlock.api.v1.tasks import selector
from interlock.cron_text import in_words
from interlock.lifecycle import fields
from interlock.runs import schedule_queries as queries
from interlock.runs import schedules as services
from interlock.runs import template_queries
from interlock.words import sentence

router = Router(tags=["schedules"])
_LINE = ("id", "project_id", "task_id", "name", "kind", "at", "cron", "zone", "starts_at", "ends_at",
         "misfire", "grace", "overlap", "status", "reason", "owner_id", "next_at", "version", "created_at",
         "created_by", "updated_at", "updated_by")  # fmt: skip
NULLABLE = ("at", "starts_at", "ends_at", "hosts")


def _why(row: Any) -> Told | None:
    return Told(code=row.code, facts=row.facts, text=sentence(row.code, row.facts)) if row.code else None


def _line(row: Any) -> dict[str, Any]:
    last = None
    if row.last_at is not None:
        last = LastTick(at=row.last_at, status=row.last_status, run_id=row.last_run_id)
    same = {name: getattr(row, name) for name in _LINE}
    return {**same, "task": row.task.name, "owner": row.owner_name, "why": _why(row), "last_tick": last}


def _times(found: queries.Times) -> Times:
    times = [NextTime(at=one.at, local=one.local) for one in found.times]
    return Times(words=in_words(found.timing.cron), times=times)


def _schedule(request: HttpRequest, schedule_id: int) -> Schedule:
    row = queries.schedule(by=caller(request), schedule_id=schedule_id)
    found = _times(queries.times_of(row))
    return Schedule(
        **_line(row), values=row.values, hosts=row.hosts, words=found.words, next_times=found.times
    )


def _tick(row: Any) -> Tick:
    faults = [
        fields.Fault(tuple(one["loc"]), one["code"], one["facts"]) for one in row.facts.get("faults", ())
    ]
    return Tick(
        at=row.at,
        status=row.status,
        run_id=row.run_id,
        run_status=row.run.status if row.run_id is not None else None,
        why=_why(row),
        errors=[Fault(**told(fault)) for fault in faults],
        decided_at=row.decided_at,
    )


@router.get("/schedules", response=Page[ScheduleLine])
def list_schedules(request: HttpRequest, query: Query[ScheduleQuery]) -> Page[ScheduleLine]:
    """Newest first."""
    rows = queries.schedules(
        by=caller(request),
        project_id=query.project_id,
        task_id=query.task_id,
        status=query.status,
        search=query.search,
    )
    return page_of(rows, query, lambda row: ScheduleLine(**_line(row)), of="schedules", newest_first=True)


@router.get("/tasks/{int:task_id}/schedules", response=Page[ScheduleLine])
def list_task_schedules(
    request: HttpRequest, task_id: PathId, query: Query[ScheduleFilter]
) -> Page[ScheduleLine]:
    """Of one task, newest first."""
    by = caller(request)
    template_queries.task(by=by, task_id=task_id)
    rows = queries.schedules(by=by, task_id=task_id, status=query.status, search=query.search)
    return page_of(rows, query, lambda row: ScheduleLine(**_line(row)), of="schedules", newest_first=True)


@router.post("/schedules", response={201: Schedule})
@idempotent
def create_schedule(request: HttpRequest, body: NewSchedule) -> Status[Schedule]:
    """It runs with the rights of who makes it. All that does not fit is told at once."""
    asked = {**dict(body), "hosts": selector(body.hosts)}
    row = services.create_schedule(by=caller(request), **asked)
    return Status(201, _schedule(request, row.pk))


@router.post("/schedules/preview", response=Times)
def preview_schedule(request: HttpRequest, body: TimingAsked) -> Times:
    """When a schedule like this would run next. Nothing is kept."""
    return _times(queries.preview_times(**dict(body)))


@router.get("/schedules/{int:schedule_id}", response=Schedule)
def get_schedule(request: HttpRequest, schedule_id: PathId) -> Schedule:
    return _schedule(request, schedule_id)


@router.patch("/schedules/{int:schedule_id}", response=Schedule)
def change_schedule(request: HttpRequest, schedule_id: PathId, body: ScheduleChange) -> Schedule:
    """Fields that are not sent stay as they are. From now on it runs with the rights of who changed it."""
    changes = body.model_dump(exclude_unset=True, exclude={"version", "hosts"})
    if "hosts" in body.model_fields_set:
        changes["hosts"] = selector(body.hosts)
    kept = {name: value for name, value in changes.items() if value is not None or name in NULLABLE}
    services.change_schedule(by=caller(request), schedule_id=schedule_id, changes=kept, version=body.version)
    return _schedule(request, schedule_id)


@router.delete("/schedules/{int:schedule_id}", response=Nothing)
def delete_schedule(request: HttpRequest, schedule_id: PathId) -> Nothing:
    """With its ticks; the runs that it made stay."""
    services.delete_schedule(by=caller(request), schedule_id=schedule_id)
    return Nothing()


@router.post("/schedules/{int:schedule_id}/pause", response=Schedule)
@idempotent
def pause_schedule(request: HttpRequest, schedule_id: PathId, body: SchedulePause) -> Schedule:
    """No tick comes until it is resumed; runs under way go on, one that waited for them is left out."""
    services.pause_schedule(by=caller(request), schedule_id=schedule_id, reason=body.reason)
    return _schedule(request, schedule_id)


@router.post("/schedules/{int:schedule_id}/resume", response=Schedule)
@idempotent
def resume_schedule(request: HttpRequest, schedule_id: PathId, body: NothingAsked | None = None) -> Schedule:
    """It goes on from now, with the rights of who resumes it; what it missed is not made up for."""
    services.resume_schedule(by=caller(request), schedule_id=schedule_id)
    return _schedule(request, schedule_id)


@router.get("/schedules/{int:schedule_id}/ticks", response=Page[Tick])
def list_ticks(request: HttpRequest, schedule_id: PathId, query: Query[TickQuery]) -> Page[Tick]:
    """The ticks that have come, the last first: each with its run, or why there is none."""
    rows = queries.ticks(by=caller(request), schedule_id=schedule_id, status=query.status)
    return page_of(rows, query, _tick, of="ticks", newest_first=True)
