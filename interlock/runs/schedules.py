"""What people may do with schedules: made, changed, paused, resumed, deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may, require
from interlock.journal.actor import Actor
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.fields import Fault
from interlock.lifecycle.refused import Refused, Unfit, invalid, missing
from interlock.lifecycle.schedule import Timing
from interlock.runs.clock import now
from interlock.runs.models import Schedule, Task, Tick
from interlock.runs.schedule_rules import CHANGEABLE, WHAT, WHEN, policy_faults, settled, timing_faults
from interlock.runs.task_edits import Selector
from interlock.runs.task_runs import preview_task
from interlock.runs.template_queries import task as find_task
from interlock.runs.templates import check_line, one_of_a_name


def create_schedule(
    *,
    by: Caller,
    task_id: int,
    name: str,
    kind: str,
    at: datetime | None = None,
    cron: str = "",
    zone: str = "UTC",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    values: Mapping[str, Any] | None = None,
    hosts: Selector | None = None,
    misfire: str = "skip",
    grace: int = 300,
    overlap: str = "skip",
) -> Schedule:
    """Whoever makes it owns it: it runs with their rights. Times without an offset are of its ``zone``."""
    task = find_task(by=by, task_id=task_id)
    require(by, "configure", task.project_id)
    row = Schedule(
        project_id=task.project_id, task_id=task_id, name=name, kind=kind, at=at, cron=cron, zone=zone,
        starts_at=starts_at, ends_at=ends_at, values=dict(values or {}),
        hosts=None if hosts is None else dict(hosts), misfire=misfire, grace=grace, overlap=overlap,
        created_at=now(), created_by=by.name, updated_at=now(), updated_by=by.name,
    )  # fmt: skip
    with one_of_a_name(Schedule.objects.filter(task_id=task_id), name):
        # Locked, so that nobody deletes it meanwhile.
        if not Task.objects.select_for_update().filter(id=task_id).exists():
            raise missing("task_not_known", task_id=task_id)
        _own(by, row)
        _check(by, row, CHANGEABLE)
        plan_anew(row)
        row.save(force_insert=True)
        append(entry(by, row, "schedule.created", name=name, task_id=task_id))
    return row


def change_schedule(
    *, by: Caller, schedule_id: int, changes: Mapping[str, Any], version: int | None = None
) -> Schedule:
    """``changes`` may name any of CHANGEABLE. From now on it is the caller's, and runs with their rights."""
    strange = sorted(set(changes) - set(CHANGEABLE))
    if strange:
        raise invalid("fields_not_known", fields=", ".join(strange))
    row = schedule_to_change(by, schedule_id, lock=False)
    others = Schedule.objects.filter(task_id=row.task_id).exclude(id=row.pk)
    with one_of_a_name(others, changes.get("name", row.name)):
        row = schedule_to_change(by, schedule_id)
        if version is not None and version != row.version:
            raise Refused("schedule_changed", by=row.updated_by, at=row.updated_at.isoformat())
        changed = sorted(field for field, value in changes.items() if getattr(row, field) != value)
        for field in changed:
            setattr(row, field, changes[field])
        _own(by, row)
        _check(by, row, changed)
        if WHEN & set(changed) and row.status in ("active", "ended"):
            row.status = "active"
            plan_anew(row)
        _touch(by, row)
        append(entry(by, row, "schedule.changed", name=row.name, changed=changed))
    return row


def pause_schedule(*, by: Caller, schedule_id: int, reason: str) -> Schedule:
    """No tick comes until it is resumed; runs under way go on, one that waited for them is left out."""
    check_line("reason", reason, 256)
    if not reason.strip():
        raise invalid("reason_missing")
    with writing():
        row = schedule_to_change(by, schedule_id)
        if row.status != "active":
            raise Refused("schedule_not_active", status=row.status)
        row.reason = reason.strip()
        put_to_rest(row, "paused", "schedule_paused", reason=row.reason)
        _touch(by, row)
        append(entry(by, row, "schedule.paused", row.reason))
    return row


def resume_schedule(*, by: Caller, schedule_id: int) -> Schedule:
    """It goes on from now; what it missed is not made up for. From now on it is the caller's."""
    with writing():
        row = schedule_to_change(by, schedule_id)
        if row.status == "active":
            return row
        _own(by, row)
        _check(by, row, WHAT)
        row.status, row.reason, row.code, row.facts, row.failures = "active", "", "", {}, 0
        plan_anew(row)
        if row.next_at is None:
            raise Refused("schedule_over")
        _touch(by, row)
        append(entry(by, row, "schedule.resumed"))
    return row


def delete_schedule(*, by: Caller, schedule_id: int) -> None:
    """With its ticks; the runs that it made stay."""
    with writing():
        row = schedule_to_change(by, schedule_id)
        append(entry(by, row, "schedule.deleted", name=row.name))
        row.delete()


def schedule_to_change(by: Caller, schedule_id: int, *, lock: bool = True) -> Schedule:
    rows = Schedule.objects.select_for_update() if lock else Schedule.objects
    row = rows.filter(id=schedule_id).first()
    if row is None or not may(by, "view", row.project_id):
        raise missing("schedule_not_known", schedule_id=schedule_id)
    require(by, "configure", row.project_id)
    return row


def timing_of(row: Schedule) -> Timing:
    return Timing(row.zone, row.at, row.cron, row.starts_at, row.ends_at)


def plan_anew(row: Schedule) -> None:
    """The next tick from now on. Looked at soon in any case: a tick may wait for a run that has ended."""
    at = row.planned_at = now()
    set_next(row, timing_of(row).next(at))
    row.look_at = at


def set_next(row: Schedule, next_at: datetime | None) -> None:
    row.next_at = row.look_at = next_at
    if next_at is None:
        row.status, row.planned_at = "ended", None


def put_to_rest(row: Schedule, status: str, code: str, **facts: object) -> None:
    """No further tick: paused by a person, or stopped by itself. The tick that waits is left out."""
    row.status = status
    row.next_at = row.planned_at = row.look_at = None
    waiting = Tick.objects.filter(schedule=row, status="waiting")
    waiting.update(status="skipped", code=code, facts=facts, decided_at=now())


def _own(by: Caller, row: Schedule) -> None:
    # Else a token that may configure and not operate could have its person operate.
    require(by, "operate", row.project_id)
    if by.person_id is None:
        raise invalid("schedule_needs_person")
    row.owner_id, row.owner_name = by.person_id, by.name


def _check(by: Caller, row: Schedule, given: Collection[str]) -> None:
    """All faults of what is ``given`` now, at once; what stood there before is looked at when it is due."""
    faults = policy_faults(row)
    if WHEN & set(given):
        settled(row)
        faults += timing_faults(row, now())
    if WHAT & set(given):
        if row.hosts is not None and not row.hosts:
            raise invalid("hosts_missing")
        try:
            preview_task(by=by, task_id=row.task_id, values=row.values, hosts=row.hosts)
        except Unfit as unfit:
            faults += [Fault(("values", *f.path), f.code, f.facts, f.on_key) for f in unfit.faults]
        except Refused:
            if not faults:
                raise
    if faults:
        raise Unfit("schedule_unfit", faults)


def _touch(by: Caller, row: Schedule) -> None:
    row.version += 1
    row.updated_at, row.updated_by = now(), by.name
    row.save()


def entry(by: Actor, row: Schedule, act: str, reason: str = "", **facts: object) -> NewEntry:
    return NewEntry(by, "schedule", row.pk, act, project_id=row.project_id, reason=reason, facts=facts)
