"""What can happen to a run, and what a decision asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from interlock.lifecycle.run.plan import Key
from interlock.lifecycle.run.states import RunStatus, StepStatus

# --- events


@dataclass(frozen=True)
class Started:
    """Start it, or try again to take the locks that were refused."""


@dataclass(frozen=True)
class StepEnded:
    """A solo step's try ended; fenced by the writer, so never late or repeated here."""

    key: Key
    status: StepStatus


@dataclass(frozen=True)
class LanesChanged:
    """The tally of a rollout is new."""

    key: Key


@dataclass(frozen=True)
class TimerDue:
    key: Key


@dataclass(frozen=True)
class ApprovalEnded:
    key: Key
    decision: Literal["approved", "rejected"]


@dataclass(frozen=True)
class LocksTaken:
    pass


@dataclass(frozen=True)
class LocksRefused:
    """``code``: why. A person has to try again or give up."""

    code: str


@dataclass(frozen=True)
class PlanReplaced:
    """The stored plan is a new one; approvals given to the old one count no more."""


@dataclass(frozen=True)
class StopAsked:
    pass


@dataclass(frozen=True)
class GaveUp:
    pass


@dataclass(frozen=True)
class Paused:
    """Nothing further begins; what has begun goes on to its end, each host through its whole sequence."""


@dataclass(frozen=True)
class Resumed:
    pass


@dataclass(frozen=True)
class StepRetried:
    """A broken solo step, or lanes of a held rollout (set to pending before), go again."""

    key: Key


@dataclass(frozen=True)
class StepSkipped:
    key: Key


@dataclass(frozen=True)
class HostsExcluded:
    """Lanes of a rollout were taken out (before)."""

    key: Key


@dataclass(frozen=True)
class StepResolved:
    """A solo step's unknown end was decided, or lanes of a rollout were (before)."""

    key: Key
    answer: Literal["done", "retry", "fail"]


@dataclass(frozen=True)
class WentOn:
    """A person lets the next batch, or a manual wait, go on."""

    key: Key


RunEvent = (
    Started
    | StepEnded
    | LanesChanged
    | TimerDue
    | ApprovalEnded
    | LocksTaken
    | LocksRefused
    | PlanReplaced
    | StopAsked
    | GaveUp
    | Paused
    | Resumed
    | StepRetried
    | StepSkipped
    | HostsExcluded
    | StepResolved
    | WentOn
)

# --- effects


@dataclass(frozen=True)
class ReadyStep:
    """A new try of a solo step may be claimed."""

    key: Key


@dataclass(frozen=True)
class ReadyBatch:
    """The lanes of a batch that are not through may be claimed, in slices.

    Where there are none (all were excluded), ``LanesChanged`` has to follow in the same transaction.
    """

    key: Key
    batch: int


@dataclass(frozen=True)
class OpenApproval:
    key: Key


@dataclass(frozen=True)
class SetTimer:
    """Call back with ``TimerDue``: for a wait as its parameters say, for a rollout after its bake time."""

    key: Key


@dataclass(frozen=True)
class TakeLocks:
    """To be answered at once, in the same transaction."""


@dataclass(frozen=True)
class CancelIdle:
    """Whatever of the stage is not live ends as canceled: lanes, ready slices, approvals, timers."""

    stage: int


@dataclass(frozen=True)
class ResetStages:
    """Stages from ``stage`` on are as if they had never begun (the plan was replaced)."""

    stage: int


@dataclass(frozen=True)
class RunEnded:
    status: RunStatus


Effect = ReadyStep | ReadyBatch | OpenApproval | SetTimer | TakeLocks | CancelIdle | ResetStages | RunEnded
