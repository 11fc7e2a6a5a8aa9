"""Reads of schedules: what they are, when they run, what became of each tick."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim
from django.db.models import OuterRef, QuerySet, Subquery

from interlock.accounts.caller import Caller
from interlock.accounts.rights import visible_projects
from interlock.lifecycle.refused import Unfit, missing
from interlock.lifecycle.schedule import Timing
from interlock.runs.clock import now
from interlock.runs.models import Schedule, Tick
from interlock.runs.schedule_rules import settled, timing_faults
from interlock.runs.schedules import timing_of

TIMES_SHOWN = 10


@dataclass(frozen=True)
class NextTime:
    """The same moment in UTC and as the clock of the schedule's zone shows it."""

    at: datetime
    local: datetime


@dataclass(frozen=True)
class Times:
    timing: Timing
    words: str  # the expression in English; empty for a schedule that runs once
    times: tuple[NextTime, ...]


def schedules(
    *,
    by: Caller,
    project_id: int | None = None,
    task_id: int | None = None,
    status: str | None = None,
    search: str = "",
) -> QuerySet[Any]:
    """Newest first, with their tasks and what became of the last tick, as ``last_at``, ``last_status`` ..."""
    rows = Schedule.objects.select_related("task")
    visible = visible_projects(by)
    if visible is not None:
        rows = rows.filter(project_id__in=visible)
    wanted = {"project_id": project_id, "task_id": task_id, "status": status}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    if search:
        rows = rows.filter(name__icontains=search)
    last = Tick.objects.filter(schedule=OuterRef("pk")).order_by("-at")[:1]
    return rows.annotate(
        last_at=Subquery(last.values("at")),
        last_status=Subquery(last.values("status")),
        last_run_id=Subquery(last.values("run_id")),
        last_run_status=Subquery(last.values("run__status")),
        last_code=Subquery(last.values("code")),
        last_facts=Subquery(last.values("facts")),
    ).order_by("-id")


def schedule(*, by: Caller, schedule_id: int) -> Any:
    row = schedules(by=by).filter(id=schedule_id).first()
    if row is None:
        raise missing("schedule_not_known", schedule_id=schedule_id)
    return row


def ticks(*, by: Caller, schedule_id: int, status: str | None = None) -> QuerySet[Tick]:
    """The last one recorded first, with their runs."""
    schedule(by=by, schedule_id=schedule_id)
    rows = Tick.objects.filter(schedule_id=schedule_id).select_related("run").defer("run__plan")
    return (rows if status is None else rows.filter(status=status)).order_by("-id")


def times_of(row: Schedule, *, count: int = TIMES_SHOWN) -> Times:
    """When it runs next; no times while it is not active."""
    found = _times(timing_of(row), now(), count)
    return found if row.status == "active" else Times(found.timing, found.words, ())


def preview_times(
    *,
    kind: str,
    at: datetime | None = None,
    cron: str = "",
    zone: str = "UTC",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    count: int = TIMES_SHOWN,
) -> Times:
    """When a schedule like this would run, or ``Unfit`` with all that is wrong. Nothing is kept."""
    row = Schedule(kind=kind, at=at, cron=cron, zone=zone, starts_at=starts_at, ends_at=ends_at)
    settled(row)
    faults = timing_faults(row, now())
    if faults:
        raise Unfit("schedule_unfit", faults)
    return _times(timing_of(row), now(), count)


def _times(timing: Timing, after: datetime, count: int) -> Times:
    zone = ZoneInfo(timing.zone)
    found = tuple(NextTime(at, at.astimezone(zone)) for at in islice(timing.times(after), count))
    words = CronSim(timing.cron, after).explain() if timing.cron else ""
    return Times(timing, words, found)
