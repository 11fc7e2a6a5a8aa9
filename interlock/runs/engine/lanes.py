"""Results of lanes, taken in bulk: one transaction a flush, fenced by the slice's epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interlock.journal.actor import SYSTEM
from interlock.journal.transactions import writing
from interlock.lifecycle.run.events import LanesChanged
from interlock.lifecycle.run.lane import Begun, Ended, Launch, Stopped, decide_lane, was_put_back
from interlock.lifecycle.run.lane import Lane as LaneValue
from interlock.lifecycle.run.plan import Key, Rollout
from interlock.lifecycle.run.states import LANE_ENDED, LaneStatus, SliceStatus, StepStatus
from interlock.runs.clock import now
from interlock.runs.engine.apply import Change, apply_locked, finish
from interlock.runs.engine.claims import LeaseLost
from interlock.runs.engine.snapshot import (
    LANE_FIELDS,
    for_update,
    lane_value,
    lock_run,
    plan_of,
    set_lane,
)
from interlock.runs.models import Lane, Run, Slice, Step, Target
from interlock.runs.participants import LaneChange, participant_of


@dataclass(frozen=True)
class Report:
    """What happened in a lane: it may begin, or its try ended."""

    lane_id: int
    event: Begun | Ended
    exit_code: int | None = None


@dataclass(frozen=True)
class Grant:
    """A body may start (its launched mark is committed); it is named after the target and the try."""

    launch: Launch
    target_id: int


@dataclass(frozen=True)
class Reply:
    grants: dict[int, Grant]  # by lane id; a lane that is not in here has nothing to do in this slice
    ended: bool  # the slice is over


def flush(slice_id: int, run_id: int, epoch: int, worker: str, reports: Sequence[Report]) -> Reply:
    """Take reports in, decide, and answer with the bodies that may start now.

    Safe to repeat when nobody knows whether it was committed: a report that was taken before changes
    nothing, and its grant is read from the row.
    """
    with writing():
        run = lock_run(run_id)
        slice_row = for_update(
            Slice.objects.filter(id=slice_id, epoch=epoch, worker=worker, status=SliceStatus.RUNNING)
        ).first()
        if slice_row is None:
            raise LeaseLost
        change = Change(run=run, by=SYSTEM, at=now())
        batch = _Batch(run, slice_row, change.at)
        for report in reports:
            batch.take(report)
        grants = batch.save()
        ended = not Lane.objects.filter(slice_id=slice_id, status=LaneStatus.RUNNING).exists()
        if ended:
            Slice.objects.filter(id=slice_id).update(status=SliceStatus.ENDED, lease_until=None, worker="")
        tell_participant(run, batch.moved)
        apply_locked(change, LanesChanged(Key.parse(batch.step.key)))
        finish(change)
    return Reply(grants=grants, ended=ended)


class _Batch:
    """The lanes of one flush."""

    def __init__(self, run: Run, slice_row: Slice, at: datetime) -> None:
        self.run, self.at = run, at
        self.step = Step.objects.get(id=slice_row.step_id)
        rollout = plan_of(run).branch(Key.parse(self.step.key))
        assert isinstance(rollout, Rollout)
        self.rollout = rollout
        self.lanes = {lane.id: lane for lane in Lane.objects.filter(slice_id=slice_row.id)}
        self.changed: dict[int, Lane] = {}
        self.moved: list[Lane] = []  # whose status is another one now
        self.launched: dict[int, Launch] = {}
        self.ended: dict[tuple[int, int], dict[str, Any]] = {}  # (lane, position) -> columns

    def take(self, report: Report) -> None:
        lane = self.lanes.get(report.lane_id)
        if lane is None:
            return
        old = lane_value(lane)
        if isinstance(report.event, Begun) and not self._may_begin(old):
            return
        if isinstance(report.event, Ended) and report.event.seq == old.seq:
            self.ended[lane.id, old.position] = {
                "status": report.event.status,
                "exit_code": report.exit_code,
                "error": report.event.error[:64],
                "ended_at": self.at,
            }
        new, launch = decide_lane(self.rollout, old, report.event)
        if launch is not None and self.run.stop_requested:
            # Between two steps is as good a place to stop as any: nothing of the lane is live.
            new, launch = decide_lane(self.rollout, _as_before(new, old), Stopped())
        if launch is not None:
            self.launched[lane.id] = launch
        elif new.status is LaneStatus.RUNNING:
            self.launched[lane.id] = Launch(new.position, new.seq)
        self._set(lane, old, new)

    def _may_begin(self, lane: LaneValue) -> bool:
        if lane.status is LaneStatus.WAITING and self.step.phase != "gate":
            return False
        return not (self.run.halted or self.run.stop_requested)

    def _set(self, lane: Lane, old: LaneValue, new: LaneValue) -> None:
        if new == old:
            return
        set_lane(lane, new)
        if old.status is not new.status:
            self.moved.append(lane)
            if new.status is LaneStatus.RUNNING:
                lane.started_at, lane.ended_at = lane.started_at or self.at, None
            if new.status in LANE_ENDED:
                lane.ended_at = self.at
        self.changed[lane.id] = lane

    def save(self) -> dict[int, Grant]:
        lanes = list(self.changed.values())
        Lane.objects.bulk_update(lanes, LANE_FIELDS, batch_size=100)
        inner = dict(Step.objects.filter(parent_id=self.step.id).values_list("position", "id"))
        targets = {
            (target.lane_id, target.step_id): target
            for target in Target.objects.filter(lane_id__in=[*self.launched, *self.changed])
        }
        touched: dict[tuple[int, int], Target] = {}
        for (lane_id, position), columns in self.ended.items():
            target = targets.get((lane_id, inner[position]))
            if target is not None and target.ended_at is None:
                for name, value in columns.items():
                    setattr(target, name, value)
                touched[lane_id, target.step_id] = target
        for lane_id, launch in self.launched.items():
            slot = (lane_id, inner[launch.position])
            touched[slot] = targets[slot] = self._marked(targets.get(slot), slot, launch)
        Target.objects.bulk_create(
            list(touched.values()),
            update_conflicts=True,
            unique_fields=["lane", "step"],
            update_fields=["status", "try_number", "exit_code", "error", "history", "started_at", "ended_at"],
        )
        return self._grants(inner)

    def _marked(self, target: Target | None, slot: tuple[int, int], launch: Launch) -> Target:
        """The launched mark of a try; an earlier try of the same target goes into its history."""
        if target is None:
            target = Target(lane_id=slot[0], step_id=slot[1], started_at=self.at)
        elif target.try_number == launch.seq:
            return target
        else:
            target.history = [*target.history, _past(target)]
            target.started_at = self.at
        target.try_number = launch.seq
        target.status = StepStatus.RUNNING
        target.exit_code, target.error, target.ended_at = None, "", None
        return target

    def _grants(self, inner: dict[int, int]) -> dict[int, Grant]:
        rows = Target.objects.filter(lane_id__in=list(self.launched)).values_list("lane_id", "step_id", "id")
        ids = {(lane_id, step_id): target_id for lane_id, step_id, target_id in rows}
        return {
            lane_id: Grant(launch, ids[lane_id, inner[launch.position]])
            for lane_id, launch in self.launched.items()
        }


def _as_before(new: LaneValue, old: LaneValue) -> LaneValue:
    """The decided lane without the try that is not to be launched."""
    from dataclasses import replace

    return replace(new, seq=old.seq, touched=old.touched)


def _past(target: Target) -> dict[str, Any]:
    return {
        "try": target.try_number,
        "status": target.status,
        "exit_code": target.exit_code,
        "error": target.error,
        "started_at": target.started_at.isoformat(),
        "ended_at": target.ended_at.isoformat() if target.ended_at else None,
    }


def tell_participant(run: Run, lanes: Sequence[Lane]) -> None:
    """Lanes that began or ended; those in front of their gate have done neither."""
    plan = plan_of(run)
    keys = dict(Step.objects.filter(id__in={lane.step_id for lane in lanes}).values_list("id", "key"))
    changes = []
    for lane in lanes:
        value = lane_value(lane)
        rollout = plan.branch(Key.parse(keys[lane.step_id]))
        assert isinstance(rollout, Rollout)
        if value.status in (LaneStatus.WAITING, LaneStatus.PENDING):
            continue
        changes.append(
            LaneChange(
                host_id=lane.host_id,
                host_name=lane.host_name,
                status=value.status,
                touched=value.touched,
                put_back=was_put_back(rollout, value),
                still=value.status is not LaneStatus.UNKNOWN,
                error=value.error,
            )
        )
    if changes:
        participant_of(run.origin).lanes_changed(run, changes)
