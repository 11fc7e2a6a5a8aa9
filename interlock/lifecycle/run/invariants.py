"""What must be true of every run at any time, and of every change of one.

Pure functions on values, written once: the tests put every state they can reach before them, and a
check of the live database puts its rows before them. Each fault is one line of text that names the place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from interlock.lifecycle.run.lane import Lane
from interlock.lifecycle.run.plan import Key, Plan, Rollout
from interlock.lifecycle.run.states import (
    LANE_BROKEN,
    STEP_BROKEN,
    STEP_ENDED,
    STEP_PASSED,
    LaneStatus,
    StepStatus,
)
from interlock.lifecycle.run.value import BranchState, RunState, Tally

LANE_FINAL = frozenset({LaneStatus.SUCCEEDED, LaneStatus.SKIPPED, LaneStatus.CANCELED})
STEP_FINAL = frozenset({StepStatus.SUCCEEDED, StepStatus.SKIPPED, StepStatus.CANCELED})
_BEGINNING = frozenset({LaneStatus.PENDING, LaneStatus.WAITING})
_SETTLED = frozenset({LaneStatus.SUCCEEDED, LaneStatus.SKIPPED, LaneStatus.FAILED})
_STATUS_OF_PHASE = {
    "work": StepStatus.RUNNING,
    "gate": StepStatus.RUNNING,
    "bake": StepStatus.WAITING,
    "confirm": StepStatus.WAITING,
    "held": StepStatus.WAITING,
}


@dataclass(frozen=True)
class Picture:
    """A run as its rows show it.

    ``run`` has its tallies counted from the rows. ``steps`` are all branches of the plan, ``lanes`` those
    of each rollout in the plan's order of hosts, ``approvals`` the open ones, ``timers`` those set.
    """

    plan: Plan
    run: RunState
    steps: Mapping[Key, StepStatus]
    lanes: Mapping[Key, tuple[Lane, ...]]
    approvals: frozenset[Key] = frozenset()
    timers: frozenset[Key] = frozenset()


def count(rollout: Rollout, lanes: tuple[Lane, ...], batch: int, open_slices: int) -> Tally:
    """The tally of a batch, from lanes in the plan's order."""
    start = sum(rollout.batches[:batch])
    here = [lane.status for lane in lanes[start : start + rollout.batches[batch]]]
    return Tally(
        pending=here.count(LaneStatus.PENDING),
        live=here.count(LaneStatus.RUNNING),
        waiting=here.count(LaneStatus.WAITING),
        ok=here.count(LaneStatus.SUCCEEDED),
        failed=here.count(LaneStatus.FAILED),
        unknown=here.count(LaneStatus.UNKNOWN),
        broken_before=sum(1 for lane in lanes[:start] if lane.status in LANE_BROKEN),
        open=open_slices,
    )


def state_faults(picture: Picture) -> list[str]:
    """What is wrong with the run as it stands; empty when nothing is."""
    faults = [*_order_faults(picture), *_stop_faults(picture)]
    faults += _end_faults(picture) if picture.run.ended else _life_faults(picture)
    for key, lanes in picture.lanes.items():
        rollout = picture.plan.branch(key)
        assert isinstance(rollout, Rollout)
        faults += [
            f"{key} host {number}: {fault}"
            for number, lane in enumerate(lanes)
            for fault in lane_faults(rollout, lane)
        ]
        if picture.steps[key] is StepStatus.SUCCEEDED:
            faults += [f"{key}: {fault}" for fault in _through_faults(rollout, lanes)]
    for branch in picture.run.branches:
        rollout = picture.plan.branch(branch.key)
        if isinstance(rollout, Rollout):
            faults += [f"{branch.key}: {fault}" for fault in _rollout_faults(picture, rollout, branch)]
    return faults


def move_faults(before: Picture, after: Picture, *, by_person: bool) -> list[str]:
    """What is wrong with one change of a run, made in one transaction."""
    faults = [*_run_move_faults(before.run, after.run, by_person)]
    if before.run.ended and (before.run, before.steps, before.lanes) != (after.run, after.steps, after.lanes):
        faults.append("an ended run changed")
    if after.plan is not before.plan:
        # Stages that are done again have new rows: nothing to compare.
        return faults if not before.run.locked else [*faults, "the plan was replaced after work had begun"]
    if after.run.stage < before.run.stage:
        faults.append("the run went back to an earlier stage")
    for key, status in before.steps.items():
        faults += [f"{key}: {f}" for f in _step_move_faults(before.run, status, after.steps[key], by_person)]
    for key, lanes in before.lanes.items():
        rollout = before.plan.branch(key)
        assert isinstance(rollout, Rollout)
        for number, (old, new) in enumerate(zip(lanes, after.lanes[key], strict=True)):
            if old is not new:
                for fault in lane_move_faults(rollout, old, new, before.run, by_person=by_person):
                    faults.append(f"{key} host {number}: {fault}")
    faults += _confirm_faults(before, after, by_person)
    return faults


