"""Runs without a template: the shape of their stages, and how they become a plan."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from interlock.accounts.caller import Caller
from interlock.api.paging import Strict
from interlock.api.schemas import Id, Line, Short
from interlock.fleet.queries import select_hosts
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import invalid
from interlock.lifecycle.run.plan import (
    HostPlan,
    Plan,
    Rollout,
    Stage,
    StepPlan,
    digest,
    split_batches,
    to_json,
)
from interlock.releases.request import Selector
from interlock.runs import services
from interlock.runs.kinds.bodies import check_env
from interlock.vault.services import references


class AdhocStep(Strict):
    name: Short
    kind: Short
    params: dict[Short, Any] = Field(default_factory=dict, max_length=50)
    timeout: int = Field(default=600, ge=1, le=7 * 24 * 3600)
    retries: int = Field(default=0, ge=0, le=20)
    on_lost: Literal["hold", "retry"] = "hold"
    on_failure: Literal["hold", "fail"] = "hold"


Steps = Annotated[list[AdhocStep], Field(max_length=50)]


class AdhocRollout(Strict):
    name: Short
    hosts: Selector
    steps: Steps
    gate: Steps = []
    put_back: Steps = []
    batches: Annotated[list[Annotated[str, Field(max_length=8)]], Field(max_length=100)] = []
    threshold: int = Field(default=0, ge=0, le=10_000)
    bake: int = Field(default=0, ge=0, le=7 * 24 * 3600)
    confirm: Annotated[list[Annotated[int, Field(ge=0, le=1000)]], Field(max_length=100)] = []


class AdhocBranch(Strict):
    """One of the two."""

    step: AdhocStep | None = None
    rollout: AdhocRollout | None = None


class AdhocRun(Strict):
    """Stages one after another; the branches of a stage go on at once."""

    project_id: Id
    title: Short
    stages: Annotated[
        list[Annotated[list[AdhocBranch], Field(min_length=1, max_length=20)]],
        Field(min_length=1, max_length=50),
    ]
    parameters: dict[Short, Line] = Field(default_factory=dict, max_length=100)
    secrets: Annotated[list[Short], Field(max_length=50)] = []


def start_adhoc(by: Caller, body: AdhocRun) -> int:
    """Make the run and start it; its id."""
    check_env({"env": body.parameters})
    with writing():
        stages = tuple(Stage(tuple(_branch(by, body, branch) for branch in stage)) for stage in body.stages)
        plan = Plan(stages)
        run = services.create_run(
            project_id=body.project_id,
            origin="adhoc",
            origin_id=None,
            title=body.title,
            plan=plan,
            plan_hash=digest({"plan": to_json(plan), "parameters": body.parameters}),
            by=by,
            parameters=body.parameters,
            secrets=references(body.secrets, body.project_id),
        )
        services.start(run_id=run.id, by=by)
    return run.id


def _branch(by: Caller, body: AdhocRun, branch: AdhocBranch) -> StepPlan | Rollout:
    if (branch.step is None) == (branch.rollout is None):
        raise invalid("step_or_rollout")
    if branch.step is not None:
        return StepPlan(**branch.step.dict())
    assert branch.rollout is not None
    spec = branch.rollout
    hosts = select_hosts(by=by, project_id=body.project_id, selector=spec.hosts.model_dump(exclude_none=True))
    if not hosts:
        raise invalid("rollout_empty", step=spec.name)
    return Rollout(
        name=spec.name,
        steps=_steps(spec.steps),
        gate=_steps(spec.gate),
        put_back=_steps(spec.put_back),
        hosts=tuple(HostPlan(host.id, host.name) for host in hosts),
        batches=split_batches(len(hosts), spec.batches),
        threshold=spec.threshold,
        bake=spec.bake,
        confirm=tuple(spec.confirm),
    )


def _steps(steps: list[AdhocStep]) -> tuple[StepPlan, ...]:
    return tuple(StepPlan(**step.dict()) for step in steps)
