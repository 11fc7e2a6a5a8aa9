"""Every state of one host on its way, with news that comes late, twice or never."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import get_args

import pytest

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run import lane as rules
from interlock.lifecycle.run.invariants import lane_faults, lane_move_faults
from interlock.lifecycle.run.lane import Begun, Ended, Excluded, Lane, LaneEvent, Resolved, Retried, Stopped
from interlock.lifecycle.run.plan import Rollout
from interlock.lifecycle.run.states import LANE_BROKEN, LANE_ENDED, LaneStatus, StepStatus
from interlock.lifecycle.run.value import RunState
from tests.lifecycle.stories import GATE, PUT_BACK, REPEATABLE, rollout, step
from tests.lifecycle.world import Fault

TRY_ENDS = (
    StepStatus.SUCCEEDED,
    StepStatus.FAILED,
    StepStatus.TIMED_OUT,
    StepStatus.UNKNOWN,
    StepStatus.CANCELED,
)
MOST_TRIES = 6
ANSWERS = (Resolved("done"), Resolved("retry"), Resolved("fail"))
READS = step("read", mutates=False)

ROLLOUTS = {
    "one step": rollout(1),
    "two steps": rollout(1, steps=2),
    "gate": rollout(1, gate=GATE),
    "put back": rollout(1, steps=2, put_back=PUT_BACK),
    "gate and put back": rollout(1, gate=GATE, put_back=PUT_BACK),
    "retries": replace(rollout(1), steps=(step(retries=1), step())),
    "repeatable": replace(rollout(1), steps=(READS, REPEATABLE, step()), put_back=PUT_BACK),
    "put back in two": replace(rollout(1), put_back=(step(retries=1), REPEATABLE), gate=(step(),)),
}


@dataclass(frozen=True)
class Way:
    """A lane, and what happened on its host: kept by the test, never read by the rules."""

    lane: Lane = field(default_factory=Lane)
    live: bool = False  # the body of the newest try
    through: tuple[int, ...] = ()  # positions that succeeded, or count as if, since the way began anew


def events(way: Way) -> Iterator[LaneEvent]:
    yield from (Stopped(), Retried(), Excluded(), *ANSWERS)
    if way.lane.seq < MOST_TRIES:
        yield Begun()
    for status in TRY_ENDS:
        # The newest try's end (maybe for the second time), a former one's, and one that never was.
        for seq in {way.lane.seq, way.lane.seq - 1, way.lane.seq + 1}:
            yield Ended(seq, status)


def advance(plan: Rollout, way: Way, event: LaneEvent) -> Way:
    """One decision, checked against what really happened."""
    lane, launch = rules.decide_lane(plan, way.lane, event)
    news = isinstance(event, Ended) and event.seq == way.lane.seq and way.live
    if isinstance(event, Ended) and not news and (lane != way.lane or launch is not None):
        raise Fault(f"{event} was taken, the try is {way.lane.seq}, live: {way.live}")
    by_person = isinstance(event, Retried | Excluded | Resolved)
    faults = [*lane_faults(plan, lane)]
    faults += lane_move_faults(plan, way.lane, lane, RunState(), by_person=by_person)
    if faults:
        raise Fault("; ".join(faults))
    live = way.live and not news and not isinstance(event, Stopped)
    through = way.through
    if isinstance(event, Retried) and lane.position == 0:
        through = ()
    if (news and event.status is StepStatus.SUCCEEDED) or event == Resolved("done"):  # type: ignore[union-attr]
        through = (*through, way.lane.position)
    if launch is not None:
        _check_launch(plan, way, lane, launch, event, live=live, through=through)
        live = True
    if lane.status is LaneStatus.SUCCEEDED and set(through) < set(range(len(plan.steps + plan.gate))):
        raise Fault("succeeded though not every step did")
    return Way(lane, live, tuple(sorted(set(through))))


def _check_launch(
    plan: Rollout,
    way: Way,
    lane: Lane,
    launch: rules.Launch,
    event: LaneEvent,
    *,
    live: bool,
    through: tuple[int, ...],
) -> None:
    if live:
        raise Fault("a body is started while another is live")
    if (launch.seq, launch.position) != (lane.seq, lane.position) or launch.seq <= way.lane.seq:
        raise Fault("a body is started under a try that is not its own")
    back = len(plan.steps) + len(plan.gate)
    needed = range(back, launch.position) if launch.position >= back else range(launch.position)
    if not set(needed) <= set(through):
        raise Fault(f"position {launch.position} begins before those in front of it")
    if launch.position >= back and lane.failed_at < 0:
        raise Fault("puts back what did not fail")
    again = isinstance(event, Ended) and event.status is StepStatus.UNKNOWN
    if again and plan.sequence[launch.position].on_lost == "hold":
        raise Fault("what nobody knows the end of is done again though it must not be")


def walk(plan: Rollout) -> dict[Way, set[tuple[str, Way]]]:
    graph: dict[Way, set[tuple[str, Way]]] = {}
    todo = [Way()]
    while todo:
        way = todo.pop()
        if way in graph:
            continue
        graph[way] = set()
        for event in events(way):
            try:
                after = advance(plan, way, event)
            except Refused:
                assert isinstance(event, Retried | Excluded | Resolved)
                continue
            except Fault as fault:
                raise Fault(f"{fault}\n  {way}\n  {event}") from None
            if after.lane.seq <= MOST_TRIES:
                graph[way].add((type(event).__name__, after))
                todo.append(after)
    return graph


@pytest.mark.parametrize("name", ROLLOUTS)
def test_every_state_of_a_lane_is_right(name: str) -> None:
    graph = walk(ROLLOUTS[name])
    assert {way.lane.status for way in graph} >= set(LaneStatus) - {LaneStatus.WAITING}


@pytest.mark.parametrize("name", ROLLOUTS)
def test_no_state_of_a_lane_is_a_trap(name: str) -> None:
    """Without stopping the run each lane can come to an end that lets its batch be through."""
    graph = walk(ROLLOUTS[name])
    # Where the walk was cut, the lane could have gone on.
    good = {way for way in graph if way.lane.status in LANE_ENDED or way.lane.seq == MOST_TRIES}
    grew = True
    while grew:
        more = {
            way
            for way, onward in graph.items()
            if way not in good and any(after in good for event, after in onward if event != "Stopped")
        }
        grew = bool(more)
        good |= more
    assert good == set(graph)


@pytest.mark.parametrize("name", ROLLOUTS)
def test_only_broken_lanes_can_be_retried(name: str) -> None:
    for way in walk(ROLLOUTS[name]):
        lane = way.lane
        if lane.status in LANE_BROKEN:
            again, _ = rules.decide_lane(ROLLOUTS[name], lane, Retried())
            assert (again.status, again.failed_at, again.seq) == (LaneStatus.PENDING, -1, lane.seq)
        else:
            with pytest.raises(Refused):
                rules.decide_lane(ROLLOUTS[name], lane, Retried())


def test_a_host_was_put_back_only_where_the_whole_put_back_succeeded() -> None:
    plan = ROLLOUTS["put back in two"]
    for way in walk(plan):
        if rules.was_put_back(plan, way.lane):
            assert {2, 3} <= set(way.through)


def test_every_event_of_a_lane_was_tried() -> None:
    assert {type(event) for event in events(Way())} == set(get_args(LaneEvent))


def test_a_try_cannot_end_as_something_else() -> None:
    lane = Lane(LaneStatus.RUNNING, seq=1)
    with pytest.raises(ValueError, match="cannot end"):
        rules.decide_lane(ROLLOUTS["one step"], lane, Ended(1, StepStatus.READY))
