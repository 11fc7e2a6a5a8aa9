"""What workers, hosts, clocks, mishaps and people can do to a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import combinations, product

from interlock.lifecycle.run import events as happened
from interlock.lifecycle.run import lane as lane_rules
from interlock.lifecycle.run.plan import Key, Rollout
from interlock.lifecycle.run.states import LANE_BROKEN, STEP_BROKEN, LaneStatus, SliceStatus, StepStatus
from interlock.lifecycle.run.value import BranchState
from tests.lifecycle.world import Rows, Story, World


class Who(StrEnum):
    WORKER = "worker"
    CLOCK = "clock"
    MISHAP = "mishap"
    PERSON = "person"
    ENDING = "ending"  # a person who stops it or gives up


@dataclass(frozen=True)
class Move:
    who: Who
    what: str
    change: Callable[[Rows], None]

    @property
    def by_person(self) -> bool:
        return self.who in (Who.PERSON, Who.ENDING)

    def __str__(self) -> str:
        return f"{self.who}: {self.what}"


_ENDS = (StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.UNKNOWN)


def moves(story: Story, world: World) -> Iterator[Move]:
    """All that can happen next; what the rules refuse is among it."""
    run = world.run
    if run.ended:
        return
    if run.outcome is None:
        yield _told(Who.ENDING, happened.StopAsked())
        yield _told(Who.ENDING, happened.GaveUp())
        yield _told(Who.PERSON, happened.Resumed() if run.paused else happened.Paused())
    if run.stage < 0 or run.hold:
        yield _told(Who.PERSON, happened.Started())
    rows = story.open(world)
    for branch in run.branches:
        if isinstance(rows.plan.branch(branch.key), Rollout):
            yield from _slice_moves(rows, branch)
            yield from _lane_verbs(rows, branch)
        else:
            yield from _solo_moves(rows, branch)
    for key in world.timers:
        yield Move(Who.CLOCK, f"{key} is due", partial(_timer_due, key))


def _told(who: Who, event: happened.RunEvent) -> Move:
    return Move(who, str(event), lambda rows: rows.decide(event))


def _solo_moves(rows: Rows, branch: BranchState) -> Iterator[Move]:
    key, stopping = branch.key, rows.run.stop_requested
    if branch.status is StepStatus.READY and not stopping and not rows.run.paused:
        yield Move(Who.WORKER, f"{key} claimed", lambda rows: rows.claim_step(key))
    if branch.status is StepStatus.RUNNING:
        for status in (*_ENDS, StepStatus.CANCELED) if stopping else _ENDS:
            yield _told(Who.WORKER, happened.StepEnded(key, status))
    if key in rows.approvals:
        yield Move(Who.PERSON, f"{key} approved", partial(_approval_ended, key, "approved"))
        yield Move(Who.PERSON, f"{key} rejected", partial(_approval_ended, key, "rejected"))
    if branch.status in STEP_BROKEN and rows.run.outcome is None:
        yield _told(Who.PERSON, happened.StepRetried(key))
        yield _told(Who.PERSON, happened.StepSkipped(key))
    if branch.status is StepStatus.UNKNOWN and rows.run.outcome is None:
        yield _told(Who.PERSON, happened.StepResolved(key, "done"))
        yield _told(Who.PERSON, happened.StepResolved(key, "retry"))
        yield _told(Who.PERSON, happened.StepResolved(key, "fail"))
    if key in rows.timers:
        yield _told(Who.PERSON, happened.WentOn(key))


def _approval_ended(key: Key, decision: str, rows: Rows) -> None:
    """An expired one ends as its deadline's action says: as either."""
    rows.approvals.discard(key)
    rows.decide(happened.ApprovalEnded(key, "approved" if decision == "approved" else "rejected"))


def _timer_due(key: Key, rows: Rows) -> None:
    rows.timers.discard(key)
    rows.decide(happened.TimerDue(key))


def _slice_moves(rows: Rows, branch: BranchState) -> Iterator[Move]:
    key, run = branch.key, rows.run
    for number, status in enumerate(rows.slices[key]):
        hosts = rows.slice_range(key, number)
        live = rows.live_hosts(key, number)
        if status is SliceStatus.READY:
            yield _slice_move(Who.WORKER, "taken", key, number, SliceStatus.RUNNING)
        if status is not SliceStatus.RUNNING:
            continue
        # Its lanes go on on their hosts, with the tries they have, and wait for another worker.
        yield _slice_move(Who.MISHAP, "lost", key, number, SliceStatus.READY)
        if not live:
            yield Move(Who.WORKER, f"{key} slice {number} let go", partial(_let_go, key, number))
        if not run.halted and not run.stop_requested and branch.phase in ("work", "gate"):
            yield from _begins(rows, branch, hosts)
        yield from _ends(rows, key, live)


def _slice_move(who: Who, verb: str, key: Key, number: int, status: SliceStatus) -> Move:
    return Move(who, f"{key} slice {number} {verb}", lambda rows: rows.set_slice(key, number, status))


def _let_go(key: Key, number: int, rows: Rows) -> None:
    rows.set_slice(key, number, SliceStatus.ENDED)
    rows.decide(happened.LanesChanged(key))


