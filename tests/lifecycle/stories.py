"""Small plans that between them hold everything a plan can hold."""

from typing import Any

from interlock.lifecycle.run.plan import Branch, HostPlan, Plan, Rollout, Stage, StepPlan
from tests.lifecycle.world import Story


def step(name: str = "do", retries: int = 0, mutates: bool = True) -> StepPlan:
    return StepPlan(name, "command", retries=retries, mutates=mutates)


APPROVAL = StepPlan("approve", "approval")
TIMER = StepPlan("wait", "wait")
FATAL = StepPlan("check", "command", on_failure="fail")
REPEATABLE = StepPlan("sync", "command", on_lost="retry", mutates=False)
CLEAN_UP = Stage((step("clean up"),), always=True)


def rollout(*batches: int, steps: int = 1, **more: Any) -> Rollout:
    hosts = tuple(HostPlan(number, f"host{number}") for number in range(sum(batches)))
    inner = tuple(step(f"step {number}") for number in range(steps))
    return Rollout("roll", inner, hosts, batches, **more)


def plan(*stages: Branch | Stage, locks_at: int = -1) -> Plan:
    whole = tuple(each if isinstance(each, Stage) else Stage((each,)) for each in stages)
    return Plan(whole, locks_at)


GATE = (step("probe"),)
PUT_BACK = (step("go back"),)

STORIES = [
    Story(
        "people and locks",
        plan(step("build"), APPROVAL, step("ship", retries=1), CLEAN_UP, locks_at=2),
        plan(step("build"), APPROVAL, FATAL, CLEAN_UP, locks_at=2),
    ),
    Story(
        "locks without an approval",
        plan(step("build"), TIMER, step("ship"), locks_at=2),
        plan(step("build"), TIMER, REPEATABLE, locks_at=2),
    ),
    Story(
        "finalizers", plan(step(), CLEAN_UP, Stage((FATAL, REPEATABLE)), Stage((step(), step()), always=True))
    ),
    Story(
        "locks at a finalizer",
        plan(CLEAN_UP, step(), CLEAN_UP, CLEAN_UP, locks_at=2),
        plan(CLEAN_UP, FATAL, CLEAN_UP, locks_at=2),
    ),
    Story("waits side by side", plan(Stage((APPROVAL, TIMER, FATAL)), APPROVAL)),
    Story("batches", plan(rollout(1, 2, threshold=1), CLEAN_UP)),
    Story("one slice of two", plan(rollout(2, 1), locks_at=0), slice_size=2),
    Story("gate and bake", plan(rollout(2, bake=60, gate=GATE), locks_at=0), slice_size=2),
    Story("gate in slices", plan(rollout(2, threshold=1, gate=GATE))),
    Story("bake and confirm", plan(rollout(1, 1, bake=60, confirm=(0,), gate=GATE), CLEAN_UP)),
    Story("put back", plan(rollout(2, gate=GATE, put_back=PUT_BACK), locks_at=0), slice_size=2),
    Story("confirm three", plan(rollout(1, 2, confirm=(0, 1), threshold=1), step()), slice_size=2),
    Story("solo beside a rollout", plan(Stage((FATAL, rollout(1))), CLEAN_UP)),
    Story("two rollouts", plan(Stage((rollout(1), rollout(2))), CLEAN_UP), slice_size=2),
]
