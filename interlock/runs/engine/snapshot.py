"""Rows to the values that the rules take."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import TypeVar

from django.db.models import Count, Q, QuerySet

from interlock.journal.statements import select
from interlock.journal.transactions import locks_rows
from interlock.lifecycle.refused import missing
from interlock.lifecycle.run.lane import Lane as LaneValue
from interlock.lifecycle.run.plan import Key, Plan, from_json
from interlock.lifecycle.run.states import LaneStatus, RunStatus, SliceStatus, StepStatus
from interlock.lifecycle.run.value import BranchState, RunState, Tally
from interlock.runs.models import Lane, Run, Slice, Step

M = TypeVar("M", Run, Step, Slice)
_PLANS_KEPT = 500
_plans: OrderedDict[tuple[int, str], Plan] = OrderedDict()
_plans_lock = Lock()


def plan_of(run: Run) -> Plan:
    """The frozen plan; parsed once a process, for it is read at every step."""
    cache_key = (run.id, f"{run.round}:{run.plan_hash}")
    with _plans_lock:
        plan = _plans.get(cache_key)
        if plan is not None:
            _plans.move_to_end(cache_key)
            return plan
    plan = from_json(run.plan)
    with _plans_lock:
        _plans[cache_key] = plan
        if len(_plans) > _PLANS_KEPT:
            _plans.popitem(last=False)
    return plan


def for_update(rows: QuerySet[M]) -> QuerySet[M]:
    return rows.select_for_update() if locks_rows() else rows


# Not its plan, its parameters and the like: they are read where they are wanted, which is rarely.
_RUN_COLUMNS = (
    "id", "project_id", "origin", "origin_id", "title", "status", "outcome", "hold", "plan_hash", "round",
    "version", "stage", "locked", "lock_token", "stop_requested", "halted", "paused", "started_at",
    "ended_at",
)  # fmt: skip
_BRANCH_COLUMNS = (
    "id", "run_id", "key", "stage", "kind", "status", "phase", "batch", "retries_used", "try_number",
    "machine", "worker", "epoch", "started_at",
)  # fmt: skip


def lock_run(run_id: int) -> Run:
    """The run's row, locked until the transaction ends: the first lock of every change."""
    return lock_runs([run_id])[run_id]


def lock_runs(run_ids: Iterable[int]) -> dict[int, Run]:
    """Several, always in the order of their ids: two who want some of the same do not block each other."""
    wanted = set(run_ids)
    found = {run.id: run for run in select(Run, _RUN_COLUMNS, {"id": tuple(wanted)}, lock=True)}
    for run_id in wanted - found.keys():
        raise missing("run_not_known", run_id=run_id)
    return found


def branch_rows(run_id: int, stage: int, *, lock: bool = True) -> dict[str, Step]:
    """The rows of a stage's branches, by key."""
    rows = select(Step, _BRANCH_COLUMNS, {"run_id": run_id, "stage": stage, "position": -1}, lock=lock)
    return {row.key: row for row in rows}


def branch_rows_of(runs: Iterable[Run], *, ahead: int) -> dict[int, dict[str, Step]]:
    """By run: the rows of its current stage's branches, and those of the next ``ahead`` stages; locked."""
    found: dict[int, dict[str, Step]] = {run.id: {} for run in runs}
    stages = tuple((run.id, run.stage + n) for run in runs for n in range(ahead + 1))
    for row in select(Step, _BRANCH_COLUMNS, {("run_id", "stage"): stages, "position": -1}, lock=True):
        found[row.run_id][row.key] = row
    return found


def state_of(run: Run, rows: Mapping[str, Step] | None = None, *, to_change: bool = True) -> RunState:
    """The run as the rules see it; locks the rows of its current stage, unless it is only looked at.

    ``rows``: those of its current stage, and maybe others, where they have been read and locked already.
    """
    branches: tuple[BranchState, ...] = ()
    if run.stage >= 0 and not run.hold:
        if rows is None:
            rows = branch_rows(run.id, run.stage, lock=to_change)
        current = (_branch(row) for row in rows.values() if row.stage == run.stage)
        branches = tuple(sorted(current, key=lambda b: b.key))
    return RunState(
        stage=run.stage,
        outcome=RunStatus(run.outcome) if run.outcome else None,
        ended=run.ended_at is not None,
        hold=run.hold,
        locked=run.locked,
        stop_requested=run.stop_requested,
        halted=run.halted,
        paused=run.paused,
        branches=branches,
    )


def _branch(row: Step) -> BranchState:
    rollout = row.kind == "rollout" and row.batch >= 0
    return BranchState(
        key=Key.parse(row.key),
        status=branch_status(row),
        phase=row.phase,
        batch=row.batch,
        tally=tally_of(row.id, row.batch) if rollout else Tally(),
        retries_used=row.retries_used,
    )


def branch_status(row: Step) -> StepStatus:
    """As the rules see it. Ready on a machine: its worker is gone, its body may live; it is to be adopted."""
    lost = row.status == StepStatus.READY and row.machine != ""
    return StepStatus.RUNNING if lost else StepStatus(row.status)


def tally_of(step_id: int, batch: int) -> Tally:
    counts: dict[str, int] = {}
    broken_before = 0
    grouped = (
        Lane.objects.filter(step_id=step_id, batch__lte=batch)
        .values("status")
        .annotate(here=Count("id", filter=Q(batch=batch)), before=Count("id", filter=Q(batch__lt=batch)))
        .order_by()
    )
    for row in grouped:
        counts[row["status"]] = row["here"]
        if row["status"] in (LaneStatus.FAILED, LaneStatus.UNKNOWN):
            broken_before += row["before"]
    open_slices = Slice.objects.filter(step_id=step_id, batch=batch).exclude(status=SliceStatus.ENDED)
    return Tally(
        pending=counts.get(LaneStatus.PENDING, 0),
        live=counts.get(LaneStatus.RUNNING, 0),
        waiting=counts.get(LaneStatus.WAITING, 0),
        ok=counts.get(LaneStatus.SUCCEEDED, 0),
        failed=counts.get(LaneStatus.FAILED, 0),
        unknown=counts.get(LaneStatus.UNKNOWN, 0),
        broken_before=broken_before,
        open=open_slices.count(),
    )


def lane_value(row: Lane) -> LaneValue:
    return LaneValue(
        status=LaneStatus(row.status),
        position=row.position,
        seq=row.seq,
        retries_used=row.retries_used,
        failed_at=row.failed_at,
        touched=row.touched,
        error=row.error,
    )


def set_lane(row: Lane, value: LaneValue) -> None:
    row.status = value.status
    row.position = value.position
    row.seq = value.seq
    row.retries_used = value.retries_used
    row.failed_at = value.failed_at
    row.touched = value.touched
    row.error = value.error[:64]


LANE_FIELDS = [
    "status", "position", "seq", "retries_used", "failed_at", "touched", "error", "started_at", "ended_at",
]  # fmt: skip
