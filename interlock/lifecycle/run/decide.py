"""What becomes of a run: ``decide_run``. Pure: the plan, the run and the event in, run and effects out.

Only the current stage is part of the value. A rollout comes with a tally of its current batch, counted
from rows in the same transaction; no list of targets enters here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.events import (
    ApprovalEnded,
    CancelIdle,
    Effect,
    GaveUp,
    HostsExcluded,
    LanesChanged,
    LocksRefused,
    LocksTaken,
    OpenApproval,
    Paused,
    PlanReplaced,
    ReadyBatch,
    ReadyStep,
    ResetStages,
    Resumed,
    RunEnded,
    RunEvent,
    SetTimer,
    Started,
    StepEnded,
    StepResolved,
    StepRetried,
    StepSkipped,
    StopAsked,
    TakeLocks,
    TimerDue,
    WentOn,
)
from interlock.lifecycle.run.plan import Key, Plan, Rollout, StepPlan
from interlock.lifecycle.run.states import STEP_BROKEN, STEP_ENDED, STEP_PASSED, RunStatus, StepStatus
from interlock.lifecycle.run.value import BranchState, RunState, Tally

Decision = tuple[RunState, list[Effect]]
TAKING_LOCKS = "taking_locks"  # held within one transaction, until the locks are answered


def decide_run(plan: Plan, run: RunState, event: RunEvent) -> Decision:
    """Raise ``Refused`` where a person's verb does not fit; anything else that does not fit is no change."""
    effects: list[Effect] = []
    run = replace(run, left=()) if run.left else run
    if run.ended:
        if isinstance(event, StepEnded | LanesChanged | TimerDue):
            return run, []
        raise Refused("run_ended", status=run.status.value)
    run = _settle(plan, _take(plan, run, event, effects), effects)
    if run.paused:
        # A solo step stays ready, and nobody is told: when the run is resumed they are.
        effects = [effect for effect in effects if not isinstance(effect, ReadyStep)]
    return run, effects


def _take(plan: Plan, run: RunState, event: RunEvent, effects: list[Effect]) -> RunState:
    match event:
        case Started():
            return _start(plan, run, effects)
        case StepEnded():
            return _step_ended(plan, run, event, effects)
        case LanesChanged():
            return run
        case TimerDue():
            return _timer_due(plan, run, event)
        case ApprovalEnded():
            return _approval_ended(plan, run, event)
        case LocksTaken() | LocksRefused():
            return _locks_answered(plan, run, event, effects)
        case PlanReplaced():
            return _plan_replaced(plan, run, effects)
        case StopAsked():
            return _stop(run)
        case GaveUp():
            return _give_up(run)
        case Paused() | Resumed():
            return _pause(run, event, effects)
        case StepRetried() | StepSkipped() | HostsExcluded() | StepResolved() | WentOn():
            return _verb(plan, run, event, effects)
    assert_never(event)


# --- events


def _start(plan: Plan, run: RunState, effects: list[Effect]) -> RunState:
    if run.stage >= 0 and not run.hold:
        raise Refused("run_already_started", status=run.status.value)
    return _begin_stage(plan, replace(run, hold=""), max(run.stage, 0), effects)


def _step_ended(plan: Plan, run: RunState, event: StepEnded, effects: list[Effect]) -> RunState:
    branch = next((b for b in run.branches if b.key == event.key), None)
    if branch is None or branch.status is not StepStatus.RUNNING or branch.phase:
        return run
    spec = plan.branch(event.key)
    assert isinstance(spec, StepPlan)
    if not run.stop_requested and branch.retries_used < _retries(spec, event.status):
        effects.append(ReadyStep(event.key))
        return run.with_branch(replace(branch, status=StepStatus.READY, retries_used=branch.retries_used + 1))
    return run.with_branch(replace(branch, status=event.status))


def _retries(spec: StepPlan, status: StepStatus) -> int:
    """How many further tries an end like this allows."""
    if status is StepStatus.UNKNOWN:
        # At most once, unless the step says that it may be repeated.
        return max(spec.retries, 1) if spec.on_lost == "retry" else 0
    return spec.retries if status in (StepStatus.FAILED, StepStatus.TIMED_OUT) else 0


