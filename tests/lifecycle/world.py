"""The rows around the rules, and one transaction on them: what the engine does, as values.

A lane's tries are numbered 0 or 1 in here (none yet, or some): the rules only ask whether two tries are
the same, and so a walk meets finitely many worlds. That tries rise is checked before they are renumbered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from interlock.lifecycle.run import decide, invariants
from interlock.lifecycle.run import events as happened
from interlock.lifecycle.run import lane as lane_rules
from interlock.lifecycle.run.invariants import Picture
from interlock.lifecycle.run.lane import Lane
from interlock.lifecycle.run.plan import Key, Plan, Rollout
from interlock.lifecycle.run.states import STEP_ENDED, STEP_PASSED, LaneStatus, SliceStatus, StepStatus
from interlock.lifecycle.run.value import RunState

TO_DO = frozenset({LaneStatus.PENDING, LaneStatus.RUNNING, LaneStatus.WAITING})
LocksAnswer = Literal["taken", "refused", "replaced"]


class Fault(AssertionError):
    """The rules did what they must not."""


@dataclass(frozen=True)
class World:
    """``slices`` are those of each rollout's current batch; a dead worker's is ready again."""

    version: int
    run: RunState
    steps: tuple[StepStatus, ...]
    lanes: tuple[tuple[Lane, ...], ...]
    slices: tuple[tuple[SliceStatus, ...], ...]
    approvals: frozenset[Key] = frozenset()
    timers: frozenset[Key] = frozenset()

    @cached_property
    def _hash(self) -> int:
        return hash((self.run, self.steps, self.lanes, self.slices, self.approvals, self.timers))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True)
class Story:
    """A plan, and the one that may replace it when the locks are taken."""

    name: str
    plan: Plan
    new_plan: Plan | None = None
    slice_size: int = 1

    @cached_property
    def plans(self) -> tuple[Plan, ...]:
        return (self.plan,) if self.new_plan is None else (self.plan, self.new_plan)

    @cached_property
    def keys(self) -> tuple[tuple[Key, ...], ...]:
        return tuple(
            tuple(key for stage in range(len(plan.stages)) for key in plan.keys(stage)) for plan in self.plans
        )

    @cached_property
    def rollouts(self) -> tuple[tuple[Key, ...], ...]:
        return tuple(
            tuple(key for key in keys if isinstance(plan.branch(key), Rollout))
            for plan, keys in zip(self.plans, self.keys, strict=True)
        )

    def beginning(self) -> World:
        rows = Rows(self, 0, RunState())
        rows.renew()
        return rows.freeze()

    def picture(self, world: World) -> Picture:
        return Picture(
            self.plans[world.version],
            world.run,
            dict(zip(self.keys[world.version], world.steps, strict=True)),
            dict(zip(self.rollouts[world.version], world.lanes, strict=True)),
            world.approvals,
            world.timers,
        )

    def open(self, world: World) -> Rows:
        picture = self.picture(world)
        rows = Rows(self, world.version, world.run)
        rows.steps, rows.approvals, rows.timers = dict(picture.steps), set(world.approvals), set(world.timers)
        rows.lanes = {key: list(lanes) for key, lanes in picture.lanes.items()}
        rows.slices = {
            key: list(slices) for key, slices in zip(self.rollouts[world.version], world.slices, strict=True)
        }
        return rows

    def after(self, world: World, change: Callable[[Rows], None], *, by_person: bool) -> list[World]:
        """The worlds that one transaction can lead to: one, or one an answer where locks are asked for.

        ``Refused`` passes through: nothing is written then.
        """
        answers: list[LocksAnswer] = ["taken"]
        worlds = []
        before = self.picture(world)
        for answer in answers:
            rows = self.open(world)
            rows.answer = answer
            change(rows)
            if rows.locks_asked and answer == "taken":
                answers += ["refused", "replaced"] if world.version + 1 < len(self.plans) else ["refused"]
            faults = invariants.move_faults(before, rows.picture(), by_person=by_person)
            if rows.run.stage != world.run.stage:
                # What is behind a run is forgotten when it is frozen: the last look at it.
                faults += invariants.state_faults(rows.picture())
            if faults:
                raise Fault("; ".join(faults))
            worlds.append(rows.freeze())
        return worlds


class Rows:
    """A world being changed."""

    def __init__(self, story: Story, version: int, run: RunState) -> None:
        self.story, self.version, self.run = story, version, run
        self.steps: dict[Key, StepStatus] = {}
        self.lanes: dict[Key, list[Lane]] = {}
        self.slices: dict[Key, list[SliceStatus]] = {}
        self.batches = {branch.key: branch.batch for branch in run.branches}  # which they are of
        self.approvals: set[Key] = set()
        self.timers: set[Key] = set()
        self.answer: LocksAnswer = "taken"
        self.locks_asked = False

    @property
    def plan(self) -> Plan:
        return self.story.plans[self.version]

    def rollout(self, key: Key) -> Rollout:
        rollout = self.plan.branch(key)
        assert isinstance(rollout, Rollout)
        return rollout

    def batch_range(self, key: Key, batch: int) -> range:
        sizes = self.rollout(key).batches
        return range(sum(sizes[:batch]), sum(sizes[: batch + 1]))

    def slice_range(self, key: Key, number: int) -> range:
        batch = self.batch_range(key, self.batches[key])
        start = batch.start + number * self.story.slice_size
        return range(start, min(start + self.story.slice_size, batch.stop))

    def picture(self) -> Picture:
        lanes = {key: tuple(lanes) for key, lanes in self.lanes.items()}
        return Picture(
            self.plan, self.run, dict(self.steps), lanes, frozenset(self.approvals), frozenset(self.timers)
        )

    def freeze(self) -> World:
        for branch in self.run.branches:
            if branch.phase and branch.status in STEP_ENDED:
                self.slices[branch.key] = []
        return World(
            self.version,
            self.run,
            tuple(self._plain_step(key, status) for key, status in self.steps.items()),
            tuple(
                tuple(_AWAY if self._is_behind(key) else _plain_lane(lane) for lane in lanes)
                for key, lanes in self.lanes.items()
            ),
            tuple(() if self._is_behind(key) else tuple(slices) for key, slices in self.slices.items()),
            frozenset(self.approvals),
            frozenset(self.timers),
        )

    def _is_behind(self, key: Key) -> bool:
        return key.stage < self.run.stage

    def _plain_step(self, key: Key, status: StepStatus) -> StepStatus:
        if key.stage < self.run.stage and status in STEP_ENDED:
            return StepStatus.SUCCEEDED if status in STEP_PASSED else StepStatus.FAILED
        return status

    # --- what a transaction does

    def renew(self) -> None:
        """The rows of a plan that has not begun."""
        self.steps = dict.fromkeys(self.story.keys[self.version], StepStatus.PENDING)
        rollouts = self.story.rollouts[self.version]
        self.lanes = {key: [Lane()] * len(self.rollout(key).hosts) for key in rollouts}
        self.slices = {key: [] for key in rollouts}
        self.approvals, self.timers = set(), set()

    def live_hosts(self, key: Key, number: int) -> list[int]:
        """Hosts of a slice whose lanes are live: somebody must read back how they ended."""
        lanes = self.lanes[key]
        return [host for host in self.slice_range(key, number) if lanes[host].status is LaneStatus.RUNNING]

    def end_slices(self, key: Key) -> None:
        """What a worker does when it takes results in: a slice with nothing left to do is over."""
        gate = self.run.branch(key).phase == "gate"
        to_do = TO_DO if gate else TO_DO - {LaneStatus.WAITING}
        for number in range(len(self.slices[key])):
            if not any(self.lanes[key][host].status in to_do for host in self.slice_range(key, number)):
                self.slices[key][number] = SliceStatus.ENDED

    def claim_step(self, key: Key) -> None:
        self.run = self.run.with_branch(replace(self.run.branch(key), status=StepStatus.RUNNING))
        self.steps[key] = StepStatus.RUNNING

    def set_slice(self, key: Key, number: int, status: SliceStatus) -> None:
        self.slices[key][number] = status
        self._count()

    def lane_event(self, key: Key, number: int, event: lane_rules.LaneEvent) -> None:
        old = self.lanes[key][number]
        lane, launch = lane_rules.decide_lane(self.rollout(key), old, event)
        if launch is not None:
            if (launch.seq, launch.position) != (lane.seq, lane.position) or lane.seq <= old.seq:
                raise Fault("a body is started under a try that is not its own")
            if self.run.stop_requested:
                # The launched mark refuses.
                lane, _ = lane_rules.decide_lane(self.rollout(key), lane, lane_rules.Stopped())
        self.lanes[key][number] = lane

    def decide(self, event: happened.RunEvent) -> None:
        self._count()
        if isinstance(event, happened.PlanReplaced):
            self.version += 1
            self.renew()
        former, statuses = self.run, dict(self.steps)
        self.run, effects = decide.decide_run(self.plan, former, event)
        self._save_steps()
        for effect in effects:
            self._check_begins(effect, statuses)
            self._carry_out(effect, former)
        self._compare_count()
        for effect in effects:
            if isinstance(effect, happened.ReadyBatch) and SliceStatus.READY not in self.slices[effect.key]:
                self.decide(happened.LanesChanged(effect.key))
        if happened.TakeLocks() in effects:
            self.locks_asked = True
            self._answer_locks()

    def _save_steps(self) -> None:
        for branch in (*self.run.left, *self.run.branches):
            self.steps[branch.key] = branch.status
            if branch.status is not StepStatus.WAITING:
                self.approvals.discard(branch.key)
                self.timers.discard(branch.key)
        if self.run.left:
            self.run = replace(self.run, left=())

    def _answer_locks(self) -> None:
        match self.answer:
            case "taken":
                self.decide(happened.LocksTaken())
            case "refused":
                self.decide(happened.LocksRefused("locked"))
            case "replaced":
                self.decide(happened.PlanReplaced())

    def _check_begins(self, effect: happened.Effect, statuses: dict[Key, StepStatus]) -> None:
        match effect:
            case happened.ReadyStep(key) | happened.ReadyBatch(key) | happened.OpenApproval(key):
                if self.run.outcome is not None and not self.plan.stages[key.stage].always:
                    raise Fault(f"{effect} though the run is ending")
                if statuses[key] in invariants.STEP_FINAL:
                    raise Fault(f"{effect} though it {statuses[key]}")
            case _:
                pass

    def _carry_out(self, effect: happened.Effect, former: RunState) -> None:
        match effect:
            case happened.ReadyBatch(key, batch):
                self._ready_batch(key, batch, former)
            case happened.OpenApproval(key):
                self._open(self.approvals, key)
            case happened.SetTimer(key):
                self._open(self.timers, key)
            case happened.CancelIdle(stage):
                self._cancel_idle(stage)
            case happened.ResetStages(stage):
                if stage != 0:
                    raise Fault("stages in front keep the rows of the former plan")
            case happened.RunEnded(status):
                if not self.run.ended or self.run.outcome is not status:
                    raise Fault(f"announced as {status}, is {self.run.status}")
            case happened.TakeLocks() | happened.ReadyStep():
                pass  # answered below; a claim asks for the status only

    @staticmethod
    def _open(waits: set[Key], key: Key) -> None:
        if key in waits:
            raise Fault(f"{key}: waited for twice")
        waits.add(key)

    def _ready_batch(self, key: Key, batch: int, former: RunState) -> None:
        lanes, hosts, size = self.lanes[key], self.batch_range(key, batch), self.story.slice_size
        count = -(-len(hosts) // size)
        same = any(branch.key == key and branch.batch == batch for branch in former.branches)
        old = self.slices[key] if same else [SliceStatus.ENDED] * count
        for number in range(count):
            here = hosts[number * size : (number + 1) * size]
            if old[number] is SliceStatus.ENDED and any(lanes[host].status in TO_DO for host in here):
                old[number] = SliceStatus.READY
        self.slices[key], self.batches[key] = old, batch

    def _cancel_idle(self, stage: int) -> None:
        for key, lanes in self.lanes.items():
            if key.stage != stage:
                continue
            for number, lane in enumerate(lanes):
                if lane.status in TO_DO and lane.status is not LaneStatus.RUNNING:
                    lanes[number], _ = lane_rules.decide_lane(self.rollout(key), lane, lane_rules.Stopped())
            for number in range(len(self.slices[key])):
                if not self.live_hosts(key, number):
                    self.slices[key][number] = SliceStatus.ENDED
        self.approvals = {key for key in self.approvals if key.stage != stage}
        self.timers = {key for key in self.timers if key.stage != stage}

    def _count(self) -> None:
        for branch in self.run.branches:
            if branch.phase:
                rollout, lanes = self.rollout(branch.key), tuple(self.lanes[branch.key])
                open_slices = sum(status is not SliceStatus.ENDED for status in self.slices[branch.key])
                tally = invariants.count(rollout, lanes, branch.batch, open_slices)
                if tally != branch.tally:
                    self.run = self.run.with_branch(replace(branch, tally=tally))

    def _compare_count(self) -> None:
        decided = self.run
        self._count()
        if decided.outcome is not None:
            return
        for said, counted in zip(decided.branches, self.run.branches, strict=True):
            if said.status in STEP_ENDED:
                continue
            # How many slices a batch is cut into, and who was excluded from it before, the rules do not know.
            counted_tally = replace(counted.tally, open=said.tally.open)
            if LaneStatus.SKIPPED in {lane.status for lane in self.lanes.get(said.key, ())}:
                counted_tally = replace(counted_tally, pending=said.tally.pending)
            if said.tally != counted_tally:
                raise Fault(f"{said.key}: said {said.tally}, the rows say {counted.tally}")


_AWAY = Lane(LaneStatus.SKIPPED)
_CANCELED = Lane(LaneStatus.CANCELED)


def _plain_lane(lane: Lane) -> Lane:
    """Without what can make no difference any more."""
    if lane.status is LaneStatus.SKIPPED:
        return _AWAY
    if lane.status is LaneStatus.CANCELED:
        return _CANCELED
    if lane.seq > 1 or lane.error:
        return replace(lane, seq=min(lane.seq, 1), error="")
    return lane
