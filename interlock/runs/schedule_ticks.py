"""Ticks that have come: each becomes one run, or a row that says why there is none.

The tick, its run and the next time are one transaction under the schedule's lock, so any number of
reconcilers make one run, and who dies on the way has made none.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may
from interlock.accounts.services import caller_by_id
from interlock.journal.actor import SYSTEM
from interlock.journal.services import append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, Unfit
from interlock.lifecycle.run.states import RunStatus
from interlock.lifecycle.schedule import Missed, due
from interlock.runs.clock import now
from interlock.runs.models import Run, Schedule, Tick
from interlock.runs.participants import Participant
from interlock.runs.schedules import entry, plan_anew, put_to_rest, set_next, timing_of
from interlock.runs.task_runs import run_task

log = structlog.get_logger(__name__)

SLICE = 200  # schedules read at once
BUDGET = 0.5  # seconds of a round: the reconciler has other duties
FAULTS_KEPT = 20
FIRST_PAUSE, LAST_PAUSE, MOST_FAILURES = 5.0, 60.0, 5
# A clock that was set back by less is told from none.
CLOCK_SLACK = timedelta(seconds=60)


def fire_due() -> int:
    """Look at the schedules that are due, the oldest first; what is left is the next round's."""
    began, looked_at = time.monotonic(), 0
    due_now = Schedule.objects.filter(look_at__lte=now()).order_by("look_at", "id")
    for schedule_id in list(due_now.values_list("id", flat=True)[:SLICE]):
        if time.monotonic() - began > BUDGET:
            break
        try:
            look_at(schedule_id)
        except Exception as error:
            log.exception("schedule_broken", schedule=schedule_id)
            _postpone(schedule_id, error)
        looked_at += 1
    return looked_at


def look_at(schedule_id: int) -> None:
    with writing():
        row = _take(schedule_id)
        if row is None:
            return
        waiting = Tick.objects.filter(schedule=row, status="waiting").first()
        if waiting is not None and _open_run(row) is None:
            _run(row, waiting.at)
        at = now()
        if row.next_at is not None and row.next_at <= at:
            _meet(row, row.next_at, at)
        row.look_at, row.failures = row.next_at, 0
        row.save(update_fields=[*_COLUMNS, "failures"])


_COLUMNS = ("status", "code", "facts", "next_at", "planned_at", "look_at")


def _take(schedule_id: int) -> Schedule | None:
    """The row, locked; None when somebody else is at it, or has been."""
    rows = Schedule.objects.select_for_update(skip_locked=True)
    return rows.filter(id=schedule_id, look_at__lte=now()).first()


def _meet(row: Schedule, tick: datetime, at: datetime) -> None:
    """A tick that has come, with those that have gone by meanwhile."""
    found = due(timing_of(row), tick, at, misfire=row.misfire, grace=timedelta(seconds=row.grace))  # type: ignore[arg-type]
    row.planned_at = at
    set_next(row, found.next_at)
    if found.missed is not None:
        _skip_missed(row, found.missed, found.tick)
    if found.tick is None or _is_done(row, found.tick):
        return
    run_id = None if row.overlap == "allow" else _open_run(row)
    if run_id is None:
        _run(row, found.tick)
    elif row.overlap == "skip":
        _record(row, found.tick, "skipped", "tick_overlaps", {"run_id": run_id})
    elif Tick.objects.filter(schedule=row, status="waiting").exists():
        _record(row, found.tick, "skipped", "tick_queue_full", {"run_id": run_id})
    else:
        _record(row, found.tick, "waiting", "tick_waits", {"run_id": run_id})


def _skip_missed(row: Schedule, missed: Missed, stands_for: datetime | None) -> None:
    if _is_done(row, missed.first):
        return
    facts = {"count": missed.count, "until": missed.until.isoformat(), "grace": row.grace}
    if stands_for is not None:
        _record(row, missed.first, "skipped", "tick_made_up", {**facts, "by": stands_for.isoformat()})
    else:
        _record(row, missed.first, "skipped", "tick_missed", facts)