def _timer_due(plan: Plan, run: RunState, event: TimerDue) -> RunState:
    branch = next((b for b in run.branches if b.key == event.key), None)
    if branch is None or branch.status is not StepStatus.WAITING:
        return run
    if branch.phase == "bake":
        return run.with_branch(replace(branch, status=StepStatus.RUNNING, phase="gate"))
    spec = plan.branch(event.key)
    timer = isinstance(spec, StepPlan) and spec.mode == "timer"
    return run.with_branch(replace(branch, status=StepStatus.SUCCEEDED)) if timer else run


def _approval_ended(plan: Plan, run: RunState, event: ApprovalEnded) -> RunState:
    branch = run.branch(event.key)
    spec = plan.branch(event.key)
    asked = isinstance(spec, StepPlan) and spec.mode == "approval"
    if not asked or branch.status is not StepStatus.WAITING:
        raise Refused("not_waiting", status=branch.status.value)
    if event.decision == "approved":
        return run.with_branch(replace(branch, status=StepStatus.SUCCEEDED))
    run = run.with_branch(replace(branch, status=StepStatus.FAILED))
    return _wind_down(run, RunStatus.REJECTED)


def _locks_answered(
    plan: Plan, run: RunState, event: LocksTaken | LocksRefused, effects: list[Effect]
) -> RunState:
    if run.hold != TAKING_LOCKS:
        return run
    if isinstance(event, LocksRefused):
        return replace(run, hold=event.code)
    return _begin_stage(plan, replace(run, locked=True, hold=""), run.stage, effects)


def _plan_replaced(plan: Plan, run: RunState, effects: list[Effect]) -> RunState:
    if run.outcome is not None:
        raise Refused("run_already_ending", status=run.status.value)
    if run.locked or any(branch.live for branch in run.branches):
        raise Refused("work_has_begun")
    if run.stage < 0:
        return run
    run = replace(run, branches=(), hold="")
    effects.append(ResetStages(0))
    if plan.approval_before_locks() is None:
        # Nobody has seen the new plan: whoever starts it again has.
        return replace(run, stage=0, hold="plan_changed")
    return _begin_stage(plan, run, 0, effects)


def _stop(run: RunState) -> RunState:
    if run.outcome is not None:
        raise Refused("run_already_ending", status=run.status.value)
    return _wind_down(run, RunStatus.CANCELED)


def _pause(run: RunState, event: Paused | Resumed, effects: list[Effect]) -> RunState:
    pausing = isinstance(event, Paused)
    if run.outcome is not None:
        raise Refused("run_already_ending", status=run.status.value)
    if run.stage < 0:
        raise Refused("run_not_started")
    if run.paused is pausing:
        raise Refused("run_already_paused" if pausing else "run_not_paused", status=run.status.value)
    if not pausing:
        effects.extend(ReadyStep(branch.key) for branch in run.branches if branch.status is StepStatus.READY)
    return replace(run, paused=pausing)


def _give_up(run: RunState) -> RunState:
    broken = any(b.status in STEP_BROKEN or b.phase == "held" for b in run.branches)
    idle = run.status in (RunStatus.WAITING, RunStatus.PAUSED)
    if run.outcome is not None or not idle or not (broken or run.hold):
        raise Refused("nothing_to_give_up", status=run.status.value)
    return _wind_down(run, RunStatus.FAILED)


def _verb(
    plan: Plan,
    run: RunState,
    event: StepRetried | StepSkipped | HostsExcluded | StepResolved | WentOn,
    effects: list[Effect],
) -> RunState:
    if run.outcome is not None:
        raise Refused("run_already_ending", status=run.status.value)
    branch = run.branch(event.key)
    if isinstance(event, WentOn):
        return _go_on(plan, run, branch, effects)
    if branch.phase:
        if isinstance(event, StepSkipped):
            raise Refused("rollout_not_skippable")
        if branch.phase != "held" and not isinstance(event, HostsExcluded):
            raise Refused("rollout_not_held", phase=branch.phase)
        if branch.phase != "held":
            return run
        # The work phase comes before the gate again: lanes that go again have to be in front of it, too.
        return run.with_branch(replace(branch, status=StepStatus.RUNNING, phase="work"))
    return _solo_verb(run, branch, event, effects)


