"""What happened to a run, written down: lock, snapshot, decide, save, journal, wake."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interlock.journal.actor import SYSTEM, Actor
from interlock.journal.services import NewEntry, append
from interlock.journal.statements import Update, update_many
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.decide import decide_run
from interlock.lifecycle.run.events import (
    Effect,
    LanesChanged,
    LocksRefused,
    LocksTaken,
    PlanReplaced,
    ReadyBatch,
    RunEnded,
    RunEvent,
    TakeLocks,
)
from interlock.lifecycle.run.plan import Key, to_json
from interlock.lifecycle.run.states import RUN_ENDED, STEP_ENDED, StepStatus
from interlock.lifecycle.run.value import BranchState, RunState
from interlock.runs import wake
from interlock.runs.clock import now
from interlock.runs.engine.snapshot import branch_rows, lock_run, plan_of, state_of
from interlock.runs.models import Run, Step
from interlock.runs.participants import NewPlan, participant_of


@dataclass
class Change:
    """One transaction's worth of changes to one run, gathered before they are written."""

    run: Run
    by: Actor
    at: datetime
    reason: str = ""
    claimer: Claimer | None = None
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)  # key -> columns
    entries: list[NewEntry] = field(default_factory=list)
    refs: list[wake.Ref] = field(default_factory=list)
    claimed: Step | None = None  # what the claimer goes on with
    rows: dict[str, Step] = field(default_factory=dict)  # locked rows of branches that have been read
    columns: set[str] = field(default_factory=set)  # of the run, beyond those that a decision sets
    former: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.former = {name: getattr(self.run, name) for name in _RUN_COLUMNS}

    def row(self, key: Key) -> Step:
        """The row of a branch, as it was read."""
        if str(key) not in self.rows:
            self.rows.update(branch_rows(self.run.id, key.stage))
        return self.rows[str(key)]

    def step_updates(self) -> list[Update]:
        return [(columns, {"run_id": self.run.id, "key": key}) for key, columns in self.steps.items()]

    def run_update(self) -> Update:
        run = self.run
        run.version += 1
        columns = {name: getattr(run, name) for name in _RUN_COLUMNS}
        changed = {name: value for name, value in columns.items() if value != self.former[name]}
        return changed | {name: getattr(run, name) for name in self.columns}, {"id": run.id}

    def note(self, act: str, *, old: str = "", new: str = "", **facts: object) -> None:
        self.entries.append(
            NewEntry(
                actor=self.by,
                subject="run",
                subject_id=self.run.id,
                act=act,
                project_id=self.run.project_id,
                from_status=old,
                to_status=new,
                reason=self.reason,
                facts=facts,
                at=self.at,
            )
        )


@dataclass(frozen=True)
class Claimer:
    """A worker that goes on with the next automatic step in the transaction that ends this one."""

    worker: str
    machine: str
    lease_seconds: float


def apply(
    run_id: int,
    *events: RunEvent,
    by: Actor = SYSTEM,
    reason: str = "",
    act: str = "",
    raise_refusal: bool = False,
) -> Run:
    """Apply what happened in one transaction. ``act`` journals a person's deed under that name.

    With ``raise_refusal`` locks that cannot be taken undo it all and raise; without, the run waits.
    """
    with writing():
        run = lock_run(run_id)
        change = Change(run=run, by=by, at=now(), reason=reason)
        if act:
            change.note(act)
        for event in events:
            apply_locked(change, event, raise_refusal=raise_refusal)
        finish(change)
    return run


def apply_locked(
    change: Change, event: RunEvent, *, raise_refusal: bool = False, state: RunState | None = None
) -> RunState:
    """Decide and gather; the run is locked. ``finish`` writes what is left and wakes the workers."""
    run = change.run
    new = state if state is not None else state_of(run)
    events = deque([event])
    # In a row, not one within the other: hundreds of batches may have all of their hosts excluded.
    while events:
        old = new
        new, effects = decide_run(plan_of(run), old, events.popleft())
        _save_branches(change, old, new)
        _save_run(change, old, new)
        answers = [_carry_out(change, effect, raise_refusal) for effect in effects]
        events.extend(answer for answer in answers if answer is not None)
        if events and isinstance(events[0], LanesChanged):
            # The lanes are counted anew, from rows that hold what has been decided so far.
            _write_steps(change)
            new = state_of(run)
    return new


def finish(change: Change) -> None:
    finish_all([change])


def finish_all(changes: Sequence[Change]) -> None:
    """Write what the changes have gathered, each of another run."""
    update_many(Step, [update for change in changes for update in change.step_updates()])
    update_many(Run, [change.run_update() for change in changes])
    append(*(entry for change in changes for entry in change.entries))
    wake.after_commit([ref for change in changes for ref in change.refs])
    for change in changes:
        if change.run.stop_requested:
            wake.stop_after_commit(change.run.id)