def _begins(rows: Rows, branch: BranchState, hosts: range) -> Iterator[Move]:
    may = {LaneStatus.PENDING, LaneStatus.WAITING} if branch.phase == "gate" else {LaneStatus.PENDING}
    for host in hosts:
        if rows.lanes[branch.key][host].status in may:
            begun = partial(_lanes_move, branch.key, ((host, lane_rules.Begun()),))
            yield Move(Who.WORKER, f"{branch.key} host {host} begins", begun)


def _ends(rows: Rows, key: Key, live: list[int]) -> Iterator[Move]:
    """Each live lane ends in each way; and any two of the slice in one transaction."""
    ends = (*_ENDS, StepStatus.CANCELED) if rows.run.stop_requested else _ENDS
    for host, status in product(live, ends):
        yield _lanes_end(key, ((host, status),), rows)
    for pair in combinations(live, 2):
        for first, second in product(ends, repeat=2):
            yield _lanes_end(key, ((pair[0], first), (pair[1], second)), rows)


def _lanes_end(key: Key, ends: tuple[tuple[int, StepStatus], ...], rows: Rows) -> Move:
    news = tuple((host, lane_rules.Ended(rows.lanes[key][host].seq, status)) for host, status in ends)
    what = ", ".join(f"{key} host {host} ends {status}" for host, status in ends)
    return Move(Who.WORKER, what, partial(_lanes_move, key, news))


def _lanes_move(key: Key, news: tuple[tuple[int, lane_rules.LaneEvent], ...], rows: Rows) -> None:
    for host, event in news:
        rows.lane_event(key, host, event)
    rows.end_slices(key)
    rows.decide(happened.LanesChanged(key))


def _lane_verbs(rows: Rows, branch: BranchState) -> Iterator[Move]:
    key, lanes = branch.key, rows.lanes[branch.key]
    if branch.phase == "confirm" and branch.status is StepStatus.WAITING:
        yield _told(Who.PERSON, happened.WentOn(key))
    if rows.run.outcome is not None:
        return
    batch = rows.batch_range(key, branch.batch)
    broken = [host for host in batch if lanes[host].status in LANE_BROKEN]
    for hosts in {*((host,) for host in broken), tuple(broken)} - {()}:
        yield _lane_verb(key, hosts, lane_rules.Retried(), happened.StepRetried(key))
    for host, lane in enumerate(lanes):
        if lane.status is LaneStatus.PENDING or lane.status in LANE_BROKEN:
            yield _lane_verb(key, (host,), lane_rules.Excluded(), happened.HostsExcluded(key))
        if lane.status is LaneStatus.UNKNOWN:
            for answer in _ANSWERS:
                resolved = happened.StepResolved(key, answer.answer)
                yield _lane_verb(key, (host,), answer, resolved)


_ANSWERS = (lane_rules.Resolved("done"), lane_rules.Resolved("retry"), lane_rules.Resolved("fail"))


def _lane_verb(
    key: Key, hosts: tuple[int, ...], verb: lane_rules.LaneEvent, event: happened.RunEvent
) -> Move:
    def change(rows: Rows) -> None:
        for host in hosts:
            rows.lane_event(key, host, verb)
        rows.decide(event)

    return Move(Who.PERSON, f"{event} hosts {hosts}", change)


def nuisances(story: Story, world: World) -> Iterator[tuple[bool, happened.RunEvent]]:
    """What comes late, twice or out of place. With each: whether it has to be refused, or changes nothing."""
    run, plan = world.run, story.plans[world.version]
    ending = run.outcome is not None
    for key, status in zip(story.keys[world.version], world.steps, strict=True):
        if key not in world.timers:
            yield False, happened.TimerDue(key)
        if key not in world.approvals:
            yield True, happened.ApprovalEnded(key, "approved")
            yield True, happened.ApprovalEnded(key, "rejected")
        if isinstance(plan.branch(key), Rollout):
            yield False, happened.LanesChanged(key)
            yield True, happened.StepSkipped(key)
        else:
            yield from _solo_nuisances(key, status, current=key.stage == run.stage and not ending)
            if key not in world.timers:
                yield True, happened.WentOn(key)
    if ending:
        yield True, happened.StopAsked()
        yield True, happened.GaveUp()
    if ending or run.paused or run.stage < 0:
        yield True, happened.Paused()
    if not run.paused:
        yield True, happened.Resumed()
    if ending or not (run.stage < 0 or run.hold):
        yield True, happened.Started()
        yield run.ended, happened.LocksTaken()
        yield run.ended, happened.LocksRefused("locked")
    if run.locked or ending:
        yield True, happened.PlanReplaced()


def _solo_nuisances(
    key: Key, status: StepStatus, *, current: bool
) -> Iterator[tuple[bool, happened.RunEvent]]:
    if status is not StepStatus.RUNNING:
        yield False, happened.StepEnded(key, StepStatus.SUCCEEDED)
        yield False, happened.StepEnded(key, StepStatus.FAILED)
    if not (current and status in STEP_BROKEN):
        yield True, happened.StepRetried(key)
        yield True, happened.StepSkipped(key)
    if not (current and status is StepStatus.UNKNOWN):
        yield True, happened.StepResolved(key, "done")
        yield True, happened.StepResolved(key, "fail")
    yield True, happened.HostsExcluded(key)