def _solo_verb(
    run: RunState,
    branch: BranchState,
    event: StepRetried | StepSkipped | HostsExcluded | StepResolved,
    effects: list[Effect],
) -> RunState:
    if branch.status not in STEP_BROKEN:
        raise Refused("step_not_broken", status=branch.status.value)
    match event:
        case StepRetried() | StepResolved(answer="retry"):
            effects.append(ReadyStep(branch.key))
            return run.with_branch(replace(branch, status=StepStatus.READY, retries_used=0))
        case StepSkipped():
            return run.with_branch(replace(branch, status=StepStatus.SKIPPED))
        case StepResolved():
            if branch.status is not StepStatus.UNKNOWN:
                raise Refused("step_not_unknown", status=branch.status.value)
            status = StepStatus.SUCCEEDED if event.answer == "done" else StepStatus.FAILED
            return run.with_branch(replace(branch, status=status))
        case HostsExcluded():
            raise Refused("no_hosts_here")
    assert_never(event)


def _go_on(plan: Plan, run: RunState, branch: BranchState, effects: list[Effect]) -> RunState:
    spec = plan.branch(branch.key)
    if isinstance(spec, Rollout) and branch.phase == "confirm":
        return run.with_branch(_next_batch(spec, branch, effects))
    waits = branch.status is StepStatus.WAITING and isinstance(spec, StepPlan) and spec.mode == "timer"
    if not waits:
        raise Refused("not_waiting_to_go_on", status=branch.status.value)
    return run.with_branch(replace(branch, status=StepStatus.SUCCEEDED))


# --- settling: whatever follows by itself


def _settle(plan: Plan, run: RunState, effects: list[Effect]) -> RunState:
    """Follow the run until only workers, people or time can move it on. Each round ends a stage."""
    if run.paused:
        return replace(run, halted=True)
    while not run.ended and not run.hold and (run.stage >= 0 or run.outcome is not None):
        halted = any(_too_many_broken(plan, branch) for branch in run.branches)
        if run.outcome is None and run.halted is not halted:
            run = replace(run, halted=halted)
        for branch in run.branches:
            run = _settle_rollout(plan, run, branch, effects)
        at_finalizer = bool(run.branches) and plan.stages[run.stage].always
        if run.outcome is not None and not at_finalizer:
            advanced = _settle_ending(plan, run, effects)
        else:
            advanced = _settle_stage(plan, run, effects)
        if advanced is run:
            return run
        run = advanced
    return run


def _settle_ending(plan: Plan, run: RunState, effects: list[Effect]) -> RunState:
    """A run that is ending: cancel what is idle, wait for what is live, then the finalizers."""
    idle = [b for b in run.branches if b.status not in STEP_ENDED and not b.live]
    if idle:
        effects.append(CancelIdle(run.stage))
        for branch in idle:
            run = run.with_branch(replace(branch, status=StepStatus.CANCELED, phase=branch.phase))
    if any(b.status not in STEP_ENDED for b in run.branches):
        # Something is live: the workers are to stop it.
        return run if run.stop_requested else replace(run, stop_requested=True, halted=True)
    return _finalize(plan, replace(run, stop_requested=False, halted=False), effects)


def _finalize(plan: Plan, run: RunState, effects: list[Effect]) -> RunState:
    assert run.outcome is not None
    # A stage that waited for its locks has not begun. A run that has not begun needs no finalizers.
    first = run.stage + 1 if run.branches else run.stage
    for number in range(first, len(plan.stages)) if run.stage >= 0 else ():
        if plan.stages[number].always:
            return _begin_stage(plan, run, number, effects)
    effects.append(RunEnded(run.outcome))
    return replace(run, ended=True)


def _settle_stage(plan: Plan, run: RunState, effects: list[Effect]) -> RunState:
    if any(branch.status not in STEP_ENDED for branch in run.branches):
        return run
    always = plan.stages[run.stage].always
    broken = [b for b in run.branches if b.status not in STEP_PASSED]
    if broken and not always:
        fatal = any(_ends_run(plan, branch.key) for branch in broken)
        return _wind_down(run, RunStatus.FAILED) if fatal else run
    if run.outcome is not None:
        return _finalize(plan, run, effects)
    if run.stage + 1 == len(plan.stages):
        effects.append(RunEnded(RunStatus.SUCCEEDED))
        return replace(run, outcome=RunStatus.SUCCEEDED, ended=True)
    return _begin_stage(plan, run, run.stage + 1, effects)