_RUN_COLUMNS = [
    "status", "outcome", "hold", "stage", "locked", "lock_token", "stop_requested", "halted", "paused",
    "started_at", "ended_at", "version",
]  # fmt: skip


def _save_run(change: Change, old: RunState, new: RunState) -> None:
    run = change.run
    before, after = run.status, new.status
    run.status = after
    run.outcome = new.outcome or ""
    run.hold, run.stage, run.locked = new.hold, new.stage, new.locked
    run.stop_requested, run.halted, run.paused = new.stop_requested, new.halted, new.paused
    if run.started_at is None and new.stage >= 0 and not new.ended:
        run.started_at = change.at
        change.note("run.started")
        participant_of(run.origin).started(run)
    if before != after and after not in RUN_ENDED:
        change.note(f"run.{after}", old=before, new=after, hold=new.hold)


def _save_branches(change: Change, old: RunState, new: RunState) -> None:
    known = {branch.key: branch for branch in old.branches}
    # Those of a stage that this decision has left come first: they ended before the next ones began.
    for branch in (*new.left, *new.branches):
        before = known.get(branch.key)
        if before is not None and _same(before, branch):
            continue
        columns = change.steps.setdefault(str(branch.key), {})
        columns.update(status=branch.status, phase=branch.phase, batch=branch.batch)
        columns.update(retries_used=branch.retries_used)
        fresh = before is None or before.status in STEP_ENDED
        if fresh and branch.status not in (StepStatus.PENDING, StepStatus.SKIPPED):
            columns.update(started_at=change.at, ended_at=None, error="")
        if branch.status in STEP_ENDED:
            columns.update(ended_at=change.at, wake_at=None)
        if branch.status is StepStatus.READY:
            continue  # whoever carries the effect out says whether it was claimed at once
        if before is None or before.status != branch.status:
            was = before.status if before else StepStatus.PENDING
            change.note(f"step.{branch.status}", old=was, new=branch.status, key=str(branch.key))


def _same(one: BranchState, other: BranchState) -> bool:
    return (one.status, one.phase, one.batch, one.retries_used) == (
        other.status,
        other.phase,
        other.batch,
        other.retries_used,
    )


def _write_steps(change: Change) -> None:
    """What is read before the end of the transaction has to be written before it, too."""
    update_many(Step, change.step_updates())
    change.steps.clear()


def _carry_out(change: Change, effect: Effect, raise_refusal: bool) -> RunEvent | None:
    from interlock.runs.engine import effects

    if isinstance(effect, TakeLocks):
        return _take_locks(change, raise_refusal)
    if isinstance(effect, RunEnded):
        _end_run(change, effect)
    elif not effects.carry_out(change, effect) and isinstance(effect, ReadyBatch):
        return LanesChanged(effect.key)
    return None


def _take_locks(change: Change, raise_refusal: bool) -> RunEvent:
    run = change.run
    try:
        answer = participant_of(run.origin).take_locks(run)
    except Refused as refused:
        if raise_refusal:
            raise
        change.note("run.locks_refused", code=refused.code, facts=dict(refused.facts))
        run.hold_facts = dict(refused.facts)
        change.columns.add("hold_facts")
        return LocksRefused(refused.code)
    if isinstance(answer, NewPlan):
        _write_steps(change)
        store_plan(change, answer)
        return PlanReplaced()
    run.lock_token = answer.token
    return LocksTaken()


def store_plan(change: Change, new: NewPlan) -> None:
    """Put a new plan into the run's row and make its steps anew; what was decided on the old one is void."""
    from interlock.runs.engine.rows import make_steps

    run = change.run
    change.note("run.plan_replaced", plan_hash=new.plan_hash, former=run.plan_hash)
    run.plan, run.plan_hash = to_json(new.plan), new.plan_hash
    run.round += 1
    change.columns.update(("plan", "plan_hash", "round"))
    run.approvals.filter(status="open").update(status="closed", closed_at=change.at)
    make_steps(run, new.plan)


def _end_run(change: Change, effect: RunEnded) -> None:
    run = change.run
    run.ended_at = change.at
    run.status = effect.status
    change.note(f"run.{effect.status}", new=effect.status)
    # What the participant reads of the run must be what is about to be committed.
    _write_steps(change)
    participant_of(run.origin).ended(run, effect.status)


def nudge(run_ids: Iterable[int]) -> None:
    """Look at runs that seem to stand still: whatever follows by itself is done."""
    for run_id in run_ids:
        apply(run_id, LanesChanged(Key(0, 0)))
