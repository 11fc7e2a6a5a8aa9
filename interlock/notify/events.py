"""What can be told, and which acts of the journal it follows from."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("en", "zh-hans")
LEVELS = ("info", "success", "warning", "failure")

# event -> how grave it is
EVENTS: Mapping[str, str] = {
    "run_started": "info",
    "run_succeeded": "success",
    "run_failed": "failure",
    "run_canceled": "warning",
    "run_held": "failure",
    "approval_opened": "warning",
    "approval_due": "warning",
    "approval_decided": "info",
    "schedule_skipped": "warning",
    "schedule_stopped": "failure",
    "build_succeeded": "success",
    "build_failed": "failure",
}

# act -> event. Whether a run is held is seen when it is looked at; no single act says so.
FOLLOWS: Mapping[str, str] = {
    "run.started": "run_started",
    "run.succeeded": "run_succeeded",
    "run.failed": "run_failed",
    "run.canceled": "run_canceled",
    "run.waiting": "run_held",
    "step.waiting": "run_held",
    "step.failed": "run_held",
    "step.timed_out": "run_held",
    "step.unknown": "run_held",
    "approval.opened": "approval_opened",
    "approval.approved": "approval_decided",
    "approval.rejected": "approval_decided",
    "approval.expired": "approval_decided",
    "schedule.tick_skipped": "schedule_skipped",
    "schedule.stopped": "schedule_stopped",
    "version.succeeded": "build_succeeded",
    "version.failed": "build_failed",
    "version.timed_out": "build_failed",
}
