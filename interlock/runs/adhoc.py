"""Runs without a template: steps put together for this once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.accounts.caller import Caller
from interlock.accounts.rights import require
from interlock.fleet.queries import select_hosts
from interlock.journal.transactions import writing
from interlock.lifecycle.fields import Env, Record
from interlock.lifecycle.filling import values_of
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
from interlock.runs import services
from interlock.runs.kinds.base import declared
from interlock.runs.models import Run
from interlock.vault.services import references


@dataclass(frozen=True)
class RolloutAsked:
    """A rollout over the hosts that a selector finds; ``batches`` are running totals."""

    name: str
    hosts: Mapping[str, Any]
    steps: tuple[StepPlan, ...]
    gate: tuple[StepPlan, ...] = ()
    put_back: tuple[StepPlan, ...] = ()
    batches: tuple[str, ...] = ()
    threshold: int = 0
    bake: int = 0
    confirm: tuple[int, ...] = ()


def start_adhoc(
    *,
    by: Caller,
    project_id: int,
    title: str,
    stages: Sequence[Sequence[StepPlan | RolloutAsked]],
    parameters: Mapping[str, str] | None = None,
    secrets: Sequence[str] = (),
) -> Run:
    """Make the run and start it."""
    require(by, "operate", project_id)
    given = dict(parameters or {})
    for fault in Env().faults(given, ("parameters",)):
        raise fault.refused()
    plan = Plan(tuple(Stage(tuple(_branch(by, project_id, asked) for asked in stage)) for stage in stages))
    services.check_plan(plan, project_id)
    _check_filling(plan, given, secrets)
    with writing():
        run = services.create_run(
            project_id=project_id,
            origin="adhoc",
            origin_id=None,
            title=title,
            plan=plan,
            plan_hash=digest({"plan": to_json(plan), "parameters": given}),
            by=by,
            parameters=given,
            secrets=references(secrets, project_id),
        )
        services.start(run_id=run.id, by=by)
    return run


def _branch(by: Caller, project_id: int, asked: StepPlan | RolloutAsked) -> StepPlan | Rollout:
    if isinstance(asked, StepPlan):
        _check_kind(asked)
        if asked.kind in ("command", "script") or "command" in asked.params:
            # It would run as the platform itself, beside its keys and its database.
            require(by, "platform")
        return asked
    for step in (*asked.steps, *asked.gate, *asked.put_back):
        _check_kind(step)
    hosts = select_hosts(by=by, project_id=project_id, selector=asked.hosts)
    if not hosts:
        raise invalid("rollout_empty", step=asked.name)
    return Rollout(
        name=asked.name,
        steps=asked.steps,
        gate=asked.gate,
        put_back=asked.put_back,
        hosts=tuple(HostPlan(host.id, host.name) for host in hosts),
        batches=split_batches(len(hosts), asked.batches),
        threshold=asked.threshold,
        bake=asked.bake,
        confirm=asked.confirm,
    )


def _check_filling(plan: Plan, given: Mapping[str, str], secrets: Sequence[str]) -> None:
    """What texts name in braces has to be there, and a secret only where nobody reads it."""
    open_names, secret_names = set(values_of(given)), set(values_of(dict.fromkeys(secrets, "")))
    for branch in (branch for stage in plan.stages for branch in stage.branches):
        steps, more = (branch.sequence, {"host"}) if isinstance(branch, Rollout) else ((branch,), set())
        for step in steps:
            for use in Record(declared()[step.kind].fields).uses(step.params, ()):
                if use.name in secret_names and not use.secrets:
                    raise invalid("filling_secret", name=use.name)
                if use.name not in open_names | secret_names | more:
                    raise invalid("filling_not_declared", name=use.name)


def _check_kind(step: StepPlan) -> None:
    if step.kind not in declared():
        raise invalid("kind_not_known", step=step.name, step_kind=step.kind, known=", ".join(declared()))
