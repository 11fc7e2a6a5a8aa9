"""Faults planted in the rules one by one: a walk that would not see them would prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from interlock.lifecycle.run import decide
from interlock.lifecycle.run import events as happened
from interlock.lifecycle.run import lane as lane_rules
from interlock.lifecycle.run.events import Effect
from interlock.lifecycle.run.lane import Begun, Decision, Ended, Lane, LaneEvent, Launch
from interlock.lifecycle.run.plan import Plan, Rollout
from interlock.lifecycle.run.states import LaneStatus, RunStatus, StepStatus
from interlock.lifecycle.run.value import BranchState, RunState
from tests.lifecycle.stories import STORIES
from tests.lifecycle.test_lane_walk import ROLLOUTS
from tests.lifecycle.test_lane_walk import walk as walk_lane
from tests.lifecycle.walk import walk
from tests.lifecycle.world import Fault

decide_lane, after_try, launch_body = lane_rules.decide_lane, lane_rules._after_try, lane_rules._launch
decide_run, begin_stage, too_many_broken = decide.decide_run, decide._begin_stage, decide._too_many_broken
batch_through, solo_verb, settle = decide._batch_through, decide._solo_verb, decide._settle


def _name(part: object) -> str:
    return getattr(part, "__name__", "")


# --- of lanes


def takes_stale_results(plan: Rollout, lane: Lane, event: LaneEvent) -> Decision:
    return decide_lane(plan, lane, replace(event, seq=lane.seq) if isinstance(event, Ended) else event)


def begins_what_was_excluded(plan: Rollout, lane: Lane, event: LaneEvent) -> Decision:
    if isinstance(event, Begun) and lane.status is LaneStatus.SKIPPED:
        lane = replace(lane, status=LaneStatus.PENDING)
    return decide_lane(plan, lane, event)


def keeps_the_try(plan: Rollout, lane: Lane, position: int) -> Decision:
    lane, launch = launch_body(plan, lane, position)
    assert launch is not None
    seq = max(lane.seq - 1, 1)
    return replace(lane, seq=seq), Launch(position, seq)


def repeats_what_nobody_knows(plan: Rollout, lane: Lane, ended: Ended) -> Decision:
    if ended.status is StepStatus.UNKNOWN and not lane.retries_used:
        return launch_body(plan, replace(lane, retries_used=1), lane.position)
    return after_try(plan, lane, ended)


def never_puts_back(plan: Rollout, lane: Lane, error: str) -> Lane:
    return replace(lane, status=LaneStatus.FAILED, failed_at=lane.position)


def retries_behind_the_failure(plan: Rollout, lane: Lane) -> Lane:
    position = min(lane.position + 1, len(plan.steps) - 1)
    return replace(lane, status=LaneStatus.PENDING, position=position, failed_at=-1)


def does_not_wait_at_the_gate(plan: Rollout, lane: Lane) -> Lane:
    lane = replace(lane, position=lane.position + 1)
    done = lane.position == len(plan.steps + plan.gate)
    return replace(lane, status=LaneStatus.SUCCEEDED) if done else lane


LANE_FAULTS: list[tuple[str, Callable[..., Any], str]] = [
    ("decide_lane", takes_stale_results, "one step"),
    ("decide_lane", begins_what_was_excluded, "one step"),
    ("_launch", keeps_the_try, "retries"),
    ("_after_try", repeats_what_nobody_knows, "two steps"),
    ("_after_failure", never_puts_back, "put back"),
    ("_retry", retries_behind_the_failure, "two steps"),
    ("_after_success", does_not_wait_at_the_gate, "gate"),
]


@pytest.mark.parametrize(("name", "fault", "plan"), LANE_FAULTS, ids=_name)
def test_the_walk_of_lanes_sees(
    monkeypatch: pytest.MonkeyPatch, name: str, fault: Callable[..., Any], plan: str
) -> None:
    monkeypatch.setattr(lane_rules, name, fault)
    with pytest.raises(Fault):
        walk_lane(ROLLOUTS[plan])


# --- of runs


def takes_late_results(
    plan: Plan, run: RunState, event: happened.StepEnded, effects: list[Effect]
) -> RunState:
    branch = next((b for b in run.branches if b.key == event.key), None)
    return run if branch is None else run.with_branch(replace(branch, status=event.status))


def forgets_what_was_skipped(
    run: RunState, branch: BranchState, event: Any, effects: list[Effect]
) -> RunState:
    run = solo_verb(run, branch, event, effects)
    if isinstance(event, happened.StepRetried):
        for other in run.branches:
            if other.status is StepStatus.SKIPPED:
                run = run.with_branch(replace(other, status=StepStatus.READY))
    return run


def allows_one_more(plan: Plan, branch: BranchState) -> bool:
    broken = branch.tally.failed - 1
    return too_many_broken(plan, replace(branch, tally=replace(branch.tally, failed=max(broken, 0))))


def overlooks_the_unknown(plan: Plan, branch: BranchState) -> bool:
    return too_many_broken(plan, replace(branch, tally=replace(branch.tally, unknown=0)))


def approves_twice(plan: Plan, run: RunState, event: happened.ApprovalEnded) -> RunState:
    status = StepStatus.SUCCEEDED if event.decision == "approved" else StepStatus.FAILED
    return run.with_branch(replace(run.branch(event.key), status=status))


def leaves_finalizers_out(plan: Plan, run: RunState, effects: list[Effect]) -> RunState:
    assert run.outcome is not None
    effects.append(happened.RunEnded(run.outcome))
    return replace(run, ended=True)


def goes_on_after_the_end_is_decided(plan: Plan, run: RunState, effects: list[Effect]) -> RunState:
    if run.stage + 1 < len(plan.stages):
        return begin_stage(plan, run, run.stage + 1, effects)
    return leaves_finalizers_out(plan, run, effects)


def stays_held(plan: Plan, run: RunState, event: Any, effects: list[Effect]) -> RunState:
    return run


def never_offers_a_batch_again(plan: Plan, run: RunState, event: happened.RunEvent) -> decide.Decision:
    after, effects = decide_run(plan, run, event)
    known = {(b.key, b.batch) for b in run.branches}
    again = (e for e in effects if not isinstance(e, happened.ReadyBatch) or (e.key, e.batch) not in known)
    return after, list(again)


def revives_the_ended(plan: Plan, run: RunState, event: happened.RunEvent) -> decide.Decision:
    if run.ended and isinstance(event, happened.StepEnded):
        return replace(run, outcome=RunStatus.FAILED), []
    return decide_run(plan, run, event)


def lets_everything_begin_after_any_verb(
    plan: Plan, run: RunState, event: happened.RunEvent
) -> decide.Decision:
    after, effects = decide_run(plan, run, event)
    verbs = happened.StepRetried | happened.HostsExcluded | happened.StepResolved
    return (replace(after, halted=False) if isinstance(event, verbs) else after), effects


def keeps_the_old_approval(plan: Plan, run: RunState, effects: list[Effect]) -> RunState:
    return begin_stage(plan, replace(run, locked=True, hold=""), plan.locks_at, effects)


def begins_without_locks(plan: Plan, run: RunState, stage: int, effects: list[Effect]) -> RunState:
    return replace(begin_stage(plan, replace(run, locked=True), stage, effects), locked=run.locked)


def opens_the_gate_early(plan: Plan, run: RunState, event: Any, effects: list[Effect]) -> RunState:
    branch = run.branch(event.key)
    phase = "gate" if branch.tally.waiting else "work"
    return run.with_branch(replace(branch, status=StepStatus.RUNNING, phase=phase))


def asks_nobody(rollout: Rollout, branch: BranchState, effects: list[Effect]) -> BranchState:
    return batch_through(replace(rollout, confirm=()), branch, effects)


def takes_any_timer(plan: Plan, run: RunState, event: happened.TimerDue) -> RunState:
    branch = next((b for b in run.branches if b.key == event.key), None)
    return run if branch is None else run.with_branch(replace(branch, status=StepStatus.SUCCEEDED))


def loses_what_a_stage_came_to(plan: Plan, run: RunState, event: happened.RunEvent) -> decide.Decision:
    after, effects = decide_run(plan, run, event)
    return replace(after, left=()), effects


def stops_without_cancelling(plan: Plan, run: RunState, effects: list[Effect]) -> RunState:
    return run if run.stop_requested else replace(run, stop_requested=True, halted=True)


def goes_on_while_paused(plan: Plan, run: RunState, effects: list[Effect]) -> RunState:
    return replace(settle(plan, replace(run, paused=False), effects), paused=run.paused)


RUN_FAULTS: list[tuple[str, Callable[..., Any], str]] = [
    ("_step_ended", takes_late_results, "people and locks"),
    ("_solo_verb", forgets_what_was_skipped, "finalizers"),
    ("_too_many_broken", allows_one_more, "one slice of two"),
    ("_too_many_broken", overlooks_the_unknown, "one slice of two"),
    ("_approval_ended", approves_twice, "people and locks"),
    ("_finalize", leaves_finalizers_out, "people and locks"),
    ("_finalize", goes_on_after_the_end_is_decided, "finalizers"),
    ("_verb", stays_held, "one slice of two"),
    ("decide_run", never_offers_a_batch_again, "one slice of two"),
    ("decide_run", revives_the_ended, "people and locks"),
    ("decide_run", lets_everything_begin_after_any_verb, "two rollouts"),
    ("decide_run", loses_what_a_stage_came_to, "people and locks"),
    ("_plan_replaced", keeps_the_old_approval, "people and locks"),
    ("_begin_stage", begins_without_locks, "people and locks"),
    ("_verb", opens_the_gate_early, "gate in slices"),
    ("_batch_through", asks_nobody, "bake and confirm"),
    ("_timer_due", takes_any_timer, "bake and confirm"),
    ("_settle_ending", stops_without_cancelling, "people and locks"),
    ("_settle", goes_on_while_paused, "batches"),
]


@pytest.mark.parametrize(("name", "fault", "story"), RUN_FAULTS, ids=_name)
def test_the_walk_of_runs_sees(
    monkeypatch: pytest.MonkeyPatch, name: str, fault: Callable[..., Any], story: str
) -> None:
    monkeypatch.setattr(decide, name, fault)
    with pytest.raises(Fault):
        walk(next(each for each in STORIES if each.name == story))
