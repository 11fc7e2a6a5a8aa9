"""Making a run's rows."""

from __future__ import annotations

from interlock.lifecycle.run.plan import Plan, Rollout
from interlock.lifecycle.run.states import StepStatus
from interlock.runs.models import Approval, Lane, Run, Slice, Step


def make_steps(run: Run, plan: Plan) -> None:
    """Steps and lanes of the plan; rows of a former plan go. Approvals stay: they say who agreed to what."""
    Lane.objects.filter(run_id=run.id).delete()
    Slice.objects.filter(run_id=run.id).delete()
    former = {step.key: step for step in Step.objects.filter(run_id=run.id)}
    asked = set(Approval.objects.filter(run_id=run.id).values_list("step_id", flat=True))
    rows, lanes = [], []
    for number, stage in enumerate(plan.stages):
        for place, branch in enumerate(stage.branches):
            key = f"{number}.{place}"
            kind = "rollout" if isinstance(branch, Rollout) else branch.kind
            old = former.get(key)
            if old is not None and old.id in asked:
                Step.objects.filter(id=old.id).update(
                    name=branch.name, kind=kind, status=StepStatus.PENDING, ended_at=None, wake_at=None
                )
                former.pop(key)
                continue
            row = Step(run_id=run.id, key=key, stage=number, kind=kind, name=branch.name)
            rows.append(row)
            if isinstance(branch, Rollout):
                lanes.append((row, branch))
    Step.objects.filter(id__in=[step.id for step in former.values()]).delete()
    Step.objects.bulk_create(rows, batch_size=500)
    for row, rollout in lanes:
        _make_rollout(row, rollout)


def _make_rollout(row: Step, rollout: Rollout) -> None:
    Step.objects.bulk_create(
        [
            Step(
                run_id=row.run_id,
                parent=row,
                key=f"{row.key}.{position}",
                stage=row.stage,
                position=position,
                kind=step.kind,
                name=step.name,
            )
            for position, step in enumerate(rollout.sequence)
        ],
        batch_size=500,
    )
    lanes = [
        Lane(run_id=row.run_id, step=row, host_id=host.id, host_name=host.name, batch=batch)
        for batch in range(len(rollout.batches))
        for host in rollout.hosts_of(batch)
    ]
    Lane.objects.bulk_create(lanes, batch_size=500)