# --- one state


def _order_faults(picture: Picture) -> Iterator[str]:
    run, plan = picture.run, picture.plan
    if run.branches and tuple(b.key for b in run.branches) != plan.keys(run.stage):
        yield "the branches are not those of the stage"
    if run.branches and 0 <= plan.locks_at <= run.stage and not run.locked and run.outcome is None:
        yield "began work without its locks"
    for branch in run.branches:
        if picture.steps[branch.key] is not branch.status:
            yield f"{branch.key}: row and value differ"
    for key, status in picture.steps.items():
        if key.stage > run.stage and status is not StepStatus.PENDING:
            yield f"{key}: began before the stages in front of it ended"
        if key.stage < run.stage and not _left_behind(picture, key, status):
            yield f"{key}: was left {status} by the stages behind it"


def _left_behind(picture: Picture, key: Key, status: StepStatus) -> bool:
    """Whether a step of an earlier stage may have this status."""
    if picture.run.outcome is not None:
        return status in STEP_ENDED or status is StepStatus.PENDING
    return status in STEP_PASSED or (picture.plan.stages[key.stage].always and status in STEP_ENDED)


def _stop_faults(picture: Picture) -> Iterator[str]:
    run = picture.run
    if run.outcome is None:
        if run.stop_requested:
            yield "stopping without an outcome"
        return
    if run.hold:
        yield "ending and held"
    if run.stage >= 0 and picture.plan.stages[run.stage].always:
        return
    for branch in run.branches:
        if branch.status not in STEP_ENDED and not (run.stop_requested and branch.live):
            yield f"{branch.key}: {branch.status} though the run is ending"


def _end_faults(picture: Picture) -> Iterator[str]:
    if picture.run.outcome is None:
        yield "ended without an outcome"
    if picture.approvals or picture.timers:
        yield "ended with an open approval or a timer set"
    for branch in picture.run.branches:
        if branch.status not in STEP_ENDED:
            yield f"{branch.key}: {branch.status} in an ended run"
    for key, lanes in picture.lanes.items():
        if any(lane.status is LaneStatus.RUNNING for lane in lanes):
            yield f"{key}: a lane is live in an ended run"
    began = any(status is not StepStatus.PENDING for status in picture.steps.values())
    for key, status in picture.steps.items():
        if began and picture.plan.stages[key.stage].always and status not in STEP_ENDED:
            yield f"{key}: a finalizer was left out"


def _life_faults(picture: Picture) -> Iterator[str]:
    run = picture.run
    if run.paused:
        if not run.halted or run.outcome is not None:
            yield "paused, and yet it goes on"
        return
    if run.stage >= 0 and not run.hold and not any(_is_alive(picture, branch) for branch in run.branches):
        yield "nothing moves the run on, and nobody is asked to"


def _is_alive(picture: Picture, branch: BranchState) -> bool:
    """Whether a worker, a time or a person can move the branch on by itself."""
    if branch.phase in ("held", "confirm"):
        return branch.status is StepStatus.WAITING
    if branch.phase in ("work", "gate") and branch.status is StepStatus.RUNNING:
        tally = branch.tally
        to_do = tally.pending + (tally.waiting if branch.phase == "gate" else 0)
        return tally.live > 0 or (to_do > 0 and tally.open > 0 and not picture.run.halted)
    if branch.status is StepStatus.WAITING:
        return branch.key in picture.approvals or branch.key in picture.timers
    return branch.status in STEP_BROKEN or branch.status in (StepStatus.READY, StepStatus.RUNNING)


def _rollout_faults(picture: Picture, rollout: Rollout, branch: BranchState) -> Iterator[str]:
    run, lanes, tally = picture.run, picture.lanes[branch.key], branch.tally
    if tally != count(rollout, lanes, branch.batch, tally.open):
        yield "the tally is not what the lanes say"
    if branch.status not in STEP_ENDED and branch.status is not _STATUS_OF_PHASE.get(branch.phase):
        yield f"{branch.status} in phase {branch.phase}"
    yield from _batch_faults(rollout, branch, lanes)
    if run.outcome is not None or branch.status in STEP_ENDED:
        return
    if (_is_over(rollout, tally) or branch.phase == "held") and not run.halted:
        yield "lanes may begin though too many are broken"
    if branch.phase in ("held", "bake", "confirm") and tally.live:
        yield f"a lane is live in phase {branch.phase}"
    if branch.phase == "gate" and tally.pending:
        yield "the gate opened before every host stood in front of it"
    if branch.phase == "confirm" and (tally.pending or tally.waiting or branch.batch not in rollout.confirm):
        yield "a person is asked too early"


