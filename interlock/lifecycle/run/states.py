"""Statuses of runs, steps, targets, lanes and slices."""

from enum import StrEnum


class RunStatus(StrEnum):
    PENDING = "pending"  # made, not started
    RUNNING = "running"
    WAITING = "waiting"  # for people or a time; holds no worker
    PAUSED = "paused"  # by a person; nothing of it is at work any more
    STOPPING = "stopping"  # a stop was asked; something still has to be read back
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELED = "canceled"


class StepStatus(StrEnum):
    """Of steps and of targets."""

    PENDING = "pending"
    READY = "ready"  # may be claimed
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"
    CANCELED = "canceled"
    UNKNOWN = "unknown"  # nobody can tell whether it ran: a person chooses


class LaneStatus(StrEnum):
    """Of one host on its way through a batch."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"  # through the sequence, in front of the gate
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"  # excluded by a person
    CANCELED = "canceled"


class SliceStatus(StrEnum):
    READY = "ready"
    RUNNING = "running"
    ENDED = "ended"


RUN_ENDED = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.REJECTED, RunStatus.CANCELED})
STEP_ENDED = frozenset(
    {
        StepStatus.SUCCEEDED,
        StepStatus.FAILED,
        StepStatus.TIMED_OUT,
        StepStatus.SKIPPED,
        StepStatus.CANCELED,
        StepStatus.UNKNOWN,
    }
)
STEP_PASSED = frozenset({StepStatus.SUCCEEDED, StepStatus.SKIPPED})
STEP_BROKEN = frozenset({StepStatus.FAILED, StepStatus.TIMED_OUT, StepStatus.UNKNOWN})
LANE_BROKEN = frozenset({LaneStatus.FAILED, LaneStatus.UNKNOWN})
LANE_ENDED = frozenset(
    {LaneStatus.SUCCEEDED, LaneStatus.SKIPPED, LaneStatus.CANCELED, LaneStatus.FAILED, LaneStatus.UNKNOWN}
)
