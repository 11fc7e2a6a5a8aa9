"""What must be true of the rows of a live database, looked at; and what can be put right.

The rules of a run are those that the tests put before every state they reach (lifecycle.run.invariants).
Other contexts register what must be true of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from interlock.journal.transactions import writing
from interlock.lifecycle.run.invariants import Picture, state_faults
from interlock.lifecycle.run.plan import Key, Rollout
from interlock.lifecycle.run.states import STEP_ENDED, LaneStatus, SliceStatus, StepStatus
from interlock.runs import logs
from interlock.runs.clock import now
from interlock.runs.engine import claims
from interlock.runs.engine.apply import nudge
from interlock.runs.engine.effects import close_left_open
from interlock.runs.engine.snapshot import branch_status, lane_value, lock_run, plan_of, state_of
from interlock.runs.models import Approval, Lane, LogHead, Run, Slice, Step
from interlock.runs.reconciler import LAST_RESEND, resend, standing_still

MOST = 50  # findings of one kind: whoever has more of them has one cause
LATE = timedelta(minutes=10)  # after which a duty that is done within seconds has not been done


@dataclass(frozen=True)
class Finding:
    """Something that is not as it must be. ``repair`` puts it right, where that can be done safely."""

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    repair: Callable[[], object] | None = None


Check = Callable[[], Iterable[Finding]]
_checks: dict[str, Check] = {}


def register_check(name: str, check: Check) -> None:
    """What must be true of another context's rows."""
    _checks[name] = check


def look() -> Iterator[Finding]:
    """Everything that is not as it must be. Changes nothing; may be asked while the platform works."""
    for check in (_rules, _standing, _leases, _unsent, _leftovers, _unsealed, *_checks.values()):
        yield from check()


def picture_of(run: Run) -> Picture:
    """A run's rows as the rules look at them; the run is locked."""
    plan = plan_of(run)
    steps = {Key.parse(row.key): row for row in Step.objects.filter(run_id=run.id, position=-1)}
    lanes: dict[Key, list[Lane]] = {key: [] for key in steps if isinstance(plan.branch(key), Rollout)}
    for lane in Lane.objects.filter(run_id=run.id).select_related("step").order_by("id"):
        lanes[Key.parse(lane.step.key)].append(lane)
    waiting = {key for key, row in steps.items() if row.status == StepStatus.WAITING}
    open_ones = Approval.objects.filter(run_id=run.id, status="open").values_list("step__key", flat=True)
    approvals = frozenset(Key.parse(key) for key in open_ones)
    timers = {key for key in waiting - approvals if steps[key].phase in ("", "bake")}
    return Picture(
        plan=plan,
        run=state_of(run),
        steps={key: branch_status(row) for key, row in steps.items()},
        lanes={key: tuple(lane_value(lane) for lane in rows) for key, rows in lanes.items()},
        approvals=approvals,
        timers=frozenset(timers),
    )


def _rules() -> Iterator[Finding]:
    found = 0
    for run_id in list(Run.objects.filter(ended_at=None).order_by("id").values_list("id", flat=True)):
        with writing():
            run = lock_run(run_id)
            faults = state_faults(picture_of(run)) if run.ended_at is None else []
        for fault in faults:
            yield Finding("doctor_rule_broken", {"run_id": run_id, "fault": fault}, _nudge(run_id))
            found += 1
        if found >= MOST:
            return


def _nudge(run_id: int) -> Callable[[], object]:
    return lambda: nudge([run_id])


def _standing() -> Iterator[Finding]:
    for run_id in standing_still():
        yield Finding("doctor_stands_still", {"run_id": run_id}, _nudge(run_id))


def _leases() -> Iterator[Finding]:
    """No lease is older than twice its length, and nothing runs without one."""
    before = now() - timedelta(seconds=2 * settings.LEASE_SECONDS)
    late = Q(lease_until__lt=before)
    steps = Step.objects.filter(late | Q(lease_until=None), status=StepStatus.RUNNING, position=-1)
    slices = Slice.objects.filter(late | Q(lease_until=None), status=SliceStatus.RUNNING)
    for rows in (steps.exclude(kind="rollout"), slices):
        for run_id, worker, until in rows.values_list("run_id", "worker", "lease_until")[:MOST]:
            repair = claims.expire if until is not None else None
            yield Finding("doctor_lease_forgotten", {"run_id": run_id, "worker": worker}, repair)


def _unsent() -> Iterator[Finding]:
    """What is ready is offered again and again until somebody takes it."""
    before = now() - timedelta(seconds=2 * LAST_RESEND)
    for model in (Step, Slice):
        rows = model.objects.filter(status="ready", run__paused=False).filter(
            Q(sent_at=None) | Q(sent_at__lt=before)
        )
        for run_id in rows.values_list("run_id", flat=True).distinct()[:MOST]:
            yield Finding("doctor_nobody_called", {"run_id": run_id}, resend)


def _leftovers() -> Iterator[Finding]:
    """Nothing of an ended run is open, waits or is at work."""
    ended = {"run__ended_at__isnull": False}
    for approval in Approval.objects.filter(status="open", **ended)[:MOST]:
        yield Finding("doctor_open_approval", {"run_id": approval.run_id}, _close(approval.id))
    going_on = (
        Step.objects.filter(position=-1, **ended).exclude(status__in=[*STEP_ENDED, StepStatus.PENDING]),
        Slice.objects.filter(**ended).exclude(status=SliceStatus.ENDED),
        Lane.objects.filter(status=LaneStatus.RUNNING, **ended),
    )
    for rows in going_on:
        for row in rows[:MOST]:
            facts = {"run_id": row.run_id, "what": row._meta.model_name, "status": row.status}
            yield Finding("doctor_goes_on_after_end", facts)


def _close(approval_id: int) -> Callable[[], object]:
    return lambda: close_left_open(approval_id)


def _unsealed() -> Iterator[Finding]:
    heads = LogHead.objects.filter(sealed="", chunks__isnull=False).values_list("run_id", flat=True)
    ended = Run.objects.filter(id__in=list(heads.distinct()[:1000]), ended_at__lt=now() - LATE)
    for run_id in ended.values_list("id", flat=True)[:MOST]:
        yield Finding("doctor_log_unsealed", {"run_id": run_id}, _seal(run_id))


def _seal(run_id: int) -> Callable[[], object]:
    return lambda: logs.seal_logs(run_id)
