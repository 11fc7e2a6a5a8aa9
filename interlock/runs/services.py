"""Everything that people, schedules and other contexts may do with runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from interlock.accounts.caller import Caller
from interlock.accounts.rights import require
from interlock.journal.actor import Actor
from interlock.journal.services import NewEntry, append
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, invalid, missing
from interlock.lifecycle.run import plan as plans
from interlock.lifecycle.run.events import (
    GaveUp,
    HostsExcluded,
    Paused,
    PlanReplaced,
    Resumed,
    Started,
    StepResolved,
    StepRetried,
    StepSkipped,
    StopAsked,
    WentOn,
)
from interlock.lifecycle.run.lane import Excluded, LaneEvent, Resolved, Retried, decide_lane
from interlock.lifecycle.run.plan import Key, Plan, Rollout
from interlock.lifecycle.run.states import LANE_BROKEN, LaneStatus, RunStatus
from interlock.runs.clock import now
from interlock.runs.engine.apply import Change, apply, apply_locked, finish, store_plan
from interlock.runs.engine.lanes import tell_participant
from interlock.runs.engine.rows import make_steps
from interlock.runs.engine.snapshot import LANE_FIELDS, lane_value, lock_run, plan_of, set_lane
from interlock.runs.kinds.base import check_step
from interlock.runs.models import Lane, Run, Step
from interlock.runs.participants import NewPlan


def check_plan(plan: Plan, project_id: int) -> None:
    """Refuse a plan that could not be carried out, with its step kinds' parameters."""
    plans.check(plan)
    for stage in plan.stages:
        for branch in stage.branches:
            if isinstance(branch, Rollout):
                for step in branch.sequence:
                    check_step(step, project_id, on_hosts=True)
            else:
                check_step(branch, project_id, on_hosts=False)


def create_run(
    *,
    project_id: int,
    origin: str,
    origin_id: int | None,
    title: str,
    plan: Plan,
    plan_hash: str,
    by: Actor,
    parameters: Mapping[str, str] | None = None,
    secrets: Mapping[str, list[int]] | None = None,
    made_from: Mapping[str, Any] | None = None,
    rerun_of: int | None = None,
) -> Run:
    """A run with its plan frozen, not started. The caller has checked rights."""
    check_plan(plan, project_id)
    with writing():
        run = Run.objects.create(
            project_id=project_id,
            origin=origin,
            origin_id=origin_id,
            title=title[:200],
            plan=plans.to_json(plan),
            plan_hash=plan_hash,
            parameters=dict(parameters or {}),
            secrets=dict(secrets or {}),
            made_from=dict(made_from or {}),
            rerun_of_id=rerun_of,
            requested_by={"kind": by.kind, "id": by.id, "name": by.name},
            created_at=now(),
        )
        make_steps(run, plan)
        append(
            NewEntry(
                actor=by, subject="run", subject_id=run.id, act="run.created", project_id=project_id,
                to_status=RunStatus.PENDING, facts={"plan_hash": plan_hash, "origin": origin},
            )
        )  # fmt: skip
    return run


def start(*, run_id: int, by: Caller) -> Run:
    """Start it, or try again where its locks were refused. Refused locks undo the start."""
    _require(by, run_id, _right_to_start(run_id))
    return apply(run_id, Started(), by=by, act="run.start_asked", raise_refusal=True)


def stop(*, run_id: int, by: Caller, reason: str) -> Run:
    """End whatever the run has started, with proof; it ends as canceled."""
    _require(by, run_id, "operate")
    return apply(run_id, StopAsked(), by=by, reason=reason, act="run.stop_asked")


def pause(*, run_id: int, by: Caller, reason: str) -> Run:
    """Begin nothing further; what has begun goes on to its end, each host through all of its steps."""
    _require(by, run_id, "operate")
    return apply(run_id, Paused(), by=by, reason=reason, act="run.pause_asked")


def resume(*, run_id: int, by: Caller, reason: str) -> Run:
    _require(by, run_id, "operate")
    return apply(run_id, Resumed(), by=by, reason=reason, act="run.resume_asked")


def give_up(*, run_id: int, by: Caller, reason: str) -> Run:
    _require(by, run_id, "operate")
    return apply(run_id, GaveUp(), by=by, reason=reason, act="run.given_up")


def skip(*, run_id: int, key: str, by: Caller, reason: str) -> Run:
    _require(by, run_id, "operate")
    return apply(run_id, StepSkipped(_key(run_id, key)), by=by, reason=reason, act="step.skip_asked")


def go_on(*, run_id: int, key: str, by: Caller) -> Run:
    """Let the next batch, or a manual wait, go on."""
    _require(by, run_id, "operate")
    return apply(run_id, WentOn(_key(run_id, key)), by=by, act="step.went_on")


