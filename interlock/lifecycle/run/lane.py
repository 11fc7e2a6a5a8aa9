"""One host through a rollout's inner sequence, put-back included: ``decide_lane``.

Positions count in ``Rollout.sequence``: first the steps, then the gate, then the put-back. ``seq``
rises with every decision to run a body on the host, whichever step it is for; it is the try that names
the body's directory and the second half of the fence, so a body decided earlier can never come after.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.plan import Rollout
from interlock.lifecycle.run.states import LANE_BROKEN, LaneStatus, StepStatus


@dataclass(frozen=True)
class Lane:
    status: LaneStatus = LaneStatus.PENDING
    position: int = 0
    seq: int = 0
    retries_used: int = 0
    failed_at: int = -1  # the position that failed; from then on the lane puts back
    touched: bool = False
    error: str = ""


@dataclass(frozen=True)
class Launch:
    """Start a body for ``position`` under the try ``seq``."""

    position: int
    seq: int


@dataclass(frozen=True)
class Begun:
    """A worker took the lane up: from the start, after a retry, or because its gate is open."""


@dataclass(frozen=True)
class Ended:
    """The try ``seq`` ended as succeeded, failed, timed_out, unknown or canceled."""

    seq: int
    status: StepStatus
    error: str = ""


@dataclass(frozen=True)
class Stopped:
    """The run was stopped and nothing of the lane is live."""


@dataclass(frozen=True)
class Retried:
    pass


@dataclass(frozen=True)
class Excluded:
    pass


@dataclass(frozen=True)
class Resolved:
    """A person says what an unknown try came to."""

    answer: Literal["done", "retry", "fail"]


LaneEvent = Begun | Ended | Stopped | Retried | Excluded | Resolved
Decision = tuple[Lane, Launch | None]


def decide_lane(rollout: Rollout, lane: Lane, event: LaneEvent) -> Decision:
    """What becomes of the lane. Late and repeated news changes nothing; an unfit verb is refused."""
    match event:
        case Begun():
            if lane.status not in (LaneStatus.PENDING, LaneStatus.WAITING):
                return lane, None
            return _launch(rollout, replace(lane, status=LaneStatus.RUNNING), lane.position)
        case Ended():
            if lane.status is not LaneStatus.RUNNING or event.seq != lane.seq:
                return lane, None
            return _after_try(rollout, lane, event)
        case Stopped():
            settled = lane.status in LANE_BROKEN or lane.status in (LaneStatus.SUCCEEDED, LaneStatus.SKIPPED)
            return (lane if settled else replace(lane, status=LaneStatus.CANCELED)), None
        case Retried():
            return _retry(rollout, lane), None
        case Excluded():
            if lane.status is LaneStatus.PENDING or lane.status in LANE_BROKEN:
                return replace(lane, status=LaneStatus.SKIPPED), None
            raise Refused("lane_not_excludable", status=lane.status.value)
        case Resolved():
            return _resolve(rollout, lane, event.answer), None
    assert_never(event)


def was_put_back(rollout: Rollout, lane: Lane) -> bool:
    """Whether the lane failed and its whole put-back succeeded."""
    return lane.status is LaneStatus.FAILED and lane.position == len(rollout.sequence)


def _back_start(rollout: Rollout) -> int:
    return len(rollout.steps) + len(rollout.gate)


def _launch(rollout: Rollout, lane: Lane, position: int) -> Decision:
    touched = lane.touched or rollout.sequence[position].mutates
    lane = replace(lane, position=position, seq=lane.seq + 1, touched=touched)
    return lane, Launch(position, lane.seq)


def _after_try(rollout: Rollout, lane: Lane, ended: Ended) -> Decision:
    step = rollout.sequence[lane.position]
    match ended.status:
        case StepStatus.SUCCEEDED:
            return _go_on(rollout, _after_success(rollout, lane))
        case StepStatus.CANCELED:
            return replace(lane, status=LaneStatus.CANCELED, error=ended.error), None
        case StepStatus.UNKNOWN:
            # At most once unless the step says that it may be repeated.
            if step.on_lost == "retry" and lane.retries_used < max(step.retries, 1):
                return _launch(rollout, replace(lane, retries_used=lane.retries_used + 1), lane.position)
            return replace(lane, status=LaneStatus.UNKNOWN, error=ended.error), None
        case StepStatus.FAILED | StepStatus.TIMED_OUT:
            if lane.retries_used < step.retries:
                return _launch(rollout, replace(lane, retries_used=lane.retries_used + 1), lane.position)
            return _go_on(rollout, _after_failure(rollout, lane, ended.error or ended.status.value))
    raise ValueError(f"a try cannot end as {ended.status}")


def _after_success(rollout: Rollout, lane: Lane) -> Lane:
    """The lane one position further; RUNNING where there is something to launch next."""
    lane = replace(lane, position=lane.position + 1, retries_used=0)
    if lane.failed_at >= 0:
        done = lane.position == len(rollout.sequence)
        return replace(lane, status=LaneStatus.FAILED) if done else lane
    if lane.position == len(rollout.steps) and rollout.gate:
        return replace(lane, status=LaneStatus.WAITING)
    if lane.position >= _back_start(rollout):
        return replace(lane, status=LaneStatus.SUCCEEDED)
    return lane


def _after_failure(rollout: Rollout, lane: Lane, error: str) -> Lane:
    if lane.failed_at >= 0:
        return replace(lane, status=LaneStatus.FAILED, error="put_back_failed")
    lane = replace(lane, failed_at=lane.position, error=error, retries_used=0)
    if rollout.put_back and lane.touched:
        return replace(lane, position=_back_start(rollout))
    return replace(lane, status=LaneStatus.FAILED)


def _go_on(rollout: Rollout, lane: Lane) -> Decision:
    if lane.status is LaneStatus.RUNNING:
        return _launch(rollout, lane, lane.position)
    return lane, None


def _retry(rollout: Rollout, lane: Lane) -> Lane:
    if lane.status not in LANE_BROKEN:
        raise Refused("lane_not_retryable", status=lane.status.value)
    # After a put-back (even a broken one) the host is not where the failed step left it: from the start.
    position = 0 if lane.position >= _back_start(rollout) else lane.position
    return replace(lane, status=LaneStatus.PENDING, position=position, failed_at=-1, retries_used=0, error="")


def _resolve(rollout: Rollout, lane: Lane, answer: Literal["done", "retry", "fail"]) -> Lane:
    if lane.status is not LaneStatus.UNKNOWN:
        raise Refused("lane_not_unknown", status=lane.status.value)
    match answer:
        case "done":
            lane = _after_success(rollout, replace(lane, status=LaneStatus.RUNNING, error=""))
        case "retry":
            lane = replace(lane, status=LaneStatus.PENDING, retries_used=0, error="")
        case "fail":
            lane = _after_failure(rollout, replace(lane, status=LaneStatus.RUNNING), "resolved_as_failed")
    # What is left to do waits for a worker.
    return replace(lane, status=LaneStatus.PENDING) if lane.status is LaneStatus.RUNNING else lane