def _is_over(rollout: Rollout, tally: Tally) -> bool:
    return tally.unknown > 0 or tally.broken_before + tally.failed + tally.unknown > rollout.threshold


def _batch_faults(rollout: Rollout, branch: BranchState, lanes: tuple[Lane, ...]) -> Iterator[str]:
    start = sum(rollout.batches[: branch.batch])
    later = lanes[start + rollout.batches[branch.batch] :]
    if any(lane.seq for lane in later):
        yield "a later batch began"
    yield from _through_faults(rollout, lanes[:start])


def _through_faults(rollout: Rollout, lanes: tuple[Lane, ...]) -> Iterator[str]:
    """Of lanes that the rollout has left behind it."""
    if any(lane.status not in _SETTLED for lane in lanes):
        yield "went on before every host of the batch was through"
    if sum(lane.status is LaneStatus.FAILED for lane in lanes) > rollout.threshold:
        yield "went on over the threshold"


def lane_faults(rollout: Rollout, lane: Lane) -> Iterator[str]:
    """What is wrong with one host on its way."""
    gate, back = len(rollout.steps), len(rollout.steps) + len(rollout.gate)
    status = lane.status
    if status is LaneStatus.RUNNING and not (lane.seq and lane.position < len(rollout.sequence)):
        yield "runs nothing"
    if status is LaneStatus.WAITING and (lane.position != gate or not rollout.gate or lane.failed_at >= 0):
        yield "waits where no gate is"
    if status is LaneStatus.SUCCEEDED and (lane.position < back or lane.failed_at >= 0):
        yield "succeeded before its end"
    if status is LaneStatus.FAILED:
        if lane.failed_at < 0:
            yield "failed nowhere"
        elif lane.touched and rollout.put_back and lane.position < back:
            yield "failed and was not put back"
    if lane.failed_at < 0 and lane.position > back:
        yield "puts back what did not fail"
    if lane.seq == 0 and (lane.touched or lane.position):
        yield "came further without a body"


# --- one change


def _run_move_faults(before: RunState, after: RunState, by_person: bool) -> Iterator[str]:
    if before.outcome is not None and after.outcome is not before.outcome:
        yield "the outcome changed"
    if before.locked and not after.locked:
        yield "the locks were forgotten"
    if before.halted and not after.halted and not by_person and after.outcome is None:
        yield "lanes may begin again though nobody acted"


def _step_move_faults(run: RunState, old: StepStatus, new: StepStatus, by_person: bool) -> Iterator[str]:
    if old is new:
        return
    if old in STEP_FINAL:
        yield f"{old} became {new}"
    if old in STEP_BROKEN and not by_person:
        yield f"{old} became {new} though nobody acted"
    if old is StepStatus.READY and new is StepStatus.RUNNING and run.stop_requested:
        yield "began though the run is stopping"
    if old is StepStatus.READY and new is StepStatus.RUNNING and run.paused:
        yield "began though the run is paused"


def lane_move_faults(
    rollout: Rollout, old: Lane, new: Lane, run: RunState, *, by_person: bool
) -> Iterator[str]:
    if old.status in LANE_FINAL and new != old:
        yield f"{old.status} became {new.status}"
    if old.status in LANE_BROKEN and new != old and not by_person:
        yield f"{old.status} became {new.status} though nobody acted"
    if new.seq < old.seq:
        yield "the try fell"
    works = new.status is LaneStatus.RUNNING and new.failed_at < 0
    if works and old.position < len(rollout.steps) <= new.position:
        yield "went through the gate without waiting in front of it"
    begins = old.status in _BEGINNING and new.status is LaneStatus.RUNNING
    if begins and new.seq <= old.seq:
        yield "began without a try of its own"
    if begins and run.halted:
        yield "began though nothing may"
    if new.seq > old.seq and new.status is LaneStatus.RUNNING and run.stop_requested:
        yield "started a body though the run is stopping"


def _confirm_faults(before: Picture, after: Picture, by_person: bool) -> Iterator[str]:
    if by_person or before.run.stage != after.run.stage:
        return
    for old, new in zip(before.run.branches, after.run.branches, strict=False):
        rollout = before.plan.branch(old.key)
        if isinstance(rollout, Rollout) and new.batch > old.batch and old.batch in rollout.confirm:
            yield f"{old.key}: the next batch began though nobody said so"
