"""Stories of up to sixty events on plans of any shape, against the same invariants as the walks."""

from __future__ import annotations

from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from interlock.lifecycle.run import plan as rules
from interlock.lifecycle.run.plan import Plan
from tests.lifecycle.moves import Move, Who, moves
from tests.lifecycle.plan_strategies import plans
from tests.lifecycle.walk import follow, look_at
from tests.lifecycle.world import Story, World

WORK = frozenset({Who.WORKER, Who.CLOCK})


class AnyRun(RuleBasedStateMachine):
    """Workers are busier than people, and people than mishaps: or stories would end before they begin."""

    story: Story
    world: World

    @initialize(plan=plans(), new_plan=st.none() | plans(), slice_size=st.integers(1, 4))
    def begin(self, plan: Plan, new_plan: Plan | None, slice_size: int) -> None:
        for each in (plan, new_plan or plan):
            rules.check(each)
        self.story = Story("any", plan, new_plan, slice_size)
        self.world = self.story.beginning()
        self._follow(next(moves_of(self.story, self.world, {Who.PERSON})), 0)

    @precondition(lambda self: not self.world.run.ended)
    @rule(choice=st.integers(0, 1000), answer=st.integers(0, 2), who=st.sampled_from([*Who, *[*WORK] * 3]))
    def something_happens(self, choice: int, answer: int, who: Who) -> None:
        open_moves = list(moves_of(self.story, self.world, {who})) or list(moves(self.story, self.world))
        self._follow(open_moves[choice % len(open_moves)], answer)

    @precondition(lambda self: not self.world.run.ended)
    @rule(choices=st.lists(st.integers(0, 1000), min_size=4, max_size=12))
    def the_workers_get_on(self, choices: list[int]) -> None:
        for choice in choices:
            open_moves = list(moves_of(self.story, self.world, WORK))
            if open_moves:
                self._follow(open_moves[choice % len(open_moves)], 0)

    @precondition(lambda self: self.world.run.ended)
    @rule()
    def late_news_changes_nothing(self) -> None:
        look_at(self.story, self.world)

    def _follow(self, move: Move, answer: int) -> None:
        worlds = follow(self.story, self.world, move)
        if worlds:
            note(str(move))
            self.world = worlds[answer % len(worlds)]

    @invariant()
    def all_is_right(self) -> None:
        if hasattr(self, "world"):
            look_at(self.story, self.world)


def moves_of(story: Story, world: World, who: set[Who] | frozenset[Who]):  # type: ignore[no-untyped-def]
    return (move for move in moves(story, world) if move.who in who)


TestAnyRun = AnyRun.TestCase
TestAnyRun.settings = settings(
    max_examples=25,
    stateful_step_count=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
