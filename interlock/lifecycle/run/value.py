"""A run as the rules see it: only the current stage, and counts instead of hosts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.plan import Key
from interlock.lifecycle.run.states import RunStatus, StepStatus


@dataclass(frozen=True)
class Tally:
    """Lanes of a rollout's current batch by status; ``open``: its slices that are ready or running."""

    pending: int = 0
    live: int = 0
    waiting: int = 0
    ok: int = 0
    failed: int = 0
    unknown: int = 0
    broken_before: int = 0  # failed or unknown in earlier batches
    open: int = 0


@dataclass(frozen=True)
class BranchState:
    key: Key
    status: StepStatus = StepStatus.PENDING
    phase: str = ""  # of a rollout: work, bake, gate, confirm, held
    batch: int = -1
    tally: Tally = Tally()
    retries_used: int = 0  # of a solo step

    @property
    def live(self) -> bool:
        """Something of it may be going on somewhere, or be about to."""
        if self.phase:
            return self.tally.live > 0
        return self.status is StepStatus.RUNNING


@dataclass(frozen=True)
class RunState:
    stage: int = -1
    outcome: RunStatus | None = None  # decided; finalizers may still be at work
    ended: bool = False
    hold: str = ""  # waits as a whole, for this reason
    locked: bool = False
    stop_requested: bool = False
    halted: bool = False  # no lane may begin
    paused: bool = False  # a person has said so; halted with it
    branches: tuple[BranchState, ...] = ()
    left: tuple[BranchState, ...] = ()  # how branches of stages ended that this decision left behind

    @property
    def status(self) -> RunStatus:
        if self.ended and self.outcome is not None:
            return self.outcome
        if self.stop_requested:
            return RunStatus.STOPPING
        if self.stage < 0 and not self.hold:
            return RunStatus.PENDING
        if self.paused:
            return RunStatus.RUNNING if any(branch.live for branch in self.branches) else RunStatus.PAUSED
        if not self.hold and any(self._moves(branch) for branch in self.branches):
            return RunStatus.RUNNING
        return RunStatus.WAITING

    def _moves(self, branch: BranchState) -> bool:
        """Whether a worker has something to do for it, or may take it up."""
        if branch.phase and self.halted:
            return branch.live
        return branch.status in (StepStatus.READY, StepStatus.RUNNING)

    def branch(self, key: Key) -> BranchState:
        for branch in self.branches:
            if branch.key == key:
                return branch
        raise Refused("step_not_current", key=str(key))

    def with_branch(self, new: BranchState) -> RunState:
        return replace(self, branches=tuple(new if b.key == new.key else b for b in self.branches))
