"""Every world that small runs can come to, with late, lost and repeated news, dead workers and people."""

import pytest

from interlock.lifecycle.run import plan as plans
from interlock.lifecycle.run.states import RUN_ENDED, RunStatus
from tests.lifecycle.stories import STORIES
from tests.lifecycle.walk import walk
from tests.lifecycle.world import Story

# Tens of thousands of worlds each: seconds, not tenths of one.
LARGE = {"batches", "put back", "two rollouts", "gate in slices"}


@pytest.mark.parametrize(
    "story",
    [
        pytest.param(story, marks=[pytest.mark.slow] if story.name in LARGE else [], id=story.name)
        for story in STORIES
    ],
)
def test_every_world_of_a_small_run_is_right_and_has_a_way_out(story: Story) -> None:
    for plan in story.plans:
        plans.check(plan)
    graph = walk(story)
    statuses = {world.run.status for world in graph.worlds}
    # A walk that did not come everywhere would prove little.
    assert statuses >= {
        RunStatus.PENDING,
        RunStatus.RUNNING,
        RunStatus.PAUSED,
        RunStatus.SUCCEEDED,
        RunStatus.CANCELED,
    }
    assert statuses <= RUN_ENDED | {
        RunStatus.PENDING,
        RunStatus.RUNNING,
        RunStatus.WAITING,
        RunStatus.PAUSED,
        RunStatus.STOPPING,
    }


def test_the_walks_meet_every_status_and_phase() -> None:
    statuses, phases, holds = set(), set(), set()
    for story in STORIES:
        if story.name in ("people and locks", "bake and confirm", "locks without an approval"):
            for world in walk(story).worlds:
                statuses.add(world.run.status)
                holds.add(world.run.hold)
                phases |= {branch.phase for branch in world.run.branches}
    assert statuses == set(RunStatus)
    assert phases == {"", "work", "bake", "gate", "confirm", "held"}
    assert holds == {"", "locked", "plan_changed"}
