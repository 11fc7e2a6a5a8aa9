"""What the tests of the engine share: making runs, and playing a worker step by step."""

from __future__ import annotations

from interlock.lifecycle.run.lane import Begun, Ended
from interlock.lifecycle.run.plan import HostPlan, Plan, Rollout, Stage, StepPlan, digest, to_json
from interlock.lifecycle.run.states import StepStatus
from interlock.runs import services
from interlock.runs.engine.apply import Claimer
from interlock.runs.engine.claims import SliceWork, claim_slice
from interlock.runs.engine.lanes import Reply, Report, flush
from interlock.runs.models import Run, Slice, Step
from tests.cast import Cast


def plan_of(*branches: StepPlan | Rollout, locks_at: int = -1) -> Plan:
    """One branch a stage."""
    return Plan(tuple(Stage((branch,)) for branch in branches), locks_at)


def rollout(hosts: tuple[HostPlan, ...], *batches: int, threshold: int = 0, steps: int = 2) -> Rollout:
    return Rollout(
        name="roll",
        steps=tuple(StepPlan(f"step {n}", "noop") for n in range(steps)),
        hosts=hosts,
        batches=batches or (len(hosts),),
        threshold=threshold,
    )


def make_run(cast: Cast, plan: Plan, *, origin: str = "adhoc", start: bool = True) -> Run:
    run = services.create_run(
        project_id=cast.project_id,
        origin=origin,
        origin_id=None,
        title="a run",
        plan=plan,
        plan_hash=digest(to_json(plan)),
        by=cast.ann,
    )
    return services.start(run_id=run.id, by=cast.ann) if start else run


def fresh(run: Run) -> Run:
    return Run.objects.get(id=run.id)


def step_of(run: Run, key: str) -> Step:
    return Step.objects.get(run=run, key=key)


def ready_slices(run: Run) -> list[int]:
    return list(Slice.objects.filter(run=run, status="ready").order_by("id").values_list("id", flat=True))


def claimed(run: Run, claimer: Claimer) -> SliceWork:
    work = claim_slice(ready_slices(run)[0], claimer)
    assert work is not None
    return work


def report(work: SliceWork, claimer: Claimer, *reports: Report) -> Reply:
    return flush(work.id, work.run.id, work.epoch, claimer.worker, reports)


def begin_all(work: SliceWork, claimer: Claimer) -> Reply:
    return report(work, claimer, *(Report(lane.id, Begun()) for lane in work.lanes))


def end_all(work: SliceWork, claimer: Claimer, reply: Reply, status: StepStatus) -> Reply:
    ends = [
        Report(lane_id, Ended(grant.launch.seq, status), exit_code=0 if status is StepStatus.SUCCEEDED else 1)
        for lane_id, grant in reply.grants.items()
    ]
    return report(work, claimer, *ends)


def carry_through(run: Run, claimer: Claimer) -> None:
    """Every ready slice, each lane succeeding."""
    while ready_slices(run):
        work = claimed(run, claimer)
        reply = begin_all(work, claimer)
        while reply.grants:
            reply = end_all(work, claimer, reply, StepStatus.SUCCEEDED)
