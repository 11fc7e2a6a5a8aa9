"""A template as it was read, and the plan that it makes for hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from interlock.lifecycle.refused import invalid
from interlock.lifecycle.run.plan import Branch, HostPlan, Plan, Rollout, Stage, StepPlan, split_batches
from interlock.lifecycle.template.parameters import Parameter


@dataclass(frozen=True)
class RolloutPart:
    """A rollout before it is known over which hosts. ``batches`` are running totals; ``confirm`` counts
    batches from 1, as people do."""

    name: str
    steps: tuple[StepPlan, ...]
    gate: tuple[StepPlan, ...] = ()
    put_back: tuple[StepPlan, ...] = ()
    batches: tuple[str, ...] = ()
    threshold: int = 0
    bake: int = 0
    confirm: tuple[int, ...] = ()

    def over(self, hosts: Sequence[HostPlan]) -> Rollout:
        sizes = split_batches(len(hosts), self.batches)
        return Rollout(
            name=self.name,
            steps=self.steps,
            gate=self.gate,
            put_back=self.put_back,
            hosts=tuple(hosts),
            batches=sizes,
            threshold=self.threshold,
            bake=self.bake,
            # On few hosts there are fewer batches; after the last one nothing is left to say yes to.
            confirm=tuple(sorted({number - 1 for number in self.confirm if number < len(sizes)})),
        )


Part = StepPlan | RolloutPart


@dataclass(frozen=True)
class Template:
    parameters: tuple[Parameter, ...] = ()
    stages: tuple[tuple[Part, ...], ...] = ()
    always: tuple[StepPlan, ...] = ()
    help: dict[str, str] = field(default_factory=dict)

    @property
    def needs_hosts(self) -> bool:
        return any(isinstance(part, RolloutPart) for stage in self.stages for part in stage)

    @property
    def runs_here(self) -> bool:
        """Whether text of it is run on the platform's own machine."""
        solo = [part for stage in self.stages for part in stage if isinstance(part, StepPlan)]
        bodies = [*solo, *self.always]
        return any(step.kind in ("command", "script") or "command" in step.params for step in bodies)

    def outline(self) -> list[dict[str, Any]]:
        """The stages in the form of a plan, without hosts."""
        stages = [{"branches": [_told(part) for part in stage], "always": False} for stage in self.stages]
        return stages + [{"branches": [_told(step)], "always": True} for step in self.always]

    def plan(self, hosts: Sequence[HostPlan]) -> Plan:
        """Over these hosts; ``Refused`` where it works on hosts and there are none."""
        if self.needs_hosts and not hosts:
            raise invalid("task_needs_hosts")
        stages = [Stage(tuple(_branch(part, hosts) for part in stage)) for stage in self.stages]
        return Plan((*stages, *(Stage((step,), always=True) for step in self.always)))


def _branch(part: Part, hosts: Sequence[HostPlan]) -> Branch:
    return part.over(hosts) if isinstance(part, RolloutPart) else part


def _told(part: Part) -> dict[str, Any]:
    return {"rollout" if isinstance(part, RolloutPart) else "step": asdict(part)}