def _run(row: Schedule, tick: datetime) -> None:
    """The run of a tick, with what its owner may do now; or why there is none."""
    owner = caller_by_id(row.owner_id) if row.owner_id is not None else None
    if owner is None or not may(owner, "operate", row.project_id):
        code = "schedule_owner_gone" if owner is None else "schedule_owner_not_allowed"
        _record(row, tick, "skipped", code, {"owner": row.owner_name})
        stop(row, code, owner=row.owner_name)
        return
    try:
        run = _run_of(row, tick, owner)
    except Refused as refused:
        facts = dict(refused.facts)
        if isinstance(refused, Unfit):
            faults = refused.faults[:FAULTS_KEPT]
            facts["faults"] = [{"loc": list(f.path), "code": f.code, "facts": dict(f.facts)} for f in faults]
        _record(row, tick, "skipped", refused.code, facts)
    else:
        _record(row, tick, "started", run=run)


def _run_of(row: Schedule, tick: datetime, owner: Caller) -> Run:
    asked_by = {"schedule_id": row.pk, "schedule": row.name, "tick": tick.isoformat()}
    with writing():
        return run_task(by=owner, task_id=row.task_id, values=row.values, hosts=row.hosts, tick=asked_by)


def _record(
    row: Schedule,
    tick: datetime,
    status: str,
    code: str = "",
    facts: Mapping[str, object] | None = None,
    run: Run | None = None,
) -> None:
    told = dict(facts or {})
    columns = {
        "status": status,
        "run": run,
        "open": run is not None and run.ended_at is None,
        "code": code,
        "facts": told,
        "decided_at": now(),
    }
    # There is a row when it waited, or when a clock that was ahead let it go by.
    Tick.objects.update_or_create(schedule=row, at=tick, defaults=columns)
    if status == "skipped":
        append(entry(SYSTEM, row, "schedule.tick_skipped", code, tick=tick.isoformat(), facts=told))


def stop(row: Schedule, code: str, **facts: object) -> None:
    """It cannot go on by itself: until a person resumes it."""
    row.code, row.facts = code, dict(facts)
    put_to_rest(row, "stopped", code, **facts)
    append(entry(SYSTEM, row, "schedule.stopped", code, **facts))


def _is_done(row: Schedule, tick: datetime) -> bool:
    """By a clock that was ahead, and was set back since."""
    return Tick.objects.filter(schedule=row, at=tick).exclude(status="skipped").exists()


def _open_run(row: Schedule) -> int | None:
    """A run of the schedule that has not ended."""
    return Tick.objects.filter(schedule=row, open=True).values_list("run_id", flat=True).first()


def _postpone(schedule_id: int, error: Exception) -> None:
    """Let the others go first, ever longer; then it is a person's, unless the database is what broke."""
    with writing():
        row = _take(schedule_id)
        if row is None:
            return
        row.failures += 1
        pause = min(FIRST_PAUSE * 2 ** min(row.failures - 1, 10), LAST_PAUSE)
        row.look_at = now() + timedelta(seconds=pause)
        if row.failures >= MOST_FAILURES and not isinstance(error, OperationalError | InterfaceError):
            stop(row, "schedule_broken", error=type(error).__name__, count=row.failures)
        row.save(update_fields=[*_COLUMNS, "failures"])


def follow_clock() -> int:
    """Schedules that were planned by a clock that was ahead: else they were silent until it is that late."""
    ahead = Schedule.objects.filter(planned_at__gt=now() + CLOCK_SLACK).values_list("id", flat=True)
    found = list(ahead[:SLICE])
    for schedule_id in found:
        with writing():
            row = Schedule.objects.select_for_update().filter(id=schedule_id).first()
            if row is not None and row.planned_at is not None and row.planned_at > now() + CLOCK_SLACK:
                plan_anew(row)
                row.save(update_fields=list(_COLUMNS))
    return len(found)


class TaskParticipant(Participant):
    """When the run of a tick ends, the tick behind it need not wait any longer."""

    def ended(self, run: Run, status: RunStatus) -> None:
        # The schedule first, as everywhere. Of any policy: whether a tick waits is known under its lock only.
        if Schedule.objects.filter(ticks__run_id=run.id).update(look_at=now()):
            Tick.objects.filter(run_id=run.id).update(open=False)
