"""Stop a run in the middle of a batch, and bring back what was half done."""

from __future__ import annotations

from demo.api import Json, expect, same, until
from demo.story.asking import (
    await_run,
    bodies,
    finish,
    lanes,
    release,
    verify,
    verify_once,
    verify_unlocked,
)
from demo.truth import done, living
from demo.world import World

SLOW, BEFORE = "v1.5", "v1.4"


def stop_in_mid_batch(world: World) -> str:
    made = release(world, "upgrade", SLOW, batches=["2", "4", "100%"], put_back=False)
    run, mark = made["run_id"], str(made["id"])
    through, half, untouched = world.names[:2], world.names[2:4], world.names[4:]
    until(f"{' and '.join(half)} are starting {SLOW}", lambda: _starting(world, half, mark), 40)
    started = bodies(lanes(world, run).values())
    expect(living(started), "no process on the hosts carries the mark of the run before the stop")

    world.ann.post(f"/runs/{run}/stop", {"reason": "Taking too long"})
    await_run(world, run, "canceled", seconds=40)
    found = lanes(world, run)
    same(living(started | bodies(found.values())), [], "processes of the run after the stop")
    said = world.answers()
    same({name: said[name] for name in half}, dict.fromkeys(half), "what the half done hosts answer")
    left = {**dict.fromkeys(through, SLOW), **dict.fromkeys(untouched, BEFORE)}
    verify(world, left)
    counts = {("stop", BEFORE): 1, ("start", SLOW): 1}
    verify_once(world, made, {**counts, ("started", SLOW): 1}, through)
    verify_once(world, made, counts, half)
    verify_once(world, made, {}, untouched)
    _verify_words(world, found, through, half, untouched)
    verify_unlocked(world)

    back = release(world, "revert", BEFORE, half, batches=["100%"])
    finish(world, back)
    verify(world, {**left, **dict.fromkeys(half, BEFORE)})
    return (
        f"no process of the run lives on any host; two hosts were through ({SLOW}), two half done and named "
        f"so, two untouched ({BEFORE}); the half done ones brought back to {BEFORE}"
    )


def _starting(world: World, names: list[str], mark: str) -> bool:
    return all(done(world.acts_log(name), mark)["start", SLOW] for name in names)


def _verify_words(
    world: World, found: dict[str, Json], through: list[str], half: list[str], untouched: list[str]
) -> None:
    """The platform says of each host how it was left."""
    instances = world.instances()
    statuses = {name: instances[name]["status"] for name in half}
    same(statuses, dict.fromkeys(half, "upgrade_failed"), "the statuses of the half done instances")
    told = {name: (lane["status"], lane["touched"]) for name, lane in found.items()}
    wanted = {
        **dict.fromkeys(through, ("succeeded", True)),
        **dict.fromkeys(half, ("canceled", True)),
        **dict.fromkeys(untouched, ("canceled", False)),
    }
    same(told, wanted, "what the run says of its hosts")
