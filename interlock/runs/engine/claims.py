"""The one door through which work starts: a conditional UPDATE that takes a row, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.db import InterfaceError, OperationalError
from django.db.models import F, Q

from interlock.journal.actor import Actor
from interlock.journal.transactions import writing
from interlock.lifecycle.run.events import StepEnded
from interlock.lifecycle.run.lane import Lane as LaneValue
from interlock.lifecycle.run.plan import HostPlan, Key, Rollout, StepPlan
from interlock.lifecycle.run.states import LaneStatus, SliceStatus, StepStatus
from interlock.runs import wake
from interlock.runs.clock import now
from interlock.runs.engine.apply import Change, Claimer, apply_locked, finish, finish_all
from interlock.runs.engine.snapshot import (
    branch_rows_of,
    for_update,
    lane_value,
    lock_run,
    lock_runs,
    plan_of,
    state_of,
)
from interlock.runs.kinds.base import Outcome, RunFacts
from interlock.runs.models import Lane, Run, Slice, Step


class LeaseLost(Exception):
    """Somebody else has this work now: stop following and writing, never kill."""


@dataclass(frozen=True)
class StepWork:
    """A claimed solo step."""

    id: int
    epoch: int
    run: RunFacts
    secrets: Mapping[str, list[int]]
    key: str
    step: StepPlan
    try_number: int
    adopted: bool
    started_ago: float  # seconds since the try was first made ready
    stop: bool


@dataclass(frozen=True)
class Ending:
    """How a claimed solo step ended, and whether its worker would go on with the next one."""

    work: StepWork
    outcome: Outcome
    go_on: bool


@dataclass(frozen=True)
class LaneWork:
    id: int
    value: LaneValue
    host: HostPlan
    target_id: int | None  # of the current position, when a try of it was launched
    started_ago: float


@dataclass(frozen=True)
class SliceWork:
    """A claimed slice."""

    id: int
    epoch: int
    run: RunFacts
    secrets: Mapping[str, list[int]]
    key: str
    rollout: Rollout
    phase: str
    lanes: tuple[LaneWork, ...]
    stop: bool


Answer = StepWork | BaseException | None  # to an ending: the step to go on with, or why it was not written


def facts_of(run: Run) -> RunFacts:
    return RunFacts(
        id=run.id,
        title=run.title,
        origin=run.origin,
        origin_id=run.origin_id,
        project_id=run.project_id,
        lock_token=run.lock_token,
        parameters=run.parameters,
        made_at=run.created_at,
    )


def claim_step(step_id: int, claimer: Claimer) -> StepWork | None:
    """Take a ready solo step. None: somebody has it, it is not ready, or it belongs to another machine."""
    run_id = Step.objects.filter(id=step_id).values_list("run_id", flat=True).first()
    if run_id is None:
        return None
    with writing():
        run = lock_run(run_id)
        row = for_update(Step.objects.filter(id=step_id, status=StepStatus.READY)).first()
        if row is None or row.machine not in ("", claimer.machine):
            return None
        at = now()
        adopted = row.machine != ""
        if run.paused and not adopted:
            return None
        taken = Step.objects.filter(id=row.id, status=StepStatus.READY, epoch=row.epoch).update(
            status=StepStatus.RUNNING,
            epoch=row.epoch + 1,
            worker=claimer.worker,
            machine=claimer.machine,
            lease_until=at + timedelta(seconds=claimer.lease_seconds),
        )
        if not taken:
            return None
        change = Change(run=run, by=_worker_actor(claimer), at=at)
        change.note(
            "step.running", old=StepStatus.READY, new=StepStatus.RUNNING, key=row.key, adopted=adopted
        )
        finish(change)
        row.epoch += 1
        return _step_work(run, row, facts_of(run), run.secrets, adopted=adopted)


def _step_work(
    run: Run, row: Step, facts: RunFacts, secrets: Mapping[str, list[int]], *, adopted: bool = False
) -> StepWork:
    spec = plan_of(run).branch(Key.parse(row.key))
    assert isinstance(spec, StepPlan)
    started = row.started_at
    return StepWork(
        id=row.id,
        epoch=row.epoch,
        run=replace(facts, lock_token=run.lock_token),
        secrets=secrets,
        key=row.key,
        step=spec,
        try_number=row.try_number,
        adopted=adopted,
        started_ago=(now() - started).total_seconds() if adopted and started else 0.0,
        stop=run.stop_requested,
    )


def finish_step(work: StepWork, outcome: Outcome, claimer: Claimer, *, go_on: bool) -> StepWork | None:
    """Write how a step ended and, where ``go_on`` and the plan allow, claim the next one right here."""
    (answer,) = _finish_together([Ending(work, outcome, go_on)], claimer)
    if isinstance(answer, LeaseLost):
        raise answer
    return answer


def finish_steps(ended: Sequence[Ending], claimer: Claimer) -> list[Answer]:
    """``finish_step`` for steps of many runs: in one transaction, or where that fails in one for each."""
    answers: dict[int, Answer] = {}
    left = dict(enumerate(ended))
    while left:
        # Two steps of one run: the second is decided on what the first has left.
        of_run = {ending.work.run.id: number for number, ending in reversed(left.items())}
        together = {number: left.pop(number) for number in sorted(of_run.values())}
        try:
            found: Sequence[Answer] = _finish_together(list(together.values()), claimer)
        except (OperationalError, InterfaceError):
            raise  # the database is away: the caller tries all of it again
        except Exception as error:
            found = [error] if len(together) == 1 else [_alone(one, claimer) for one in together.values()]
        answers.update(zip(together, found, strict=True))
    return [answers[number] for number in range(len(ended))]


def _alone(ending: Ending, claimer: Claimer) -> Answer:
    (answer,) = finish_steps([ending], claimer)
    return answer


def _finish_together(ended: Sequence[Ending], claimer: Claimer) -> list[StepWork | LeaseLost | None]:
    with writing():
        runs = lock_runs(ending.work.run.id for ending in ended)
        # The next stage's rows, too: with luck its step is the one to go on with.
        rows = branch_rows_of(runs.values(), ahead=1)
        changes = [_ended(runs[e.work.run.id], rows[e.work.run.id], e, claimer) for e in ended]
        finish_all([change for change in changes if change is not None])
    return [_next_work(ending, change) for ending, change in zip(ended, changes, strict=True)]


def _ended(run: Run, rows: dict[str, Step], ending: Ending, claimer: Claimer) -> Change | None:
    """None where somebody else has the step by now."""
    work, outcome = ending.work, ending.outcome
    row = rows.get(work.key)
    mine = (StepStatus.RUNNING, work.epoch, claimer.worker)
    if row is None or (row.status, row.epoch, row.worker) != mine:
        return None
    to_go_on = claimer if ending.go_on else None
    change = Change(run=run, by=_worker_actor(claimer), at=now(), claimer=to_go_on, rows=rows)
    exit_code = {} if outcome.exit_code is None else {"exit_code": outcome.exit_code}
    change.steps[row.key] = {"result": {**outcome.result, **exit_code}, "lease_until": None}
    apply_locked(change, StepEnded(Key.parse(row.key), outcome.status), state=state_of(run, rows))
    if outcome.error:
        change.steps.setdefault(row.key, {})["error"] = outcome.error[:64]
    return change


def _next_work(ending: Ending, change: Change | None) -> StepWork | LeaseLost | None:
    if change is None:
        return LeaseLost()
    if change.claimed is None:
        return None
    return _step_work(change.run, change.claimed, ending.work.run, ending.work.secrets)


def claim_slice(slice_id: int, claimer: Claimer) -> SliceWork | None:
    run_id = Slice.objects.filter(id=slice_id).values_list("run_id", flat=True).first()
    if run_id is None:
        return None
    with writing():
        run = lock_run(run_id)
        row = for_update(Slice.objects.filter(id=slice_id, status=SliceStatus.READY)).first()
        if row is None:
            return None
        taken = Slice.objects.filter(id=row.id, status=SliceStatus.READY, epoch=row.epoch).update(
            status=SliceStatus.RUNNING,
            epoch=row.epoch + 1,
            worker=claimer.worker,
            lease_until=now() + timedelta(seconds=claimer.lease_seconds),
        )
        if not taken:
            return None
        row.epoch += 1
        return _slice_work(run, row)


def _slice_work(run: Run, row: Slice) -> SliceWork:
    step = Step.objects.get(id=row.step_id)
    rollout = plan_of(run).branch(Key.parse(step.key))
    assert isinstance(rollout, Rollout)
    hosts = {host.id: host for host in rollout.hosts_of(row.batch)}
    lanes = []
    for lane in Lane.objects.filter(slice_id=row.id).order_by("id").prefetch_related("targets__step"):
        target = next((t for t in lane.targets.all() if t.step.position == lane.position), None)
        running = lane.status == LaneStatus.RUNNING and target is not None
        lanes.append(
            LaneWork(
                id=lane.id,
                value=lane_value(lane),
                host=hosts[lane.host_id],
                target_id=target.id if target else None,
                started_ago=(now() - target.started_at).total_seconds() if running and target else 0.0,
            )
        )
    return SliceWork(
        id=row.id,
        epoch=row.epoch,
        run=facts_of(run),
        secrets=run.secrets,
        key=step.key,
        rollout=rollout,
        phase=step.phase,
        lanes=tuple(lanes),
        stop=run.stop_requested,
    )


def renew(steps: Mapping[int, int], slices: Mapping[int, int], claimer: Claimer) -> tuple[set[int], set[int]]:
    """Renew leases (id -> epoch); returns the ids of steps and of slices that are ours no more."""
    until = now() + timedelta(seconds=claimer.lease_seconds)
    lost_steps: set[int] = set()
    lost_slices: set[int] = set()
    with writing():
        for model, held, lost in ((Step, steps, lost_steps), (Slice, slices, lost_slices)):
            if not held:
                continue
            rows = model.objects.filter(id__in=list(held), worker=claimer.worker, status="running")
            rows.update(lease_until=until)
            still = dict(rows.values_list("id", "epoch"))
            lost.update(row_id for row_id, epoch in held.items() if still.get(row_id) != epoch)
    return lost_steps, lost_slices


def hand_back(step_ids: Iterable[int], slice_ids: Iterable[int], worker: str) -> None:
    """A worker that goes away gives its work back at once; bodies on hosts go on."""
    at = now()
    refs = []
    with writing():
        for what, model, ids in (("step", Step, list(step_ids)), ("slice", Slice, list(slice_ids))):
            rows = model.objects.filter(id__in=ids, worker=worker, status="running")
            freed = list(rows.values_list("id", flat=True))
            rows.update(status="ready", lease_until=None, sent_at=at, sends=1, worker="")
            refs += [wake.Ref("step" if what == "step" else "slice", row_id) for row_id in freed]
        wake.after_commit(refs)


def expire(*, everything: bool = False) -> list[wake.Ref]:
    """Make ready again what a dead worker held: the next one adopts the same try.

    ``everything``: at the boot of the embedded server, which has no other process beside it.
    """
    at = now()
    refs: list[wake.Ref] = []
    late = Q() if everything else Q(lease_until__lt=at)
    with writing():
        for what, model in (("step", Step), ("slice", Slice)):
            ids = list(
                model.objects.filter(late, status="running", lease_until__isnull=False)
                .order_by("lease_until")
                .values_list("id", flat=True)[:200]
            )
            for row_id in ids:
                taken = model.objects.filter(late, id=row_id, status="running").update(
                    status="ready", lease_until=None, worker="", sent_at=at, sends=1
                )
                if taken:
                    refs.append(wake.Ref("step" if what == "step" else "slice", row_id))
        wake.after_commit(refs)
    return refs


def _worker_actor(claimer: Claimer) -> Actor:
    return Actor("system", claimer.worker, "worker")


def take_from_gone_machine(step_id: int) -> bool:
    """Close the door for a machine that may still come back: its epoch is past."""
    ready = Step.objects.filter(id=step_id, status="ready")
    taken = ready.update(status="running", epoch=F("epoch") + 1, error="machine_gone", worker="")
    return taken == 1
