"""Effects of a decision, each one conditional statement over a set of rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, assert_never

from django.conf import settings
from django.db.models import Exists, OuterRef

from interlock.journal.statements import RISE
from interlock.journal.transactions import writing
from interlock.lifecycle.run.events import (
    CancelIdle,
    Effect,
    OpenApproval,
    ReadyBatch,
    ReadyStep,
    ResetStages,
    RunEnded,
    SetTimer,
    TakeLocks,
)
from interlock.lifecycle.run.lane import Stopped, decide_lane
from interlock.lifecycle.run.plan import Key, Rollout, StepPlan
from interlock.lifecycle.run.states import LaneStatus, SliceStatus, StepStatus
from interlock.runs import wake
from interlock.runs.clock import now
from interlock.runs.engine.apply import Change
from interlock.runs.engine.snapshot import LANE_FIELDS, lane_value, plan_of, set_lane
from interlock.runs.models import Approval, Lane, Slice, Step

UNFINISHED = (LaneStatus.PENDING, LaneStatus.WAITING)


def carry_out(change: Change, effect: Effect) -> bool:
    """Returns whether it left anything to be done: a batch may have no host that is not through."""
    match effect:
        case ReadyStep():
            _ready_step(change, effect.key)
        case ReadyBatch():
            return _ready_batch(change, effect)
        case OpenApproval():
            _open_approval(change, effect.key)
        case SetTimer():
            _set_timer(change, effect.key)
        case CancelIdle():
            _cancel_idle(change, effect.stage)
        case ResetStages():
            pass  # the rows were made anew with the new plan
        case TakeLocks() | RunEnded():
            raise TypeError("apply answers these itself")
        case _:
            assert_never(effect)
    return True


def _ready_step(change: Change, key: Key) -> None:
    columns = change.steps.setdefault(str(key), {})
    columns.update(try_number=RISE, sent_at=change.at, sends=1, ended_at=None, result={})
    claimer, row = change.claimer, change.row(key)
    if claimer is None or change.claimed is not None:
        columns.update(machine="")
        change.note("step.ready", old=row.status, new=StepStatus.READY, key=str(key))
        change.refs.append(wake.Ref("step", row.id))
        return
    change.claimed = row
    row.try_number, row.epoch = row.try_number + 1, row.epoch + 1
    columns.update(
        status=StepStatus.RUNNING,
        epoch=RISE,
        worker=claimer.worker,
        machine=claimer.machine,
        lease_until=change.at + timedelta(seconds=claimer.lease_seconds),
    )
    change.note("step.running", old=row.status, new=StepStatus.RUNNING, key=str(key))


def _ready_batch(change: Change, effect: ReadyBatch) -> bool:
    """Slices for whatever of the batch is not through; existing slices are used again."""
    step = Step.objects.only("id").get(run_id=change.run.id, key=str(effect.key))
    slices = list(Slice.objects.filter(step_id=step.id, batch=effect.batch).order_by("number"))
    if not slices:
        slices = _cut_slices(change, step.id, effect.batch)
    wanted = set(
        Lane.objects.filter(step_id=step.id, batch=effect.batch, status__in=UNFINISHED)
        .values_list("slice_id", flat=True)
        .distinct()
    )
    ids = [row.id for row in slices if row.id in wanted]
    Slice.objects.filter(id__in=ids).update(
        status=SliceStatus.READY, sent_at=change.at, sends=1, worker="", lease_until=None
    )
    change.refs.extend(wake.Ref("slice", slice_id) for slice_id in ids)
    return bool(ids)


def _cut_slices(change: Change, step_id: int, batch: int) -> list[Slice]:
    lanes = list(
        Lane.objects.filter(step_id=step_id, batch=batch).order_by("id").values_list("id", flat=True)
    )
    size = settings.SLICE_HOSTS
    groups = [lanes[start : start + size] for start in range(0, len(lanes), size)]
    slices = Slice.objects.bulk_create(
        [
            Slice(run_id=change.run.id, step_id=step_id, batch=batch, number=number, status=SliceStatus.ENDED)
            for number in range(len(groups))
        ]
    )
    for row, group in zip(slices, groups, strict=True):
        Lane.objects.filter(id__in=group).update(slice_id=row.id)
    return slices


def _open_approval(change: Change, key: Key) -> None:
    run = change.run
    spec = plan_of(run).branch(key)
    assert isinstance(spec, StepPlan)
    params = spec.params
    step = Step.objects.only("id").get(run_id=run.id, key=str(key))
    last = Approval.objects.filter(step_id=step.id).order_by("-round").values_list("round", flat=True).first()
    deadline = params.get("deadline")
    Approval.objects.create(
        run_id=run.id,
        step_id=step.id,
        round=(last or 0) + 1,
        quorum=params.get("quorum", 1),
        people=params.get("people", []),
        not_requester=params.get("not_requester", False),
        plan_hash=run.plan_hash,
        deadline_at=change.at + timedelta(seconds=deadline) if deadline else None,
        on_deadline=params.get("on_deadline", "reject"),
        opened_at=change.at,
    )
    change.note("approval.opened", key=str(key), plan_hash=run.plan_hash)


def close_approval(change: Change, approval_id: int, status: str) -> None:
    """The vote or the deadline has decided."""
    Approval.objects.filter(id=approval_id).update(status=status, closed_at=change.at)


def close_left_open(approval_id: int) -> None:
    """An approval of a run that has ended without closing it."""
    with writing():
        Approval.objects.filter(id=approval_id, status="open").update(status="closed", closed_at=now())


def _set_timer(change: Change, key: Key) -> None:
    spec = plan_of(change.run).branch(key)
    columns = change.steps.setdefault(str(key), {})
    columns["wake_at"] = (
        _due(spec.params, change.at) if isinstance(spec, StepPlan) else _baked(spec, change.at)
    )


def _due(params: Any, at: datetime) -> datetime | None:
    """When a wait is over; None for one that a person ends."""
    if "until" in params:
        return datetime.fromisoformat(params["until"])
    return at + timedelta(seconds=params["seconds"]) if "seconds" in params else None


def _baked(rollout: Rollout, at: datetime) -> datetime:
    return at + timedelta(seconds=rollout.bake)


def _cancel_idle(change: Change, stage: int) -> None:
    run = change.run
    steps = Step.objects.filter(run_id=run.id, stage=stage)
    ids = list(steps.values_list("id", flat=True))
    Approval.objects.filter(step_id__in=ids, status="open").update(status="closed", closed_at=change.at)
    steps.update(wake_at=None)
    # A dead worker's slice is ready, too: where a lane of it is live, somebody has to read back its end.
    live = Lane.objects.filter(slice_id=OuterRef("id"), status=LaneStatus.RUNNING)
    ready = Slice.objects.filter(step_id__in=ids, status=SliceStatus.READY)
    ready.exclude(Exists(live)).update(status=SliceStatus.ENDED)
    lanes = list(Lane.objects.filter(step_id__in=ids, status__in=UNFINISHED).select_related("step"))
    plan = plan_of(run)
    for lane in lanes:
        rollout = plan.branch(Key.parse(lane.step.key))
        assert isinstance(rollout, Rollout)
        value, _ = decide_lane(rollout, lane_value(lane), Stopped())
        set_lane(lane, value)
        lane.ended_at = change.at
    Lane.objects.bulk_update(lanes, LANE_FIELDS, batch_size=200)
    # Lanes that had begun (in front of their gate) are half done: whoever made the run has to know.
    from interlock.runs.engine.lanes import tell_participant

    tell_participant(run, lanes)