def _ends_run(plan: Plan, key: Key) -> bool:
    branch = plan.branch(key)
    return isinstance(branch, StepPlan) and branch.on_failure == "fail"


def _wind_down(run: RunState, outcome: RunStatus) -> RunState:
    return replace(run, outcome=outcome, hold="", paused=False)


def _begin_stage(plan: Plan, run: RunState, stage: int, effects: list[Effect]) -> RunState:
    run = replace(run, left=run.left + run.branches)
    if stage == plan.locks_at and not run.locked and run.outcome is None:
        effects.append(TakeLocks())
        return replace(run, stage=stage, branches=(), hold=TAKING_LOCKS)
    branches = []
    for key in plan.keys(stage):
        spec = plan.branch(key)
        if isinstance(spec, Rollout):
            effects.append(ReadyBatch(key, 0))
            # The rows are all pending: said here because the tally is counted only at the next event.
            tally = Tally(pending=spec.batches[0], open=1)
            branches.append(BranchState(key, StepStatus.RUNNING, "work", 0, tally))
        elif spec.mode == "work":
            effects.append(ReadyStep(key))
            branches.append(BranchState(key, StepStatus.READY))
        else:
            effects.append(OpenApproval(key) if spec.mode == "approval" else SetTimer(key))
            branches.append(BranchState(key, StepStatus.WAITING))
    return replace(run, stage=stage, branches=tuple(branches))


def _settle_rollout(plan: Plan, run: RunState, branch: BranchState, effects: list[Effect]) -> RunState:
    rollout = plan.branch(branch.key)
    if not isinstance(rollout, Rollout) or branch.status in STEP_ENDED or run.outcome is not None:
        return run
    if branch.phase not in ("work", "gate"):
        return run
    tally = branch.tally
    if _too_many_broken(plan, branch):
        if tally.live:
            return run
        return run.with_branch(replace(branch, status=StepStatus.WAITING, phase="held"))
    if tally.live or tally.pending or (branch.phase == "gate" and tally.waiting):
        if tally.open == 0:
            effects.append(ReadyBatch(branch.key, branch.batch))
            branch = replace(branch, tally=replace(tally, open=1))
        return run.with_branch(branch)
    return run.with_branch(_batch_through(rollout, branch, effects))


def _too_many_broken(plan: Plan, branch: BranchState) -> bool:
    """Whether a rollout needs a person before any lane may begin, of whichever rollout of the stage."""
    rollout = plan.branch(branch.key)
    if not isinstance(rollout, Rollout) or branch.status in STEP_ENDED:
        return False
    tally = branch.tally
    broken = tally.broken_before + tally.failed + tally.unknown
    return branch.phase == "held" or tally.unknown > 0 or broken > rollout.threshold


def _batch_through(rollout: Rollout, branch: BranchState, effects: list[Effect]) -> BranchState:
    """No lane of the batch has anything left to do in this phase."""
    last = branch.batch + 1 == len(rollout.batches)
    if branch.phase == "work" and (branch.tally.waiting or (rollout.bake and not last)):
        if rollout.bake:
            effects.append(SetTimer(branch.key))
            return replace(branch, phase="bake", status=StepStatus.WAITING)
        effects.append(ReadyBatch(branch.key, branch.batch))
        return replace(branch, phase="gate", tally=replace(branch.tally, open=1))
    if last:
        return replace(branch, status=StepStatus.SUCCEEDED)
    if branch.batch in rollout.confirm:
        return replace(branch, phase="confirm", status=StepStatus.WAITING)
    return _next_batch(rollout, branch, effects)


def _next_batch(rollout: Rollout, branch: BranchState, effects: list[Effect]) -> BranchState:
    batch = branch.batch + 1
    effects.append(ReadyBatch(branch.key, batch))
    broken = branch.tally.broken_before + branch.tally.failed + branch.tally.unknown
    # As if none of its hosts had been excluded; where all were, the writer comes back at once.
    tally = Tally(pending=rollout.batches[batch], broken_before=broken, open=1)
    return replace(branch, status=StepStatus.RUNNING, phase="work", batch=batch, tally=tally)
