"""The frozen plan of a run: what will be done, in which order, where.

A plan is a row of stages. A stage is one branch, or several that go on at once. A branch is a *solo*
step (carried out once, on the platform's side) or a *rollout* (an inner row of steps, host by host, in
batches). The plan is stored with the run as JSON with a schema number; editing what it was made from
never touches it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from interlock.lifecycle.refused import invalid

SCHEMA = 1
Json = Mapping[str, Any]


@dataclass(frozen=True)
class StepPlan:
    """One step. ``timeout`` is in seconds, for one try; ``retries`` counts further tries."""

    name: str
    kind: str
    params: Json = field(default_factory=dict)
    timeout: int = 600
    retries: int = 0
    on_lost: Literal["hold", "retry"] = "hold"
    on_failure: Literal["hold", "fail"] = "hold"  # of solo steps: wait for a person, or end the run
    mutates: bool = True  # fenced on the host; counts as having touched it

    @property
    def mode(self) -> Literal["work", "approval", "timer"]:
        if self.kind == "approval":
            return "approval"
        return "timer" if self.kind == "wait" else "work"


@dataclass(frozen=True)
class HostPlan:
    """A host of a rollout; ``facts`` are handed to its steps (from, to, port ...)."""

    id: int
    name: str
    facts: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Rollout:
    """``steps`` per host in order; ``gate`` after the batch's bake time; ``put_back`` after a failure.

    ``batches`` are sizes that add up to the number of hosts. More than ``threshold`` failed hosts over
    the whole rollout hold it for a person. ``confirm`` names the batches (from 0) after which a person
    must say go on.
    """

    name: str
    steps: tuple[StepPlan, ...]
    hosts: tuple[HostPlan, ...]
    batches: tuple[int, ...]
    gate: tuple[StepPlan, ...] = ()
    put_back: tuple[StepPlan, ...] = ()
    threshold: int = 0
    bake: int = 0
    confirm: tuple[int, ...] = ()

    @property
    def sequence(self) -> tuple[StepPlan, ...]:
        """All inner steps; a lane's position counts in it."""
        return self.steps + self.gate + self.put_back

    def hosts_of(self, batch: int) -> tuple[HostPlan, ...]:
        start = sum(self.batches[:batch])
        return self.hosts[start : start + self.batches[batch]]


Branch = StepPlan | Rollout


@dataclass(frozen=True)
class Stage:
    """Branches that go on at once. ``always``: also after a failure or a stop (solo steps only)."""

    branches: tuple[Branch, ...]
    always: bool = False


@dataclass(frozen=True)
class Plan:
    """``locks_at``: the stage before which the run's locks are taken, or -1 for a run without."""

    stages: tuple[Stage, ...]
    locks_at: int = -1

    def branch(self, key: Key) -> Branch:
        return self.stages[key.stage].branches[key.branch]

    def keys(self, stage: int) -> tuple[Key, ...]:
        return tuple(Key(stage, number) for number in range(len(self.stages[stage].branches)))

    def approval_before_locks(self) -> int | None:
        """The first stage in front of the locks that holds an approval."""
        for number in range(max(self.locks_at, 0)):
            if any(isinstance(b, StepPlan) and b.mode == "approval" for b in self.stages[number].branches):
                return number
        return None


@dataclass(frozen=True, order=True)
class Key:
    """A branch of a plan."""

    stage: int
    branch: int

    def __str__(self) -> str:
        return f"{self.stage}.{self.branch}"

    @staticmethod
    def parse(text: str) -> Key:
        stage, branch = text.split(".")[:2]
        return Key(int(stage), int(branch))


def split_batches(count: int, batches: Sequence[str | int]) -> tuple[int, ...]:
    """Sizes for ``count`` hosts from running totals such as ``["1", "10%", "100%"]``.

    Percentages are of all hosts, rounded up; the last batch takes what is left.
    """
    totals: list[int] = []
    for entry in batches or ["100%"]:
        text = str(entry).strip()
        number = int(text.rstrip("%")) if re.fullmatch(r"[0-9]{1,6}%?", text) else 0
        if number == 0 or (text.endswith("%") and number > 100):
            raise invalid("batches_unreadable", value=text)
        total = -(-count * number // 100) if text.endswith("%") else number
        if totals and total < totals[-1]:
            raise invalid("batches_not_rising", value=text)
        totals.append(min(total, count))
    totals.append(count)
    sizes = [after - before for before, after in zip([0, *totals], totals, strict=False)]
    return tuple(size for size in sizes if size > 0)


def to_json(plan: Plan) -> dict[str, Any]:
    stages = []
    for stage in plan.stages:
        branches = [
            {"rollout": asdict(branch)} if isinstance(branch, Rollout) else {"step": asdict(branch)}
            for branch in stage.branches
        ]
        stages.append({"branches": branches, "always": stage.always})
    return {"schema": SCHEMA, "locks_at": plan.locks_at, "stages": stages}


def from_json(data: Mapping[str, Any]) -> Plan:
    """Read a stored plan of this or an earlier schema."""
    if data["schema"] != SCHEMA:
        raise ValueError(f"a plan of schema {data['schema']}; this version reads {SCHEMA}")
    stages = tuple(
        Stage(branches=tuple(_branch(b) for b in stage["branches"]), always=stage["always"])
        for stage in data["stages"]
    )
    return Plan(stages=stages, locks_at=data["locks_at"])


def _branch(data: Mapping[str, Any]) -> Branch:
    if "step" in data:
        return StepPlan(**data["step"])
    values = dict(data["rollout"])
    for name in ("steps", "gate", "put_back"):
        values[name] = tuple(StepPlan(**step) for step in values[name])
    values["hosts"] = tuple(HostPlan(**host) for host in values["hosts"])
    for name in ("batches", "confirm"):
        values[name] = tuple(values[name])
    return Rollout(**values)


def check(plan: Plan) -> None:
    """Raise ``Refused`` when the plan cannot be carried out as written."""
    if not plan.stages or any(not stage.branches for stage in plan.stages):
        raise invalid("plan_empty")
    for stage in plan.stages:
        for branch in stage.branches:
            if isinstance(branch, Rollout):
                _check_rollout(branch)
            if stage.always and (isinstance(branch, Rollout) or branch.mode != "work"):
                # Of a run whose end is decided nobody can be asked anything.
                raise invalid("finalizer_unfit", step=branch.name)
    ids = [b.name for s in plan.stages for b in s.branches]
    if any(not name or len(name) > 100 for name in ids):
        raise invalid("step_name_unfit")


def _check_rollout(rollout: Rollout) -> None:
    if not rollout.hosts or not rollout.steps:
        raise invalid("rollout_empty", step=rollout.name)
    if sum(rollout.batches) != len(rollout.hosts) or min(rollout.batches) < 1:
        raise invalid("batches_do_not_fit", step=rollout.name)
    if len({host.id for host in rollout.hosts}) != len(rollout.hosts):
        raise invalid("host_twice", step=rollout.name)
    for step in rollout.sequence:
        if step.mode != "work":
            raise invalid("kind_not_on_hosts", step=step.name, step_kind=step.kind)


def digest(value: object) -> str:
    """SHA-256 over canonical JSON: what an approval binds to."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
