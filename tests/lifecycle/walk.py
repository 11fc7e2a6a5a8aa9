"""Visit every world a story can come to, breadth first, and look at each."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run import decide, invariants
from interlock.lifecycle.run.states import RunStatus
from tests.lifecycle.moves import Move, Who, moves, nuisances
from tests.lifecycle.world import Fault, Story, World

ANYBODY = frozenset(Who)
NOT_ENDING = ANYBODY - {Who.ENDING}
NOBODY_ASKED = frozenset({Who.WORKER, Who.CLOCK})
AT_REST = (RunStatus.PENDING, RunStatus.WAITING, RunStatus.PAUSED)


@dataclass
class Graph:
    """Worlds in the order they were met, and who leads from which to which."""

    worlds: list[World] = field(default_factory=list)
    edges: list[tuple[int, Who, int]] = field(default_factory=list)
    came_from: dict[int, tuple[int, Move]] = field(default_factory=dict)

    def way_to(self, number: int) -> str:
        lines: list[str] = []
        while number in self.came_from:
            number, move = self.came_from[number]
            lines.insert(0, str(move))
        return "\n  ".join(["from the start", *lines])

    def cannot_reach(self, goals: set[int], who: frozenset[Who]) -> list[int]:
        """The worlds from which no moves of ``who`` lead to a goal."""
        back: dict[int, list[int]] = {}
        for start, mover, end in self.edges:
            if mover in who:
                back.setdefault(end, []).append(start)
        reached, todo = set(goals), deque(goals)
        while todo:
            for start in back.get(todo.popleft(), ()):
                if start not in reached:
                    reached.add(start)
                    todo.append(start)
        return [number for number in range(len(self.worlds)) if number not in reached]


def walk(story: Story) -> Graph:
    """Every world of the story; ``Fault`` at the first that is wrong, with the shortest way to it."""
    graph = Graph()
    numbers: dict[World, int] = {}

    def meet(world: World) -> int:
        if world not in numbers:
            numbers[world] = len(graph.worlds)
            graph.worlds.append(world)
        return numbers[world]

    meet(story.beginning())
    for number, world in enumerate(graph.worlds):  # grows while it is gone through
        try:
            look_at(story, world)
        except Fault as fault:
            raise Fault(f"{story.name}: {fault}\n  {graph.way_to(number)}") from None
        for move in moves(story, world):
            try:
                worlds = follow(story, world, move)
            except Fault as fault:
                raise Fault(f"{story.name}: {fault}\n  {graph.way_to(number)}\n  {move}") from None
            for after in worlds:
                known = len(graph.worlds)
                end = meet(after)
                graph.edges.append((number, move.who, end))
                if end == known:
                    graph.came_from[end] = (number, move)
    _check_ways_out(story, graph)
    return graph


def follow(story: Story, world: World, move: Move) -> list[World]:
    try:
        return story.after(world, move.change, by_person=move.by_person)
    except Refused:
        return []


def look_at(story: Story, world: World) -> None:
    """What must be true of one world, and what must not move it."""
    faults = invariants.state_faults(story.picture(world))
    if faults:
        raise Fault("; ".join(faults))
    plan = story.plans[world.version]
    for refused, event in nuisances(story, world):
        try:
            run, effects = decide.decide_run(plan, world.run, event)
        except Refused:
            continue
        if refused or run != world.run or effects:
            raise Fault(f"{event} was taken: {effects}")


def _check_ways_out(story: Story, graph: Graph) -> None:
    ended = {number for number, world in enumerate(graph.worlds) if world.run.ended}
    at_rest = {number for number, world in enumerate(graph.worlds) if world.run.status in AT_REST}
    for goals, who, said in (
        (ended, NOT_ENDING, "no way to an end but stopping"),
        (ended | at_rest, NOBODY_ASKED, "works for ever and asks nobody"),
    ):
        trapped = graph.cannot_reach(goals, who)
        if trapped:
            way = graph.way_to(trapped[0])
            raise Fault(f"{story.name}: {said}, {len(trapped)} worlds\n  {way}")