def retry(*, run_id: int, key: str, by: Caller, reason: str, host_ids: Sequence[int] | None = None) -> Run:
    """A broken solo step, or a held rollout's broken hosts (all, or those named), go again."""
    return _lane_verb(run_id, key, by, reason, "step.retry_asked", Retried(), StepRetried, host_ids)


def exclude(*, run_id: int, key: str, by: Caller, reason: str, host_ids: Sequence[int]) -> Run:
    """Take hosts out of the rollout."""
    if not host_ids:
        raise invalid("hosts_missing")
    return _lane_verb(run_id, key, by, reason, "step.hosts_excluded", Excluded(), HostsExcluded, host_ids)


def resolve(
    *,
    run_id: int,
    key: str,
    by: Caller,
    reason: str,
    answer: Literal["done", "retry", "fail"],
    host_ids: Sequence[int] | None = None,
) -> Run:
    """Say what an unknown try came to."""
    return _lane_verb(
        run_id,
        key,
        by,
        reason,
        "step.resolved",
        Resolved(answer),
        lambda k: StepResolved(k, answer),
        host_ids,
    )


def _lane_verb(
    run_id: int,
    key: str,
    by: Caller,
    reason: str,
    act: str,
    lane_event: LaneEvent,
    run_event: object,
    host_ids: Sequence[int] | None,
) -> Run:
    """Change the lanes that the verb is for, then tell the run."""
    _require(by, run_id, "operate")
    where = _key(run_id, key)
    with writing():
        run = lock_run(run_id)
        change = Change(run=run, by=by, at=now(), reason=reason)
        change.note(act, key=key, hosts=list(host_ids or []))
        branch = plan_of(run).branch(where)
        if isinstance(branch, Rollout) and run.stage == where.stage:
            _change_lanes(change, where, branch, lane_event, host_ids)
        elif host_ids:
            raise invalid("no_hosts_here")
        apply_locked(change, run_event(where))  # type: ignore[operator]
        finish(change)
    return run


def _change_lanes(
    change: Change, key: Key, rollout: Rollout, event: LaneEvent, host_ids: Sequence[int] | None
) -> None:
    lanes = Lane.objects.filter(run_id=change.run.id, step__key=str(key))
    step = Step.objects.get(run_id=change.run.id, key=str(key))
    if not isinstance(event, Excluded):
        # A batch that is through stays as it is: nobody would take its hosts up again.
        lanes = lanes.filter(batch=step.batch)
    if host_ids is None:
        wanted = [LaneStatus.UNKNOWN] if isinstance(event, Resolved) else list(LANE_BROKEN)
        rows = list(lanes.filter(status__in=wanted))
        if not rows:
            raise Refused("no_lane_for_this")
    else:
        rows = list(lanes.filter(host_id__in=host_ids))
        strangers = sorted(set(host_ids) - {row.host_id for row in rows})
        if strangers:
            raise missing("host_not_in_run", hosts=", ".join(map(str, strangers[:20])))
    moved = []
    for row in rows:
        old = lane_value(row)
        new, _ = decide_lane(rollout, old, event)
        set_lane(row, new)
        row.ended_at = None if new.status is LaneStatus.PENDING else row.ended_at or change.at
        if new.status is not LaneStatus.PENDING and row.batch > step.batch:
            row.ended_at = change.at
        moved.append(row)
    Lane.objects.bulk_update(moved, LANE_FIELDS, batch_size=200)
    tell_participant(change.run, [row for row in moved if row.status != LaneStatus.PENDING])


def replace_plan(*, run_id: int, plan: Plan, plan_hash: str, by: Actor, reason: str) -> Run:
    """Put another plan in before work has begun; approvals are asked for again."""
    with writing():
        run = lock_run(run_id)
        check_plan(plan, run.project_id)
        if run.locked or run.ended_at is not None:
            raise Refused("work_has_begun")
        change = Change(run=run, by=by, at=now(), reason=reason)
        store_plan(change, NewPlan(plan, plan_hash))
        apply_locked(change, PlanReplaced())
        finish(change)
    return run


def _right_to_start(run_id: int) -> str:
    return "release" if Run.objects.filter(id=run_id, origin="release").exists() else "operate"


def _require(by: Caller, run_id: int, right: str) -> None:
    project_id = Run.objects.filter(id=run_id).values_list("project_id", flat=True).first()
    if project_id is None:
        raise missing("run_not_known", run_id=run_id)
    require(by, right, project_id)


def _key(run_id: int, text: str) -> Key:
    """The branch that a caller names; refused when the run has none like it."""
    parts = text.split(".")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):
        raise missing("step_not_known", key=text[:32])
    if not Step.objects.filter(run_id=run_id, key=text, position=-1).exists():
        raise missing("step_not_known", key=text)
    return Key.parse(text)
